"""Tests of training in the app: runs outlive the process that started them, and their weights become models."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file
from starlette.applications import Starlette
from starlette.testclient import TestClient

from monet import checkpoints
from monet.explorer.models import MOST_ADDED, Models
from monet.explorer.server import routes
from monet.explorer.training import RunError, Runs, reading, weights
from monet.explorer.training.commands import Data
from monet.inference import decode_pixels
from monet.training import recipe, state
from tests.runs import RECIPE, end_all, recipes, until

pytestmark = pytest.mark.slow

TETROMINOES = Data("generated", "tetrominoes")


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runs]:
    """No run yet, and a small recipe for Tetrominoes."""
    folder = recipes(tmp_path / "recipes")
    monkeypatch.setenv("MONET_RECIPES", str(folder))
    monkeypatch.setattr(recipe, "FOLDER", folder)
    yield Runs(tmp_path / "runs", {})
    end_all(tmp_path / "runs")


def begin(runs: Runs, name: str = "mine") -> dict[str, Any]:
    """A run that has saved and evaluated."""
    runs.start(name, TETROMINOES, None)
    return until(lambda: (about := runs.describe(name))["sheets"] and about)


def test_a_run_goes_on_without_the_app_and_another_app_pauses_and_resumes_it(runs: Runs) -> None:
    about = begin(runs)
    assert (about["state"], about["data"], about["resumable"]) == ("running", "Tetrominoes", False)
    assert about["rate"]["pictures"] == pytest.approx(4 * about["rate"]["steps"])
    assert about["pictures"] == 4 * about["saved"]
    other = Runs(runs.folder, {})
    assert [run["name"] for run in other.all()] == ["mine"] and other.describe("mine")["state"] == "running"
    with pytest.raises(RunError, match="There is a run mine already"):
        other.start("mine", TETROMINOES, None)
    process = state.owner(runs.folder / "mine")
    assert process and os.getsid(process) == process != os.getsid(0)  # what ends the app's session does not end it
    other.stop("mine", "pause")
    paused = until(lambda: (about := other.describe("mine"))["state"] == "paused" and about)
    assert paused["resumable"] and paused["step"] == paused["saved"]
    assert until(lambda: runs.describe("mine")["state"] == "paused")
    with pytest.raises(RunError, match="mine is not running"):
        other.stop("mine", "pause")
    other.resume("mine")
    until(lambda: other.describe("mine")["step"] > paused["step"] + 60)
    other.stop("mine", "stop")
    until(lambda: other.describe("mine")["state"] == "stopped")
    assert f"at step {paused['step']}," in (runs.folder / "mine" / "train.log").read_text(encoding="utf-8")
    with (runs.folder / "mine" / "log.csv").open(encoding="utf-8") as file:
        steps = [int(row["step"]) for row in csv.DictReader(file)]
    assert steps == list(range(50, steps[-1] + 1, 50))


def test_a_run_that_was_killed_says_so_in_this_app_and_in_the_next(runs: Runs) -> None:
    begin(runs)
    process = state.owner(runs.folder / "mine")
    assert process
    os.kill(process, signal.SIGKILL)
    for app in (runs, Runs(runs.folder, {})):
        died = until(lambda app=app: (about := app.describe("mine"))["state"] == "died" and about)  # type: ignore[misc]
        assert died["resumable"] and died["saved"] > 0


def test_a_run_that_cannot_go_on_shows_what_its_process_said(runs: Runs) -> None:
    begin(runs)
    runs.stop("mine", "pause")
    until(lambda: runs.describe("mine")["state"] == "paused")
    wider = RECIPE.replace("attention_hidden = 8", "attention_hidden = 16")
    (runs.folder / "mine" / "recipe.toml").write_text(wider, encoding="utf-8")
    runs.resume("mine")
    died = until(lambda: (about := runs.describe("mine"))["state"] == "died" and about)
    assert any("holds another network than the recipe's [model] describes" in line for line in died["output"])
    with pytest.raises(RunError, match="do not fit the network"):
        weights.load(runs.folder / "mine")


def test_a_run_of_a_terminal_is_found_and_resumed_only_where_its_recipe_is_known(runs: Runs) -> None:
    runs.folder.mkdir()
    command = [sys.executable, "-m", "monet.training", "--config", "tetrominoes", "--steps", "60", "--folder"]
    for name in ("tetrominoes", "elsewhere"):
        subprocess.run([*command, runs.folder / name], check=True, capture_output=True)
    known, unknown = runs.describe("tetrominoes"), runs.describe("elsewhere")
    assert (known["state"], known["step"], known["resumable"], known["saved"]) == ("paused", 60, True, 60)
    assert (unknown["state"], unknown["step"], unknown["resumable"], unknown["saved"]) == ("paused", 60, False, None)
    with pytest.raises(RunError, match="cannot be resumed"):
        runs.resume("elsewhere")
    runs.resume("tetrominoes")
    until(lambda: runs.describe("tetrominoes")["step"] > 60)


def test_the_weights_of_now_are_the_states_averaged_ones_and_decode(runs: Runs, checkpoints_folder: Path) -> None:
    begin(runs)
    runs.stop("mine", "pause")
    saved = until(lambda: (about := runs.describe("mine"))["state"] == "paused" and about)["saved"]
    models = Models(checkpoints_folder)
    client = TestClient(Starlette(routes=routes(models, {}, runs)))
    answer = client.post("/monet/runs/mine/weights").json()
    name = f"mine@{saved}"
    assert answer["name"] == name and answer["models"][name]["title"] == f"mine (step {saved:,})"
    assert client.get("/monet/runs").json()["models"] == answer["models"]
    file = runs.folder / "mine" / "state" / f"{saved:09d}" / "weights.safetensors"
    stored = {n.removeprefix("average."): x for n, x in load_file(file).items() if n.startswith("average.")}
    with models.use(name) as model:
        for weight, values in model.state_dict().items():
            np.testing.assert_array_equal(values, stored.pop(weight))
        assert not stored and not model.training
        latents = np.random.default_rng(0).standard_normal((2, 4)).astype("<f4")
        expected = decode_pixels(model, latents)
    pixels = client.post(f"/monet/decode/{name}", content=latents.tobytes()).content
    np.testing.assert_array_equal(np.frombuffer(pixels, "<f4").reshape(expected.shape), expected)
    sample = {"kind": "sample", "data": "tetrominoes", "index": 0}
    assert client.post(f"/monet/decompose/{name}", json=sample).json()["slots"] == 3


def test_few_added_models_are_kept_and_those_of_the_folder_always(checkpoints_folder: Path) -> None:
    models = Models(checkpoints_folder)
    own = list(models.checkpoints)
    with models.use("tetrominoes") as model:
        for step in range(MOST_ADDED + 2):
            about = checkpoints.Checkpoint(f"a@{step}", Path(), model.config, "a", "tetrominoes")
            models.add(about, model)
    assert list(models.checkpoints) == [*own, *(f"a@{step}" for step in range(2, MOST_ADDED + 2))]


@pytest.mark.parametrize("name", ["..", "a/b", "..%2f..%2fx", "", "a" * 49, ".hidden", "-x", "ä", "a b", "a\0"])
def test_a_name_that_could_lead_elsewhere_is_refused_and_leaves_nothing(runs: Runs, name: str) -> None:
    with pytest.raises(RunError, match="A name has"):
        runs.start(name, TETROMINOES, None)
    with pytest.raises(RunError, match="no run of this name"):
        runs.path(name)
    assert not runs.folder.exists()


@pytest.mark.parametrize(
    ("data", "minutes"),
    [
        (("generated", "tetrominoes"), 0),
        (("generated", "tetrominoes"), -1),
        (("generated", "tetrominoes"), float("nan")),
        (("generated", "tetrominoes"), 1e9),
        (("generated", "../tetrominoes"), 1),
        (("stored", "tetrominoes"), 1),
        (("x", "x"), None),
    ],
)
def test_data_and_minutes_that_cannot_be_are_refused_and_leave_nothing(runs: Runs, data, minutes) -> None:
    with pytest.raises(RunError):
        runs.start("mine", Data(*data), minutes)
    assert not runs.folder.exists()


def test_closed_doors_say_why(checkpoints_folder: Path) -> None:
    client = TestClient(Starlette(routes=routes(Models(checkpoints_folder))))
    assert "--allow-training" in client.get("/monet/runs").json()["closed"]
    assert "--allow-training" in client.get("/monet/galleries").json()["closed"]
    for path in ("runs/a/start", "runs/a/resume", "runs/a/pause", "runs/a/stop", "runs/a/weights", "own/a", "files/a"):
        answer = client.post(f"/monet/{path}", content=b"{}")
        assert answer.status_code == 403 and "--allow-training" in answer.text
    for path in ("runs/a/curves", "runs/a/1.png"):
        assert client.get(f"/monet/{path}").status_code == 403


def test_the_lock_tells_who_trains_without_being_taken(tmp_path: Path) -> None:
    hold = "import sys, pathlib; from monet.training.state import locked\n" \
        "with locked(pathlib.Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"  # fmt: skip
    assert state.owner(tmp_path) is None and not state.was_killed(tmp_path)
    command = [sys.executable, "-c", hold, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout and holder.stdout.readline() == "held\n"
        assert state.owner(tmp_path) == state.owner(tmp_path) == holder.pid
        assert not state.was_killed(tmp_path)
        holder.kill()
    assert state.owner(tmp_path) is None and state.was_killed(tmp_path)
    with state.locked(tmp_path) as killed:
        assert killed == str(holder.pid)
    assert not state.was_killed(tmp_path)


def test_the_rate_is_that_between_the_last_two_states() -> None:
    def record(step: int, seconds: float) -> dict[str, Any]:
        return {"step": step, "pictures": 8 * step, "seconds": seconds}

    assert reading.rate([]) is None and reading.rate([record(0, 0.0)]) is None
    assert reading.rate([record(30, 10.0)]) == {"steps": 3.0, "pictures": 24.0}
    assert reading.rate([record(30, 10.0), record(90, 15.0)]) == {"steps": 12.0, "pictures": 96.0}
    assert reading.rate([record(30, 10.0), record(30, 10.0)]) is None


def test_long_curves_become_means_of_as_many_points_as_a_chart_has(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=4 * reading.POINTS)
    rows = [f"{50 * (n + 1)},{value},1,2" for n, value in enumerate(values)]
    header = "step,reconstruction,latent_kl,mask_kl"
    (tmp_path / "log.csv").write_text("\n".join([header, *rows, "99999,1"]), encoding="utf-8")
    drawn = reading.curves(tmp_path)
    np.testing.assert_allclose(drawn["training"]["reconstruction"], values.reshape(-1, 4).mean(1))  # type: ignore[arg-type]
    assert drawn["training"]["step"][0] == 125 and drawn["held_out"] == {}
    assert reading.last_step(tmp_path / "log.csv") == 200 * reading.POINTS  # the last row is not whole yet
    json.dumps(drawn, allow_nan=False)


def test_progress_is_shown_only_where_nothing_comes_after_it(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    log.write_bytes(b"one\n\r 1%| 2.0step/s]\r 2%| 9.5step/s]\nthe reason\n")
    assert reading.last_lines(log) == ["one", "the reason"]
    log.write_bytes(b"one\n\r 1%| 2.0step/s]\r 2%| 1.5s/step]")
    assert reading.last_lines(log) == ["one", "2%| 1.5s/step]"]
    log.write_text("\n".join(map(str, range(50))), encoding="utf-8")
    assert reading.last_lines(log) == [str(n) for n in range(50 - reading.LINES, 50)]


def test_the_last_check_of_a_run_is_told(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    assert reading.diagnosis(log) == ""
    log.write_bytes(b"\r 1%|\r   \ncheck: one slot takes it all\n\n\r 2%|\r  \ncheck: nothing wrong\n\r 3%|\r 4%|")
    assert reading.diagnosis(log) == "nothing wrong"
