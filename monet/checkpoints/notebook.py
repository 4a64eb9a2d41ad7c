"""Imports weights of the reference notebook's network: maps their names and infers the sizes from their shapes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monet.checkpoints import CheckpointError, Shapes, as_float32, check_shapes, foreign, shapes
from monet.checkpoints.archive import printable
from monet.model import MONet, MONetConfig

ATTRIBUTES = {
    "K": "num_slots",
    "sigma_bg": "background_scale",
    "sigma_fg": "foreground_scale",
    "beta": "beta",
    "gamma": "gamma",
}
"""Attributes of the notebook's model by our configuration's names."""

MAX_BLOCKS = 10
"""Of the U-Net: a larger one would need more pixels than a model may have."""


def load(path: Path, num_slots: int | None = None, prefix: str | None = None) -> MONet:
    """A model in eval mode with the weights of a notebook's; nothing in the file is run.

    Widths and resolution come from the weights' shapes. Slots, component scales and the weights of the loss terms are
    attributes of a whole model; a state dict has none, so there they are those of the default configuration.

    Args:
        path: what ``torch.save`` or safetensors wrote of a model, of its state dict, or of dictionaries around it; see
            :mod:`monet.checkpoints.foreign`.
        num_slots: K, instead of the file's. The weights are shared over slots, so any number works.
        prefix: of the weights in the file; None where it holds one set of them.

    Raises:
        CheckpointError: see :func:`monet.checkpoints.foreign.opened`; no such set of weights; or weights that are not
            those of the notebook's architecture at any width, or not finite.
    """
    with foreign.opened(path) as file:
        chosen = foreign.choose(file, prefix)
        settings = _settings(file.name, chosen.settings)
        if num_slots is not None:
            settings["num_slots"] = num_slots
        found = {printable(name): tensor.shape for name, tensor in chosen.tensors.items()}
        config = _configuration(file.name, found, settings)
        ours, expected = names(config), shapes(config)
        expected = {name: expected[our_name] for name, our_name in ours.items()}
        check_shapes(file.name, "the file", found, "the notebook's model", expected)
        weights = file.tensors(chosen.tensors)
    weights = as_float32(file.name, "the file", weights)
    model = MONet(config)
    model.load_state_dict({ours[name]: tensor for name, tensor in weights.items()})
    return model.eval()


def names(config: MONetConfig) -> dict[str, str]:
    """Our name of every weight by the notebook's; beyond the notebook's own sizes, as its scheme goes on."""
    blocks, convolutions = len(config.attention_channels), len(config.encoder_channels)
    units = {
        "attention.unet.first": "attention.down_nn_1",
        **{f"attention.unet.down.{i}": f"attention.down_nn_{i + 2}" for i in range(blocks - 1)},
        **{f"attention.unet.up.{i}": f"attention.up_nn_{i + 1}" for i in range(blocks)},
    }
    layers = {
        **{f"{ours}.convolution": f"{theirs}.0" for ours, theirs in units.items()},
        **{f"{ours}.norm": f"{theirs}.1" for ours, theirs in units.items()},
        **{f"attention.unet.mlp.{i}": f"attention.middle_nn.{i + 1}" for i in (0, 2, 4)},
        "attention.unet.logits": "attention.final_nn.0",
        **{f"vae.encoder.convolutions.{i}": f"vae.encoder_nn.{2 * i}" for i in range(convolutions)},
        "vae.encoder.hidden": f"vae.encoder_nn.{2 * convolutions + 1}",  # behind the flattening
        "vae.encoder.posterior": f"vae.encoder_nn.{2 * convolutions + 2}",
        **{f"vae.decoder.convolutions.{i}": f"vae.decoder_nn.{2 * i}" for i in range(4)},
        "vae.decoder.output": "vae.decoder_nn.8",
    }
    split = {name: name.rpartition(".") for name in shapes(config)}
    return {f"{layers[layer]}.{kind}": name for name, (layer, _, kind) in split.items()}


def _settings(file: str, attributes: Mapping[str, Any]) -> dict[str, float]:
    """What a whole model says about itself besides its weights."""
    settings = {ours: attributes[name] for name, ours in ATTRIBUTES.items() if name in attributes}
    for name, value in settings.items():
        if type(value) not in (int, float):
            raise CheckpointError(f"{file}: its {name} is no number")
    return settings


def _configuration(file: str, found: Shapes, settings: dict[str, float]) -> MONetConfig:
    """The sizes of a network from the shapes of its weights.

    Raises:
        CheckpointError: a weight is missing that says a size, or no network can be built from what they say.
    """

    def size(name: str, axes: int, axis: int = 0) -> int:
        if len(shape := found.get(f"{name}.weight", ())) != axes:
            raise CheckpointError(f"{file}: {name}.weight of the notebook's model is missing or has not {axes} axes")
        return shape[axis]

    def widths(layers: list[str]) -> tuple[int, ...]:
        """Of convolutions, as far as there are any; one there must be."""
        there = [layer for layer in layers if len(found.get(f"{layer}.weight", ())) == 4]
        return tuple(size(layer, 4) for layer in there or layers[:1])

    attention = widths([f"attention.down_nn_{i + 1}.0" for i in range(MAX_BLOCKS)])
    encoder = widths([f"vae.encoder_nn.{2 * i}" for i in range(MAX_BLOCKS)])
    bottleneck = math.isqrt(size("attention.middle_nn.1", 2, axis=1) // max(attention[-1], 1))
    sizes: dict[str, Any] = {
        "resolution": bottleneck * 2 ** (len(attention) - 1),
        "latent_dim": size(f"vae.encoder_nn.{2 * len(encoder) + 2}", 2) // 2,
        "attention_channels": attention,
        "attention_hidden": size("attention.middle_nn.1", 2),
        "encoder_channels": encoder,
        "encoder_hidden": size(f"vae.encoder_nn.{2 * len(encoder) + 1}", 2),
        "decoder_channels": widths([f"vae.decoder_nn.{2 * i}" for i in range(4)]),
    }
    try:
        return MONetConfig(**sizes | settings)
    except ValueError as error:
        raise CheckpointError(f"{file}: {error}") from error
