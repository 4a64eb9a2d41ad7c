"""Figures of decompositions: slot colours, coloured segmentations, grids of panels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

SLOT_COLORS = np.array(
    [
        [110, 110, 110], [230, 159, 0], [86, 180, 233], [0, 158, 115], [240, 228, 66], [0, 114, 178],
        [213, 94, 0], [204, 121, 167], [140, 86, 75], [148, 203, 236], [190, 190, 60], [90, 60, 140],
    ],
    dtype=np.uint8,
)  # fmt: skip
"""One colour per slot, cyclic: grey for the first, then Okabe and Ito's colour-blind-safe palette."""


def to_uint8(image: np.ndarray) -> np.ndarray:
    """Converts [0, 1] to 0..255, clipped and rounded."""
    return np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)


def segmentation_colors(labels: np.ndarray) -> np.ndarray:
    """Colours a label map H,W by slot; uint8 H,W,3."""
    return SLOT_COLORS[labels % len(SLOT_COLORS)]


def grid(rows: Sequence[Sequence[np.ndarray]], scale: int = 2, gap: int = 2) -> Image.Image:
    """Arranges panels (uint8 H,W,3, all of one size) in rows of equal length on white, enlarged by pixel repetition."""
    height, width = rows[0][0].shape[:2]
    sheet = np.full((len(rows) * (height + gap) + gap, len(rows[0]) * (width + gap) + gap, 3), 255, dtype=np.uint8)
    for r, row in enumerate(rows):
        for c, panel in enumerate(row):
            top, left = gap + r * (height + gap), gap + c * (width + gap)
            sheet[top : top + height, left : left + width] = panel
    image = Image.fromarray(sheet)
    return image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)
