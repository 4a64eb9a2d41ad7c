"""Tests of the saved moments of a training: pictures, masks and figures at chosen steps."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from monet import checkpoints, evaluation
from monet.checkpoints import CheckpointError
from monet.data import batches, samples
from monet.training import moments
from tests.conftest import CONFIGS, untrained

pytestmark = pytest.mark.slow  # makes checkpoints and their moments


def tiles(strip: Image.Image, size: int) -> np.ndarray:
    """Splits a strip into its tiles: scenes, columns, H, W and four channels."""
    pixels = np.asarray(strip)
    rows, columns = pixels.shape[0] // size, pixels.shape[1] // size
    return pixels.reshape(rows, size, columns, size, 4).swapaxes(1, 2)


def test_a_strip_adds_up_to_the_reconstruction():
    model = untrained(CONFIGS["tetrominoes"])
    scenes, numbers = moments.chosen("tetrominoes")
    assert numbers == (0, 1, 2)
    found = tiles(moments.strip(model, scenes), 40).astype(float) / 255
    for scene, (picture, *slots) in zip(scenes, found, strict=True):
        fed = batches.prepare(scene, model.config)
        with torch.inference_mode():
            d = model(batches.to_tensor([fed]))
        assert np.array_equal(picture[..., :3] * 255, fed.image)
        np.testing.assert_allclose([slot[..., 3] for slot in slots], d.log_masks[0].exp(), atol=0.6 / 255)
        whole = sum(slot[..., :3] * slot[..., 3:] for slot in slots)
        parts = d.log_masks[0].exp()[:, None] * d.components[0].clamp(0, 1)  # what a picture can show of them
        np.testing.assert_allclose(whole, parts.sum(0).permute(1, 2, 0), atol=3 / 255)


def test_few_of_many_steps_keep_both_ends_and_the_beginning():
    assert moments.thinned([0, 10, 20]) == [0, 10, 20]
    kept = moments.thinned(range(0, 100_001, 100))
    assert (len(kept), kept[0], kept[-1]) == (moments.KEPT, 0, 100_000)
    gaps = np.diff(np.cbrt(kept))
    assert gaps.max() < 2.5 * gaps.min(), "even on a scale of cube roots"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint ``tetrominoes``, and its weights at steps 0, 50 and 100."""
    folder, weights = tmp_path_factory.mktemp("made"), {}
    for seed, step in enumerate((0, 50, 100)):
        weights[step] = folder / f"at{step}"
        model = untrained(CONFIGS["tetrominoes"], seed)
        checkpoints.save(model, weights[step], title="T", data="tetrominoes")
    shutil.copytree(weights[100], folder / "tetrominoes")
    moments.from_weights(folder / "tetrominoes", weights, 4, "Made for a test.")
    return folder


@pytest.fixture
def trained(made: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    return shutil.copytree(made, tmp_path / "trained")


def test_a_checkpoint_tells_what_its_weights_were(trained):
    course = moments.read(trained / "tetrominoes")
    assert course
    assert (course.moments, course.steps, course.slots, course.size) == ((0, 50, 100), (0, 50, 100), 4, 40)
    with Image.open(trained / "tetrominoes" / moments.SHEET) as sheet:
        found = tiles(sheet.convert("RGBA"), 40)
    model = checkpoints.load(trained / "at50")
    wanted = tiles(moments.strip(model, [samples.read("tetrominoes", i) for i in range(3)]), 40)
    assert np.array_equal(found[3:6], wanted)
    result = evaluation.evaluate(model, batches.scenes("tetrominoes", batches.VALIDATE, range(4)), "joint").means
    assert course.figures["ari_fg"][1] == pytest.approx(result["ari_fg"], abs=1e-4)
    loss = result["reconstruction"] + 0.5 * result["latent_kl"] + 0.5 * result["mask_kl"]
    assert course.figures["loss"][1] == pytest.approx(loss, rel=1e-4)


@pytest.mark.parametrize(
    "change",
    [
        {"moments": [0, 100, 50]},
        {"size": 41},
        {"scenes": []},
        {"steps": [0]},
        {"figures": {}},
        {"slots": "4"},
        {"x": 1},
    ],
)
def test_files_that_do_not_belong_together_are_refused(trained, change):
    file = trained / "tetrominoes" / moments.FIGURES
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(CheckpointError, match=r"tetrominoes: training\.json"):
        moments.read(trained / "tetrominoes")


def test_no_moments_are_no_error(tmp_path):
    assert moments.read(tmp_path) is None


@pytest.mark.parametrize("checkpoint", checkpoints.find()[0], ids=lambda checkpoint: checkpoint.name)
def test_the_last_moment_of_a_shipped_checkpoint_is_of_its_weights(checkpoint):
    course = moments.read(checkpoint.folder)
    assert course and (checkpoint.folder / moments.SHEET).stat().st_size < 400_000
    scenes, numbers = moments.chosen(checkpoint.data)
    assert (course.samples, course.slots) == (numbers, checkpoint.config.num_slots)
    with Image.open(checkpoint.folder / moments.SHEET) as sheet:
        last = tiles(sheet.convert("RGBA"), course.size)[-len(scenes) :]
    now = tiles(moments.strip(checkpoints.load(checkpoint), scenes), course.size)
    assert np.abs(last[..., 3].astype(int) - now[..., 3]).max() <= 2
