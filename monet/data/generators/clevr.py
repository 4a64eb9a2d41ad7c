"""CLEVR6 generator: single scenes by the rules of CLEVR's own generator (Johnson et al. 2017), without Blender.

3 to 6 solids on a grey ground, of three shapes, two sizes, two materials and eight colours. Camera and lamps are
jittered in every scene. ``raycast.py`` renders them; ``clevr_batch.py`` generates batches.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from monet.data.generators.raycast import AWAY, CAMERA_AXES, SIZE, Lamp, centers, pixel, render, visible
from monet.data.generators.solids import GROUND, SHAPES, Solid
from monet.data.scene import Scene
from monet.data.seeds import Seed

__all__ = ["MOST", "OBJECTS", "SIZE", "generate"]

OBJECTS = (3, 6)
MOST = 10
SIZES = (0.35, 0.7)
MATERIALS = ("rubber", "metal")
COLORS = (
    np.array(
        [
            [87, 87, 87], [173, 35, 35], [42, 75, 215], [29, 105, 20],
            [129, 74, 25], [129, 38, 192], [41, 208, 208], [255, 238, 51],
        ]
    )
    / 255
)  # fmt: skip
"""Grey, red, blue, green, brown, purple, cyan, yellow, used as linear RGB, so they look paler than their names."""
CAMERA = np.array([7.4811, -6.5076, 5.3437])
LAMPS = (
    Lamp((6.4467, -2.9052, 4.2584), 0.5, (25.0, 23.3, 20.425)),
    Lamp((-4.6711, -4.0136, 3.0112), 0.5, (5.715, 6.135, 7.5)),
    Lamp((-1.1685, 2.646, 5.8157), 1.0, (12.5, 12.5, 12.5)),
)
"""Key, fill and back light of 78.54, 23.56 and 39.27 watts; a flat lamp's intensity straight ahead is power / pi."""
CAMERA_JITTER, LAMP_JITTER = 0.5, 1.0
"""Largest offset along each axis."""
REACH = 3.0
"""Largest distance of a solid's centre from the origin in x and in y."""
MIN_GAP, MIN_MARGIN = 0.25, 0.4
"""Least distance of the circles around two solids; of their centres as seen from the camera and from the side."""
MIN_RAYS = 200
"""Least number of visible pixels of a solid in the 320x240 picture, here in its 192x192 crop."""
TRIES = 50
"""Places tried for a solid before the scene is drawn again."""


def generate(seed: Seed, objects: tuple[int, int] = OBJECTS) -> Scene:
    """Generates one scene in which every object is visible.

    Unlike in the data set, no object lies outside the crop.

    Args:
        seed: the same seed gives the same scene.
        objects: fewest and most solids, at most 10.

    Raises:
        ValueError: ``objects`` out of range.
    """
    check(objects)
    fewest, most = objects
    rng = np.random.default_rng(seed)
    count = int(rng.integers(fewest, most + 1))
    while True:
        camera = _moved(rng, CAMERA, CAMERA_JITTER).astype(np.float32)
        solids = arrange(rng, count)
        if solids is None:
            continue
        index = visible(solids, camera)
        rays = np.bincount(index[index != GROUND], minlength=count)
        if (rays >= MIN_RAYS).all():
            break
    lamps = [Lamp(tuple(_moved(rng, lamp.position, LAMP_JITTER)), lamp.side, lamp.intensity) for lamp in LAMPS]
    labels = (centers(index) - GROUND).astype(np.uint8)
    image = render(solids, camera, lamps)
    return Scene(image, labels, f"CLEVR6, generated, seed {seed}", factors=_factors(solids, camera))


def check(objects: tuple[int, int]) -> None:
    """Raises ValueError if no scene has that many objects."""
    fewest, most = objects
    if not 0 <= fewest <= most <= MOST:
        raise ValueError(f"objects {objects} must satisfy 0 <= fewest <= most <= {MOST}")


def _factors(solids: Sequence[Solid], camera: np.ndarray) -> dict[str, np.ndarray]:
    """Returns the factors of one scene, as :func:`clevr_batch.batch` does."""
    place = np.array([solid.place for solid in solids], float).reshape(-1, 2)
    size = np.array([solid.size for solid in solids], float)
    right, up, backward = CAMERA_AXES.T @ (np.column_stack((place, size)) - camera).T
    x, y = pixel(right, up, backward)
    return {
        "x": x,
        "y": y,
        "place": place,
        "size": size,
        "shape": np.array([SHAPES.index(solid.shape) for solid in solids], int),
        "material": np.array([MATERIALS.index("metal" if solid.metal else "rubber") for solid in solids], int),
        "color": np.array([solid.color for solid in solids], float).reshape(-1, 3),
        "angle": np.array([solid.turn for solid in solids], float),
    }


def arrange(rng: np.random.Generator, count: int) -> list[Solid] | None:
    """Draws solids that keep the required distances; None if ``TRIES`` places did not fit one of them."""
    solids: list[Solid] = []
    for _ in range(count):
        size = SIZES[rng.integers(len(SIZES))]
        places = rng.uniform(-REACH, REACH, (TRIES, 2))
        fitting = (place for place in places if all(_apart(place - s.place, size + s.size) for s in solids))
        if (place := next(fitting, None)) is None:
            return None
        solids.append(
            Solid(
                shape=SHAPES[rng.integers(len(SHAPES))],
                place=tuple(place),
                size=size,
                turn=rng.uniform(0, 2 * np.pi),
                color=tuple(COLORS[rng.integers(len(COLORS))]),
                metal=bool(rng.integers(2)),
            )
        )
    return solids


def _apart(offset: np.ndarray, sizes: float) -> bool:
    behind, beside = offset @ AWAY, offset @ (AWAY[1], -AWAY[0])
    return bool(np.hypot(*offset) - sizes >= MIN_GAP and min(abs(behind), abs(beside)) >= MIN_MARGIN)


def _moved(rng: np.random.Generator, position: Sequence[float] | np.ndarray, jitter: float) -> np.ndarray:
    return position + rng.uniform(-jitter, jitter, 3)
