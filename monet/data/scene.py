"""What a picture with its ground truth is, whatever data set it comes from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


class Unavailable(ValueError):
    """Scenes need something that is not installed. The message is one sentence for the person at the keyboard."""


@dataclass(frozen=True)
class Scene:
    """A picture and, where it is known, which object each pixel belongs to.

    Attributes:
        image: uint8 H,W,3.
        segmentation: integer H,W, 0 = background, 1.. = objects, visible pixels only; None where nobody knows.
        source: where the scene comes from, for people ("tetrominoes, seed 7").
        background: the labels that are not objects; Objects Room has four of them: sky, floor and two walls.
    """

    image: np.ndarray
    segmentation: np.ndarray | None
    source: str
    background: tuple[int, ...] = (0,)
