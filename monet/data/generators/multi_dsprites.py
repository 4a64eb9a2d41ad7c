"""Multi-dSprites generator: the shapes, colours and counts of DeepMind's data set (Kabra et al. 2019).

64x64 pixels with opaque, overlapping sprites. The formulas of the shapes were fitted to genuine dSprites frames, the
distributions measured on genuine Multi-dSprites pictures. The order in which sprites are drawn is an assumption.
"""

from __future__ import annotations

import colorsys
from functools import lru_cache
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from monet.data.generators import drawing
from monet.data.scene import Scene, SceneBatch
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
    """Generates one scene. A sprite that others hide entirely has no pixel in the segmentation.

    Args:
        seed: the same seed gives the same scene.
        objects: fewest and most sprites; the variant's own range if None.
        variant: colours of sprites and background.

    Raises:
        ValueError: ``objects`` out of range or an unknown variant.
    """
    fewest, most = objects or OBJECTS.get(variant, (0, 0))
    _check((fewest, most), variant)
    rng = np.random.default_rng(seed)
    image = np.empty((SIZE, SIZE, 3), np.uint8)
    image[:] = _background(rng, variant)
    segmentation = np.zeros((SIZE, SIZE), np.uint8)
    sprites: list[tuple[int, float, float, float, float]] = []
    colors: list[np.ndarray | int] = []
    for label in range(1, rng.integers(fewest, most + 1) + 1):
        shape = int(rng.integers(len(_SHAPES)))
        y, x = 15.5 + 32 * rng.random(), 15.5 + 32 * rng.random()
        scale, angle = rng.uniform(0.5, 1), rng.uniform(0, 2 * np.pi)
        inside = sprite(_SHAPES[shape], y, x, scale, angle)
        sprites.append((shape, y, x, scale, angle))
        colors.append(_color(rng, variant))
        image[inside] = colors[-1]
        segmentation[inside] = label
    drawn = np.array(sprites, float).reshape(-1, 5).T
    factors = dict(zip(("shape", "y", "x", "scale", "angle"), drawn, strict=True))
    factors["shape"] = factors["shape"].astype(int)
    factors["color"] = np.array([np.broadcast_to(color, 3) for color in colors], float).reshape(-1, 3) / 255
    return Scene(image, segmentation, f"{TITLES[variant]}, generated, seed {seed}", factors=factors)


def _check(objects: tuple[int, int], variant: Variant) -> None:
    if variant not in OBJECTS:
        raise ValueError(f"variant {variant!r} is none of {', '.join(OBJECTS)}")
    fewest, most = objects
    if not 0 <= fewest <= most <= 100:
        raise ValueError(f"objects {objects} must satisfy 0 <= fewest <= most <= 100")


def sprite(shape: str, row: float, column: float, scale: float, angle: float) -> np.ndarray:
    """Tests which pixel centres lie inside a dSprites shape, bool 64,64; position in pixels, angle in radians."""
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


# ------------------------------------------------------------------ many scenes at once

_WINDOW = 28
"""Side of the window around a sprite in pixels: the largest square, rotated by 45 degrees, fits."""
_REACH = 9.6 * 2**0.5
"""Largest distance of a sprite's pixels from its centre."""


def batch(
    count: int,
    objects: tuple[int, int],
    generator: torch.Generator,
    variant: Variant = "colored_on_grayscale",
) -> SceneBatch:
    """Draws many scenes at once, with the distribution of :func:`generate`.

    Args:
        count: number of scenes.
        objects: fewest and most sprites, at most 100.
        generator: random state; the scenes are made on its device, and the same state gives the same scenes on the
            same kind of device.
        variant: colours of sprites and background.

    Returns:
        64x64 pictures; factors ``present``, ``shape`` (index into square, ellipse, heart), ``x`` and ``y`` of the
        centre, ``scale`` from 0.5 to 1, ``angle`` from 0 to 2 pi, and ``color``. A sprite that others hide entirely is
        present, but has no pixel in the segmentation.

    Raises:
        ValueError: ``objects`` out of range or an unknown variant.
    """
    _check(objects, variant)
    present = drawing.present(count, objects, generator)
    shape = tuple(present.shape)
    factors = {
        "present": present,
        "shape": torch.randint(len(_SHAPES), shape, generator=generator, device=generator.device),
        "y": drawing.uniform(15.5, 47.5, shape, generator),
        "x": drawing.uniform(15.5, 47.5, shape, generator),
        "scale": drawing.uniform(0.5, 1, shape, generator),
        "angle": drawing.uniform(0, 2 * np.pi, shape, generator),
        "color": _colors(shape, generator, variant),
    }
    return render(factors, _backgrounds(count, generator, variant))


def render(factors: dict[str, Tensor], background: Tensor) -> SceneBatch:
    """Draws scenes from their factors, in the factors' floating-point precision.

    Args:
        factors: as :func:`batch` returns them, ``x`` and ``y`` from 15.5 to 47.5, ``scale`` at most 1.
        background: uint8 B,3.
    """
    chunk = drawing.chunk(len(background), background.device)
    colors = torch.cat([background[:, None], drawing.to_bytes(factors["color"])], 1)
    tensors = [factors[name] for name in ("present", "shape", "y", "x", "scale", "angle")]
    segmentation, images = [], []
    for some_colors, *some in zip(*(tensor.split(chunk) for tensor in (colors, *tensors)), strict=True):
        segmentation.append(_segment(*some))
        images.append(drawing.paint(segmentation[-1], some_colors))
    return SceneBatch(torch.cat(images), torch.cat(segmentation), factors)


def _segment(present: Tensor, shape: Tensor, y: Tensor, x: Tensor, scale: Tensor, angle: Tensor) -> Tensor:
    """Labels the pixels, uint8 B,64,64, from factors B,N. Each sprite is tested only in the window it may reach."""
    batch, most = shape.shape
    offsets = torch.arange(_WINDOW, device=y.device)
    top, left = ((at - _REACH).ceil().clamp(0, SIZE - _WINDOW) for at in (y, x))  # in the frame, present or not
    down, right = (top - y)[..., None] + offsets, (left - x)[..., None] + offsets  # B,N,W
    numbers = present * torch.arange(1, most + 1, dtype=torch.uint8, device=y.device)
    labels = _inside(shape, down, right, scale, angle).view(torch.uint8) * numbers[..., None, None]
    window = SIZE * offsets[:, None] + offsets
    pixels = (SIZE * top + left).long()[..., None, None] + window  # B,N,W,W
    canvas = torch.zeros(batch, SIZE * SIZE, dtype=torch.uint8, device=y.device)
    # Later sprites cover earlier ones, so a pixel's label is the largest.
    canvas.scatter_reduce_(1, pixels.view(batch, -1), labels.view(batch, -1), "amax")
    return canvas.view(batch, SIZE, SIZE)


def _inside(shape: Tensor, down: Tensor, right: Tensor, scale: Tensor, angle: Tensor) -> Tensor:
    """Tests which pixels lie inside the shapes, bool B,N,W,W, at ``down`` and ``right`` B,N,W from the shapes' centres.

    Same as :func:`sprite`, without the arcsine: sin^3 t = |u| gives cos^2 t, and the heart's two edges are the
    polynomial of ``_heart_edge`` at cos t and -cos t, which differ in the sign of the odd terms. u and v are in units
    of each shape's own lengths.
    """
    lengths, offset = _lengths(down.device, down.dtype)
    cos, sin = torch.cos(angle) / scale, torch.sin(angle) / scale
    unit_u, unit_v = lengths[:, shape][..., None]
    cos, sin = cos[..., None], sin[..., None]
    u = (sin / unit_u * down)[..., :, None] + (cos / unit_u * right)[..., None, :]
    v = (cos / unit_v * down + offset[shape][..., None])[..., :, None] - (sin / unit_v * right)[..., None, :]
    kind = shape[..., None, None]
    u_squared, v_squared = u.square_(), v * v
    # In place from here: on a CPU, new memory costs more than the arithmetic.
    largest = torch.maximum(u_squared, v_squared)
    convex = torch.where(kind == 0, largest, v_squared.add_(u_squared)).sub_(1)
    cos_squared = u_squared.pow_(1 / 3).neg_().add_(1).clamp_(min=0)  # 0 beside the heart, where its edges meet
    even, root = 8 * cos_squared, cos_squared.sqrt()
    odd = (19 - even).mul_(root)
    even = even.add_(2).mul_(cos_squared)
    heart = v.sub_(even).abs_().sub_(odd)
    return torch.where(kind == 2, heart, convex) < 0


@lru_cache
def _lengths(device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Returns the shapes' units of u and v in pixels, 2,3, and the offset of v in these units, 3."""
    lengths = [[9.6, 12.8, 9.6], [9.6, 7.2, 0.66]]
    return (
        torch.tensor(lengths, dtype=dtype, device=device),
        torch.tensor([0, 0, 1.4 / 0.66 + 4], dtype=dtype, device=device),
    )


def _backgrounds(count: int, generator: torch.Generator, variant: Variant) -> Tensor:
    device = generator.device
    if variant == "binarized":
        return torch.zeros(count, 3, dtype=torch.uint8, device=device)
    channels = 1 if variant == "colored_on_grayscale" else 3
    levels = torch.randint(256, (count, channels), generator=generator, device=device, dtype=torch.uint8)
    return levels.expand(count, 3)


def _colors(shape: tuple[int, ...], generator: torch.Generator, variant: Variant) -> Tensor:
    """Draws colours of sprites, float32 B,N,3 in [0, 1], in steps of 1/255."""
    if variant == "binarized":
        return torch.ones(*shape, 3, device=generator.device)
    if variant == "colored_on_colored":
        return torch.randint(256, (*shape, 3), generator=generator, device=generator.device) / 255
    hue = drawing.uniform(0, 6, (*shape, 1), generator)
    saturation, value = drawing.uniform(0.5, 1, (2, *shape, 1), generator)
    # Each channel is a trapezium over the hue; red, green and blue are a third of the circle apart.
    phase = (hue + 5 - 2 * torch.arange(3, device=generator.device)) % 6
    rgb = value * (1 - saturation * torch.minimum(phase, 4 - phase).clamp(0, 1))
    return (rgb * 255).round() / 255
