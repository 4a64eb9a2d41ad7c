"""Contact sheet: picture, reconstruction, segmentations and slots of several scenes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from monet.data import Scene
from monet.evaluation.scoring import decompositions
from monet.figures import grid, segmentation_colors, to_uint8
from monet.model import MONet
from monet.pictures import How

SHEET_SCENES = 8
"""Number of scenes in a contact sheet."""


def contact_sheet(
    model: MONet, scenes: Sequence[Scene], *, how: How = "crop", num_slots: int | None = None
) -> Image.Image:
    """Draws a row per scene: picture, reconstruction, true and found segmentation, then every slot's masked component.

    Without any true segmentation, its column is left out.
    """
    rows = []
    labelled = any(scene.segmentation is not None for scene in scenes)
    for batch, _, d in decompositions(model, scenes, how, num_slots):
        masks = d.log_masks.exp()
        for i, scene in enumerate(batch):
            truth = scene.segmentation if scene.segmentation is not None else np.zeros(scene.image.shape[:2], int)
            slots = (masks[i][:, None] * d.components[i].clamp(0, 1)).permute(0, 2, 3, 1).numpy()
            rows.append([
                scene.image,
                to_uint8(d.reconstruction[i].permute(1, 2, 0).numpy()),
                *([segmentation_colors(truth)] if labelled else []),
                segmentation_colors(masks[i].argmax(0).numpy()),
                *(to_uint8(slot) for slot in slots),
            ])  # fmt: skip
    return grid(rows)
