"""Tests of the benchmarks' arithmetic and of the README's rows; none depends on time."""

from pathlib import Path

import pytest
import torch

from benchmarks import card
from benchmarks.__main__ import line, main_rows
from benchmarks.growth import exponent
from benchmarks.measure import ROOT, in_turns, quantity, ratio, versus
from monet.data import DATASETS
from monet.model import MONetConfig


def test_alternatives_take_turns_and_the_first_round_does_not_count():
    calls = []
    samples = in_turns({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, rounds=3)
    assert "".join(calls) == "abababab"
    assert [len(values) for values in samples.values()] == [3, 3]


def test_ratio_is_the_median_of_the_rounds_ratios_so_that_one_bad_round_does_not_show():
    assert ratio([4.0, 40.0, 4.0], [2.0, 20.0, 100.0]) == 2


def test_row_says_how_many_times_better_and_whether_that_is_enough():
    samples = {"ours": [0.01, 0.01, 0.01], "theirs": [0.03, 0.03, 0.03]}
    assert line(versus("decode", samples, "ours", "theirs", 4, "s")) == (
        "| decode | 10 ms | 30 ms | 3 | 4 | **no** |  |"
    )
    assert versus("decode", samples, "ours", "theirs", 3, "s").met
    assert versus("decode", samples, "ours", "theirs", None, "s").met is None


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [(0.0123, "s", "12.3 ms"), (2.0, "s", "2 s"), (1234.5, "MB", "1234 MB"), (0.5, "MB", "0.5 MB")],
)
def test_quantity_has_three_digits(value, unit, words):
    assert quantity(value, unit) == words


@pytest.mark.slow
def test_rows_of_a_card_can_all_be_measured(monkeypatch):
    monkeypatch.setattr(card, "CONFIG", MONetConfig(num_slots=card.SLOTS, attention_channels=(2, 2, 2, 2, 4)))
    rows = card.rows(torch.device("cpu"), (2,), 1)
    assert all(row.ours == "not measured" or float(row.ours) > 0 for row in rows)
    assert sum("on the device" in row.what for row in rows) == sum(d.batch is not None for d in DATASETS.values())


def test_exponent_of_a_power_law():
    assert exponent({x: [3 * x**1.5] for x in (1, 2, 4, 8)}) == pytest.approx(1.5)


def test_main_rows_of_the_readme_are_those_of_the_whole_table():
    whole, readme = (Path(ROOT / name).read_text(encoding="utf-8") for name in ("docs/speed.md", "README.md"))
    rows = main_rows(whole.splitlines())
    assert rows.count("\n| ") > 5 and rows in readme
