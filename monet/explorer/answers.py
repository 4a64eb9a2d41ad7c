"""Response types of the API endpoints: slot statistics as JSON and contact sheets as PNG."""

import io
from typing import Any, Literal, TypedDict

import numpy as np

from monet.figures import grid, to_uint8


class Reference(TypedDict, total=False):
    """Reference to a scene of the gallery, as in permalinks."""

    kind: Literal["sample", "seed", "stored"]
    data: str
    index: int
    seed: int
    objects: int


class LatentName(TypedDict):
    index: int
    name: str
    evidence: str


class About(TypedDict):
    name: str
    title: str
    slots: int
    size: int
    data: str
    scene: Reference
    latents: list[LatentName]


class Slot(TypedDict):
    slot: int
    share: float
    x: float
    y: float
    latents: list[float]
    deviations: list[float]


class Parts(TypedDict):
    model: str
    title: str
    size: int
    slots: list[Slot]


def describe(masks: np.ndarray, latents: np.ndarray, deviations: np.ndarray) -> list[Slot]:
    """Statistics of each slot from masks K,H,W and latents K,Z; x and y in pixels from the left and upper edge."""
    area = masks.sum((1, 2)) + 1e-6
    height, width = masks.shape[1:]
    x = masks.sum(1) @ (np.arange(width) + 0.5) / area
    y = masks.sum(2) @ (np.arange(height) + 0.5) / area
    return [
        {
            "slot": slot,
            "share": round(float(mask.mean()), 4),
            "x": round(float(x[slot]), 2),
            "y": round(float(y[slot]), 2),
            "latents": [round(float(value), 5) for value in latents[slot]],
            "deviations": [round(float(value), 5) for value in deviations[slot]],
        }
        for slot, mask in enumerate(masks)
    ]


def sheet(*rows: Any) -> bytes:
    """Encodes rows of pictures 3,H,W as one PNG; rows may differ in length."""
    longest = max(map(len, rows))
    panels = [[to_uint8(np.nan_to_num(picture)).transpose(1, 2, 0) for picture in row] for row in rows]
    blank = np.full_like(panels[0][0], 255)
    file = io.BytesIO()
    grid([row + [blank] * (longest - len(row)) for row in panels], scale=3).save(file, "PNG")
    return file.getvalue()
