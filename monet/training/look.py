"""Measures pictures for an automatic recipe: size, contrast, noise and fit of the shipped weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from monet import checkpoints
from monet.checkpoints import Checkpoint
from monet.data import Scene, batches
from monet.data.batches import TRAIN, to_tensor
from monet.model import MONet, MONetConfig
from monet.pictures import How

LOOKED_AT = 64
"""Pictures that are measured."""
SIDE = 64
"""Resolution of most shipped weights in pixels. Larger pictures are shrunk to it; smaller ones enlarged for them."""
SPARE = 12
"""Slots used when the things in pictures are counted."""
THING = 0.004
"""Least share of the pixels of a slot that counts as a thing."""
CANDIDATES = 16
"""Pictures that every checkpoint is tested on."""


@dataclass(frozen=True)
class Look:
    """Measurements of the training pictures of a data set.

    Attributes:
        count: number of training pictures; None for generated data, which is unlimited.
        sizes: the shortest and the longest side of a picture in pixels.
        square: whether every measured picture is square.
        how: how pictures are made square.
        side: side of a picture in pixels for a network that is trained from scratch.
        resolution: resolution of that network.
        contrast: standard deviation of the pixels of a picture, median over pictures, in [0, 1].
        noise: standard deviation of the pixel noise, median over pictures, in [0, 1].
        scenes: the measured scenes.
    """

    count: int | None
    sizes: tuple[int, int]
    square: bool
    how: How
    side: int
    resolution: int
    contrast: float
    noise: float
    scenes: Sequence[Scene]

    def images(self, config: MONetConfig) -> torch.Tensor:
        """Returns the pictures preprocessed for a network, B,3,H,W in [0, 1]."""
        return to_tensor([batches.prepare(scene, config, self.how) for scene in self.scenes])


def look(data: str, how: How | None = None) -> Look:
    """Measures the training pictures of a data set.

    Args:
        data: a generated data set's name, or the name or path of stored scenes.
        how: how to make pictures square; if None, they are padded, so that nothing is cut away.

    Raises:
        ValueError: no such data, or too few scenes.
    """
    count = batches.size(data, TRAIN)
    scenes = batches.scenes(data, TRAIN, range(min(count or LOOKED_AT, LOOKED_AT)))
    sides = [side for scene in scenes for side in scene.image.shape[:2]]
    square = all(scene.image.shape[0] == scene.image.shape[1] for scene in scenes)
    how = how or ("crop" if square else "pad")
    side = min(max(max(sides), 16), SIDE)
    shrunk = [batches.squared(scene, min(*scene.image.shape[:2], SIDE)) for scene in scenes]  # without a border
    pixels = [scene.image.astype(np.float32) / 255 for scene in shrunk]
    contrast = float(np.median([image.std((0, 1)).mean() for image in pixels]))
    multiple = 2 ** (blocks(side) - 1)
    return Look(
        count, (min(sides), max(sides)), square, how, side, math.ceil(side / multiple) * multiple, contrast,
        float(np.median([noise(image) for image in pixels])), scenes,
    )  # fmt: skip


def blocks(side: int) -> int:
    """Returns the number of U-Net blocks that gives a bottleneck about four pixels wide, as in the reference."""
    return max(3, min(5, int(math.log2(side)) - 1))


def noise(image: np.ndarray) -> float:
    """Estimates the standard deviation of the noise of a picture H,W,3 (Immerkaer 1996, Donoho 1994).

    Uses the difference of two Laplacians, which removes lines and linear slopes, and the median of its magnitude, which
    is robust to edges.
    """
    if min(image.shape[:2]) < 3:
        return 0.0
    rows = image[:-2] - 2 * image[1:-1] + image[2:]
    both = rows[:, :-2] - 2 * rows[:, 1:-1] + rows[:, 2:]
    return float(np.median(np.abs(both), (0, 1)).mean() / 0.6745 / 6)  # 6: norm of the 3x3 kernel


def known_weights(seen: Look) -> tuple[Checkpoint, float] | None:
    """Returns the checkpoint for ``SIDE`` pixels that reconstructs the pictures best, with its mean squared error.

    Returns None if there is no such checkpoint, or if none explains half of the pictures' variance. Only the central
    square is tested, because the checkpoints do not know black borders.
    """
    seen = replace(seen, how="crop")
    found: list[tuple[float, Checkpoint]] = []
    for checkpoint in checkpoints.find()[0]:
        config = checkpoint.config
        if (config.resolution, config.picture_size) != (SIDE, None):
            continue
        images = seen.images(config)[:CANDIDATES]
        with torch.inference_mode():
            error = (checkpoints.load(checkpoint)(images).reconstruction - images).square().mean()
        found.append((float(error), checkpoint))
    if not found:
        return None
    error, best = min(found, key=lambda pair: pair[0])
    variance = float(images.var((2, 3)).mean())
    return (best, error) if error < variance / 2 else None


@torch.inference_mode()
def things(model: MONet, seen: Look) -> int:
    """Counts the slots that a model uses: the 90th percentile over pictures, background included, at least 3."""
    images = seen.images(model.config)
    used = []
    for part in images.split(CANDIDATES):
        log_masks, _ = model.attention(part, SPARE)
        shares = torch.nn.functional.one_hot(log_masks.argmax(1), SPARE).float().mean((1, 2))  # B,H,W,K to B,K
        used += (shares > THING).sum(1).tolist()
    return max(3, math.ceil(np.percentile(used, 90)))
