"""Tests of the public functions: ``monet.load``, ``decompose``, ``decode``, ``traverse`` and others."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import monet
from monet.data import samples
from monet.inference import preprocess

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"
NAMES = ("multi_dsprites", "tetrominoes")


@pytest.fixture(scope="module")
def models(checkpoints_folder: Path) -> dict[str, monet.MONet]:
    return {name: monet.load(checkpoints_folder / name) for name in NAMES}


@pytest.fixture(params=NAMES)
def model(request: pytest.FixtureRequest, models: dict[str, monet.MONet]) -> monet.MONet:
    return models[request.param]


@pytest.fixture
def scene(model: monet.MONet) -> monet.DecomposedScene:
    return monet.decompose(model, samples.read("tetrominoes", 3).image)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def test_a_loaded_model_is_in_eval_mode(model):
    assert not model.training


def test_every_array_has_the_promised_shape_and_is_float32(model, scene):
    slots, latents, side = model.config.num_slots, model.config.latent_dim, model.config.resolution
    shapes = {name: array.shape for name, array in vars(scene).items()}
    assert shapes == {
        "image": (3, side, side),
        "masks": (slots, side, side),
        "scopes": (slots, side, side),
        "components": (slots, 3, side, side),
        "mask_logits": (slots, side, side),
        "decoded_masks": (slots, side, side),
        "latent_mean": (slots, latents),
        "latent_std": (slots, latents),
        "reconstruction": (3, side, side),
    }
    assert {array.dtype for array in vars(scene).values()} == {np.dtype(np.float32)}
    assert all(isinstance(array, np.ndarray) and np.isfinite(array).all() for array in vars(scene).values())


@pytest.mark.parametrize("masks", ["masks", "decoded_masks"])
def test_masks_are_shares_that_sum_to_one(scene, masks):
    shares = getattr(scene, masks)
    assert shares.min() >= 0
    np.testing.assert_allclose(shares.sum(0), 1, atol=1e-5)


def test_each_step_leaves_what_it_did_not_take(scene):
    assert (scene.scopes[0] == 1).all()
    np.testing.assert_allclose(scene.scopes[1:], scene.scopes[:-1] - scene.masks[:-1], atol=1e-6)
    np.testing.assert_array_equal(scene.masks[-1], scene.scopes[-1])


def test_scopes_that_are_none_are_refused(model):
    side = model.config.resolution
    picture = np.zeros((side, side, 3), np.uint8)
    for scope in (np.ones(side), np.ones((side, side + 1)), np.full((side, side), 1.1), np.full((side, side), np.nan)):
        with pytest.raises(ValueError, match="scope must have shape"):
            monet.decompose(model, picture, scope=scope)


def test_the_reconstruction_is_the_sum_of_masked_components(scene):
    expected = sum(mask * component for mask, component in zip(scene.masks, scene.components, strict=True))
    np.testing.assert_allclose(scene.reconstruction, expected, atol=1e-5)
    np.testing.assert_allclose(monet.compose(scene.components, scene.masks), scene.reconstruction, atol=1e-5)


def test_decoded_masks_are_the_softmax_of_the_logits_over_the_slots(scene):
    exponentials = np.exp(scene.mask_logits.astype(np.float64))
    np.testing.assert_allclose(scene.decoded_masks, exponentials / exponentials.sum(0), atol=1e-6)


def test_the_latent_means_decode_to_the_components_and_logits(model, scene):
    components, mask_logits = monet.decode(model, scene.latent_mean)
    np.testing.assert_allclose(components, scene.components, atol=1e-5)
    np.testing.assert_allclose(mask_logits, scene.mask_logits, atol=1e-5)


def test_the_kl_of_a_latent_is_that_of_its_gaussian_from_the_prior(scene):
    """KL by its definition: the mean of log q - log p over draws from q."""
    draws = np.random.default_rng(0).standard_normal((200_000, 1, 1))
    mean, std = scene.latent_mean[:2, :3].astype(np.float64), scene.latent_std[:2, :3].astype(np.float64)
    z = mean + std * draws
    log_ratio = -0.5 * draws**2 - np.log(std) + 0.5 * z**2
    np.testing.assert_allclose(scene.latent_kl[:2, :3], log_ratio.mean(0), atol=0.03)


@pytest.mark.parametrize("shape", [(64, 64, 3), (200, 120, 3), (7, 300, 3), (1, 1, 3), (50, 40), (50, 40, 4)])
def test_a_picture_may_have_any_size(model, shape):
    scene = monet.decompose(model, noise(*shape))
    side = model.config.resolution
    assert scene.image.shape == (3, side, side)
    np.testing.assert_allclose(scene.masks.sum(0), 1, atol=1e-5)


def test_an_array_an_image_and_a_file_of_the_same_picture_say_the_same(model, tmp_path):
    picture = noise(90, 70, 3)
    Image.fromarray(picture).save(tmp_path / "picture.png")
    sources = (picture, Image.fromarray(picture), tmp_path / "picture.png", str(tmp_path / "picture.png"))
    first, *others = (monet.decompose(model, source) for source in sources)
    for other in others:
        for name, array in vars(first).items():
            np.testing.assert_array_equal(array, getattr(other, name), err_msg=name)


def test_tensors_and_floats_of_the_same_picture_say_the_same(model):
    picture = noise(30, 50, 3)
    expected = preprocess(model, picture)
    channels_first = torch.from_numpy(picture).permute(2, 0, 1)
    for same in (picture / 255, (picture / 255).astype(np.float32), channels_first, channels_first / 255):
        np.testing.assert_array_equal(preprocess(model, same), expected)
    learning = (channels_first / 255).double().requires_grad_()
    np.testing.assert_array_equal(preprocess(model, learning), expected)


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ({"picture": noise(8, 9, 3).astype(np.float32)}, "divide 0..255 by 255"),
        ({"picture": np.full((8, 9, 3), np.nan)}, "must lie in"),
        ({"picture": np.zeros((8, 9, 3)) - 0.01}, "must lie in"),
        ({"picture": torch.zeros(2, 3, 8, 9)}, "must have shape 3,H,W"),
        ({"picture": torch.zeros(8, 9, 3)}, "must have shape 3,H,W"),
        ({"picture": torch.zeros(3, 8, 9, dtype=torch.int64)}, "must hold floats in"),
        ({"picture": noise(3, 8, 9)}, "H,W,3"),
        *(({"num_slots": slots}, "whole number of at least 1") for slots in (0, -3, 1.5, "2", True, np.float64(2))),
        *(({"how": how}, "how must be one of crop, pad") for how in ("squeeze", "", None)),
    ],
)
def test_an_argument_that_means_nothing_is_refused_with_what_is_right(model, argument, words):
    with pytest.raises(ValueError, match=words):
        monet.decompose(model, **{"picture": noise(8, 9, 3)} | argument)


def test_the_image_of_a_scene_is_what_the_model_was_fed(model):
    picture = noise(90, 70, 3)
    scene = monet.decompose(model, picture, how="pad")
    np.testing.assert_array_equal(
        scene.image, preprocess(model, picture, "pad").transpose(2, 0, 1).astype(np.float32) / 255
    )


def test_crop_and_pad_feed_different_pictures(model):
    picture = noise(100, 50, 3)
    cropped, padded = (monet.decompose(model, picture, how=how).image for how in ("crop", "pad"))
    size = model.config.picture_size or model.config.resolution
    inside = (model.config.resolution - size) // 2
    assert cropped[:, inside : inside + size, inside].any()
    assert not padded[:, :, inside].any()  # a bar beside the narrow picture


def test_a_smaller_picture_lies_in_a_black_border(models):
    image = monet.decompose(models["tetrominoes"], np.full((35, 35, 3), 255, np.uint8)).image
    assert (image[:, 2:37, 2:37] == 1).all()
    assert image.sum() == 3 * 35**2


@pytest.mark.parametrize("slots", [1, 2, 9])
def test_the_number_of_slots_may_be_chosen_for_a_call(model, slots):
    scene = monet.decompose(model, noise(64, 64, 3), num_slots=slots)
    assert len(scene.masks) == len(scene.components) == len(scene.latent_mean) == slots
    np.testing.assert_allclose(scene.masks.sum(0), 1, atol=1e-5)


def test_the_same_picture_is_always_taken_apart_the_same(model):
    first, second = (monet.decompose(model, noise(64, 64, 3)) for _ in range(2))
    assert all(np.array_equal(array, getattr(second, name)) for name, array in vars(first).items())


@pytest.mark.parametrize("shape", [(), (16,), (2, 15), (2, 17), (1, 2, 16), (0,)])
def test_latents_of_another_shape_are_refused_in_words(model, shape):
    with pytest.raises(ValueError, match=r"must have shape N,16 for this model"):
        monet.decode(model, np.zeros(shape, np.float32))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_latents_that_are_not_finite_are_refused_in_words(model, value):
    latents = np.zeros((2, 16), np.float32)
    latents[1, 3] = value
    with pytest.raises(ValueError, match="latents must be finite numbers"):
        monet.decode(model, latents)


def test_each_latent_is_decoded_by_itself(model, scene):
    together, logits = monet.decode(model, scene.latent_mean)
    for k, latent in enumerate(scene.latent_mean):
        alone, alone_logits = monet.decode(model, latent[None])
        np.testing.assert_allclose(alone[0], together[k], atol=1e-5)
        np.testing.assert_allclose(alone_logits[0], logits[k], atol=1e-5)


def test_a_traversal_changes_one_dimension_and_nothing_else(model, scene):
    latent, values = scene.latent_mean[1].copy(), np.array([-3.0, 0.5, 3.0])
    components, logits = monet.traverse(model, latent, 5, values)
    by_hand = np.stack([np.concatenate((latent[:5], [value], latent[6:])) for value in values])
    expected, expected_logits = monet.decode(model, by_hand)
    np.testing.assert_array_equal(components, expected)
    np.testing.assert_array_equal(logits, expected_logits)
    np.testing.assert_array_equal(latent, scene.latent_mean[1])
    assert np.abs(components[0] - components[2]).max() > 0.01


def test_a_traversal_through_the_latents_own_value_passes_through_its_picture(model, scene):
    latent = scene.latent_mean[0]
    components, logits = monet.traverse(model, latent, 2, np.array([-1, latent[2], 1]))
    np.testing.assert_allclose(components[1], scene.components[0], atol=1e-5)
    np.testing.assert_allclose(logits[1], scene.mask_logits[0], atol=1e-5)


EDITS = [[1], [0, 2], [0, 1, 2]]


@pytest.mark.parametrize("edited", [[], *EDITS, [0, 1, 2, 3]])
@pytest.mark.parametrize("spread", [1, 300])
def test_composed_masks_are_shares_that_sum_to_one(scene, edited, spread):
    for left in (slice(None), slice(1, None)):  # with and without a slot that was deleted
        which = np.isin(np.arange(len(scene.masks)), edited)[left]
        masks = monet.compose_masks(scene.masks[left], spread * scene.mask_logits[left], which)
        assert masks.dtype == np.float32 and (masks >= 0).all()
        np.testing.assert_allclose(masks.sum(0), 1, atol=2e-6)


def test_an_unedited_scene_is_composed_as_attended_and_a_wholly_edited_one_as_decoded(scene):
    nothing = np.zeros(len(scene.masks), bool)
    np.testing.assert_array_equal(monet.compose_masks(scene.masks, scene.mask_logits, nothing), scene.masks)
    half = scene.masks.astype(np.float16)
    np.testing.assert_array_equal(monet.compose_masks(half, scene.mask_logits, nothing), half)
    decoded = monet.compose_masks(scene.masks, scene.mask_logits, ~nothing)
    np.testing.assert_allclose(decoded, scene.decoded_masks, atol=1e-6)
    np.testing.assert_array_equal(decoded, monet.compose_masks(np.zeros_like(half), scene.mask_logits, ~nothing))


@pytest.mark.parametrize("edited", EDITS)
def test_only_what_was_edited_changes_its_mask(scene, edited):
    which = np.isin(np.arange(len(scene.masks)), edited)
    masks = monet.compose_masks(scene.masks, scene.mask_logits, which)
    np.testing.assert_allclose(masks[which], scene.decoded_masks[which], atol=1e-6)
    # Where nothing was given up, the others keep their proportions.
    rest = scene.masks[~which]
    whole = rest.sum(0) > 1 - 1e-6
    expected = (1 - scene.decoded_masks[which].sum(0)) * rest / rest.sum(0).clip(1e-9)
    np.testing.assert_allclose(masks[~which][:, whole], expected[:, whole], atol=1e-5)


def test_the_hole_that_an_object_leaves_goes_to_the_slot_that_the_decoder_believes_in():
    attention = np.array([1, 0, 0], np.float32).reshape(3, 1, 1)  # the object, all of the pixel
    logits = np.array([-20, 0, 3], np.float32).reshape(3, 1, 1)  # it has moved away; the decoder believes in the last
    masks = monet.compose_masks(attention, logits, np.array([True, False, False])).ravel()
    np.testing.assert_allclose(masks, np.exp(logits.ravel()) / np.exp(logits).sum(), atol=1e-6)
    noise = attention + np.array([-0.02, 0.0001, 0], np.float32).reshape(3, 1, 1)
    assert monet.compose_masks(noise, logits, np.array([True, False, False])).ravel()[2] > 0.9


def test_masks_that_do_not_belong_together_are_refused_in_words(scene):
    with pytest.raises(ValueError, match="must be K,H,W"):
        monet.compose_masks(scene.masks, scene.mask_logits[1:], np.zeros(len(scene.masks), bool))
    with pytest.raises(ValueError, match="must be K,H,W"):
        monet.compose_masks(scene.masks[:0], scene.mask_logits[:0], np.zeros(0, bool))


@pytest.mark.slow
def test_the_package_loads_by_name_without_gradio_or_plotly(checkpoints_folder):
    """A fresh process: importing the model does not import the app."""
    program = """
import json, sys
import monet, numpy
scene = monet.decompose(monet.load("tetrominoes"), numpy.zeros((35, 35, 3), numpy.uint8))
print(json.dumps({"slots": len(scene.masks), "modules": sorted(sys.modules)}))
"""
    environment = os.environ | {"MONET_CHECKPOINTS": str(checkpoints_folder)}
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    report = json.loads(answer.stdout)
    assert report["slots"] == 4
    assert not {"gradio", "plotly", "starlette", "monet.explorer"} & set(report["modules"])


def genuine_tetrominoes(count: int) -> list[np.ndarray]:
    """Pictures of the genuine data set, uint8 35,35,3."""
    path, reader = SHARED / "real" / "tetrominoes_mini.tfrecords", SHARED / "prototypes/tfrecord/dm_tfrecord_reader.py"
    if not (path.is_file() and reader.is_file()):
        pytest.skip("the genuine records are not here")
    spec = importlib.util.spec_from_file_location("dm_tfrecord_reader", reader)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with path.open("rb") as file:
        return [record["image"] for record, _ in zip(module.dataset(file, "tetrominoes"), range(count), strict=False)]


def test_genuine_tetrominoes_are_fed_pixel_by_pixel_and_taken_apart(models):
    pictures = genuine_tetrominoes(3)
    assert len(pictures) == 3
    for picture in pictures:
        scene = monet.decompose(models["tetrominoes"], picture)
        np.testing.assert_array_equal(np.round(scene.image[:, 2:37, 2:37] * 255), picture.transpose(2, 0, 1))
        assert scene.masks.shape == (4, 40, 40)
        np.testing.assert_allclose(scene.masks.sum(0), 1, atol=1e-5)
