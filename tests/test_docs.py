"""Tests of the documents: the files, links and commands that they name exist."""

import importlib.util
import re
import shlex
from pathlib import Path

import pytest

from monet.__main__ import COMMANDS

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")), *(ROOT / "docs").rglob("*.md"),
    *(ROOT / "checkpoints").glob("*/*.md"),
]  # fmt: skip
PLACES = [path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")]
MADE = ("runs/", "data/", "results/", "shared/", "build/")
"""Prefixes of paths that commands create or that readers choose."""
PARTS = re.compile(r"NAME|FOLDER|FILE|DIR|MODEL|[*{}<>…]|\.\.\.")
"""Placeholders for names that the reader chooses."""


def documents() -> list:
    return [pytest.param(path, id=path.relative_to(ROOT).as_posix()) for path in DOCUMENTS]


def prose(path: Path) -> str:
    """Returns a document without its code blocks."""
    return re.sub(r"^( *)```.*?^\1```$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def anchors(path: Path) -> set[str]:
    """Returns GitHub's anchors of a document's headings."""
    headings = re.findall(r"^#+ (.*)$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", documents())
def test_every_file_that_is_named_exists(path):
    for name in re.findall(r"`([\w./-]+)`", prose(path)):
        if "/" not in name or PARTS.search(name) or name.startswith(MADE) or name.split("/")[0] not in PLACES:
            continue
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize("path", documents())
def test_every_relative_link_leads_somewhere(path):
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(path)):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("path", documents())
def test_every_command_that_is_named_exists(path):
    text = path.read_text(encoding="utf-8")
    for module in re.findall(r"python3? -m ((?:monet|benchmarks|tests)[\w.]*)", text):
        assert importlib.util.find_spec(module.rstrip(".")), module
    for command in re.findall(r"(?:^ {4}|`)monet ([a-z]+)", text, re.MULTILINE):
        assert command in COMMANDS, command


def options(module: str) -> set[str]:
    """Returns the long options in a command's sources."""
    spec = importlib.util.find_spec(module)
    assert spec and spec.origin
    file = Path(spec.origin)
    sources = [file.with_name("__main__.py")] if file.name == "__init__.py" else [file]
    return {name for source in sources for name in re.findall(r'"(--[a-z-]+)"', source.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("path", documents())
def test_every_option_of_a_command_exists(path):
    text = path.read_text(encoding="utf-8")
    for line in re.findall(r"(?:^ {4,}|`)(?:torchrun .*?|python3? )-m (monet[^`\n]*)", text, re.MULTILINE):
        module, *words = shlex.split(line, comments=True)
        if (module, words[:1]) == ("monet.explorer", ["export"]):
            module = "monet.explorer.site.export"
        given = {word.split("=")[0] for word in words if word.startswith("--")}
        assert given <= options(module) | {"--help"}, line
