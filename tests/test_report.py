"""Tests of a run's report and of the model card that is made from it."""

import re
import shlex
import sys
from pathlib import Path

import matplotlib.figure
import numpy as np
import pytest
import torch
from PIL import Image

from monet import checkpoints
from monet.evaluation import __main__ as measure
from monet.training import card, journal, recipe, report
from monet.training.report import CURVES, SLOTS, ReportError
from monet.training.run import Run
from monet.training.tables import EVALUATION, LOG, append
from tests.test_training import TINY

pytestmark = pytest.mark.slow

STEPS = [*range(22550, 24050, 50), *range(30000, 31000, 50)]
"""Logged steps of a run that started from a checkpoint and lost a part of its log."""


def loss_terms(step: int) -> dict[str, float]:
    return {"reconstruction": -step, "latent_kl": step % 70, "mask_kl": step % 30}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A folder as a training run leaves it."""
    for step in STEPS:
        append(tmp_path / LOG, {"step": step, **loss_terms(step), "learning_rate": 1e-3, "scale_factor": 2})
        if step % 500 == 0:
            append(tmp_path / EVALUATION, {"step": step, "mse": 1e-3, "ari_fg": 0.8, "ari_fg_decoded": step / 1e5})
    return tmp_path


def sheet(path: Path, color: tuple[int, int, int]) -> None:
    """Eight scenes, of which the first has a colour."""
    path.parent.mkdir(exist_ok=True)
    image = np.full((8 * 24, 60, 3), 255, np.uint8)
    image[:24] = color
    Image.fromarray(image).save(path)


def test_curves_are_the_rows_of_the_run_and_bridge_no_gap(run, monkeypatch):
    figures = []
    save = matplotlib.figure.Figure.savefig
    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", lambda *a, **k: (figures.append(a[0]), save(*a, **k)))
    assert report.draw(run) == [run / CURVES]
    panels = {axes.get_title(): [line for line in axes.lines if len(line.get_xdata())] for axes in figures[0].axes}
    drawn = [(list(line.get_xdata()), list(line.get_ydata())) for line in panels["mask KL, nats"]]
    parts = [STEPS[:30], STEPS[30:]]
    assert [drawn[0], drawn[2]] == [(part, [step % 30 for step in part]) for part in parts]
    assert [drawn[1][0], drawn[3][0]] == parts, "the moving means"
    decoded = [(list(line.get_xdata()), list(line.get_ydata())) for line in panels["ARI-FG"][2:]]
    assert decoded == [([23000, 23500, 24000], [0.23, 0.235, 0.24]), ([30000, 30500], [0.3, 0.305])]
    with Image.open(run / CURVES) as picture:
        assert picture.format == "PNG"
    assert (run / CURVES).stat().st_size < 200_000


@pytest.mark.parametrize("width", [1, 2, 5, 12])
def test_moving_mean_is_the_mean_of_what_is_around(width):
    values = np.random.default_rng(0).normal(size=9)
    expected = [
        np.mean([v for j, v in enumerate(values) if i - min(width, 9) // 2 <= j < i + (min(width, 9) + 1) // 2])
        for i in range(9)
    ]
    np.testing.assert_allclose(report.moving_mean(values, width), expected)


def test_slots_over_time_are_the_first_scene_at_six_steps_from_first_to_last(run):
    for number in range(11):
        sheet(run / "pictures" / f"{22500 + 500 * number:07d}.png", (20 * number, 0, 99))
    sheet(run / "pictures" / "notes.png", (0, 255, 0))
    assert report.draw(run) == [run / CURVES, run / SLOTS]
    with Image.open(run / SLOTS) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    assert pixels.shape == (6 * 24, report.MARGIN + 60, 3)
    assert [tuple(row[-1]) for row in pixels[12::24]] == [(20 * n, 0, 99) for n in (0, 2, 4, 6, 8, 10)]
    assert all((pixels[top : top + 24, : report.MARGIN] < 128).any() for top in range(0, 144, 24)), (
        "every step's number"
    )


def test_row_that_is_being_written_is_left_out_and_steps_rise(tmp_path):
    path = tmp_path / LOG
    path.write_text("step,mask_kl\n100,2\n50,1\n150", encoding="utf-8")
    columns = report.table(path)
    assert {name: values.tolist() for name, values in columns.items()} == {"step": [50, 100], "mask_kl": [1, 2]}


@pytest.mark.parametrize("content", ["", "step,mse\n", "step,mse\n12"])
def test_run_without_rows_is_refused(tmp_path, content):
    (tmp_path / LOG).write_text(content, encoding="utf-8")
    with pytest.raises(ReportError, match=r"holds no log\.csv|is not the table of a run"):
        report.draw(tmp_path)


@pytest.mark.parametrize("content", ["a,b\n1,2\n", "step,mse\n1,words\n", "step,mse\n1\n2,3\n", "\0\xff"])
def test_file_that_is_no_table_is_named(tmp_path, content):
    (tmp_path / LOG).write_text(content, encoding="utf-8")
    with pytest.raises(ReportError, match=r"log\.csv is not the table of a run"):
        report.draw(tmp_path)


def test_without_matplotlib_the_report_says_how_to_get_it(run, monkeypatch):
    for name in ("matplotlib", "matplotlib.axes", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ReportError, match=r"pip install -r requirements-training\.txt"):
        report.draw(run)


def test_exported_card_shows_the_pictures_and_keeps_what_people_wrote(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "EVALUATION_COUNT", 8)
    path = tmp_path / "tiny.toml"
    path.write_text(TINY.replace("seed = 3", "evaluate_every = 50"), encoding="utf-8")
    (tmp_path / "run").mkdir()
    trained = Run(recipe.load(str(path)), tmp_path / "run")
    trained.train(50)
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    (folder / checkpoints.CARD).write_text(f"old figures\n\n{card.LIMITS}\n\nFour seeds.\n", encoding="utf-8")
    card.export(trained, folder, 8)
    text = (folder / checkpoints.CARD).read_text(encoding="utf-8")
    assert text.endswith(f"{card.LIMITS}\n\nFour seeds.\n") and "old figures" not in text
    for name in ("slots.png", CURVES, SLOTS):
        assert f"]({name})" in text
        with Image.open(folder / name) as picture:
            assert picture.format == "PNG"
    assert checkpoints.load(folder).config == trained.recipe.model


def test_exported_latents_are_those_of_a_copy_made_independent(own, tmp_path, monkeypatch):
    given = []

    def shifted(model, scenes, how):
        given.append((len(scenes), how))
        model.vae.encoder.posterior.bias += 1

    monkeypatch.setattr(card, "make_independent", torch.no_grad()(shifted))
    before = own.average.vae.encoder.posterior.bias.clone()
    card.export(own, tmp_path / "checkpoint", 5, independent=True)
    assert given == [(18, "pad")]  # all training pictures
    assert torch.equal(checkpoints.load(tmp_path / "checkpoint").vae.encoder.posterior.bias, before + 1)
    assert torch.equal(own.average.vae.encoder.posterior.bias, before)
    assert " --independent\n" in (tmp_path / "checkpoint" / checkpoints.CARD).read_text(encoding="utf-8")


@pytest.fixture
def own(tmp_path) -> Run:
    """A run on own pictures, wider than high and without labels, half of it on another machine."""
    random = np.random.default_rng(2)
    np.savez(tmp_path / "cells.npz", image=random.integers(0, 256, (25, 20, 30, 3), np.uint8))
    path = tmp_path / "tiny.toml"
    path.write_text(TINY, encoding="utf-8")
    trained = Run(recipe.load(str(path)), tmp_path / "some run", str(tmp_path / "cells.npz"))
    trained.train(50)
    trained.record["machines"].insert(0, {
        "device": "A Card", "processor": "A Processor", "threads": 3, "processes": 2, "seconds": 7200.0, "torch": "2.9",
    })  # fmt: skip
    trained.record["fit"] = "pad"
    return trained


def test_exported_card_tells_of_the_runs_own_data_machines_and_commands(own, tmp_path, monkeypatch, capsys):
    folder, config = tmp_path / "checkpoint", str(tmp_path / "tiny.toml")
    card.export(own, folder, 20, config)
    text = (folder / checkpoints.CARD).read_text(encoding="utf-8")
    for words in ("# MONet, cells", "18 of 25 pictures of 30 x 20 pixels, made square by `pad`",
                  "5 scenes of the test split",
                  "2.0 hours on 2 processes, each A Card with A Processor (3 threads, torch 2.9), then ",
                  f"torch {torch.__version__})", f"; 100 pictures.\n- Hardware: {card.hardware(own)}."):  # fmt: skip
        assert words in text
    for words in ("Tetrominoes", "generates", "license", "no GPU", "| ari", "true and found"):
        assert words not in text
    commands = re.findall(r"^(?:    |Command: `)(python -m .*?)(?:`\.)?$", text, re.MULTILINE)
    evaluate, train, export = (shlex.split(command)[3:] for command in commands)
    assert train == ["--config", config, "--data", own.data, "--folder", str(own.folder)]
    assert export == ["export", str(own.folder), str(folder), "--config", config, "--count", "20"]
    # The last command prints the figures of the card.
    monkeypatch.setattr("sys.argv", ["evaluation", *evaluate])
    with pytest.raises(SystemExit) as ended:
        measure.main()
    assert not ended.value.code
    printed = capsys.readouterr().out
    assert next(line for line in printed.splitlines() if line.startswith("| mse")) in text
    found = checkpoints.read(folder)
    assert (found.title, found.data, found.fit) == ("cells", own.data, "pad")
    assert found.measured["scenes"] == 5 and all(np.isfinite(value) for value in found.measured.values())


@pytest.mark.parametrize(
    ("seconds", "words"), [(1.5, "1.5 seconds"), (110, "110.0 seconds"), (600, "10.0 minutes"), (9000, "2.5 hours")]
)
def test_durations_are_told_in_the_unit_that_fits(seconds, words):
    assert card.duration(seconds) == words
