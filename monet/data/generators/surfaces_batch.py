"""Shades the solids of a batch of CLEVR scenes: lamps, shadows, highlights and reflections in metal."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from monet.data.generators import raycast, solids_batch
from monet.data.generators.ground_batch import arriving
from monet.data.generators.solids_batch import dot, pick, unit, where
from monet.data.generators.stage_batch import BITS, NINE, PIXELS, Stage, divide, in_way, split, tables

_UNIT = 2**16
"""Scale at which light is added up in integers."""


class _Rays(NamedTuple):
    """Rays R that met solids: points and directions 3,R; scene, rank and solid, int64 R each."""

    points: Tensor
    directions: Tensor
    scene: Tensor
    rank: Tensor
    solid: Tensor


def draw(stage: Stage, keys: Tensor, canvas: Tensor) -> None:
    """Adds the light of rays that meet solids to the canvas."""
    constants = tables(canvas.device)
    at, to = where(keys != solids_batch.MISS, stage.share(0.05 + 0.04 * stage.most))
    pixel, spot = at & PIXELS - 1, at >> BITS
    scene, rank = split(stage.scenes * NINE, NINE, spot)
    directions = constants.rays.flatten(1).index_select(1, (rank << BITS) + pixel)
    distance, slot = solids_batch.unkey(keys.view(-1).index_select(0, at))
    points = torch.addcmul(stage.camera.index_select(1, scene), distance, directions)
    rays = _Rays(points, directions, scene, rank, scene * stage.most + slot.clamp(max=stage.most - 1))
    values = raycast.srgb(_surface(stage, rays, _between_solids(stage), mirrors=True))
    # Integer sums do not depend on the order of the terms.
    place = (scene << BITS) + pixel
    if not solids_batch.counts(at.device):
        place = torch.where(at == to, place, stage.scenes * PIXELS)
    added = torch.zeros(canvas.shape, dtype=torch.int32, device=at.device)
    added.scatter_add_(1, place.expand(3, -1), (values * (_UNIT / NINE)).to(torch.int32))
    canvas += added / _UNIT


def _between_solids(stage: Stage) -> Tensor:
    """Tests for points on each solid which solids may block which lamps, bool B*N,N*L."""
    solids, lights, count, most = stage.solids, stage.lights, stage.scenes, stage.most
    center, bound = solids.center.view(3, count, most), solids.bound.view(count, most)
    lamp = lights.middle.transpose(1, 2)[:, :, None, None]  # 3,B,1,1,L
    start = center[:, :, :, None, None]
    axis = lamp - start
    offset = center[:, :, None, :, None] - start  # 3,B,N,N,1
    along = (dot(offset, axis) / dot(axis, axis)).clamp(0, 1)
    apart = offset - along * axis
    near = bound[:, None, :, None] + torch.maximum(bound[:, :, None, None], lights.reach[:, 0])
    other = ~torch.eye(most, dtype=torch.bool, device=bound.device)[None, :, :, None]
    near = (dot(apart, apart) < near**2) & other & (bound > 0)[:, None, :, None]
    return near.flatten(0, 1).flatten(1)


def _surface(stage: Stage, rays: _Rays, blockers: Tensor, mirrors: bool) -> Tensor:
    """Computes linear RGB 3,R of solids seen along rays; ``mirrors``: whether metal reflects its surroundings."""
    table, look = stage.solids.table.index_select(1, rays.solid), stage.solids.look.index_select(1, rays.solid)
    normal, color, metal = solids_batch.normals(table, rays.points), look[:3], look[3]
    lights, lamps = stage.lights, len(stage.lights.reach)
    spot = rays.scene * NINE + rays.rank
    to_lamp = pick(lights.spots, spot) - rays.points[:, None]  # 3,L,R
    square = dot(to_lamp, to_lamp)
    inverse = square.rsqrt()
    cosine = dot(to_lamp, normal[:, None]) * inverse
    # A lamp's spots lie in its plane, so they have the same distance along its axis as its centre.
    ahead = pick(lights.ahead, rays.scene)
    emitted = -dot(to_lamp, ahead) * inverse
    strength = cosine.clamp(min=0) * emitted.clamp(min=0) / square
    pairs = blockers.index_select(0, rays.solid)
    at, to = where(pairs, stage.share(0.07))
    ray, which = divide(at, blockers.shape[1])
    slot, lamp = split(blockers.shape[1], lamps, which)
    way = lamp * len(spot) + ray
    lit, wanted = where((cosine.view(-1).index_select(0, way) > 0) & (at == to), stage.share(0.6))
    ray, slot, way = (values.index_select(0, lit) for values in (ray, slot, way))
    solid = rays.scene.index_select(0, ray) * stage.most + slot
    free = _free(stage, rays.points.index_select(1, ray), to_lamp.flatten(1), way, solid, lit == wanted).view(lamps, -1)
    diffuse = lights.intensity @ (strength * (raycast.SHADE + (1 - raycast.SHADE) * free))
    diffuse += raycast.GROUND_BOUNCE / 2 * (1 - normal[2])
    # The unnormalised half vector of eye and lamp: its square is 2 - 2 q, q the cosine between the incoming ray and
    # the direction to the lamp.
    away = 1 - dot(to_lamp, rays.directions[:, None]) * inverse
    facing = cosine - dot(normal, rays.directions)
    facing = facing * facing / (2 * away.clamp(min=1e-6))
    lobe = _lobe(facing, metal) / (4 * (away / 2).clamp(min=raycast.GRAZING**2))
    gloss = lights.intensity @ (strength * lobe * free)
    light = torch.addcmul(gloss, color, diffuse, value=1 / np.pi)

    at, to = where(metal > 0, stage.share(0.5))
    picked = _Rays(*(pick(values, at) for values in rays))
    normal = _roughened(normal.index_select(1, at), picked.rank)
    mirrored = torch.addcmul(picked.directions, dot(picked.directions, normal), normal, value=-2)
    if mirrors:
        seen = _mirrored(stage, picked._replace(directions=mirrored), blockers)
    else:
        below = (mirrored[2] < 0).to(torch.float32)
        seen = torch.lerp(raycast.backdrop(*mirrored), torch.full_like(below, raycast.GROUND_LIGHT), below)
    seen = color.index_select(1, at) * (seen + gloss.index_select(1, at))
    if solids_batch.counts(at.device):
        light[:, to] = seen
        return light
    light = torch.cat([light, light.new_zeros(3, 1)], 1)
    light[:, to] = seen
    return light[:, :-1]


def _free(stage: Stage, points: Tensor, to_lamp: Tensor, way: Tensor, solid: Tensor, valid: Tensor) -> Tensor:
    """Tests whether the paths to lamps are unblocked, float32 K: 1 for yes, 0 for no.

    Args:
        stage: the scenes with their solids.
        points: 3,P, start of the path of each pair of a path and a solid.
        to_lamp: 3,K, vectors of the paths.
        way: P, the pairs' paths.
        solid: P, the pairs' solids.
        valid: bool P, which pairs count.
    """
    toward = to_lamp.index_select(1, way)
    blocked = in_way(stage.solids.table.index_select(1, solid), points, toward) & valid
    counted = torch.zeros(to_lamp.shape[1], dtype=torch.uint8, device=way.device)
    return (counted.scatter_add_(0, way, blocked.to(torch.uint8)) == 0).to(torch.float32)


def _lobe(squared: Tensor, metal: Tensor) -> Tensor:
    """Evaluates GGX at the squared cosine between the normal and the half vector of eye and lamp."""
    first = raycast.RUBBER**2 + (raycast.SHARP**2 - raycast.RUBBER**2) * metal
    share = (raycast.RUBBER_SHINE + (raycast.SHARP_SHARE - raycast.RUBBER_SHINE) * metal) * first / np.pi
    second = metal * ((1 - raycast.SHARP_SHARE) * raycast.ROUGH**2 / np.pi)
    a = 1 + squared * (first - 1)
    b = 1 + squared * (raycast.ROUGH**2 - 1)
    return share / (a * a) + second / (b * b)


def _roughened(normal: Tensor, rank: Tensor) -> Tensor:
    """Perturbs normals 3,R of metal by rank."""
    tilt = tables(rank.device).tilt.index_select(1, rank)
    other = torch.stack([normal[axis] + more for axis, more in zip((1, 2, 0), raycast.ASIDE.tolist(), strict=True)])
    tangent = unit(torch.linalg.cross(normal, unit(other), dim=0))
    return unit(normal + tilt[0] * tangent + tilt[1] * torch.linalg.cross(normal, tangent, dim=0))


def _mirrored(stage: Stage, rays: _Rays, blockers: Tensor) -> Tensor:
    """Computes linear RGB 3,R reflected along rays that leave solids."""
    solids, most, length = stage.solids, stage.most, len(rays.rank)
    center = solids.center.view(3, stage.scenes, most).transpose(1, 2).contiguous()
    bound = solids.bound.view(stage.scenes, most).T.contiguous().index_select(1, rays.scene)  # N,R
    offset = pick(center, rays.scene) - rays.points[:, None]
    along = dot(offset, rays.directions[:, None])
    slot = rays.solid - rays.scene * most
    mask = (dot(offset, offset) - along * along < bound * bound) & (along > -bound) & (bound > 0)
    mask &= torch.arange(most, device=slot.device)[:, None] != slot
    at, to = where(mask, stage.share(0.02))
    number, ray = divide(at, length)
    solid = rays.scene.index_select(0, ray) * most + number
    points, directions = rays.points.index_select(1, ray), rays.directions.index_select(1, ray)
    keys = solids_batch.key(solids.table.index_select(1, solid), points, directions, number.to(torch.int32))
    first = torch.full((length + 1,), solids_batch.MISS, dtype=torch.int32, device=at.device)
    first = first.scatter_reduce_(0, torch.where(at == to, ray, length), keys, "amin")[:-1]
    missed = first == solids_batch.MISS
    light = rays.points.new_zeros(3, length + 1)
    light[:, :-1] = raycast.backdrop(*rays.directions)

    at, to = where(missed & (rays.directions[2] < 0), stage.share(0.5))
    light[:, to] = _ground_light(stage, _Rays(*(pick(values, at) for values in rays)), center)
    at, to = where(~missed, stage.share(0.07))
    picked = _Rays(*(pick(values, at) for values in rays))
    distance, slot = solids_batch.unkey(first[at])
    points = torch.addcmul(picked.points, distance, picked.directions)
    picked = picked._replace(points=points, solid=picked.scene * most + slot.clamp(max=most - 1))
    light[:, to] = _surface(stage, picked, blockers, mirrors=False)
    return light[:, :-1]


def _ground_light(stage: Stage, rays: _Rays, center: Tensor) -> Tensor:
    """Computes linear RGB 3,R of the ground that rays meet."""
    lights, solids, most, length = stage.lights, stage.solids, stage.most, len(rays.rank)
    lamps = len(lights.reach)
    px, py, pz = rays.points
    far = -pz / rays.directions[2]
    x, y = px + far * rays.directions[0], py + far * rays.directions[1]
    points = torch.stack([x, y, torch.zeros_like(x)])
    to_lamp = pick(lights.spots, rays.scene * NINE + rays.rank) - points[:, None]  # 3,L,R
    square = dot(to_lamp, to_lamp)
    bound = solids.bound.view(stage.scenes, most).T.contiguous().index_select(1, rays.scene)  # N,R
    offset = pick(center, rays.scene) - points[:, None]  # 3,N,R
    beside = dot(offset, offset) - bound * bound + (bound == 0) * solids_batch.FAR
    toward = to_lamp * square.rsqrt()
    along = dot(offset[:, :, None], toward[:, None]).clamp_(min=0)  # N,L,R
    at, to = where(along * along > beside[:, None], stage.share(0.07))
    number, way = divide(at, lamps * length)
    _, ray = divide(way, length)
    solid = rays.scene.index_select(0, ray) * most + number
    free = _free(stage, points.index_select(1, ray), to_lamp.flatten(1), way, solid, at == to).view(lamps, -1)
    strength = arriving(to_lamp, pick(lights.ahead, rays.scene))
    strength = strength * (raycast.SHADE + (1 - raycast.SHADE) * free)
    return lights.intensity @ (strength * raycast.bend(x, y) * (raycast.GROUND_ALBEDO / np.pi))
