"""Helpers for batches of flat scenes: numbers of objects, uniform draws, chunks, colouring by label."""

from __future__ import annotations

import torch
from torch import Tensor


def present(count: int, objects: tuple[int, int], generator: torch.Generator) -> Tensor:
    """Draws the number of objects of each scene, uniformly from ``objects``.

    Returns:
        bool count,N with N the most objects: the first n entries of a scene with n objects are set.
    """
    fewest, most = objects
    device = generator.device
    numbers = torch.randint(fewest, most + 1, (count, 1), generator=generator, device=device)
    return torch.arange(most, device=device) < numbers


def uniform(low: float, high: float, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Draws float32 of a shape from low to high."""
    return low + (high - low) * torch.rand(shape, generator=generator, device=generator.device)


def chunk(count: int, device: torch.device) -> int:
    """Returns how many of ``count`` scenes to draw at a time: few on a CPU, so that they stay in its cache."""
    return 64 if device.type == "cpu" else max(count, 1)


def to_bytes(color: Tensor) -> Tensor:
    """Rounds colours in [0, 1] to uint8."""
    return (color * 255).round().to(torch.uint8)


def paint(segmentation: Tensor, colors: Tensor) -> Tensor:
    """Colours each pixel by its label.

    Args:
        segmentation: uint8 B,H,W of labels below K.
        colors: uint8 B,K,3, a colour for each label.

    Returns:
        uint8 B,3,H,W.
    """
    batch, height, width = segmentation.shape
    labels = segmentation.view(batch, 1, -1).long().expand(batch, 3, -1)
    return colors.transpose(1, 2).contiguous().gather(2, labels).view(batch, 3, height, width)
