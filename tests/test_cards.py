"""Tests of the model cards: length, order of sections, and figures equal to config.json."""

import re

import pytest

from monet import checkpoints
from monet.checkpoints import CARD, LIMITS, Checkpoint, metadata
from monet.latents import card as latents
from monet.training import card

SHIPPED = checkpoints.find(checkpoints.SHIPPED)[0]


@pytest.fixture(params=SHIPPED, ids=lambda checkpoint: checkpoint.name)
def checkpoint(request: pytest.FixtureRequest) -> Checkpoint:
    return request.param


@pytest.fixture
def text(checkpoint: Checkpoint) -> str:
    return (checkpoint.folder / CARD).read_text(encoding="utf-8")


def test_a_card_is_short_and_its_sections_stand_in_order(checkpoint, text):
    assert len(text.splitlines()) < 100
    headings = re.findall(r"^## .*$", text, re.MULTILINE)
    assert headings == ["## Results", metadata.USE, "## Training", latents.HEADING, LIMITS]
    assert card.trials(checkpoint.folder).strip() in text and f"{checkpoint.name}.md" in card.trials(checkpoint.folder)
    assert f"`python -m monet.evaluation {checkpoint.name}`" in text


def test_the_results_are_the_measured_means(checkpoint, text):
    section = text.split("## Results")[1].split("\n## ")[0]
    shown = {}
    for name, attention, decoder in re.findall(r"^\| (\w+) +\| ([^|]*)\| ([^|]*)\|$", section, re.MULTILINE)[1:]:
        shown[name] = attention.split(" ± ")[0]
        if decoder.strip():
            shown[f"{name}_decoded"] = decoder.split(" ± ")[0]
    assert shown.keys() == checkpoint.measured.keys() - {"scenes"}
    for name, figure in shown.items():
        half = 0.5 * 10.0 ** -len(figure.partition(".")[2])
        assert abs(float(figure) - checkpoint.measured[name]) <= half * (1 + 1e-9)


def test_renewing_a_card_changes_nothing(checkpoint, text, tmp_path):
    for name in (checkpoints.CONFIG, checkpoints.WEIGHTS):
        (tmp_path / name).symlink_to(checkpoint.folder / name)
    (tmp_path / CARD).write_text(text, encoding="utf-8")
    card.renew(tmp_path)
    renewed = (tmp_path / CARD).read_text(encoding="utf-8")
    assert renewed.replace(str(tmp_path), checkpoint.name) == text


def test_a_checkpoint_elsewhere_has_no_page_of_trials(tmp_path):
    assert card.trials(tmp_path / "tetrominoes") == ""
