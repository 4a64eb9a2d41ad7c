"""The light in many CLEVR scenes at once: lamps, shadows, highlights and mirrors of ``raycast.py``, in PyTorch."""

from __future__ import annotations

from functools import lru_cache
from math import pi
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from monet.data.generators import raycast as rc
from monet.data.generators.raycast import RAYS, SUN, Lamp
from monet.data.generators.solids import GROUND
from monet.data.generators.solids_batch import Solids, cross, dot, pick, put, unit

NINE = RAYS * RAYS
"""Rays of a pixel, ninths of a lamp."""


class World(NamedTuple):
    """What is drawn: B scenes of at most N solids.

    Attributes:
        present: bool B,N.
        place: float32 B,N,2, x and y on the ground.
        size: float32 B,N, half of the height.
        angle: float32 B,N, turn about the vertical in radians.
        shape: int B,N, index into ``solids.SHAPES``.
        metal: bool B,N, whether it mirrors; otherwise it is rubber.
        color: float32 B,N,3, linear RGB in [0, 1].
        camera: float32 B,3.
        lamps: float32 B,L,3, where they stand.
    """

    present: Tensor
    place: Tensor
    size: Tensor
    angle: Tensor
    shape: Tensor
    metal: Tensor
    color: Tensor
    camera: Tensor
    lamps: Tensor

    @property
    def solids(self) -> Solids:
        return Solids(self.present, self.place, self.size, self.angle, self.shape)


class Seen(NamedTuple):
    """What rays R,M bring: linear RGB 3,R,M; slot of the solid; whether it is metal; a bit for each lamp hidden."""

    light: Tensor
    slot: Tensor
    metal: Tensor
    shadows: Tensor


class Surface(NamedTuple):
    """Points S where rays meet solids: their ray, R,M flat; normal and direction to the eye 3,S; linear RGB; metal."""

    source: Tensor
    normal: Tensor
    to_eye: Tensor
    color: Tensor
    metal: Tensor


class Light:
    """Scenes, the last without solids, and their lamps as tables, and the light that rays see in them.

    Attributes:
        paint: float32 4,B*N: linear RGB of the solids, whether they are metal.
        lamps: of each lamp the places of its ninths, float32 3,9,B; the direction it shines in, float32 3,B; its
            linear RGB in watts per steradian.
    """

    def __init__(self, world: World, lamps: tuple[Lamp, ...]):
        self.solids = world.solids
        self.paint = torch.cat((world.color, world.metal[..., None]), -1).flatten(0, 1).T.contiguous()
        self.lamps = []
        for number, lamp in enumerate((*lamps, SUN)):
            if lamp is SUN:
                position = torch.tensor(SUN.position, device=self.paint.device)[:, None].expand(3, self.solids.scenes)
            else:
                position = world.lamps[:, number].T
            ahead = unit(-position)
            right = torch.stack((ahead[1], -ahead[0], torch.zeros_like(ahead[0])))
            right = unit(right)
            across, along = lamp.side * _constants(position.device)[0].T[:, None, :, None]
            spots = position[:, None] + across * right[:, None] + along * cross(right, ahead)[:, None]
            self.lamps.append((spots, ahead, lamp.intensity))

    def trace(
        self,
        scene: Tensor,
        origin: Tensor,
        direction: Tensor,
        rank: Tensor,
        own: Tensor | None,
        mirrors: bool,
        share: float,
        dither: Tensor | None = None,
    ) -> Seen:
        """Follows rays, as ``raycast._trace`` does.

        Args:
            scene: int M.
            origin: float32 3,R,M or 3,1,M.
            direction: float32 3,R,M.
            rank: int 1,M or, where it is the same for all places, R,1: which ninth of a lamp lights the point, and
                where a blurred mirror looks.
            own: int R,M, slot that a ray starts from; None for the camera's.
            mirrors: whether metal shows the solids around it.
            share: of the rays that meet solids, on average.
            dither: int 1,M: from which ninth of a lamp shadows fall; ``rank`` where None.
        """
        places = direction.shape[-1]
        distance, slot = self.solids.first(scene, origin, direction, own)
        sky = (slot == GROUND) & (direction[2] >= 0)
        distance = torch.where(slot == GROUND, (-origin[2] / direction[2]).clamp(0, 1e3), distance)
        points = origin + distance * direction

        source, target = pick(slot != GROUND, share * self.solids.crowd, self.solids.scenes)
        empty = self.solids.scenes - 1
        scene_of = torch.where(target < slot.numel(), scene[source.remainder(places)], empty)
        solid = scene_of * self.solids.most + slot.flatten()[source].clamp(min=0)
        paint = self.paint.index_select(1, solid)
        surface = Surface(
            source,
            self.solids.normals(solid, points.flatten(1).index_select(1, source)),
            -direction.flatten(1).index_select(1, source),
            paint[:3],
            paint[3] > 0,
        )
        normal = torch.zeros_like(points)
        normal[2] = 1
        normal = put(normal, target, surface.normal)
        near = 0.045 if own is None else 0.09  # mirrors show what stands beside them, and its shadows
        diffuse, gloss, shadows = self._lamplight(scene, points, normal, rank, dither, slot, surface, near)

        light = diffuse * (rc.GROUND_ALBEDO / pi) * _bend(points)
        light = torch.where(sky, _backdrop(direction), light)
        diffuse = diffuse.flatten(1).index_select(1, source) + rc.GROUND_BOUNCE / 2 * (1 - surface.normal[2])
        shine = surface.color * diffuse / pi + gloss

        which, where = pick(surface.metal, 0.4, self.solids.scenes)
        behind = source[which]
        ranks = rank.expand(slot.shape).flatten()[behind]
        facet = _roughened(surface.normal[:, which], ranks)
        ahead = -surface.to_eye[:, which]
        mirrored = ahead - 2 * dot(ahead, facet) * facet
        if mirrors:
            seen = self.trace(
                F.pad(scene_of, (0, 1), value=empty)[where],
                points.flatten(1)[:, behind][:, None],
                mirrored[:, None],
                ranks[None],
                slot.flatten()[behind][None],
                False,
                0.06,
            ).light[:, 0]
        else:
            seen = torch.where(mirrored[2] < 0, rc.GROUND_LIGHT, _backdrop(mirrored)).expand(3, -1)
        shine = put(shine, where, surface.color[:, which] * (seen + gloss[:, which]))
        metal = put(torch.zeros_like(sky)[None], target, surface.metal[None])[0]
        return Seen(put(light, target, shine), slot, metal, shadows)

    def _lamplight(
        self,
        scene: Tensor,
        points: Tensor,
        normal: Tensor,
        rank: Tensor,
        dither: Tensor | None,
        slot: Tensor,
        surface: Surface,
        share: float,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The lamps' irradiance 3,R,M at points; their highlights 3,S on the surface; a bit for each lamp hidden.

        ``share``: of the pairs of solids and rays to lamps that come near each other, on average.
        """
        diffuse, gloss = torch.zeros_like(points), torch.zeros_like(surface.normal)
        shadows = torch.zeros_like(slot, dtype=torch.uint8)
        around = self.solids.around(scene, points, slot)
        for number, (spots, ahead, intensity) in enumerate(self.lamps):
            to_lamp, reach = _towards(_spots(spots, scene, rank), points)
            strength = (
                dot(to_lamp, normal).clamp(min=0)
                * -dot(to_lamp, ahead.index_select(1, scene)[:, None]).clamp(max=0)
                / reach**2
            )
            to_spot, distance = (to_lamp, reach) if dither is None else _towards(_spots(spots, scene, dither), points)
            hidden = self.solids.blocked(around, to_spot, distance, strength > 0, share)
            shadows |= hidden.to(torch.uint8) << number
            shaded = torch.where(hidden, rc.SHADE * strength, strength)
            direct = torch.where(hidden, 0, strength).flatten()[surface.source]
            direct = direct * _lobe(surface, to_lamp.flatten(1).index_select(1, surface.source))
            for channel in range(3):
                diffuse[channel].add_(shaded, alpha=intensity[channel])
                gloss[channel].add_(direct, alpha=intensity[channel])
        return diffuse, gloss, shadows


def _spots(spots: Tensor, scene: Tensor, rank: Tensor) -> Tensor:
    """Looks up ninths of a lamp, of 3,9,B those of scenes M and ranks 1,M or, where there is one for each ray, R,1."""
    if rank.shape[1] == 1:
        return spots[:, rank[:, 0]].flatten(0, 1).index_select(1, scene).view(3, len(rank), -1)
    return spots.flatten(1).index_select(1, spots.shape[2] * rank[0] + scene)[:, None]


def _towards(spots: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """Unit directions 3,R,M from points to spots, and the distances R,M."""
    offset = spots - points
    reach = dot(offset, offset).sqrt()
    return offset / reach, reach


def _lobe(surface: Surface, to_lamp: Tensor) -> Tensor:
    """As ``raycast._lobe``, S."""
    half = unit(to_lamp + surface.to_eye)
    cosine, incidence = dot(surface.normal, half), dot(to_lamp, half)
    squared = cosine * cosine

    def ggx(width: float) -> Tensor:
        return width**2 / pi / (squared * (width**2 - 1) + 1) ** 2

    layers = rc.SHARP_SHARE * ggx(rc.SHARP) + (1 - rc.SHARP_SHARE) * ggx(rc.ROUGH)
    return torch.where(surface.metal, layers, rc.RUBBER_SHINE * ggx(rc.RUBBER)) / (4 * incidence.clamp(min=0.1) ** 2)


def _roughened(normal: Tensor, rank: Tensor) -> Tensor:
    """As ``raycast._roughened``: normals 3,P of metal by the ranks P of their rays."""
    _, tilts, aside = _constants(normal.device)
    tilts = tilts[:, rank]
    tangent = unit(cross(normal, unit(normal.roll(-1, 0) + aside)))
    return unit(normal + tilts[0] * tangent + tilts[1] * cross(normal, tangent))


def _bend(points: Tensor) -> Tensor:
    """As ``raycast._bend``."""
    x, y = float(rc.AWAY[0]), float(rc.AWAY[1])
    away, aside = x * points[0] + y * points[1], y * points[0] - x * points[1]
    distance = torch.where(away > 0, (away * away + rc.BEND_ASIDE * aside * aside).sqrt(), 0)
    return rc.BEND_LEVEL + rc.BEND_GAIN * _smoothstep((distance - rc.BEND_FROM) / rc.BEND_OVER)


def _backdrop(direction: Tensor) -> Tensor:
    """As ``raycast._backdrop``, without a channel."""
    x, y = float(rc.AWAY[0]), float(rc.AWAY[1])
    level = torch.hypot(direction[0], direction[1]).clamp(min=1e-6)
    ahead = (1 + (x * direction[0] + y * direction[1]) / level) / 2
    return rc.SKY * ahead * (1 - _smoothstep((direction[2] - rc.SKY_FROM) / rc.SKY_OVER))


def _smoothstep(x: Tensor) -> Tensor:
    x = x.clamp(0, 1)
    return x * x * (3 - 2 * x)


@lru_cache
def _constants(device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """``raycast``'s ``NINTHS`` float32 9,2, ``TILTS`` float32 2,9 and ``ASIDE`` float32 3,1."""
    tables = rc.NINTHS.astype(np.float32), np.ascontiguousarray(rc.TILTS.T), rc.ASIDE[:, None]
    ninths, tilts, aside = (torch.from_numpy(table).to(device) for table in tables)
    return ninths, tilts, aside
