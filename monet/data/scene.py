"""``Scene`` and ``SceneBatch``: pictures with ground-truth segmentation and factors."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from torch import Tensor


class Unavailable(ValueError):
    """Scenes need something that is not installed. The message is one sentence for the user."""


@dataclass(frozen=True)
class Scene:
    """A picture and, if known, the object that each pixel belongs to.

    Attributes:
        image: uint8 H,W,3.
        segmentation: integer H,W, 0 = background, 1.. = objects, visible pixels only; None if unknown.
        source: description of where the scene comes from ("tetrominoes, seed 7").
        background: the labels that are not objects; Objects Room has four of them: sky, floor and two walls.
        factors: properties of each object, named as in :class:`SceneBatch` without ``present``, each N or N,C for N
            objects; None if unknown.
    """

    image: np.ndarray
    segmentation: np.ndarray | None
    source: str
    background: tuple[int, ...] = (0,)
    factors: dict[str, np.ndarray] | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class SceneBatch:
    """A batch of scenes on one device.

    Attributes:
        images: uint8 B,3,H,W.
        segmentation: uint8 B,H,W, labels as in :class:`Scene`.
        factors: object properties by name, each B,N or B,N,C, N being the largest number of objects. ``present`` (bool
            B,N) marks the entries that are objects; other entries have no meaning. Object n has the label
            ``n + 1 + (number of further background labels)``. Positions are ``x`` (column) and ``y`` (row) in pixels,
            ``color`` is RGB in [0, 1], ``angle`` in radians, ``shape`` an index.
    """

    images: Tensor
    segmentation: Tensor
    factors: dict[str, Tensor]
