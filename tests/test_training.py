"""Tests of training: recipes are validated, and a killed run resumes to the same result."""

import csv
import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from monet.data import DATASETS, Scene
from monet.data.batches import TEST, TRAIN, VALIDATE, prepare, scenes, to_tensor
from monet.model import MONet, MONetConfig
from monet.objective import loss
from monet.training import feed, journal, lessons, recipe, state, step, tables
from monet.training.initialise import initialise
from monet.training.run import STATES, Run
from monet.training.state import StateError
from monet.training.widen import widen
from monet.vae import Lattice
from tests.serving import free_port

pytestmark = pytest.mark.slow  # PyTorch takes seconds to import its optimisers

TINY = """
data = "tetrominoes"
batch_size = 2
save_every = 2
seed = 3
bfloat16 = false

[model]
resolution = 32
num_slots = 3
latent_dim = 4
attention_channels = [4, 8, 16]
attention_hidden = 16
encoder_channels = [8, 8, 8, 8]
encoder_hidden = 16
decoder_channels = [8, 8, 8, 8]
background_scale = 0.1
foreground_scale = 0.12

[[stages]]
until = 4
slots = 2
objects = [1, 1]
stride = 2
window = 16

[[stages]]
until = 500
slots = 3
objects = [1, 2]
window = 16
vae_every = 2

[schedules]
learning_rate = [[0, 1e-3], [6, 2e-3], [500, 1e-3]]
scale_factor = [[2, 3.0], [12, 1.0]]
vae_factor = [[0, 1.0], [10, 0.5]]
"""


@pytest.fixture(autouse=True)
def one_thread():
    """One thread: sums of several threads round differently from run to run."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def tiny(tmp_path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY, encoding="utf-8")
    return path


def start(tiny: Path, name: str) -> Run:
    """Makes a run in this folder; it resumes if the folder has a state."""
    folder = tiny.with_name(name)
    folder.mkdir(exist_ok=True)
    run = Run(recipe.load(str(tiny)), folder)
    run.resume()
    return run


def saved(run: Run) -> dict:
    """Returns the last saved state of a run, without times."""
    found, words = state.read(run.folder / STATES, torch.device("cpu"))
    assert found is not None and not words
    record = {name: value for name, value in found.record.items() if name not in ("seconds", "machines")}
    return {"weights": found.weights, "optimizer": found.optimizer, "record": record}


def assert_identical(a: object, b: object) -> None:
    """Asserts that nested dictionaries and lists of tensors and numbers are identical."""
    assert type(a) is type(b)
    if isinstance(a, torch.Tensor):
        assert torch.equal(a, b)
    elif isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            assert_identical(a[key], b[key])
    elif isinstance(a, list | tuple):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            assert_identical(x, y)
    else:
        assert a == b


# ---------------------------------------------------------------------- the run


def test_interrupted_run_is_bit_for_bit_the_uninterrupted_one(tiny):
    whole = start(tiny, "whole")
    whole.train(9)
    for steps in (3, 4, 2):  # across the change of stage, before and after a periodic save
        part = start(tiny, "parts")
        part.train(steps)
    assert part.step == whole.step == 9
    assert_identical(saved(part), saved(whole))
    assert any(
        (a != b).any() for a, b in zip(part.model.parameters(), start(tiny, "new").model.parameters(), strict=True)
    )


def test_killed_run_goes_on_as_if_nothing_had_happened(tiny):
    folder = tiny.with_name("killed")
    command = [sys.executable, "-m", "monet.training", "--config", str(tiny), "--folder", str(folder), "--threads", "1"]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[1], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 300  # importing torch takes that long where other work keeps the cores
        while not any((folder / STATES).glob("0*")) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == -signal.SIGKILL
    resumed = start(tiny, "killed")
    assert 0 < resumed.step < 500
    resumed.train(3)
    whole = start(tiny, "whole")
    whole.train(resumed.step)
    assert_identical(saved(resumed), saved(whole))


def test_a_run_of_another_network_is_refused_with_a_sentence(tiny):
    start(tiny, "run").save()
    tiny.write_text(TINY.replace("[4, 8, 16]", "[8, 8, 16]"), encoding="utf-8")
    with pytest.raises(ValueError, match="another network than the recipe"):
        start(tiny, "run")


@pytest.mark.parametrize("kills", [3, pytest.param(50, marks=pytest.mark.soak)])
def test_run_that_is_killed_again_and_again_goes_on_every_time(tiny, kills, figures):
    tiny.write_text(TINY.replace("500", "5000"), encoding="utf-8")
    folder = tiny.with_name("killed")
    command = [sys.executable, "-m", "tests.killing", str(tiny), str(folder), str(kills), "0"]
    killing = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True)
    assert killing.returncode == 0, killing.stderr
    resumed = start(tiny, "killed")
    assert resumed.step >= kills  # every other one saved before it was killed, every second step
    resumed.train(3)
    whole = start(tiny, "whole")
    whole.train(resumed.step)
    assert_identical(saved(resumed), saved(whole))
    figures[f"training killed {kills} times"] = f"resumed every time, identical at step {resumed.step}"


def test_log_that_a_kill_cut_off_does_not_stop_the_resumption(tiny):
    run = start(tiny, "cut")
    run.train(2)
    log = run.folder / tables.LOG
    for content, kept in (
        ("", ""),
        ("step,re", "step,re"),
        ("step,nll\n2,7\n4,8\n", "step,nll\n2,7\n"),
        ("step\n2\n1", "step\n2\n"),
    ):
        log.write_text(content, encoding="utf-8")
        assert start(tiny, "cut").step == 2
        assert log.read_text(encoding="utf-8") == kept
    log.write_text("", encoding="utf-8")
    tables.append(log, {"step": 3})
    assert log.read_text(encoding="utf-8").splitlines() == ["step", "3"]


def test_stop_signal_ends_the_run_after_its_step_with_a_saved_state(tiny, monkeypatch):
    of = feed.Pictures.of

    def stop(self: feed.Pictures, request: feed.Request) -> torch.Tensor:
        if run.step == 2:
            signal.raise_signal(signal.SIGTERM)
        return of(self, request)

    def nobody_listens(*arguments: object) -> None:
        raise AssertionError("the run does not listen to the signal")

    monkeypatch.setattr(feed.Pictures, "of", stop)
    run = start(tiny, "stopped")
    before = signal.signal(signal.SIGTERM, nobody_listens)
    try:
        run.train()
        assert signal.getsignal(signal.SIGTERM) == nobody_listens
    finally:
        signal.signal(signal.SIGTERM, before)
    assert run.step == saved(run)["record"]["step"] == 3


def processes(tiny: Path, folder: Path, *arguments: str) -> list[subprocess.Popen]:
    """Starts two processes of one run, as ``torchrun`` does."""
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2"}
    command = [sys.executable, "-m", "monet.training", "--config", str(tiny), "--folder", str(folder), *arguments]
    return [
        subprocess.Popen(
            command,
            cwd=Path(__file__).parents[1],
            env={**os.environ, **address, "RANK": rank, "LOCAL_RANK": rank},
            stderr=subprocess.DEVNULL,
        )
        for rank in "01"
    ]


def test_two_processes_are_one_with_twice_the_batch_in_two_parts(tiny):
    folder = tiny.with_name("two")
    assert [process.wait(timeout=300) for process in processes(tiny, folder, "--steps", "50")] == [0, 0]
    tiny.write_text(TINY.replace("batch_size = 2", "batch_size = 4\nat_once = 2"), encoding="utf-8")
    one = start(tiny, "one")
    one.train(50)
    two, _ = state.read(folder / STATES, torch.device("cpu"))
    assert two.record["step"] == 50
    logs = [np.genfromtxt(path / "log.csv", delimiter=",", names=True) for path in (folder, one.folder)]
    for name in logs[0].dtype.names:
        assert logs[0][name] == pytest.approx(logs[1][name], rel=1e-3), name
    for name, value in one.model.state_dict().items():
        torch.testing.assert_close(two.weights[f"model.{name}"], value, rtol=1e-3, atol=1e-4)


def test_threads_between_processes_end_with_the_run(tiny):
    # A thread that is left may free a tensor while the interpreter ends, which aborts the process.
    program = (
        "import sys; from pathlib import Path; from monet.training.__main__ import main; main(sys.argv[1:]);"
        "names = [path.read_text() for path in Path('/proc/self/task').glob('*/comm')];"
        "assert names and not any('gloo' in name for name in names), names"
    )
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "1", "RANK": "0"}
    command = ["--config", str(tiny), "--folder", str(tiny.with_name("alone")), "--steps", "2"]
    subprocess.run(
        [sys.executable, "-c", program, *command], cwd=Path(__file__).parents[1],
        env={**os.environ, **address, "LOCAL_RANK": "0"}, check=True,
    )  # fmt: skip


@pytest.mark.parametrize("victim", [0, 1])
def test_process_that_dies_ends_the_run_with_a_saved_state(tiny, victim):
    tiny.write_text(TINY.replace("save_every = 2", "save_every = 500"), encoding="utf-8")
    folder = tiny.with_name("bereft")
    pair = processes(tiny, folder)
    try:
        deadline = time.monotonic() + 300
        while not (folder / "log.csv").is_file() and time.monotonic() < deadline:
            assert all(process.poll() is None for process in pair)
            time.sleep(0.005)
        pair[victim].kill()
        assert pair[1 - victim].wait(timeout=300) != 0
    finally:
        for process in pair:
            process.kill()
            process.wait()
    resumed = start(tiny, "bereft")
    assert 50 <= resumed.step < 500
    resumed.train(1)


def test_parts_of_a_batch_add_up_to_the_gradient_of_the_whole(tiny, monkeypatch):
    # Without noise and with the same pixels in each part, nothing else is left that could differ.
    monkeypatch.setattr("monet.model.sample", lambda mean, log_std: mean)
    monkeypatch.setattr(lessons.Lattice, "draw", lambda *arguments: Lattice())
    gradients = []
    for text in ("batch_size = 4", "batch_size = 4\nat_once = 1"):
        tiny.write_text(TINY.replace("batch_size = 2", text), encoding="utf-8")
        run = start(tiny, f"parts{len(gradients)}")
        run.train(1)
        gradients.append([parameter.grad for parameter in run.model.parameters()])
    for whole, parts in zip(*gradients, strict=True):
        torch.testing.assert_close(parts, whole, rtol=1e-3, atol=1e-4 * whole.abs().max().item())


def test_failed_save_leaves_the_old_state_whole(tiny, monkeypatch):
    run = start(tiny, "full_disk")
    run.train(2)
    before = saved(run)

    def fail(path: Path, tensors: dict, metadata: dict) -> None:
        path.write_bytes(b"half a sta")
        raise OSError(28, "no space left on device")

    run.record["step"] = 5
    with monkeypatch.context() as patch:
        patch.setattr(state, "write_tensors", fail)
        with pytest.raises(OSError, match="no space"):
            run.save()
    assert_identical(saved(run), before)
    again = start(tiny, "full_disk")
    assert again.step == 2
    again.save()
    assert {path.name for path in (run.folder / STATES).iterdir()} == {"000000002"}


@pytest.mark.parametrize("bytes_left", [0, 100, 20_000])
def test_damaged_state_is_passed_over_for_the_one_before_it(tiny, capsys, bytes_left):
    start(tiny, "cut").train(4)
    newest = state.saved(tiny.with_name("cut") / STATES)[-1]
    for name in (state.WEIGHTS, state.OPTIMIZER):
        content = (newest / name).read_bytes()
        (newest / name).write_bytes(content[:bytes_left])
        assert start(tiny, "cut").step == 2
        assert f"{newest / name} is damaged" in capsys.readouterr().out
        (newest / name).write_bytes(content)
    assert start(tiny, "cut").step == 4
    for folder in state.saved(tiny.with_name("cut") / STATES):
        (folder / state.WEIGHTS).write_bytes(b"")
    with pytest.raises(StateError, match="No complete state is left"):
        start(tiny, "cut")


def test_state_holds_no_code_and_the_average_besides_the_weights(tiny):
    run = start(tiny, "state")
    assert not run.resume()
    run.train(3)
    found = saved(run)
    assert found["record"]["step"] == 3
    name = "vae.decoder.output.bias"
    assert not torch.equal(found["weights"][f"average.{name}"], found["weights"][f"model.{name}"])
    assert {path.suffix for path in state.saved(run.folder / STATES)[0].iterdir()} == {".safetensors"}


def test_a_second_process_in_the_folder_is_refused_with_the_number_of_the_first(tiny):
    folder = tiny.with_name("shared")
    folder.mkdir()
    command = [sys.executable, "-m", "monet.training", "--config", str(tiny), "--folder", str(folder)]
    with state.locked(folder):
        second = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True)
    assert second.returncode == 1
    assert second.stderr.strip().endswith(f"{folder} is in use: process {os.getpid()} trains there.")
    (folder / state.LOCK).write_text("12345\n", encoding="utf-8")
    with state.locked(folder) as killed:
        assert killed == "12345"
    start(tiny, "shared").train(1)


def test_training_on_one_batch_lowers_its_loss(tiny, monkeypatch):
    text = TINY.replace("scale_factor = [[2, 3.0], [12, 1.0]]", "").replace("1e-3", "3e-3")
    tiny.write_text(text, encoding="utf-8")
    run = start(tiny, "overfit")
    images = to_tensor(prepare(s, run.recipe.model) for s in scenes("tetrominoes", TRAIN, range(2), (1, 1)))
    monkeypatch.setattr(feed.Pictures, "of", lambda *arguments: (255 * images).to(torch.uint8))

    def reconstruction() -> float:
        run.model.eval()
        with torch.no_grad():
            terms = loss(images, run.model(images, 2), run.recipe.model, run.recipe.likelihood)
        return terms.mean().reconstruction.item()

    before = reconstruction()
    run.train(60)
    # What one slot of the pictures' mean colours would cost: a network that learned nothing says no more than this.
    deviation = (images - images.mean((2, 3), keepdim=True)) / 0.12
    flat = (0.5 * deviation**2 + np.log(0.12)).sum((1, 2, 3)).mean().item()
    assert reconstruction() < min(before, flat) - 500


def test_he_initialisation_lets_pictures_show_through_the_noise_of_their_latents():
    config = MONetConfig(resolution=40, picture_size=35, attention_channels=(8, 16, 32, 64))
    images = to_tensor(prepare(scene, config) for scene in scenes("tetrominoes", TRAIN, range(8), (1, 1)))
    signals = []
    for draw in (lambda model: None, initialise):
        torch.manual_seed(0)
        model = MONet(config).eval()
        draw(model)
        with torch.no_grad():
            d = model(images, 2)
        signals.append((d.latent_mean.std(0).mean() / d.latent_log_std.exp().mean()).item())
    assert signals[0] < 0.01
    assert signals[1] > 0.3


def test_finished_run_has_its_log_its_scores_and_a_picture(tiny, monkeypatch):
    monkeypatch.setattr(journal, "EVALUATION_COUNT", 9)
    text = TINY.replace("until = 500", "until = 50").replace("seed = 3", "evaluate_every = 40")
    tiny.write_text(text, encoding="utf-8")
    run = start(tiny, "finished")
    run.train()
    with (run.folder / "log.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert int(row["step"]) == 50
    assert float(row["scale_factor"]) == 1
    assert all(np.isfinite(float(value)) for value in row.values())
    with (run.folder / "evaluation.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == [40, 50]
    assert all(0 <= float(row["covering"]) <= 1 for row in rows)
    assert run.model.training
    with Image.open(run.folder / "pictures" / "0000050.png") as picture:
        assert picture.format == "PNG"
    run.train()
    assert run.step == 50


def spoil(monkeypatch, bad) -> None:
    """Replaces the pictures of the steps in ``bad`` by infinities."""
    learn = step.Step.__call__

    def spoiled(self, inputs, seeds, slots, stage, position, first):
        if bad(self, position):
            inputs = [part._replace(images=part.images + torch.inf) for part in inputs]
        learn(self, inputs, seeds, slots, stage, position, first)

    monkeypatch.setattr(step.Step, "__call__", spoiled)


def test_a_step_that_is_not_finite_changes_nothing_and_is_counted(tiny, monkeypatch):
    spoil(monkeypatch, lambda step, position: position == 2)
    run = start(tiny, "skipping")
    run.train(2)
    before = [{name: value.clone() for name, value in kind.items()} for kind in run.optimizing.tensors()]
    run.train(1)
    assert_identical([dict(kind) for kind in run.optimizing.tensors()], before)
    assert run.step == 3
    assert saved(run)["record"]["step"] == 2, "the step before may have done the harm"
    run.train(1)
    assert run.record["skipped"] == 1
    assert run.record["halvings"] == 0
    assert np.isfinite(run.journal.unlogged.means).all()


def test_a_run_that_diverges_goes_on_from_its_last_good_state_with_half_the_rate(tiny, monkeypatch, capsys):
    spoil(monkeypatch, lambda step, position: position > 4 and step.rate > 0.3)
    run = start(tiny, "diverging")
    run.train(12)
    assert run.step == 12
    assert run.record["halvings"] == 2
    assert capsys.readouterr().out.count("resuming from step") == 2
    again = start(tiny, "diverging")
    again.train(1)
    assert again.optimizing.rate == 0.25


def test_a_run_that_diverges_at_any_rate_ends_with_a_sentence_and_its_good_state(tiny, monkeypatch):
    spoil(monkeypatch, lambda step, position: position > 4)
    run = start(tiny, "diverged")
    with pytest.raises(StateError, match=r"not finite at step 10, even with 1/8 .* The state of step \d is kept"):
        run.train(12)
    assert start(tiny, "diverged").step <= 6
    assert all(torch.isfinite(value).all() for value in saved(run)["weights"].values())


def test_a_run_with_a_budget_ends_in_time_at_the_recipes_end(tiny):
    tiny.write_text(TINY.replace("until = 500", "until = 5000"), encoding="utf-8")
    run = start(tiny, "budget")
    run.train(minutes=0.05)
    assert 0 < run.step < 5000
    assert run.position == 5000
    assert saved(run)["record"]["position"] == 5000
    rates = np.genfromtxt(run.folder / "evaluation.csv", delimiter=",", names=True)
    assert rates["step"].flat[-1] == run.step


def test_data_that_is_not_there_leaves_no_trace(tiny):
    with pytest.raises(ValueError, match="no_such"):
        Run(recipe.load(str(tiny)), tiny.with_name("typo"), "no_such.npz").train()
    assert not tiny.with_name("typo").exists()


@pytest.fixture
def own(tiny, stored_scenes) -> Path:
    """The folder of a run that was trained on stored scenes for a step, padded."""
    tiny.write_text(TINY.replace("objects = [1, 1]", "").replace("objects = [1, 2]", ""), encoding="utf-8")
    run = Run(recipe.load(str(tiny)), tiny.with_name("own"), stored_scenes, how="pad")
    run.train(1)
    return run.folder


def test_a_run_remembers_its_data_and_asks_before_it_takes_other(tiny, own, stored_scenes):
    again = start(tiny, "own")
    assert (again.data, again.fit) == (stored_scenes, "pad")
    assert again.record["content"] == hashlib.sha256(np.load(stored_scenes)["image"].tobytes()).hexdigest()
    assert again.record["background"] == [0]
    assert {name: again.record["split"][name] for name in ("train", "validate", "test")} == {
        "train": 35, "validate": 5, "test": 10,
    }  # fmt: skip
    for data, how in (("tetrominoes", None), (None, "crop")):
        other = Run(recipe.load(str(tiny)), own, data, how=how)
        with pytest.raises(StateError, match=r"was trained on .* --change-data"):
            other.resume()
        assert other.resume(change_data=True)
        assert (other.data, other.fit) == (data or stored_scenes, how or "pad")


def test_pictures_that_were_moved_are_the_same_and_others_of_their_name_are_not(tiny, own, stored_scenes):
    moved = Path(stored_scenes).rename(tiny.with_name("moved.npz"))
    with pytest.raises(StateError, match="cannot be read any more"):
        start(tiny, "own")
    run = Run(recipe.load(str(tiny)), own, str(moved))
    assert run.resume()
    assert run.data == str(moved)
    with np.load(moved) as arrays:
        changed = arrays["image"].copy()
        changed[3, 0, 0] += 1
        np.savez(stored_scenes, image=changed, entity=arrays["entity"])
    with pytest.raises(StateError, match="content of the data differs"):
        start(tiny, "own")


def test_a_larger_batch_raises_the_rate_by_its_root_and_follows_the_pictures(tiny):
    run = Run(recipe.load(str(tiny)), tiny.with_name("large"), batch=8)
    run.train(3)
    assert run.optimizing.rate == 2
    assert run.position == 12
    assert run.record["pictures"] == 24


def test_pictures_made_ahead_are_those_made_on_demand(tiny):
    on_demand, ahead = start(tiny, "demand"), start(tiny, "ahead")
    ahead.workers = 1
    for run in (on_demand, ahead):
        run.train(6)
    assert_identical(saved(on_demand)["weights"], saved(ahead)["weights"])


# ------------------------------------------------------------------------- data


def test_splits_share_no_scene():
    pictures = [s.image.tobytes() for split in (TRAIN, VALIDATE, TEST) for s in scenes("tetrominoes", split, range(20))]
    assert len(set(pictures)) == 60


def test_each_step_sees_new_scenes_of_its_stage(tiny, monkeypatch):
    asked: list[feed.Request] = []
    of = feed.Pictures.of
    monkeypatch.setattr(feed.Pictures, "of", lambda self, request: asked.append(request) or of(self, request))
    start(tiny, "seen").train(6)
    assert [request.first for request in asked] == [2 * step for step in range(6)]
    assert [request.each for request in asked] == [2] * 6
    assert [request.objects for request in asked] == [(1, 1)] * 4 + [(1, 2)] * 2
    assert len({request.parts for request in asked}) == 6


@pytest.fixture
def stored_scenes(tmp_path) -> str:
    """Fifty stored scenes; number n is the grey n and holds n % 3 objects."""
    images = np.zeros((50, 8, 8, 3), np.uint8) + np.arange(50, dtype=np.uint8)[:, None, None, None]
    labels = np.zeros((50, 8, 8), np.uint8)
    labels[1::3, 0, 0] = 4
    labels[2::3, 0, :2] = 4, 9
    np.savez(tmp_path / "scenes.npz", image=images, entity=labels)
    return str(tmp_path / "scenes.npz")


def test_stored_scenes_fall_into_splits_that_share_none(stored_scenes):
    def numbers(split, count):
        return [int(scene.image[0, 0, 0]) for scene in scenes(stored_scenes, split, range(count))]

    assert numbers(TEST, 10) == list(range(40, 50))
    assert numbers(VALIDATE, 5) == list(range(35, 40))
    first, second = numbers(TRAIN, 70)[:35], numbers(TRAIN, 70)[35:]
    assert sorted(first) == sorted(second) == list(range(35))
    assert first != second
    assert numbers(TRAIN, 35) == first


def test_stored_scenes_are_chosen_by_their_number_of_objects(stored_scenes):
    for fewest, most in ((0, 0), (1, 2), (2, 2)):
        found = {int(s.image[0, 0, 0]) for s in scenes(stored_scenes, TRAIN, range(80), (fewest, most))}
        assert found == {n for n in range(35) if fewest <= n % 3 <= most}
    with pytest.raises(ValueError, match="no scene with"):
        scenes(stored_scenes, TRAIN, range(1), (3, 9))


def test_prepared_scene_lies_in_a_black_border_with_its_segmentation():
    config = MONetConfig(resolution=40, picture_size=35, attention_channels=(8, 16, 32, 64))
    scene = DATASETS["tetrominoes"].scene(0)
    prepared = prepare(scene, config)
    assert np.array_equal(prepared.image[2:37, 2:37], scene.image)
    assert np.array_equal(prepared.segmentation[2:37, 2:37], scene.segmentation)
    assert prepared.image.shape == (40, 40, 3)
    assert prepared.image.sum() == scene.image.sum()
    assert prepared.segmentation.sum() == scene.segmentation.sum()
    unlabelled = prepare(Scene(scene.image, None, ""), config)
    assert unlabelled.segmentation is None
    assert np.array_equal(unlabelled.image, prepared.image)


def test_tensor_of_scenes_is_channels_first_from_zero_to_one():
    image = np.zeros((8, 8, 3), np.uint8)
    image[1, 2] = 255, 51, 0
    tensor = to_tensor([Scene(image, None, ""), Scene(image * 0, None, "")])
    assert tensor.shape == (2, 3, 8, 8)
    assert tensor.dtype == torch.float32
    torch.testing.assert_close(tensor[0, :, 1, 2], torch.tensor([1.0, 0.2, 0.0]))
    assert tensor.sum().item() == pytest.approx(1.2)


def test_a_wider_attention_starts_as_the_narrower_one_and_can_learn_more():
    torch.manual_seed(0)
    sizes = {"resolution": 32, "encoder_channels": (8, 8), "decoder_channels": (8, 8, 8, 8)}
    narrow = MONet(MONetConfig(attention_channels=(4, 8, 8, 16), **sizes))
    wide = MONet(MONetConfig(attention_channels=(8, 10, 16, 16), **sizes))
    for parameter in narrow.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    widen(narrow, wide)
    images = torch.rand(2, 3, 32, 32)
    for ours, theirs in zip(
        vars(wide.eval()(images, 3)).values(), vars(narrow.eval()(images, 3)).values(), strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    wide(images, 3).log_masks[:, 0].sum().backward()
    assert (wide.attention.unet.logits.weight.grad[0, 2:] != 0).all(), "what reads the new channels learns"
    with pytest.raises(ValueError, match="only blocks before the last"):
        widen(wide, narrow)
    with pytest.raises(ValueError, match="differ in vae"):
        widen(narrow, MONet(MONetConfig(attention_channels=(8, 10, 16, 16), resolution=32)))


# ---------------------------------------------------------------------- recipes


def test_stages_and_schedules_have_their_values(tiny):
    r = recipe.load(str(tiny))
    assert r.steps == 500
    assert [(s.slots, s.objects, s.stride) for s in map(r.stage, (0, 3, 4, 499))] == [
        (2, (1, 1), 2),
        (2, (1, 1), 2),
        (3, (1, 2), 1),
        (3, (1, 2), 1),
    ]
    rates = [r.value("learning_rate", step) for step in (0, 3, 6, 253, 500, 900)]
    assert rates == pytest.approx([1e-3, 1.5e-3, 2e-3, 1.5e-3, 1e-3, 1e-3])
    assert [r.value("scale_factor", step) for step in (0, 2, 7, 12, 499)] == pytest.approx([3, 3, 2, 1, 1])
    assert r.value("beta", 100) == r.model.beta == 0.5
    assert r.value("gamma", 100) == r.model.gamma == 0.5
    assert recipe.from_table({**vars_of(tiny), "schedules": {"learning_rate": [[0, 1]]}}).value("scale_factor", 7) == 1


def test_schedules_reach_the_optimiser_and_the_loss(tiny, monkeypatch):
    factors, lattices = [], []

    def watch(images, decomposition, config, likelihood, lattice, scale_factor, kl_weights):
        factors.append(float(scale_factor))
        lattices.append(lattice)
        return loss(images, decomposition, config, likelihood, lattice, scale_factor, kl_weights)

    monkeypatch.setattr(step, "loss", watch)
    tiny.write_text(TINY + "clip = [[6, 1e6], [7, 1e-2]]", encoding="utf-8")
    run = start(tiny, "scheduled")
    run.train(8)
    assert factors == pytest.approx([3, 3, 3, 2.8, 2.6, 2.4, 2.2, 2])
    assert [(lattice.stride, lattice.window) for lattice in lattices] == [
        *[(2, 16)] * 4, (1, 16), (1, None), (1, 16), (1, None)
    ]  # fmt: skip
    assert len({(*lattice.row.tolist(), *lattice.column.tolist()) for lattice in lattices[:4]}) > 1
    rate = run.recipe.value("learning_rate", 7)
    assert [group["lr"].item() for group in run.optimizing.optimizer.param_groups] == pytest.approx([rate, 0.65 * rate])
    assert run.optimizing.optimizer.param_groups[1]["params"] == list(run.model.vae.parameters())
    gradients = [weight.grad.norm() for weight in run.model.attention.parameters()]
    assert torch.stack(gradients).norm().item() == pytest.approx(1e-2, rel=1e-3)


def test_the_average_follows_its_schedule(tiny):
    tiny.write_text(TINY + "average = [[1, 0.5], [2, 0.9]]", encoding="utf-8")
    run = start(tiny, "averaged")
    run.train(1)
    for decay in (0.5, 0.9):
        before = [value.clone() for value in run.average.parameters()]
        run.train(1)
        for old, new, weights in zip(before, run.average.parameters(), run.model.parameters(), strict=True):
            torch.testing.assert_close(new, decay * old + (1 - decay) * weights)


def test_where_the_vae_rests_the_attention_learns_alone(tiny):
    run = start(tiny, "resting")
    run.train(5)
    for learns in (False, True, False):
        before = {name: value.clone() for name, value in run.model.state_dict().items()}
        run.train(1)
        moved = {name.split(".")[0] for name, value in run.model.state_dict().items() if (value != before[name]).any()}
        assert moved == ({"attention", "vae"} if learns else {"attention"})


@pytest.mark.parametrize("background", [1, 2])
def test_a_stage_without_slots_has_one_for_each_object_and_the_backgrounds(tiny, monkeypatch, background):
    table = vars_of(tiny)
    table["stages"] = [{"until": 30, "objects": [1, 2], "background": background, "window": 16}]
    run = Run(recipe.from_table(table), tiny.parent)
    seen, asked = [], []

    def watch(images, decomposition, *rest):
        seen.append((asked[-1].objects, decomposition.log_masks.shape[1]))
        return loss(images, decomposition, *rest)

    of = feed.Pictures.of
    monkeypatch.setattr(feed.Pictures, "of", lambda self, request: asked.append(request) or of(self, request))
    monkeypatch.setattr(step, "loss", watch)
    run.train(12)
    assert all(fewest == most == slots - background for (fewest, most), slots in seen)
    assert {slots for _, slots in seen} == {1 + background, 2 + background}


def vars_of(path: Path) -> dict:
    return recipe.tomllib.loads(path.read_text(encoding="utf-8"))


SHIPPED = sorted(path.stem for path in recipe.FOLDER.glob("*.toml"))


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_recipe_can_be_run_to_its_end(name):
    r = recipe.load(name)
    dataset = DATASETS[r.data]
    for stage in r.stages:
        assert dataset.scene(0, stage.objects).image.shape == (dataset.size, dataset.size, 3)
        assert stage.objects[1] < (stage.slots or r.model.num_slots) <= r.model.num_slots, "an object has no slot"
    assert r.stages[-1].objects[1] == dataset.objects[1]
    last = [stage for stage in r.stages if stage.learn in ("everything", "attention")][-1]
    assert last.slots in (None, r.model.num_slots) and last.objects[1] == dataset.objects[1]
    for schedule, points in r.schedules.items():
        steps, values = zip(*points, strict=True)
        assert list(steps) == sorted(set(steps)), "between points out of order nothing is defined"
        assert 0 <= steps[0] <= steps[-1] <= r.steps
        assert min(values) > 0 or schedule == "vae_factor", "0 freezes the VAE"


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ('"tetrominoes"', '"tetris"', "data 'tetris' is none of tetrominoes"),
        ("batch_size = 2", 'likelihood = "gaussian"', "likelihood 'gaussian' is none of per_channel"),
        ("batch_size = 2", "batchsize = 2", "unknown key batchsize"),
        ("until = 500", "until = 4", "`until` must increase"),
        ("learning_rate =", "gamma =", "learning_rate is missing"),
        ("scale_factor =", "momentum =", "unknown momentum"),
        ("resolution = 32", "resolution = 33", "resolution 33 must be a multiple of 4"),
        ("num_slots", "slots", "slots"),
        ("slots = 3", "slots = 3\nspeed = 1", "speed"),
        ("[schedules]", "[schedules", "line"),
        ("batch_size = 2", "batch_size = 0", "batch_size 0 must be"),
        ("batch_size = 2", "batch_size = 4\nat_once = 3", "at_once 3 must divide the batch_size 4"),
        ("stride = 2", "stride = 0", "stride must be at least 1"),
        ("vae_factor = [[0, 1.0]", "average = [[0, 1.0]", r"average 1.0 must lie in \[0, 1\)"),
        ("window = 16", "window = 12", "window 12 must divide the resolution 32"),
        ("window = 16", "window = 0", "window 0 must divide the resolution 32"),
        ("stride = 2", "stride = 3", "window 16 must .* be a multiple of the stride"),
        ("objects = [1, 1]", "objects = [2]", "fewest and the most"),
        ("objects = [1, 2]", "objects = [1, 6]", "fewest <= most <= 5"),
        ("[[0, 1e-3], [6, 2e-3], [500, 1e-3]]", "[]", "schedule learning_rate must be points"),
        ("[6, 2e-3], [500, 1e-3]", "[500, 2e-3], [6, 1e-3]", "schedule learning_rate must be points"),
        ("[6, 2e-3]", "[6, nan]", "schedule learning_rate must hold finite numbers of at least 0"),
        ("[6, 2e-3]", "[6, -2e-3]", "schedule learning_rate must hold finite numbers of at least 0"),
        ("[10, 0.5]", "[10, inf]", "schedule vae_factor must hold finite numbers of at least 0"),
        ("save_every = 2", "save_every = 0", "save_every 0 must be an integer of at least 1"),
        ("save_every = 2", "evaluate_every = 0", "evaluate_every 0 must be an integer of at least 1"),
        ("batch_size = 2", 'fit = "squeeze"', "fit 'squeeze' is none of crop, pad"),
    ],
)
def test_wrong_recipe_is_refused_with_its_name_and_what_is_wrong(tiny, right, wrong, words):
    assert TINY.count(right) >= 1
    tiny.write_text(TINY.replace(right, wrong, 1), encoding="utf-8")
    with pytest.raises(ValueError, match=words) as error:
        recipe.load(str(tiny))
    assert "tiny.toml" in str(error.value)


@pytest.mark.parametrize("missing", ["stages", "schedules", "data"])
def test_recipe_without_a_part_is_refused_with_the_parts_name(tiny, missing):
    table = vars_of(tiny)
    del table[missing]
    with pytest.raises(ValueError, match=f"missing key {missing}"):
        recipe.from_table(table)


@pytest.mark.parametrize("objects", ["[1, 2]", None])
def test_a_recipe_names_pictures_without_labels_by_their_path_seen_from_it(tiny, monkeypatch, objects):
    # With a byte order mark, as some editors write; and nobody counts objects, though the recipe may name a number.
    (tiny.parent / "deep").mkdir()
    np.savez(tiny.parent / "mine.npz", image=np.random.default_rng(0).integers(0, 256, (20, 40, 40, 3), np.uint8))
    text = TINY.replace("objects = [1, 1]", "" if objects is None else f"objects = {objects}")
    text = text.replace("objects = [1, 2]", "" if objects is None else f"objects = {objects}")
    path = tiny.parent / "deep" / "own.toml"
    path.write_text("\ufeff" + text.replace('"tetrominoes"', '"../mine.npz"'), encoding="utf-8")
    monkeypatch.chdir(Path(__file__).parent)
    run = Run(recipe.load(str(path)), tiny.with_name("run"))
    run.train(2)
    assert run.data == str(tiny.parent / "mine.npz")
    assert not run.source.counted


def test_unknown_recipe_is_refused_with_the_names_there_are():
    with pytest.raises(ValueError, match=r"no recipe 'clver'; there are .*multi_dsprites.*tetrominoes"):
        recipe.load("clver")
