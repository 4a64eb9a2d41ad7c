"""Widens a trained network without changing its function (Chen et al. 2016, "Net2Net")."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from monet.attention import Block
from monet.model import MONet


@torch.no_grad()
def widen(narrow: MONet, wide: MONet) -> None:
    """Copies ``narrow``'s weights into ``wide``, whose attention blocks may be wider except the last one down.

    New channels keep their initial weights; the weights that read them start at zero. Instance normalisation treats
    channels separately, so the old channels are unchanged.

    Raises:
        ValueError: the networks differ in anything else, or a block is narrower.
    """
    a, b = narrow.config.attention_channels, wide.config.attention_channels
    if len(a) != len(b) or a[-1] != b[-1] or any(x > y for x, y in zip(a, b, strict=True)):
        raise ValueError(f"attention of widths {a} cannot become {b}: only blocks before the last may grow")
    state, kept = narrow.state_dict(), wide.state_dict()
    of_attention = ("attention.unet.first", "attention.unet.down", "attention.unet.up", "attention.unet.logits")
    for name, value in state.items():
        if name.startswith(of_attention):
            continue
        if name not in kept or kept[name].shape != value.shape:
            raise ValueError(f"the networks differ in {name}")
        kept[name].copy_(value)
    old, new = narrow.attention.unet, wide.attention.unet
    _grow(old.first, new.first, [(4, 4)])
    for level, (x, y) in enumerate(zip(_blocks(old.down), _blocks(new.down), strict=True)):
        _grow(x, y, [(a[level], b[level])])
    # A block on the way up reads the block below, concatenated with the skip of its level.
    below = [(a[-1], b[-1]), *((x // 2, y // 2) for x, y in zip(reversed(a), reversed(b), strict=True))]
    skips = list(zip(reversed(a), reversed(b), strict=True))
    for level, (x, y) in enumerate(zip(_blocks(old.up), _blocks(new.up), strict=True)):
        _grow(x, y, [below[level], skips[level]])
    _fill(old.logits.weight, new.logits.weight, [below[-1]])
    if old.logits.bias is not None and new.logits.bias is not None:
        new.logits.bias.copy_(old.logits.bias)


def _blocks(modules: nn.ModuleList) -> list[Block]:
    return [module for module in modules if isinstance(module, Block)]


def _grow(old: Block, new: Block, inputs: list[tuple[int, int]]) -> None:
    _fill(old.convolution.weight, new.convolution.weight, inputs)
    for name in ("weight", "bias"):
        getattr(new.norm, name)[: len(getattr(old.norm, name))] = getattr(old.norm, name)


def _fill(old: Tensor, new: Tensor, inputs: list[tuple[int, int]]) -> None:
    """Copies the weights of old output channels from old input channels, and sets those from new ones to zero.

    ``inputs`` are the old and new widths of the concatenated inputs.
    """
    outputs = len(old)
    new[:outputs] = 0
    start, to = 0, 0
    for width, wider in inputs:
        new[:outputs, to : to + width] = old[:, start : start + width]
        start, to = start + width, to + wider
