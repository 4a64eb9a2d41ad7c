"""Weights of the reference notebook's model: a whole model or a state dict, as ``torch.save`` wrote it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from monet.checkpoints import CheckpointError, Shapes, as_float32, check_shapes, shapes
from monet.checkpoints.pickled import Description, Inert, TorchFile, opened, printable
from monet.model import MONet, MONetConfig

ATTRIBUTES = {
    "K": "num_slots",
    "sigma_bg": "background_scale",
    "sigma_fg": "foreground_scale",
    "beta": "beta",
    "gamma": "gamma",
}
"""What the notebook's model knows besides its weights, and what our configuration calls it."""

MAX_BLOCKS = 10
"""Of the U-Net: a larger one would need more pixels than a model may have."""


def load(path: Path, num_slots: int | None = None) -> MONet:
    """A model in eval mode with the weights of a notebook's; nothing in the file is run.

    Widths and resolution come from the weights' shapes. Slots, component scales and the weights of the loss terms are
    attributes of a whole model; a state dict has none, so there they are those of the default configuration.

    Args:
        path: what ``torch.save(model, path)`` or ``torch.save(model.state_dict(), path)`` wrote.
        num_slots: K, instead of the file's. The weights are shared over slots, so any number works.

    Raises:
        CheckpointError: see :func:`monet.checkpoints.pickled.opened`; or weights that are not those of the notebook's
            architecture at any width, or not finite.
    """
    with opened(path) as file:
        settings = _settings(file)
        if num_slots is not None:
            settings["num_slots"] = num_slots
        descriptions = _descriptions(file)
        found = {name: d.shape for name, d in descriptions.items()}
        config = _configuration(file.name, found, settings)
        ours, expected = names(config), shapes(config)
        expected = {name: expected[our_name] for name, our_name in ours.items()}
        check_shapes(file.name, "the file", found, "the notebook's model", expected)
        weights = file.tensors(descriptions)
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


def _descriptions(file: TorchFile) -> dict[str, Description]:
    """The tensors of a state dict or of a module and its modules, by the name that a state dict gives them."""
    found: dict[str, Description] = {}
    modules = [("", file.value)] if isinstance(file.value, Inert) else []
    tables = [("", file.value)] if isinstance(file.value, dict) else []
    seen = set()
    while modules:
        prefix, module = modules.pop()
        if not isinstance(module, Inert) or id(module) in seen:
            raise CheckpointError(f"{file.name}: a layer of its model is no layer, or stands in two places")
        seen.add(id(module))
        for kind in ("_parameters", "_buffers", "_modules"):
            table = module.attributes.get(kind)
            if not isinstance(table, dict):
                raise CheckpointError(f"{file.name}: a layer of its model has no {kind}")
            table = {name: value for name, value in table.items() if value is not None}
            if kind == "_modules":
                modules += [(f"{prefix}{name}.", child) for name, child in table.items() if isinstance(name, str)]
            else:
                tables.append((prefix, table))
    for prefix, table in tables:
        for name, tensor in table.items():
            if not isinstance(name, str) or not isinstance(tensor, Description):
                raise CheckpointError(f"{file.name}: holds something else than weights where a state dict has weights")
            found[printable(prefix + name)] = tensor
    if not found:
        raise CheckpointError(f"{file.name}: holds neither a model nor a state dict")
    return found


def _settings(file: TorchFile) -> dict[str, float]:
    """What a whole model says about itself besides its weights; of a state dict nothing."""
    if not isinstance(file.value, Inert):
        return {}
    settings = {ours: file.value.attributes[a] for a, ours in ATTRIBUTES.items() if a in file.value.attributes}
    for name, value in settings.items():
        if type(value) not in (int, float):
            raise CheckpointError(f"{file.name}: its {name} is no number")
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
