"""What a picture with its ground truth is, whatever data set it comes from."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from torch import Tensor


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
        factors: what was drawn for each object, by the names of :class:`SceneBatch` but ``present``, each N or N,C for
            N objects; None where nobody knows.
    """

    image: np.ndarray
    segmentation: np.ndarray | None
    source: str
    background: tuple[int, ...] = (0,)
    factors: dict[str, np.ndarray] | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class SceneBatch:
    """Scenes that were made together, on the device that will use them.

    Attributes:
        images: uint8 B,3,H,W.
        segmentation: uint8 B,H,W, labels as in :class:`Scene`.
        factors: what was drawn, by name, each B,N or B,N,C with N the most objects of any scene: ``present`` (bool
            B,N) tells which entries are objects; the others' values mean nothing. Object n has the label
            ``n + 1 + (number of further background labels)``. Positions are ``x`` (column) and ``y`` (row) in pixels,
            ``color`` is RGB in [0, 1], ``angle`` in radians, ``shape`` an index.
    """

    images: Tensor
    segmentation: Tensor
    factors: dict[str, Tensor]
