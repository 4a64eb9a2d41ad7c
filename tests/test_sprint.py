"""Tests of training sprints, on the CPU with budgets of seconds."""

import json
import tomllib
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from monet import checkpoints
from monet.training import __main__, journal, recipe, sprint, state, tables
from monet.training import run as running
from tests.test_training import TINY, assert_identical

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")
RECIPES = recipe.FOLDER


@pytest.fixture
def dry(tmp_path, monkeypatch):
    """Two tiny recipes in the current folder, and evaluations of few scenes."""
    torch.set_num_threads(1)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(journal, "EVALUATION_COUNT", 8)
    monkeypatch.setattr(recipe, "FOLDER", tmp_path)
    for name in ("one", "two"):
        (tmp_path / f"{name}.toml").write_text(TINY, encoding="utf-8")
    return tmp_path


def test_a_sprint_leaves_what_is_needed_to_go_on_elsewhere(dry, capsys):
    __main__.main(["sprint", "one", "two", "--minutes", "0.12", "--out", "out", "--device", "cpu", "--batch", "4"])
    files = sorted(path.name for path in (dry / "out").iterdir())
    pairs = [f"{name}.{part}" for name in ("one", "two") for part in (state.OPTIMIZER, state.WEIGHTS)]
    assert files == sorted([*pairs, sprint.REPORT])
    assert max(path.stat().st_size for path in (dry / "out").iterdir()) <= sprint.BYTES
    report = json.loads((dry / "out" / sprint.REPORT).read_text(encoding="utf-8"))
    for name in ("one", "two"):
        assert report["checks"][name]["float32"]["gradient"] == 0, "the processor against itself"
        assert report["rates"][name] > 0
        assert report["runs"][name]["pictures"] == 4 * report["runs"][name]["step"] > 0
        assert float(report["runs"][name]["evaluation"][0]["mse"]) > 0
    assert "pictures a second" in capsys.readouterr().out

    elsewhere = dry / "elsewhere"
    assert sprint.collect(dry / "out", elsewhere) == [elsewhere / "one", elsewhere / "two"]
    for name in ("one", "two"):
        there, here = (state.read(folder / name / running.STATES, CPU)[0] for folder in (elsewhere, dry / "runs"))
        assert_identical((there.weights, there.optimizer, there.record), (here.weights, here.optimizer, here.record))
        log = (elsewhere / name / tables.EVALUATION).read_text(encoding="utf-8")
        assert log == (dry / "runs" / name / tables.EVALUATION).read_text(encoding="utf-8")
    run = running.Run(recipe.load("one"), elsewhere / "one")
    assert run.resume()
    assert run.position == 500

    there = state.read(elsewhere / "one" / running.STATES, CPU)[0]
    there.record["step"] += 1
    state.write(there, elsewhere / "one" / running.STATES)
    with pytest.raises(state.StateError, match="further than"):
        sprint.collect(dry / "out", elsewhere)


def test_many_sets_travel_without_their_optimisers(dry):
    for name in "abcdefg":
        (dry / f"{name}.toml").write_text(TINY, encoding="utf-8")
    with pytest.raises(ValueError, match="takes 1 to 7 different recipes"):
        sprint.sprint([*"abcdefg", "one"], 1, dry / "out", CPU)
    assert not (dry / "out").exists()
    run = sprint.prepare_run("a", recipe.load("a"), CPU, None)
    run.train(1)
    sprint.collect_from(run, dry / "a", with_optimizer=False)
    assert not (dry / f"a.{state.OPTIMIZER}").exists()
    assert all(np.isfinite(weights).all() for weights in load_file(dry / f"a.{state.WEIGHTS}").values())


def test_unknown_names_and_devices_are_refused_before_anything_is_done(dry):
    for words, arguments in (
        ("no recipe 'three'", "one three --minutes 1 --out out"),
        ("no device 'gpu'", "one --minutes 1 --out out --device gpu"),
    ):
        with pytest.raises(ValueError, match=words):
            __main__.main(["sprint", *arguments.split()])
    assert not (dry / "out").exists()
    with pytest.raises(state.StateError, match="holds no results of a sprint"):
        sprint.collect(dry)


def test_a_device_that_computes_otherwise_is_found_out(dry, monkeypatch):
    probe = sprint.probe

    def wrong(recipe, images, device, bfloat16):
        loss, masks, gradient = probe(recipe, images, CPU, bfloat16)
        return loss, masks * (1.01 if device.type == "meta" else 1), gradient

    monkeypatch.setattr(sprint, "probe", wrong)
    precise, coarse = sprint.compare(recipe.load("one"), torch.device("meta"))
    assert not precise.good and not coarse.good
    assert precise.masks == pytest.approx(0.01, rel=1e-3)


def test_measuring_the_pace_changes_nothing(dry):
    run = sprint.prepare_run("one", recipe.load("one"), CPU, None)
    run.train(3)
    before = run.state()
    assert sprint.pictures_a_second(run, 2) > 0
    assert_identical(tuple(run.state()), tuple(before))


def test_a_checkpoint_goes_on_at_the_last_stage_or_where_a_vae_of_its_shape_is_not_needed(dry):
    plan = recipe.load("one")
    assert plan.entry(plan.model) == 4
    wider = replace(plan.model, encoder_channels=(16, 8, 8, 8))
    with pytest.raises(ValueError, match="no stage has new_vae"):
        plan.entry(wider)
    anew = replace(plan, stages=(replace(plan.stages[0], new_vae=True), plan.stages[1]))
    assert anew.entry(wider) == 0
    for name in ("multi_dsprites", "multi_dsprites_colored_on_colored"):
        shipped = recipe.from_table(tomllib.loads((RECIPES / f"{name}.toml").read_text(encoding="utf-8")))
        run = running.Run(shipped, dry / name)
        trained = checkpoints.load(name)
        run.start_from(trained, shipped.entry(trained.config), name)
        assert run.record["from"][0] == name
