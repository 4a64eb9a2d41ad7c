"""Ray caster for batches of CLEVR scenes on any device: ``raycast.py`` in PyTorch, with fewer rays.

The formulas are the same, ray by ray. Work that hardly changes the picture is skipped: a pixel of plain ground away
from the edges of shadows takes one ray instead of nine, the ground's light is computed once per pixel, and a ray is
only tested against solids that it may meet. At most 1 of 1000 values differs from ``raycast.py`` by more than a grey
level.
"""

from __future__ import annotations

import torch
from torch import Tensor

from monet.data.generators import ground_batch, solids_batch, surfaces_batch
from monet.data.generators.raycast import SIZE
from monet.data.generators.solids_batch import dot, pick, where
from monet.data.generators.stage_batch import BITS, NINE, PIXELS, Stage, split, stages, tables

__all__ = ["MIDDLE", "Stage", "areas", "labels", "light", "stages", "visible"]

MIDDLE = slice(NINE // 2, NINE // 2 + 1)
"""Rank of a pixel's middle ray."""
_SPREAD = 0.0045
"""Largest distance of a pixel's nine rays from the middle one, relative to their length."""


def visible(stage: Stage, ranks: slice = slice(None)) -> Tensor:
    """Finds the first solid on rays: keys int32 B,9,4096 of ``solids_batch.key``, or fewer than 9 with ``ranks``."""
    constants, solids = tables(stage.camera.device), stage.solids
    rays = constants.rays[:, ranks]
    each = rays.shape[1]
    cameras = stage.camera.repeat_interleave(stage.most, 1)  # 3,S
    offset = solids.center - cameras
    square = dot(offset, offset)
    bound = solids.bound + _SPREAD * square.sqrt()
    # A line from outside a sphere meets it if it lies within a cone.
    near = torch.where(solids.bound > 0, (square - bound**2).clamp(min=0).sqrt(), torch.inf)
    mask = offset.T @ constants.middle > near[:, None]  # S,4096
    at, to = where(mask, stage.share(0.1))
    solid, pixel = at >> BITS, at & PIXELS - 1
    scene, slot = split(len(mask), stage.most, solid)
    table, origins = (values.index_select(1, solid)[:, None] for values in (solids.table, cameras))
    keys = solids_batch.key(table, origins, pick(rays, pixel), slot.to(torch.int32))  # 9,P
    target = scene * (each * PIXELS) + pixel + PIXELS * constants.ranks[:each]
    if not solids_batch.counts(at.device):
        target = torch.where(to == at, target, stage.scenes * each * PIXELS)
    first = torch.full((stage.scenes * each * PIXELS + 1,), solids_batch.MISS, dtype=torch.int32, device=at.device)
    first.scatter_reduce_(0, target.view(-1), keys.view(-1), "amin")
    return first[:-1].view(stage.scenes, each, PIXELS)


def areas(keys: Tensor, most: int) -> Tensor:
    """Counts the rays that meet each solid, int64 B,N."""
    slots = (keys & (solids_batch.SLOTS - 1)).to(torch.int8).flatten(1)
    shown = [(slots == n).sum(1) for n in range(most)]
    return torch.stack(shown, 1) if most else torch.zeros(len(keys), 0, dtype=torch.int64, device=keys.device)


def labels(keys: Tensor) -> Tensor:
    """Returns the labels of the pixels, uint8 B,64,64, from the rays through their centres."""
    # MISS has the last slot, which no solid has; adding one wraps it to label 0.
    return ((keys[:, NINE // 2] + 1) & (solids_batch.SLOTS - 1)).to(torch.uint8).view(-1, SIZE, SIZE)


def light(stage: Stage, keys: Tensor) -> Tensor:
    """Shades the result of ``visible``; returns pictures uint8 B,3,64,64."""
    batch, device = stage.scenes, keys.device
    canvas = torch.zeros(3, batch * PIXELS + 1, device=device)
    ground_batch.draw(stage, keys, canvas)
    if stage.most:
        surfaces_batch.draw(stage, keys, canvas)
    image = canvas[:, :-1].view(3, batch, SIZE, SIZE).transpose(0, 1)
    return image.contiguous().round_().to(torch.uint8)
