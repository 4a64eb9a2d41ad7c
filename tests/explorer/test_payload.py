"""Tests of the scene that the page is sent, against inference."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import monet
from monet import checkpoints, inference
from monet.checkpoints import Checkpoint
from monet.data import DATASETS, Scene, samples
from monet.explorer.network import network_payload
from monet.explorer.payload import decoder_payload, finite, scene_payload
from monet.inference import decode_pixels
from monet.pictures import embed

NAMES = ("multi_dsprites", "tetrominoes")


@pytest.fixture(scope="module", params=NAMES)
def checkpoint(request: pytest.FixtureRequest, checkpoints_folder: Path) -> Checkpoint:
    return checkpoints.read(checkpoints_folder / request.param)


@pytest.fixture(scope="module")
def model(checkpoint: Checkpoint) -> monet.MONet:
    return checkpoints.load(checkpoint)


@pytest.fixture(scope="module")
def scene(checkpoint: Checkpoint) -> Scene:
    return samples.read(checkpoint.name, 1)


@pytest.fixture(scope="module")
def said(model: monet.MONet, scene: Scene) -> monet.DecomposedScene:
    return monet.decompose(model, scene.image)


@pytest.fixture(scope="module")
def payload(model: monet.MONet, checkpoint: Checkpoint, scene: Scene) -> dict[str, Any]:
    """Returns the payload after a round trip through JSON, which has no NaN."""
    origin = {"kind": "sample", "data": checkpoint.name, "index": 1}
    return json.loads(json.dumps(scene_payload(model, checkpoint, scene, origin), allow_nan=False))


def array(text: str, dtype: str, *shape: int) -> np.ndarray:
    """Decodes an array as the page does: little-endian bytes in base64."""
    return np.frombuffer(base64.b64decode(text, validate=True), dtype).reshape(shape)


def test_it_says_what_it_is_about(payload, model, checkpoint):
    assert payload["model"] == checkpoint.name
    assert payload["origin"] == {"kind": "sample", "data": checkpoint.name, "index": 1}
    assert payload["title"] == f"{DATASETS[checkpoint.name].title}, sample 2"
    assert (payload["size"], payload["slots"]) == (model.config.resolution, model.config.num_slots)


def test_the_image_is_the_one_that_the_model_was_fed(payload, model, scene):
    side = payload["size"]
    np.testing.assert_array_equal(
        array(payload["image"], "u1", side, side, 3), inference.preprocess(model, scene.image)
    )


def test_masks_are_inferences_in_half_precision(payload, said):
    masks = array(payload["masks"], "<f2", *said.masks.shape)
    np.testing.assert_array_equal(masks, said.masks.astype("<f2"))
    np.testing.assert_allclose(masks.astype(np.float32).sum(0), 1, atol=5e-3)


def test_alphas_are_the_share_of_the_scope_that_each_step_takes(payload, said):
    alphas = array(payload["alphas"], "u1", *said.masks.shape)
    np.testing.assert_allclose(alphas / 255 * said.scopes, said.masks, atol=0.51 / 255)
    assert (alphas[-1] == 255).all()  # the last step takes all that is left
    assert len(np.unique(alphas[0])) > 50


def test_the_true_segmentation_lies_where_the_picture_does(payload, model, scene):
    side = payload["size"]
    np.testing.assert_array_equal(array(payload["truth"], "u1", side, side), embed(scene.segmentation, side))


def test_latents_are_inferences_to_the_bit(payload, said):
    for name, expected in (("mean", said.latent_mean), ("std", said.latent_std), ("kl", said.latent_kl)):
        np.testing.assert_array_equal(np.array(payload[name], np.float32), expected)


def test_figures_are_numbers_about_this_scene(payload, said, model):
    size = model.config.picture_size or model.config.resolution
    start = (model.config.resolution - size) // 2
    inside = np.s_[:, start : start + size, start : start + size]
    squares = (said.image[inside] - said.reconstruction[inside]) ** 2
    figures = payload["figures"]
    assert figures["mse"] == pytest.approx(squares.mean(), rel=1e-4)
    assert figures["latent_kl"] == pytest.approx(said.latent_kl.sum(), rel=1e-3)
    assert {"ari", "ari_fg", "covering", "reconstruction", "mask_kl"} <= figures.keys()


def test_it_is_small_enough_to_be_sent_for_every_scene(payload):
    assert len(json.dumps(payload)) < 250_000


def test_a_picture_without_truth_has_neither_truth_nor_figures_that_need_it(model, checkpoint):
    picture = Scene(np.zeros((50, 80, 3), np.uint8), None, "your picture")
    payload = scene_payload(model, checkpoint, picture, {"kind": "picture"})
    json.dumps(payload, allow_nan=False)
    assert payload["truth"] is None
    assert payload["figures"]["mse"] > 0
    assert not {"ari", "ari_fg", "covering"} & payload["figures"].keys()


def test_a_scene_without_objects_has_figures_that_json_can_say(model, checkpoint):
    empty = Scene(np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64), np.uint8), "empty")
    payload = scene_payload(model, checkpoint, empty, {"kind": "picture"})
    json.dumps(payload, allow_nan=False)
    assert payload["figures"]["covering"] is None  # there is no object to cover


def test_it_says_when_a_picture_was_scaled_and_when_its_data_is_not_the_models(payload, model, checkpoint, scene):
    assert payload["scaled"] is None
    assert not payload["foreign"]
    wide = Scene(np.zeros((50, 80, 3), np.uint8), None, "wide")
    assert scene_payload(model, checkpoint, wide, {"kind": "picture"})["scaled"] == [80, 50]
    assert not scene_payload(model, checkpoint, wide, {"kind": "picture"})["foreign"]
    elsewhere = {"kind": "sample", "data": "clevr6", "index": 0}
    assert scene_payload(model, checkpoint, samples.read("clevr6", 0), elsewhere)["foreign"]


@pytest.mark.parametrize("slots", [1, 3, 12])
def test_the_number_of_slots_may_be_chosen(model, checkpoint, scene, slots):
    payload = scene_payload(model, checkpoint, scene, {}, num_slots=slots)
    side = payload["size"]
    assert payload["slots"] == len(payload["mean"]) == slots
    assert array(payload["masks"], "<f2", slots, side, side).shape[0] == slots


def test_the_way_a_picture_is_made_square_may_be_chosen(model, checkpoint):
    picture = Scene(np.full((40, 80, 3), 200, np.uint8), None, "your picture")
    side = model.config.resolution
    size = model.config.picture_size or side
    images = {how: scene_payload(model, checkpoint, picture, {}, how=how)["image"] for how in ("crop", "pad")}
    lit = {how: (array(image, "u1", side, side, 3) > 0).all(2).sum() for how, image in images.items()}
    assert lit["crop"] == size**2
    assert lit["pad"] == pytest.approx(size**2 / 2, rel=0.05)


def test_the_decoders_weights_are_those_of_the_state_dict_in_its_order(model):
    payload = decoder_payload(model)
    state = {name: tensor for name, tensor in model.state_dict().items() if name.startswith("vae.decoder.")}
    expected = np.concatenate([tensor.numpy().ravel() for tensor in state.values()])
    np.testing.assert_array_equal(array(payload["weights"], "<f4", -1), expected)
    side = model.config.resolution
    assert (payload["height"], payload["width"], payload["latentDim"]) == (side, side, 16)
    assert payload["channels"] == [32, 32, 32, 32]


def test_the_networks_weights_are_those_of_the_state_dict_in_its_order(model, checkpoint):
    payload = network_payload(model, checkpoint)
    state = {name: tensor for name, tensor in model.state_dict().items() if not name.startswith("vae.decoder.")}
    expected = np.concatenate([tensor.numpy().ravel() for tensor in state.values()])
    np.testing.assert_array_equal(array(payload["weights"], "<f4", -1), expected)


def test_the_networks_probe_is_the_first_sample_as_it_is_taken_apart(model, checkpoint):
    probe = network_payload(model, checkpoint)["probe"]
    scene = monet.decompose(model, samples.read(checkpoint.name, 0).image)
    (slots, side), latents = scene.masks.shape[:2], scene.latent_mean.shape
    assert probe["slots"] == slots
    np.testing.assert_array_equal(
        array(probe["pixels"], "u1", side, side, 3) / np.float32(255), scene.image.transpose(1, 2, 0)
    )
    np.testing.assert_array_equal(array(probe["masks"], "<f4", slots, side, side), scene.masks)
    np.testing.assert_array_equal(array(probe["latentMean"], "<f4", *latents), scene.latent_mean)
    np.testing.assert_array_equal(array(probe["latentStd"], "<f4", *latents), scene.latent_std)
    components = array(probe["components"], "<f4", slots, side, side, 4)
    np.testing.assert_array_equal(components[..., :3].transpose(0, 3, 1, 2), scene.components)
    np.testing.assert_array_equal(components[..., 3], scene.mask_logits)


def test_the_probe_is_a_latent_with_its_decoding(model):
    probe = decoder_payload(model)["probe"]
    side = model.config.resolution
    latent, output = array(probe["latent"], "<f4", 1, 16), array(probe["output"], "<f4", side, side, 4)
    components, logits = monet.decode(model, latent)
    np.testing.assert_array_equal(output[..., :3], components[0].transpose(1, 2, 0))
    np.testing.assert_array_equal(output[..., 3], logits[0])
    assert np.abs(latent).max() > 0.5  # a latent of zeros would not notice weights that are wrong


def test_decoded_pixels_have_the_mask_logit_behind_their_colours(model, said):
    pixels = decode_pixels(model, said.latent_mean)
    np.testing.assert_allclose(pixels[..., :3].transpose(0, 3, 1, 2), said.components, atol=1e-5)
    np.testing.assert_allclose(pixels[..., 3], said.mask_logits, atol=1e-5)


def test_numbers_that_json_does_not_know_become_null():
    assert [finite(value) for value in (1.5, float("nan"), float("inf"), -float("inf"))] == [1.5, None, None, None]
