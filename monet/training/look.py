"""Measures pictures for an automatic recipe: size, contrast, noise, and how well the shipped weights explain them."""

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
"""Pictures that a set is judged by."""
SIDE = 64
"""Pixels a side of what most shipped weights see. Larger pictures are shrunk to it; smaller ones enlarged for those."""
SPARE = 12
"""Slots that pictures are handed out to when their things are counted."""
THING = 0.004
"""Share of the pixels from which on a slot counts as one that holds a thing."""
CANDIDATES = 16
"""Pictures that every checkpoint is tried on."""


@dataclass(frozen=True)
class Look:
    """What the training pictures of a set are like.

    Attributes:
        count: how many there are to learn from; None: generated without end.
        sizes: the shortest and the longest side of a picture, pixels.
        square: whether every picture looked at is square.
        how: they become square.
        side: of a picture as a network sees it that begins with nothing, pixels.
        resolution: of that network.
        contrast: standard deviation of the pixels of a picture, median over pictures, in [0, 1].
        noise: standard deviation of what differs from pixel to pixel, median over pictures, in [0, 1].
        scenes: those looked at.
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
        """The pictures as a network of a configuration sees them, B,3,H,W in [0, 1]."""
        return to_tensor([batches.prepare(scene, config, self.how) for scene in self.scenes])


def look(data: str, how: How | None = None) -> Look:
    """Looks at the training pictures of a data set.

    Args:
        data: a generated data set's name, or the name or path of stored scenes.
        how: pictures that are not square become so; None: padded, so that nothing is cut away unasked.

    Raises:
        ValueError: there is no such data, or too little of it.
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
    """Blocks of the attention's U-Net with which its bottleneck is some four pixels wide, as the reference's."""
    return max(3, min(5, int(math.log2(side)) - 1))


def noise(image: np.ndarray) -> float:
    """Standard deviation of the noise of a picture H,W,3: of the difference of Laplacians, in which lines and even
    slopes vanish; from the median of its size, which edges do not move (Immerkaer 1996, Donoho 1994)."""
    if min(image.shape[:2]) < 3:
        return 0.0
    rows = image[:-2] - 2 * image[1:-1] + image[2:]
    both = rows[:, :-2] - 2 * rows[:, 1:-1] + rows[:, 2:]
    return float(np.median(np.abs(both), (0, 1)).mean() / 0.6745 / 6)  # 6: norm of the 3x3 kernel


def known_weights(seen: Look) -> tuple[Checkpoint, float] | None:
    """The checkpoint for pictures of ``SIDE`` pixels that explains these best, with its mean squared error; None where
    all leave more than half of the pictures' variance unexplained, or there is none.

    They are tried on the square in the middle: a border that they do not know says nothing about what they know.
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
    """Slots that hold a thing in nine of ten pictures at most, the background among them, as a model hands them out."""
    images = seen.images(model.config)
    used = []
    for part in images.split(CANDIDATES):
        log_masks, _ = model.attention(part, SPARE)
        shares = torch.nn.functional.one_hot(log_masks.argmax(1), SPARE).float().mean((1, 2))  # B,H,W,K to B,K
        used += (shares > THING).sum(1).tolist()
    return max(3, math.ceil(np.percentile(used, 90)))
