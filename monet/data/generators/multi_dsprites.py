"""Multi-dSprites, generated: the shapes, colours and counts of DeepMind's data set (Kabra et al. 2019).

64x64 pixels, opaque sprites over one another. The shapes' formulas were fitted to genuine dSprites frames and the
distributions measured on genuine Multi-dSprites pictures; the order in which sprites are drawn is assumed.
"""

from __future__ import annotations

import colorsys
from typing import Literal, get_args

import numpy as np

from monet.data.scene import Scene
from monet.data.seeds import Seed

SIZE = 64
Variant = Literal["colored_on_grayscale", "colored_on_colored", "binarized"]
OBJECTS: dict[Variant, tuple[int, int]] = {
    "colored_on_grayscale": (2, 5),
    "colored_on_colored": (1, 4),
    "binarized": (2, 3),
}
TITLES: dict[Variant, str] = {
    "colored_on_grayscale": "Multi-dSprites, coloured on grey",
    "colored_on_colored": "Multi-dSprites, coloured on coloured",
    "binarized": "Multi-dSprites, binarised",
}
VARIANTS: tuple[Variant, ...] = get_args(Variant)
_SHAPES = ("square", "ellipse", "heart")
_ROWS, _COLUMNS = np.mgrid[:SIZE, :SIZE].astype(np.float64)


def generate(
    seed: Seed,
    objects: tuple[int, int] | None = None,
    variant: Variant = "colored_on_grayscale",
) -> Scene:
    """One scene. A sprite that others hide entirely has no pixel in the segmentation.

    Args:
        seed: the same seed, the same scene.
        objects: fewest and most sprites; the variant's own where None.
        variant: colours of sprites and background.

    Raises:
        ValueError: ``objects`` out of range or an unknown variant.
    """
    if variant not in OBJECTS:
        raise ValueError(f"variant {variant!r} is none of {', '.join(OBJECTS)}")
    fewest, most = objects or OBJECTS[variant]
    if not 0 <= fewest <= most <= 100:
        raise ValueError(f"objects {objects} must satisfy 0 <= fewest <= most <= 100")
    rng = np.random.default_rng(seed)
    image = np.empty((SIZE, SIZE, 3), np.uint8)
    image[:] = _background(rng, variant)
    segmentation = np.zeros((SIZE, SIZE), np.uint8)
    for label in range(1, rng.integers(fewest, most + 1) + 1):
        inside = sprite(
            _SHAPES[rng.integers(len(_SHAPES))],
            row=15.5 + 32 * rng.random(),
            column=15.5 + 32 * rng.random(),
            scale=rng.uniform(0.5, 1),
            angle=rng.uniform(0, 2 * np.pi),
        )
        image[inside] = _color(rng, variant)
        segmentation[inside] = label
    return Scene(image, segmentation, f"{TITLES[variant]}, generated, seed {seed}")


def sprite(shape: str, row: float, column: float, scale: float, angle: float) -> np.ndarray:
    """Pixels whose centre lies inside a dSprites shape, bool 64,64; position in pixels, angle in radians."""
    down, right = _ROWS - row, _COLUMNS - column
    cos, sin = np.cos(angle), np.sin(angle)
    u, v = (cos * right + sin * down) / scale, (cos * down - sin * right) / scale
    if shape == "square":
        return np.maximum(abs(u), abs(v)) <= 9.6
    if shape == "ellipse":
        return (u / 12.8) ** 2 + (v / 7.2) ** 2 <= 1
    # The heart curve is |u| = 9.6 sin^3 t; two values of t share a |u|, the upper and the lower edge.
    t = np.arcsin(np.cbrt(np.minimum(abs(u) / 9.6, 1)))
    return (abs(u) <= 9.6) & (_heart_edge(t) <= v) & (v <= _heart_edge(np.pi - t))


def _heart_edge(t: np.ndarray) -> np.ndarray:
    cos = np.cos(t)
    # 13 cos t - 5 cos 2t - 2 cos 3t - cos 4t by the multiple-angle formulas: one cosine instead of four.
    return -0.66 * (4 + 19 * cos - 2 * cos**2 - 8 * cos**3 - 8 * cos**4) - 1.4


def _background(rng: np.random.Generator, variant: Variant) -> np.ndarray | np.integer | int:
    if variant == "colored_on_grayscale":
        return rng.integers(256)
    return rng.integers(256, size=3) if variant == "colored_on_colored" else 0


def _color(rng: np.random.Generator, variant: Variant) -> np.ndarray | int:
    if variant == "colored_on_grayscale":
        hsv = rng.random(), rng.uniform(0.5, 1), rng.uniform(0.5, 1)
        return np.round(np.multiply(colorsys.hsv_to_rgb(*hsv), 255)).astype(np.uint8)
    return rng.integers(256, size=3) if variant == "colored_on_colored" else 255
