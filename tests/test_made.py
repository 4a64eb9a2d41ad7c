"""Tests of recipes made for own pictures without labels."""

import tomllib
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch

from monet import metrics
from monet.data import Scene
from monet.data.batches import prepare, squared, to_tensor
from monet.pictures import How
from monet.training import __main__, feed, look, made, memory, plans, recipe
from monet.training.run import Run
from monet.training.tables import append, rows
from tests.shapes import shapes
from tests.test_training import TINY, assert_identical

pytestmark = pytest.mark.slow  # PyTorch takes seconds to import its optimisers


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A function that stores pictures by name, in a temporary current folder; few scenes are evaluated."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MONET_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(look, "CANDIDATES", 4)
    (tmp_path / "data").mkdir()

    def store(name: str, images: np.ndarray) -> str:
        np.savez(tmp_path / "data" / f"{name}.npz", image=images)
        return name

    return store


@pytest.fixture
def nothing_known(monkeypatch):
    """No checkpoint fits the pictures, so a run starts untrained, at the pictures' own size."""
    monkeypatch.setattr(made, "known_weights", lambda seen: None)


# ------------------------------------------------------------------ the recipe


def test_pictures_without_labels_become_slots_that_are_objects_by_one_command(own, capsys):
    images, _ = shapes(24, 64, 64)
    __main__.main(["--data", own("shapes", images), "--steps", "2", "--workers", "0"])
    out = capsys.readouterr().out
    assert "18 pictures for training, 2 for validation, 4 for the test" in out
    assert "pictures a second" in out and "GiB of memory" in out
    folder = Path("runs/shapes")
    plan = recipe.of_run(folder)
    assert plan.data == "shapes" and plan.weights and plan.symmetric
    run = Run(plan, folder)
    assert run.resume() and run.step == 2
    judged, masks = shapes(24, 64, 64, seed=1)
    with torch.inference_mode():
        found = run.average(to_tensor(Scene(image, None, "") for image in judged)).log_masks.argmax(1)
    table = metrics.contingency(masks.astype(np.int64), found.numpy())
    assert metrics.adjusted_rand_index_foreground(table).mean() > 0.6


@pytest.mark.parametrize(
    ("height", "width", "resolution", "picture_size"),
    [(16, 16, 16, None), (20, 35, 40, 35), (33, 33, 40, 33), (50, 60, 64, 60), (120, 90, 64, None)],
)
def test_a_made_recipe_fits_pictures_of_any_size_and_runs(own, nothing_known, height, width, resolution, picture_size):
    data = own("sizes", np.random.default_rng(0).integers(0, 256, (20, height, width, 3)).astype(np.uint8))
    plan = plans.plan(None, data, None)
    assert (plan.recipe.model.resolution, plan.recipe.model.picture_size) == (resolution, picture_size)
    assert plan.recipe.fit == ("crop" if height == width else "pad")
    assert [stage.slots for stage in plan.recipe.stages] == [2, 3, 4, 6, 6]
    assert all(stage.objects is None for stage in plan.recipe.stages)
    factor = [plan.recipe.value("scale_factor", stage.until) for stage in plan.recipe.stages]
    assert factor[0] == 2 and factor[-1] == 1 and factor == sorted(factor, reverse=True)
    assert not plan.folder.exists(), "it is made, and not yet written"
    Run(plan.recipe, plan.folder).train(1)


def test_noise_and_contrast_are_those_that_were_drawn():
    rng = np.random.default_rng(0)
    flat = np.full((64, 64, 3), 0.5) + rng.normal(0, 0.03, (64, 64, 3))
    assert look.noise(flat) == pytest.approx(0.03, rel=0.1)
    edges = flat + np.where(np.arange(64)[:, None, None] % 16 < 8, 0.0, 0.3)
    assert look.noise(edges) == pytest.approx(0.03, rel=0.25), "edges are not noise"


@pytest.mark.parametrize(("contrast", "noise", "background"), [(0.2, 0.0, 0.09), (0.053, 0.0, 0.045), (0.2, 0.1, 0.2)])
def test_scales_follow_contrast_and_noise(contrast, noise, background):
    seen = look.Look(20, (64, 64), True, "crop", 64, 64, contrast, noise, [])
    assert made.scales(seen)[0] == pytest.approx(background, abs=1e-3)
    assert made.scales(seen)[0] <= made.scales(seen)[1]


def test_slots_are_counted_where_the_attention_puts_things():
    class Stub:
        config = recipe.load("multi_dsprites").model

        def attention(self, images, slots):
            masks = torch.full((len(images), slots, 64, 64), -9.0)
            masks[:, 0] = 0
            masks[:, 1, :8, :8] = masks[:, 5, 20:30, :8] = 1  # 64 and 80 pixels
            masks[:, 7, 40, :3] = 1  # three: nothing
            return masks, masks

    seen = look.Look(
        20, (64, 64), True, "crop", 64, 64, 0.1, 0, [Scene(np.zeros((64, 64, 3), np.uint8), None, "")] * 20
    )
    assert look.things(Stub(), seen) == 3


def test_batch_fits_the_memory_and_the_pictures(monkeypatch):
    assert memory.batch(64, 8, 5) == 4
    monkeypatch.setattr(memory, "free", lambda: 3 * 2 * memory.PER_PIXEL * memory.SLOTS * 64**2)
    assert memory.batch(64, 8, 1000) == 2
    monkeypatch.setattr(memory, "free", lambda: 1000)
    assert memory.batch(64, 8, 1000) == 1


def test_a_recipe_in_the_folder_is_gone_by_and_may_be_changed(own, nothing_known):
    data = own("mine", shapes(20, 32, 32)[0])
    command = ["--data", data, "--steps", "1", "--workers", "0"]
    __main__.main(command)
    path = Path("runs/mine") / recipe.OF_RUN
    text = path.read_text(encoding="utf-8")
    assert tomllib.loads(text)["data"] == "mine"
    path.write_text(text.replace("seed = 0", "seed = 7"), encoding="utf-8")
    assert plans.plan(None, None, Path("runs/mine")).recipe.seed == 7
    __main__.main(["--folder", "runs/mine", "--steps", "1", "--workers", "0"])
    run = Run(recipe.of_run(Path("runs/mine")), Path("runs/mine"))
    assert run.resume() and run.step == 2
    assert "seed = 7" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "give --config RECIPE, or --data"),
        (["--data", "no_such"], "no stored data 'no_such'"),
        (["--data", "mine", "--weights", "no_such"], "no such checkpoint"),
        (["--folder", "runs/nothing"], "holds no recipe.toml"),
        (["--data", "mine", "--first", "3"], "--first needs --weights"),
        (["--data", "mine", "--weights", "multi_dsprites", "--first", "99999"], "--first 99999 must lie in"),
        (["--data", "two"], "2 scenes are too few"),
    ],
)
def test_what_cannot_be_done_leaves_nothing_behind(own, nothing_known, arguments, words):
    own("mine", shapes(20, 32, 32)[0])
    own("two", shapes(2, 32, 32)[0])
    with pytest.raises(ValueError, match=words):
        __main__.main(arguments)
    assert not Path("runs").exists()


def test_a_run_goes_on_where_its_pictures_were_moved_to(own, nothing_known):
    images = shapes(20, 32, 32)[0]
    np.savez("here.npz", image=images)
    command = ["--folder", "runs/mine", "--steps", "1", "--workers", "0"]
    __main__.main([*command, "--data", "here.npz"])
    Path("here.npz").rename("there.npz")
    with pytest.raises(ValueError, match="cannot be read any more"):
        __main__.main(command)
    __main__.main([*command, "--data", "there.npz"])
    __main__.main(command)
    __main__.main(["check", "runs/mine"])
    run = Run(recipe.of_run(Path("runs/mine")), Path("runs/mine"))
    assert run.resume() and run.step == 3
    assert run.data == str(Path("there.npz").resolve())


def test_weights_beside_a_state_are_refused_and_the_state_wins(own, nothing_known):
    command = ["--data", own("mine", shapes(20, 32, 32)[0]), "--steps", "1", "--workers", "0"]
    __main__.main(command)
    with pytest.raises(ValueError, match="state at step 1: leave --weights out"):
        __main__.main([*command, "--weights", "multi_dsprites"])


# ------------------------------------------------------------------------ a run


def tiny(tmp_path: Path, data: str, **changes: object) -> Run:
    """Makes a run of the tiny recipe on stored pictures without object counts."""
    text = TINY.replace("objects = [1, 1]", "").replace("objects = [1, 2]", "").replace("until = 500", "until = 6")
    text = text.replace(
        "seed = 3", "seed = 3\nevaluate_every = 3\n" + "\n".join(f"{k} = {v}" for k, v in changes.items())
    )
    (tmp_path / "tiny.toml").write_text(text, encoding="utf-8")
    return Run(recipe.load(str(tmp_path / "tiny.toml")), tmp_path / "run", data)


def test_a_wide_picture_is_learned_from_and_held_out_as_a_whole(own, tmp_path):
    images = np.zeros((20, 16, 32, 3), np.uint8)
    images[:, :, :6] = 255  # outside the square in the middle
    run = tiny(tmp_path, own("wide", images), fit='"pad"')
    pictures = feed.Pictures(run.data, run.recipe.model, run.device, run.fit)
    request = feed.Request(0, 0, None, 2, ((0,),), 4, 0)
    assert pictures.of(request).float().mean() == pytest.approx(255 * 6 / 64)
    held_out = run.journal._scenes(1)
    assert np.mean([scene.image for scene in held_out]) == pytest.approx(255 * 6 / 64)
    assert "pad, all is kept" in plans.expected(run)


def test_training_loss_stands_beside_the_held_out_loss(own, tmp_path):
    run = tiny(tmp_path, own("few", shapes(20, 32, 32)[0]))
    run.train()
    first, last = rows(run.folder / "evaluation.csv")
    assert (first["step"], last["step"]) == ("3", "6")
    expected = float(last["reconstruction"]) + 0.5 * float(last["latent_kl"]) + 0.5 * float(last["mask_kl"])
    assert float(last["held_out_loss"]) == pytest.approx(expected, rel=1e-4)
    assert np.isfinite(float(last["training_loss"])) and last["training_loss"] != last["held_out_loss"]


def test_asking_what_to_expect_changes_nothing(own, tmp_path):
    run = tiny(tmp_path, own("few", shapes(20, 32, 32)[0]))
    run.train(2)
    before = run.state()
    words = plans.expected(run, minutes=2)
    assert "2 minutes to the end" in words and "fewer than 20" not in words
    after = run.state()
    assert_identical([before.weights, before.optimizer, before.record], [after.weights, after.optimizer, after.record])


def test_few_pictures_come_turned_and_mirrored_in_all_eight_ways():
    image = torch.arange(12, dtype=torch.uint8).view(1, 3, 2, 2)
    ways = {tuple(x.flatten().tolist()) for x in feed.augment(image.expand(200, -1, -1, -1), 5)}
    square = image[0].numpy()
    turns = [np.rot90(square, k, (1, 2)) for k in range(4)]
    assert ways == {tuple(x.flatten().tolist()) for t in turns for x in (t, t[:, :, ::-1])}
    assert torch.equal(feed.augment(image.expand(9, -1, -1, -1), 5), feed.augment(image.expand(9, -1, -1, -1), 5))


def test_a_column_that_comes_later_is_nan_in_the_rows_before(tmp_path):
    table = tmp_path / "table.csv"
    append(table, {"step": 1, "mse": 0.5})
    append(table, {"step": 2, "mse": 0.25, "training_loss": 3})
    append(table, {"step": 3, "mse": 0.125})
    assert table.read_text(encoding="utf-8").split() == [
        "step,mse,training_loss",
        "1,0.5,nan",
        "2,0.25,3",
        "3,0.125,nan",
    ]


def test_a_scene_is_squared_as_it_is_prepared():
    scene = Scene(shapes(1, 20, 30)[0][0], shapes(1, 20, 30)[1][0], "")
    config = recipe.load("tetrominoes").model
    whole, part = prepare(scene, config, "pad"), squared(scene, 35, "pad")
    assert part.image.shape == (35, 35, 3)
    assert np.array_equal(whole.image[2:37, 2:37], part.image)


def test_weights_that_know_the_pictures_are_chosen_whatever_their_size_and_nothing_is_cut_away(own):
    for height, width in ((40, 60), (30, 30)):
        plan = plans.plan(None, own(f"size{height}", shapes(20, height, width)[0]), None).recipe
        assert plan.weights and plan.model.resolution == 64
        assert plan.fit == ("crop" if height == width else "stretch" if "stretch" in get_args(How) else "pad")
    assert plans.plan(None, "size40", None, "pad").recipe.fit == "pad"
    noise = np.random.default_rng(0).integers(0, 256, (20, 64, 64, 3)).astype(np.uint8)
    assert plans.plan(None, own("noise", noise), None).recipe.weights is None, "nobody knows those"


def test_what_pads_a_scene_is_background_whatever_label_that_has():
    labels = np.array([[255, 255, 0, 3], [255, 3, 3, 0]], np.uint8)
    scene = Scene(np.zeros((2, 4, 3), np.uint8), labels, "", background=(255, 7))
    padded = squared(scene, 4, "pad")
    assert padded.background == (0, 7)
    assert padded.segmentation.tolist() == [[0] * 4, [0, 0, 255, 3], [0, 3, 3, 255], [0] * 4]
    assert np.array_equal(squared(scene, 2).segmentation, labels[:, 1:3]) and squared(scene, 2).background == (255, 7)
