"""Objects Room, rendered: like DeepMind's data set (Kabra et al. 2019), which was made in the room of the GQN paper
(Eslami et al. 2018).

64x64 pixels: a square room under a flat sky, floor and walls of one colour each with faint textures, and objects of
seven shapes on the floor under one lamp. The camera stands on a ring, looks across the centre and nods up or down. Its
height and lens, the ring and the walls' height were fitted to sky lines and floor lines of 64 genuine pictures;
colours, textures, lamp and sizes of objects by eye and by colour statistics. Where objects stand is assumed, and the
light varies less from room to room than in the genuine pictures.
"""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from monet.data.generators.room import FIELD_OF_VIEW, MOST, RING, SHAPES, SIZE, Thing, View, render
from monet.data.scene import Scene

__all__ = ["BACKGROUND", "OBJECTS", "SIZE", "TITLES", "VARIANTS", "Variant", "generate"]

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
VARIANTS: tuple[Variant, ...] = get_args(Variant)
BACKGROUND = (0, 1, 2, 3)
"""Sky, floor, the left wall and the right wall; a wall that is out of view has no pixel."""

_NOD = (-0.17, 0.15)
_DEPTH, _REACH, _GAP = (1.6, 5.5), 2.9, 0.9


def generate(seed: int | Sequence[int], objects: tuple[int, int] | None = None, variant: Variant = "train") -> Scene:
    """One scene. Objects have the labels after ``BACKGROUND``, and each of them has pixels.

    Args:
        seed: the same seed, the same scene, as far as OpenGL draws the same on every machine.
        objects: fewest and most objects in view, at most 6; the variant's own where None.
        variant: as the genuine data set and its test sets; with ``identical_color`` all objects share one.

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
    # The larger of two draws: of 32 genuine pictures 2 show one object, 11 two and 19 three.
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
    """Points on the floor in the camera's view, apart from one another."""
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
