"""Tests of the page's attention and encoder kernel against PyTorch; the shipped binaries run under wasmtime."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import monet
from monet import checkpoints, inference
from monet.data import samples
from monet.data.batches import prepare
from monet.explorer.network import network_config, network_payload
from monet.explorer.payload import alphas
from monet.explorer.slotmap import samples_of
from monet.model import MONet, MONetConfig
from tests.conftest import untrained
from tests.kernels import Decoder, Network, binaries

SHIPPED, _ = checkpoints.find(Path(__file__).parents[1] / "checkpoints")
NAMES = [checkpoint.name for checkpoint in SHIPPED]
SMALL: dict[str, Any] = {"resolution": 16, "attention_channels": (8, 16, 32), "attention_hidden": 20}


@pytest.fixture(params=binaries("network"))
def kernel(request: pytest.FixtureRequest) -> Network:
    return Network(request.param)


def weights_of(model: MONet) -> np.ndarray:
    """Returns the weights of U-Net and encoder, in the order of the state dict."""
    states = model.attention.unet.state_dict(), model.vae.encoder.state_dict()
    return np.concatenate([tensor.numpy().ravel() for state in states for tensor in state.values()])


def noise(side: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)


def described(model: MONet, pixels: np.ndarray, slots: int) -> dict[str, np.ndarray]:
    """Returns PyTorch's outputs by name."""
    image, decomposition = inference.forward(model, pixels, slots)
    return vars(inference.describe(image, decomposition)) | {"shares": alphas(decomposition)[0].numpy()}


def assert_parity(kernel: Network, model: MONet, pixels: np.ndarray, slots: int, tolerance: float) -> None:
    said = described(model, pixels, slots)
    for name, values in kernel.decompose(pixels, slots).items():
        expected = said[name]
        assert np.abs(values - expected).max() <= tolerance * max(1, np.abs(expected).max()), name


@pytest.mark.parametrize(
    ("changes", "slots"),
    [
        ({}, 4),
        ({"attention_channels": (32, 32, 64), "encoder_activation": True, "encoder_residuals": 1}, 3),
        ({"encoder_residuals": 2, "encoder_channels": (4, 12, 40), "log_mask_floor": -6.0, "latent_dim": 5}, 3),
        ({"resolution": 20, "picture_size": 15, "latent_dim": 7, "encoder_hidden": 36}, 5),
        ({"resolution": 18, "attention_channels": (24, 8), "encoder_channels": (8,)}, 2),
        ({"resolution": 32, "attention_channels": (8,)}, 2),
        ({}, 1),
        ({}, 12),
    ],
)
def test_any_configuration(kernel: Network, changes: dict[str, Any], slots: int) -> None:
    model = untrained(MONetConfig(**(SMALL | changes)))
    weights = weights_of(model)
    assert kernel.allocate(network_config(model.config)) == len(weights)
    kernel.load(weights)
    for seed in range(2):
        assert_parity(kernel, model, noise(model.config.resolution, seed), slots, 2e-5)


def test_a_scope_of_ones_own_is_where_the_recursion_begins(kernel: Network) -> None:
    """With the remaining scope after a step as the initial scope, the following steps repeat."""
    model = untrained(MONetConfig(**SMALL))
    assert kernel.allocate(network_config(model.config))
    kernel.load(weights_of(model))
    pixels = noise(16)
    whole = described(model, pixels, 5)
    rest = monet.decompose(model, pixels, num_slots=4, scope=whole["scopes"][1])
    found = kernel.decompose(pixels, 4, whole["scopes"][1])
    for name in ("masks", "scopes", "latent_mean", "latent_std"):
        for said in (vars(rest)[name], found[name]):
            np.testing.assert_allclose(said, whole[name][1:], atol=2e-5, err_msg=name)
    assert np.abs(kernel.decompose(pixels, 5)["masks"] - whole["masks"]).max() <= 2e-5  # nothing of it stays


def test_one_instance_serves_one_model_after_another(kernel: Network) -> None:
    for seed, side in ((1, 16), (2, 32), (3, 8)):
        model = untrained(MONetConfig(**(SMALL | {"resolution": side})), seed)
        assert kernel.allocate(network_config(model.config))
        kernel.load(weights_of(model))
        assert_parity(kernel, model, noise(side), 3, 2e-5)


@pytest.mark.parametrize(
    "change",
    [
        {"attentionChannels": [8, 12, 32]},
        {"attentionChannels": [8] * 9},
        {"encoderChannels": [32, 30]},
        {"encoderHidden": 1028},
        {"attentionHidden": 6},
        {"side": 18},
        {"side": 512},
        {"latents": 0},
        {"slots": 65},
        {"side": 256, "attentionChannels": [1024, 1024, 1024]},  # more than a gigabyte
    ],
)
def test_what_it_does_not_know_is_refused(kernel: Network, change: dict[str, Any]) -> None:
    config = network_config(MONetConfig(**SMALL))
    assert kernel.allocate(config)
    assert kernel.allocate(config | change) == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_shipped_checkpoints_on_a_scene(kernel: Network, name: str) -> None:
    assert_scenes(kernel, name, range(1, 2))


@pytest.mark.soak
@pytest.mark.parametrize("name", NAMES)
def test_shipped_checkpoints_on_all_scenes(kernel: Network, name: str, figures: dict[str, str]) -> None:
    data = samples_of(next(checkpoint for checkpoint in SHIPPED if checkpoint.name == name).data)
    worst = assert_scenes(kernel, name, range(samples.count(data)))
    figures[f"{name}: the page's own network against PyTorch, all sample scenes"] = f"{worst:.0e}"


def assert_scenes(kernel: Network, name: str, numbers: range) -> float:
    """With the weights that the page is sent: every array within 1e-3 of PyTorch's. Returns the largest difference."""
    checkpoint = next(checkpoint for checkpoint in SHIPPED if checkpoint.name == name)
    model = checkpoints.load(checkpoint)
    payload = network_payload(model, checkpoint)
    config, slots = payload["config"], payload["probe"]["slots"]
    weights = np.frombuffer(base64.b64decode(payload["weights"]), "<f4")
    assert kernel.allocate(config) == len(weights)
    kernel.load(weights)
    decoder = Decoder(binaries("decoder")[0])
    decoder.allocate(kernel.side, kernel.side, kernel.latents)
    decoder.load(list(model.vae.decoder.parameters()))
    worst = 0.0
    for number in numbers:
        pixels = prepare(samples.read(samples_of(checkpoint.data), number), model.config).image
        said = described(model, pixels, slots)
        found = kernel.decompose(pixels, slots)
        decoded = np.stack([decoder.decode(latent) for latent in found["latent_mean"]])
        found["components"] = decoded[..., :3].transpose(0, 3, 1, 2)
        for key, values in found.items():
            difference = float(np.abs(values - said[key]).max())
            assert difference <= 1e-3, (number, key)
            worst = max(worst, difference)
    return worst
