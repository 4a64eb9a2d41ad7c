"""Shades the ground of a batch of CLEVR scenes: lamps, shadows and the curved backdrop."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from monet.data.generators import raycast, solids_batch
from monet.data.generators.solids_batch import Vectors, dot, pick, where
from monet.data.generators.stage_batch import BITS, NINE, PIXELS, Stage, in_way, split, tables

_FOOTPRINT = 0.1
"""Approximate distance between the points where a pixel's rays meet the ground."""


def draw(stage: Stage, keys: Tensor, canvas: Tensor) -> None:
    """Draws the ground with one ray per pixel, or nine where a pixel's rays may differ.

    Args:
        stage: the scenes B.
        keys: result of ``visible``.
        canvas: float32 3,B*4096+1, filled with sRGB.
    """
    some, every = keys.amin(1) != solids_batch.MISS, keys.amax(1) != solids_batch.MISS  # B,4096
    middle, lights, lamps = tables(canvas.device).middle, stage.lights, len(stage.lights.reach)
    far = -stage.camera[2][:, None] / middle[2]
    x, y = (stage.camera[axis][:, None] + far * middle[axis] for axis in (0, 1))  # B,4096
    x_lamp, y_lamp, z_lamp = lights.middle[..., None]
    to_lamp = x_lamp - x, y_lamp - y, z_lamp.expand(-1, -1, PIXELS)  # L,B,4096 each
    mask = _shadows(stage, x, y) & ~every[:, None]
    pair, wanted = where(mask, stage.share(0.06))
    pairs, margin = _pairs(stage, pair)
    start = x.view(-1).index_select(0, pairs.place), y.view(-1).index_select(0, pairs.place), x.new_zeros(())
    way = pairs.lamp * x.numel() + pairs.place
    toward_x, toward_y, toward_z = (values.reshape(-1).index_select(0, way) for values in to_lamp)
    toward = toward_x, toward_y, toward_z
    table = stage.solids.table.index_select(1, pairs.solid)
    # ``sure``: blocks all nine rays; ``maybe``: may block some of them.
    sure = in_way(solids_batch.grown(table, -margin), start, toward) & (margin * table[5] < 0.9)
    # The middle ray may start in the solid or in its margin while others do not.
    enter, leave = solids_batch.span(solids_batch.grown(table, margin), start, toward)
    maybe = (enter < leave) & (leave > 0) & ~sure
    if not solids_batch.counts(pair.device):
        maybe &= pair == wanted
        way = torch.where(pair == wanted, way, lamps * x.numel())
    shadow = torch.zeros(lamps * x.numel() + 1, dtype=torch.uint8, device=pair.device)
    shadow = (shadow.scatter_add_(0, way, sure.to(torch.uint8))[:-1] > 0).to(torch.float32).view(lamps, -1)
    level = raycast.bend(x, y).flatten() * (raycast.GROUND_ALBEDO / np.pi)
    light = level * arriving(to_lamp, lights.ahead[..., None]).flatten(1)
    canvas[:, :-1] = raycast.srgb(_mixed(stage, light, shadow)) * ~every.flatten()

    different = torch.zeros(x.numel(), dtype=torch.uint8, device=pair.device)
    different.scatter_add_(0, pairs.place, maybe.to(torch.uint8))
    different = (different > 0) | (some & ~every).flatten()
    chosen, wanted = where(maybe, stage.share(0.45))
    pairs = _Pairs(*(values.index_select(0, chosen) for values in pairs))
    _refine(stage, keys, different, pairs, chosen == wanted, light, shadow, canvas)


class _Pairs(NamedTuple):
    """Pairs P of a pixel and a solid that may block a lamp, int64 P each; ``place`` indexes the B*4096 pixels."""

    place: Tensor
    lamp: Tensor
    solid: Tensor
    scene: Tensor


def _pairs(stage: Stage, pair: Tensor) -> tuple[_Pairs, Tensor]:
    """Decodes flat indices of pairs B,N,L,4096; returns the pairs and their margins, float32 P."""
    lamps = len(stage.lights.reach)
    which = pair >> BITS
    solid, lamp = split(stage.scenes * stage.most * lamps, lamps, which)
    scene, _ = split(stage.scenes * stage.most, stage.most, solid)
    return _Pairs((scene << BITS) + (pair & PIXELS - 1), lamp, solid, scene), _margin(stage).flatten()[which]


def _mixed(stage: Stage, light: Tensor, shadow: Tensor) -> Tensor:
    """Mixes lamps' light L,... to linear RGB 3,...; ``shadow`` is 1 in shadow, else 0."""
    lit = light * (1 - (1 - raycast.SHADE) * shadow)
    return (stage.lights.intensity @ lit.flatten(1)).view(3, *lit.shape[1:])


def _refine(
    stage: Stage,
    keys: Tensor,
    different: Tensor,
    pairs: _Pairs,
    valid: Tensor,
    light: Tensor,
    shadow: Tensor,
    canvas: Tensor,
) -> None:
    """Draws the ground again with nine rays where these are ``different``, bool B*4096.

    Args:
        stage: the scenes.
        keys: result of ``visible``.
        different: the pixels.
        pairs: solids that may block some of a pixel's rays.
        valid: bool P, which of the pairs count.
        light: L,B*4096 of the lamps.
        shadow: float32 L,B*4096, 1 where a lamp reaches none of the nine rays.
        canvas: as in :func:`draw`.
    """
    constants, lights, lamps = tables(canvas.device), stage.lights, len(stage.lights.reach)
    at, to = where(different, stage.share(0.5))
    room = len(at) + 1  # one for pixels that are not in the list
    row = torch.full((canvas.shape[1],), room - 1, device=at.device)
    row.scatter_(0, to, torch.arange(room - 1, device=at.device))
    x, y, z = pick(constants.rays, pairs.place & PIXELS - 1)  # 9,P each
    camera = stage.camera.index_select(1, pairs.scene)
    far = -camera[2] / z
    x, y = torch.addcmul(camera[0], far, x), torch.addcmul(camera[1], far, y)
    spot = ((pairs.lamp * stage.scenes + pairs.scene) * NINE + constants.ranks).view(-1)
    spots = lights.spots.flatten(1).index_select(1, spot).view(3, NINE, -1)
    table = stage.solids.table.index_select(1, pairs.solid)[:, None]
    blocked = in_way(table, (x, y, x.new_zeros(())), (spots[0] - x, spots[1] - y, spots[2])) & valid
    ray = (pairs.lamp * NINE + constants.ranks) * room + row.index_select(0, pairs.place)  # 9,P
    counted = torch.zeros(lamps * NINE * room, dtype=torch.uint8, device=at.device)
    counted.scatter_add_(0, ray.view(-1), blocked.view(-1).to(torch.uint8))
    some = (counted > 0).to(torch.float32).view(lamps, NINE, room)[..., :-1]
    # Unshadowed light hardly differs within a pixel, or between a lamp's spots.
    every = shadow.index_select(1, at)[:, None]
    values = raycast.srgb(_mixed(stage, light.index_select(1, at)[:, None], torch.maximum(some, every)))
    pixel = at & PIXELS - 1
    ray = (at - pixel) * NINE + pixel + PIXELS * constants.ranks  # 9,G
    seen = keys.view(-1).index_select(0, ray.view(-1)).view(NINE, -1) == solids_batch.MISS
    canvas[:, to] = (values * seen).sum(1) / NINE


def _shadows(stage: Stage, x: Tensor, y: Tensor) -> Tensor:
    """Tests where on the ground solids may block lamps, bool B,N*L,4096: a superset of the shadows.

    The lines from a lamp that come near a solid form a cone. Where it meets the ground, a quadratic form of x and y is
    negative.
    """
    lights, solids = stage.lights, stage.solids
    lamp = lights.middle.transpose(1, 2)[:, :, None]  # 3,B,1,L
    center = solids.center.view(3, stage.scenes, stage.most, 1)
    axis = center - lamp
    square = dot(axis, axis)
    axis = axis * square.rsqrt()
    bound = solids.bound.view(stage.scenes, stage.most, 1)
    near = bound + _margin(stage)
    # With p from the center: |p|^2 - (axis p)^2 < near^2 |p + distance axis|^2 / distance^2
    ratio = near**2 / square
    cx, cy, cz = center
    ax, ay, az = axis
    # p = (x - cx, y - cy, -cz); axis p = ax x + ay y + k; the right side is (|p|^2 + 2 d axis p + d^2) ratio
    k = -(ax * cx + ay * cy + az * cz)
    own = 1 - ratio
    d = 2 * square.sqrt() * ratio
    terms = torch.stack(
        [
            own - ax * ax,
            own - ay * ay,
            -2 * ax * ay,
            -2 * own * cx - 2 * ax * k - d * ax,
            -2 * own * cy - 2 * ay * k - d * ay,
            own * (cx * cx + cy * cy + cz * cz) - k * k - d * k - near**2,
        ],
        -1,
    ).flatten(1, 2)  # B,N*L,6
    features = torch.stack([x * x, y * y, x * y, x, y, torch.ones_like(x)], 1)
    mask = torch.bmm(terms, features) < 0
    return mask & (bound > 0).expand(-1, -1, lights.middle.shape[1]).flatten(1)[..., None]


def _margin(stage: Stage) -> Tensor:
    """Bounds the distance of a pixel's nine lines to a lamp from the middle one, at the solid, B,N,L."""
    lights = stage.lights
    height = stage.solids.center[2].view(stage.scenes, stage.most, 1)
    # A line meets a solid at no more than this share of the lamp's height, where the lines are closer by that factor.
    share = (2 * height / lights.middle[2].T[:, None]).clamp(max=1)
    return lights.reach[:, 0] * share + _FOOTPRINT


def arriving(to_lamp: Vectors, ahead: Tensor) -> Tensor:
    """Computes the light that arrives on the ground, relative to the lamps' intensity.

    Args:
        to_lamp: vectors from the ground to the lamps, L,... each.
        ahead: 3,L,..., directions in which the lamps shine.
    """
    square = dot(to_lamp, to_lamp)
    return (to_lamp[2] * -dot(to_lamp, ahead)).clamp(min=0) / (square * square)
