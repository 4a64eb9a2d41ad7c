"""Objects Room generator: scenes like DeepMind's (Kabra et al. 2019), rendered with MuJoCo.

DeepMind rendered the data set in the room of the GQN paper (Eslami et al. 2018). Here as there, pictures have 64x64
pixels and show a square room under a flat sky. Floor and walls have one colour each with faint textures. Objects of
seven shapes stand on the floor under one lamp. The camera stands on a ring, looks across the centre and tilts up or
down.

Camera height, lens, ring and wall height were fitted to the sky lines and floor lines of 64 genuine pictures; colours,
textures, lamp and object sizes by eye and by colour statistics. The positions of the objects are an assumption. The
light varies less between rooms than in the genuine pictures.
"""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from typing import Literal

import numpy as np

from monet.data.generators.room import FIELD_OF_VIEW, MOST, RING, SHAPES, SIZE, Thing, View, render
from monet.data.scene import Scene

__all__ = ["BACKGROUND", "OBJECTS", "SIZE", "TITLES", "Variant", "generate"]

Variant = Literal["train", "empty_room", "six_objects", "identical_color"]
OBJECTS: dict[Variant, tuple[int, int]] = {
    "train": (1, 3),
    "empty_room": (0, 0),
    "six_objects": (6, 6),
    "identical_color": (4, 6),
}
TITLES: dict[Variant, str] = {
    "train": "Objects Room",
    "empty_room": "Objects Room, empty room",
    "six_objects": "Objects Room, six objects",
    "identical_color": "Objects Room, identical colours",
}
BACKGROUND = (0, 1, 2, 3)
"""Sky, floor, left wall and right wall; a wall outside the view has no pixel."""

_NOD = (-0.17, 0.15)
_DEPTH, _REACH, _GAP = (1.6, 5.5), 2.9, 0.9


def generate(seed: int | Sequence[int], objects: tuple[int, int] | None = None, variant: Variant = "train") -> Scene:
    """Generates one scene. Objects have the labels after ``BACKGROUND``; each of them has pixels.

    Args:
        seed: the same seed gives the same scene, as far as OpenGL draws the same on every machine.
        objects: fewest and most objects in view, at most 6; the variant's own range if None.
        variant: the genuine data set or one of its test sets; in ``identical_color`` all objects share a colour.

    Raises:
        ValueError: ``objects`` out of range or an unknown variant.
        Unavailable: MuJoCo or OpenGL is missing.
    """
    if variant not in OBJECTS:
        raise ValueError(f"variant {variant!r} is none of {', '.join(OBJECTS)}")
    fewest, most = objects or OBJECTS[variant]
    if not 0 <= fewest <= most <= MOST:
        raise ValueError(f"objects {objects} must satisfy 0 <= fewest <= most <= {MOST}")
    rng = np.random.default_rng(seed)
    # The larger of two draws: 2 of 32 genuine pictures show one object, 11 two and 19 three.
    count = int(rng.integers(fewest, most + 1, size=2).max())
    view = View(rng.uniform(0, 2 * np.pi), rng.uniform(*_NOD), wall=_color(rng), floor=_color(rng))
    colors = [_color(rng) for _ in range(count)]
    if variant == "identical_color":
        colors = colors[:1] * count
    while True:
        things = [
            Thing(SHAPES[rng.integers(len(SHAPES))], x, y, rng.uniform(0, 2 * np.pi), color)
            for (x, y), color in zip(_places(rng, view.angle, count), colors, strict=True)
        ]
        image, segmentation = render(view, things)
        if len(np.unique(segmentation[segmentation > max(BACKGROUND)])) == count:
            return Scene(image, segmentation, f"{TITLES[variant]}, generated, seed {seed}", BACKGROUND)


def _color(rng: np.random.Generator) -> tuple[float, float, float]:
    return colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.75, 1), rng.uniform(0.7, 1))


def _places(rng: np.random.Generator, angle: float, count: int) -> list[np.ndarray]:
    """Draws points on the floor in the camera's view with a minimum distance."""
    outward = np.array([np.cos(angle), np.sin(angle)])
    aside = np.array([-outward[1], outward[0]])
    half = np.tan(np.radians(FIELD_OF_VIEW / 2))
    while True:
        places: list[np.ndarray] = []
        for _ in range(60):
            if len(places) == count:
                return places
            depth = rng.uniform(*_DEPTH)
            place = (RING - depth) * outward + rng.uniform(-1.1, 1.1) * half * depth * aside
            apart = all(np.linalg.norm(place - other) > _GAP for other in places)
            if apart and abs(place).max() < _REACH:
                places.append(place)
