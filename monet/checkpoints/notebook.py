"""Imports weights of the reference notebook's network: maps their names and infers the sizes from their shapes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monet.checkpoints import CheckpointError, Shapes, as_float32, assemble, check_shapes, foreign, shapes
from monet.checkpoints.archive import printable
from monet.model import MONet, MONetConfig

ATTRIBUTES = {
    "K": "num_slots",
    "sigma_bg": "background_scale",
    "sigma_fg": "foreground_scale",
    "beta": "beta",
    "gamma": "gamma",
}
"""Our configuration's names by the attributes of the notebook's model."""

MAX_BLOCKS = 10
"""Largest number of U-Net blocks; more would need more pixels than a model may have."""


def load(path: Path, num_slots: int | None = None, prefix: str | None = None) -> MONet:
    """Loads the weights of a notebook's model into a model in eval mode; nothing in the file is run.

    Widths and resolution are inferred from the weights' shapes. Slots, component scales and loss weights are attributes
    of a whole model; for a state dict, which has none, the default configuration is used.

    Args:
        path: file of ``torch.save`` or safetensors with a model, its state dict, or dictionaries around it; see
            :mod:`monet.checkpoints.foreign`.
        num_slots: K, instead of the file's. The weights are shared over slots, so any number works.
        prefix: prefix of the weights in the file; None if it holds one set of weights.

    Raises:
        CheckpointError: see :func:`monet.checkpoints.foreign.opened`; no such set of weights; or weights that are not
            of the notebook's architecture at any width, or not finite.
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
    return assemble(config, {ours[name]: tensor for name, tensor in weights.items()})


def names(config: MONetConfig) -> dict[str, str]:
    """Maps the notebook's name of every weight to ours; larger networks continue the notebook's numbering."""
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
        "vae.encoder.hidden": f"vae.encoder_nn.{2 * convolutions + 1}",  # after Flatten
        "vae.encoder.posterior": f"vae.encoder_nn.{2 * convolutions + 2}",
        **{f"vae.decoder.convolutions.{i}": f"vae.decoder_nn.{2 * i}" for i in range(4)},
        "vae.decoder.output": "vae.decoder_nn.8",
    }
    split = {name: name.rpartition(".") for name in shapes(config)}
    return {f"{layers[layer]}.{kind}": name for name, (layer, _, kind) in split.items()}


def _settings(file: str, attributes: Mapping[str, Any]) -> dict[str, float]:
    """Reads the settings of a whole model from its attributes."""
    settings = {ours: attributes[name] for name, ours in ATTRIBUTES.items() if name in attributes}
    for name, value in settings.items():
        if type(value) not in (int, float):
            raise CheckpointError(f"{file}: its {name} is not a number")
    return settings


def _configuration(file: str, found: Shapes, settings: dict[str, float]) -> MONetConfig:
    """Infers the configuration of a network from the shapes of its weights.

    Raises:
        CheckpointError: a weight that determines a size is missing, or the sizes fit no network.
    """

    def size(name: str, axes: int, axis: int = 0) -> int:
        if len(shape := found.get(f"{name}.weight", ())) != axes:
            raise CheckpointError(f"{file}: {name}.weight of the notebook's model is missing or has not {axes} axes")
        return shape[axis]

    def widths(layers: list[str]) -> tuple[int, ...]:
        """Returns the widths of the convolutions that exist; there must be at least one."""
        existing = [layer for layer in layers if len(found.get(f"{layer}.weight", ())) == 4]
        return tuple(size(layer, 4) for layer in existing or layers[:1])

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
