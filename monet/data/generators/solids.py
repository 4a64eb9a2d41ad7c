"""Cubes, cylinders and spheres on the ground z = 0, and their intersection with rays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

Shape = Literal["cube", "cylinder", "sphere"]
SHAPES: tuple[Shape, ...] = get_args(Shape)

GROUND = -1
"""Index of the ground, instead of a solid's."""
BEVEL = 0.12
"""Width of bevelled edges, in half heights. Bevels affect the shading only; outlines stay sharp."""
BOUND: dict[Shape, float] = {"cube": 3**0.5, "cylinder": 2**0.5, "sphere": 1.0}
"""Radius of the bounding sphere, in half heights."""


@dataclass(frozen=True)
class Solid:
    """A convex body, as wide as it is high.

    Attributes:
        shape: its shape.
        place: x, y of its centre.
        size: half of its height.
        turn: rotation about the vertical, in radians.
        color: linear RGB in [0, 1].
        metal: metal, which reflects; otherwise rubber.
    """

    shape: Shape
    place: tuple[float, float]
    size: float
    turn: float
    color: tuple[float, float, float]
    metal: bool

    @property
    def center(self) -> np.ndarray:
        return np.array([*self.place, self.size], np.float32)

    @property
    def axes(self) -> np.ndarray:
        """3,3: its own axes as columns."""
        cos, sin = np.cos(self.turn), np.sin(self.turn)
        return np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]], np.float32)


def first(
    solids: Sequence[Solid], origins: np.ndarray, directions: np.ndarray, own: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Finds the first solid on each ray.

    Args:
        solids: all solids of the scene.
        origins: float32 N,3, outside the solids or on the surface of one.
        directions: float32 N,3, of length 1.
        own: int N, index of the solid that a ray starts from, or ``GROUND``. A solid is convex and never blocks its
            own rays.

    Returns:
        distance float32 N and index int N; infinity and ``GROUND`` if the ray meets no solid.
    """
    distance, index = np.full(len(origins), np.inf, np.float32), np.full(len(origins), GROUND)
    for k, solid in enumerate(solids):
        bound = BOUND[solid.shape] * solid.size
        to_center = solid.center - origins
        along = dot(to_center, directions)
        rays = np.flatnonzero((dot(to_center, to_center) - along**2 < bound**2) & (along > -bound) & (own != k))
        axes = solid.axes / solid.size
        enter, leave = _span(solid.shape, -to_center[rays] @ axes, directions[rays] @ axes)
        met = (enter < leave) & (enter > 0) & (enter < distance[rays])
        distance[rays[met]], index[rays[met]] = enter[met], k
    return distance, index


def normals(solid: Solid, points: np.ndarray) -> np.ndarray:
    """Computes unit normals N,3 at points N,3 of a surface; on a bevel they turn from one face to the next."""
    local = (points - solid.center) @ (solid.axes / solid.size)
    if solid.shape == "cube":
        local = _beyond(local)
    elif solid.shape == "cylinder":
        radius = np.hypot(local[:, :1], local[:, 1:2])
        local = np.hstack((local[:, :2] * _beyond(radius) / np.maximum(radius, 1e-6), _beyond(local[:, 2:])))
    return unit(local) @ solid.axes.T


def dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Computes the inner products N of vectors N,3."""
    return np.einsum("ij,ij->i", a, b)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Normalises vectors N,3 to length 1."""
    return vectors / np.sqrt(dot(vectors, vectors))[:, None]


def _beyond(x: np.ndarray) -> np.ndarray:
    """Returns the signed depth of coordinates in the bevel: 0 on a flat face away from its edges."""
    return np.sign(x) * np.maximum(abs(x) - (1 - BEVEL), 0)


def _span(shape: Shape, origins: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Computes where lines N,3 enter and leave the shape of half height 1 around 0, N each.

    If a line misses the shape, enter < leave is false.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        if shape == "cube":
            enter, leave = _between(origins, directions)
            return enter.max(1), leave.min(1)
        axes = 3 if shape == "sphere" else 2
        o, d = origins[:, :axes], directions[:, :axes]
        a, b = dot(d, d), dot(o, d)
        root = np.sqrt(b**2 - a * (dot(o, o) - 1))  # NaN, which compares false, if there is no solution
        enter, leave = (-b - root) / a, (-b + root) / a
        if shape == "cylinder":
            bottom, top = _between(origins[:, 2], directions[:, 2])
            enter, leave = np.maximum(enter, bottom), np.minimum(leave, top)
        return enter, leave


def _between(origins: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Computes where coordinates enter and leave [-1, 1]."""
    a, b = (-1 - origins) / directions, (1 - origins) / directions
    return np.minimum(a, b), np.maximum(a, b)
