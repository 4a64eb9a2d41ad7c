"""Features of a decoded slot: place, area, elongation, angle and colour of its mask and component."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import grid_sample

FAINT = 0.1
"""Mask values below it do not count: 0.01 everywhere in a 64x64 picture would add up to 40 pixels."""
MIN_ELONGATION = np.log2(1.2)
"""Least elongation of a mask with an angle."""
SIDE = 96
"""Side of an outline in pixels."""
MIN_CHROMA = 0.1
"""Least difference of largest and smallest of R, G, B of a colour with a hue."""


@dataclass(frozen=True)
class Feature:
    """One measured number of a decoded slot.

    Attributes:
        word: name of a latent that changes it.
        noticeable: smallest change that counts, about what the eye notices.
        unit: "px", "doublings" (a difference of log2), "degrees", "%" for a share, or "" for numbers in [0, 1].
        period: period of a circular number, else None.
        directed: whether the sign of a change has a meaning. It has none for hue: adding red turns blue and green in
            opposite directions.
        color: whether it describes the colour, of which one word is enough to name a latent.
    """

    word: str
    noticeable: float
    unit: str = ""
    period: float | None = None
    directed: bool = True
    color: bool = False

    def amount(self, change: float) -> str:
        """Formats a change: "+28 px", "×1.8", "−40°", "+0.31", "35%"."""
        if self.unit == "doublings":
            return f"×{2**change:.2g}"
        if self.unit == "%":
            return f"{change:.0%}"
        number = f"{change:{'+' if self.directed else ''}.{0 if self.unit else 2}f}".replace("-", "−")
        return number + {"px": " px", "degrees": "°"}.get(self.unit, "")


FEATURES = {
    "x": Feature("moves across", 2.0, "px"),
    "y": Feature("moves up and down", 2.0, "px"),
    "area": Feature("size", 0.25, "doublings"),
    "hue": Feature("hue", 20.0, "degrees", 360.0, directed=False, color=True),
    "saturation": Feature("saturation", 0.1, color=True),
    "brightness": Feature("brightness", 0.1, color=True),
    "red": Feature("red", 0.1, color=True),
    "green": Feature("green", 0.1, color=True),
    "blue": Feature("blue", 0.1, color=True),
    "elongation": Feature("elongation", 0.25, "doublings"),
    "angle": Feature("turns", 15.0, "degrees", 180.0),
    "outline": Feature("shape", 0.1, "%", directed=False),
}
"""Features in the order of the columns of :func:`measure`, which has none for the last, :func:`outline`."""
OUTLINE = "outline"


def measure(masks: np.ndarray, components: np.ndarray) -> np.ndarray:
    """Measures decoded slots.

    Colour is the component's mean, clipped to [0, 1] and weighted by the mask; shape comes from the mask's second
    moments.

    Args:
        masks: N,H,W in [0, 1].
        components: N,3,H,W.

    Returns:
        float64 N,11 in the order of ``FEATURES``: centroid ``x`` to the right and ``y`` down in pixels, log2 of the
        area in pixels, ``hue`` in degrees (0 red, 120 green; NaN for greys), ``saturation`` and ``brightness`` as in
        HSV, ``red``, ``green`` and ``blue``, log2 of the ratio of the axes, ``angle`` of the long axis in degrees
        modulo 180, clockwise from the right (NaN for round masks).
    """
    shares = np.where(masks > FAINT, masks, 0).astype(np.float64)
    area = np.maximum(shares.sum((1, 2)), 1e-6)
    weights = shares / area[:, None, None]
    rows, columns = weights.sum(2), weights.sum(1)  # N,H and N,W
    down, right = np.arange(rows.shape[1]), np.arange(columns.shape[1])
    x, y = columns @ right, rows @ down
    # The variance of a pixel, a square of side one, keeps the short axis of a line above zero.
    xx, yy = (columns @ right**2 - x**2 + 1 / 12), (rows @ down**2 - y**2 + 1 / 12)
    xy = np.einsum("nhw,h,w->n", weights, down, right) - x * y
    spread = np.hypot(xx - yy, 2 * xy)
    elongation = 0.5 * np.log2((xx + yy + spread) / np.maximum(xx + yy - spread, 1e-6))
    angle = np.where(elongation >= MIN_ELONGATION, 0.5 * np.degrees(np.arctan2(2 * xy, xx - yy)), np.nan)
    color = np.einsum("nhw,nchw->nc", weights, np.clip(components, 0, 1))
    largest, smallest = color.max(1), color.min(1)
    red, green, blue = color.T
    hue = np.degrees(np.arctan2(np.sqrt(3) * (green - blue), 2 * red - green - blue))
    hue = np.where(largest - smallest >= MIN_CHROMA, hue, np.nan)
    saturation = 1 - smallest / np.maximum(largest, 1e-6)
    return np.column_stack((x, y, np.log2(area), hue, saturation, largest, color, elongation, angle))


def outline(masks: np.ndarray) -> np.ndarray:
    """Moves masks N,H,W in [0, 1] to the middle, scales them to the same area, and cuts them off at half their maximum.

    Returns:
        bool N,SIDE,SIDE; the area is about (SIDE / 3)².
    """
    shares = torch.from_numpy(np.where(masks > FAINT, masks, 0)).double()
    height, width = masks.shape[1:]
    area = shares.sum((1, 2)).clamp(min=1e-6)
    x, y = (shares.sum(axis) @ torch.arange(size).double() / area for axis, size in ((1, width), (2, height)))
    reach = 3 * ((torch.arange(SIDE).double() + 0.5) / SIDE - 0.5)  # in sides of a square of the mask's area
    places = torch.stack(torch.meshgrid(reach, reach, indexing="xy"), dim=-1)
    pixels = torch.stack((x, y), 1)[:, None, None] + area.sqrt()[:, None, None, None] * places
    grid = (2 * pixels + 1) / torch.tensor([width, height]) - 1
    sampled = grid_sample(shares[:, None], grid, align_corners=False)[:, 0]
    return (sampled > 0.5 * sampled.amax((1, 2), keepdim=True)).numpy()


def difference(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns one minus the intersection over union of :func:`outline` ...,SIDE,SIDE; 0 for two empty ones."""
    either = (first | second).sum((-2, -1))
    return np.asarray((first ^ second).sum((-2, -1)) / np.maximum(either, 1))


def steps(values: np.ndarray, period: float | None) -> np.ndarray:
    """Computes changes of a feature between neighbouring values, V,N to V-1,N; the short way for circular ones."""
    differences = np.diff(values, axis=0)
    return differences if period is None else (differences + period / 2) % period - period / 2
