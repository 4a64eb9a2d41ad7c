"""Tests of the Space's front matter, CITATION.cff and the changelog."""

import re
from pathlib import Path

import gradio
import pytest
import yaml
from huggingface_hub import SpaceCard
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

import monet
from monet.checkpoints import metadata

ROOT = Path(__file__).parents[1]
COLORS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}


@pytest.fixture(scope="module")
def space() -> dict[str, object]:
    return SpaceCard.load(ROOT / "README.md").data.to_dict()


def test_the_space_runs_the_gradio_that_the_tests_run(space):
    """The requirements allow both versions, and the tests run with none older than the Space's."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").split()
    (allowed,) = (r.specifier for r in map(Requirement, lines) if r.name == "gradio")
    named, installed = Version(str(space["sdk_version"])), Version(gradio.__version__)
    assert space["sdk"] == "gradio" and named in allowed
    assert named.major == installed.major and named <= installed


def test_the_space_starts_a_file_that_is_there_with_a_python_that_will_do(space):
    assert (ROOT / str(space["app_file"])).is_file()
    (wanted,) = re.findall(r'^requires-python = "(.*)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.M)
    assert isinstance(space["python_version"], str)  # 3.10 unquoted would be 3.1
    assert Version(space["python_version"]) in SpecifierSet(wanted)
    assert {space["colorFrom"], space["colorTo"]} <= COLORS
    assert len(str(space["short_description"])) <= 60  # the Hub refuses more
    assert metadata.PAPER in space["tags"]
    assert "thumbnail" not in space or (ROOT / str(space["thumbnail"])).is_file()


def test_the_citation_names_the_paper_and_no_version_of_its_own():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= cited.keys()  # what the format demands
    assert "version" not in cited
    assert metadata.PAPER.removeprefix("arxiv:") in cited["references"][0]["url"]


def test_the_newest_change_is_of_this_version():
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert newest and newest[1] == monet.__version__
