"""Draws many CLEVR scenes at once on any device: the light of ``raycast.py``, in PyTorch, with fewer rays.

``raycast.py`` sends nine rays through every pixel. Here one goes through each pixel's centre first. The other eight
follow only where they can differ from it: where an edge or a shadow's edge is near, on metal, whose mirror is blurred
by the nine, and where the light bends. Vectors are tensors 3,..., rays R,M as in ``solids_batch.py``.
"""

from __future__ import annotations

from functools import lru_cache
from math import pi
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from monet.data.generators import raycast as rc
from monet.data.generators.raycast import RAYS, SIZE, SUN, Lamp
from monet.data.generators.solids import GROUND
from monet.data.generators.solids_batch import Solids, cross, dot, pick, put, unit

PIXELS, NINE = SIZE * SIZE, RAYS * RAYS
CENTER = NINE // 2
"""Rank of the ray through a pixel's centre."""
BENT = 6.0
"""Sum of a pixel's second differences, in grey levels, from which on nine rays go through it. The mean of nine differs
from the middle one by a 27th of it."""


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


def visible(world: World, rank: int | None = None) -> Tensor:
    """The solid that each ray meets first: slot, or ``GROUND``.

    Args:
        world: what is in the scenes.
        rank: of the rays of each pixel; None for all nine.

    Returns:
        int B,R,4096 for R rays of each pixel.
    """
    return torch.cat([_visible(part, rank) for part in _parts(world)])


def _visible(world: World, rank: int | None) -> Tensor:
    batch = len(world.camera)
    scene, directions = _through_pixels(world)
    directions = directions if rank is None else directions[:, rank : rank + 1]
    _, slot = world.solids.first(scene, world.camera.T[:, None, scene], directions, None)
    return slot.view(directions.shape[1], batch, PIXELS).transpose(0, 1)


def _parts(world: World) -> list[World]:
    """Scenes that are looked at together: few on a CPU, whose cache they fill, many on other devices."""
    size = 8 if world.camera.device.type == "cpu" else 256
    return [World(*part) for part in zip(*(values.split(size) for values in world), strict=True)]


def _through_pixels(world: World) -> tuple[Tensor, Tensor]:
    """Scenes M and directions 3,9,M of rays through all pixels of all scenes."""
    batch, device = len(world.camera), world.camera.device
    scene = torch.arange(batch, device=device).repeat_interleave(PIXELS)
    return scene, _constants(device).directions.repeat(1, 1, batch)


def render(world: World, lamps: tuple[Lamp, ...]) -> tuple[Tensor, Tensor]:
    """Draws scenes.

    Args:
        world: what is in them; the lamps' places are those in ``world``.
        lamps: their sides and intensities.

    Returns:
        images uint8 B,3,64,64 and segmentation uint8 B,64,64: 0 ground, 1.. the slots of solids.
    """
    images, segmentation = zip(*(_render(part, lamps) for part in _parts(world)), strict=True)
    return torch.cat(images), torch.cat(segmentation)


def _render(world: World, lamps: tuple[Lamp, ...]) -> tuple[Tensor, Tensor]:
    device, batch = world.camera.device, len(world.camera)
    light = _Light(world, lamps)
    scene, directions = _through_pixels(world)
    middle = directions[:, CENTER : CENTER + 1]
    # Lamps light from their centres, but shadows fall from a ninth of them, another one in neighbouring pixels: where
    # these differ, a shadow has its edge.
    dither = _constants(device).dither.repeat(batch)[None]
    seen = light.trace(
        scene, world.camera.T[:, None, scene], middle, torch.zeros_like(dither[:, :1]), None, False, dither
    )
    values = _srgb(seen.light).view(3, batch, SIZE, SIZE)
    slot = seen.slot.view(batch, SIZE, SIZE)

    again = _again(values, slot, seen.shadows.view(batch, SIZE, SIZE)) | seen.metal.view(batch, SIZE, SIZE)
    source, target = pick(again, 0.4, batch)
    scene = scene[source]
    ranks = torch.arange(NINE, device=device)[:, None]
    all_nine = light.trace(scene, world.camera.T[:, None, scene], directions[:, :, source], ranks, None, True)
    images = put(values, target, _srgb(all_nine.light).mean(1))
    return images.transpose(0, 1).round().to(torch.uint8).contiguous(), (slot - GROUND).to(torch.uint8)


def _again(values: Tensor, slot: Tensor, shadows: Tensor) -> Tensor:
    """Pixels that need nine rays, bool B,64,64: an edge is near or the values 3,B,64,64 bend."""
    key = (16 * slot + shadows).float()[:, None]
    edge = F.max_pool2d(key, 3, 1, 1) != -F.max_pool2d(-key, 3, 1, 1)
    padded = F.pad(values, (1, 1, 1, 1), "replicate")
    around = padded[..., :-2, 1:-1] + padded[..., 2:, 1:-1] + padded[..., 1:-1, :-2] + padded[..., 1:-1, 2:]
    return edge[:, 0] | ((around - 4 * values).abs().amax(0) > BENT)


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


class _Light:
    """Scenes and their lamps as tables, and the light that rays see in them.

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
            across, along = lamp.side * _constants(position.device).ninths.T[:, None, :, None]
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
            dither: int 1,M: from which ninth of a lamp shadows fall; ``rank`` where None.
        """
        places = direction.shape[-1]
        distance, slot = self.solids.first(scene, origin, direction, own)
        sky = (slot == GROUND) & (direction[2] >= 0)
        distance = torch.where(slot == GROUND, (-origin[2] / direction[2]).clamp(0, 1e3), distance)
        points = origin + distance * direction

        source, target = pick(slot != GROUND, 0.6, self.solids.scenes)
        scene_of = scene[source.remainder(places)]
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
        diffuse, gloss, shadows = self._lamplight(scene, points, normal, rank, dither, slot, surface)

        light = diffuse * (rc.GROUND_ALBEDO / pi) * _bend(points)
        light = torch.where(sky, _backdrop(direction), light)
        diffuse = diffuse.flatten(1).index_select(1, source) + rc.GROUND_BOUNCE / 2 * (1 - surface.normal[2])
        shine = surface.color * diffuse / pi + gloss

        which, where = pick(surface.metal, 0.6, self.solids.scenes)
        behind = source[which]
        ranks = rank.expand(slot.shape).flatten()[behind]
        facet = _roughened(surface.normal[:, which], ranks)
        ahead = -surface.to_eye[:, which]
        mirrored = ahead - 2 * dot(ahead, facet) * facet
        if mirrors:
            seen = self.trace(
                scene_of[which],
                points.flatten(1)[:, behind][:, None],
                mirrored[:, None],
                ranks[None],
                slot.flatten()[behind][None],
                False,
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
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The lamps' irradiance 3,R,M at points; their highlights 3,S on the surface; a bit for each lamp hidden."""
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
            hidden = self.solids.blocked(around, to_spot, distance, strength > 0)
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
    constants = _constants(normal.device)
    tilts = constants.tilts[:, rank]
    tangent = unit(cross(normal, unit(normal.roll(-1, 0) + constants.aside)))
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


def _srgb(light: Tensor) -> Tensor:
    return 255 * (1.055 * light.clamp(rc.DARKEST, 1) ** (1 / 2.4) - 0.055)


class _Constants(NamedTuple):
    """Tables on a device.

    Attributes:
        directions: float32 3,9,4096, the nine rays of each pixel.
        dither: int 4096, a ninth of a lamp for each pixel; all nine of any 3x3 pixels are different.
        ninths: float32 9,2.
        tilts: float32 2,9.
        aside: float32 3,1.
    """

    directions: Tensor
    dither: Tensor
    ninths: Tensor
    tilts: Tensor
    aside: Tensor


@lru_cache
def _constants(device: torch.device) -> _Constants:
    rays = rc.DIRECTIONS.reshape(SIZE, RAYS, SIZE, RAYS, 3).transpose(4, 1, 3, 0, 2).reshape(3, NINE, PIXELS)
    pixels = np.arange(SIZE) % RAYS
    tables = (
        np.ascontiguousarray(rays),
        (RAYS * pixels[:, None] + pixels).ravel(),
        rc.NINTHS.astype(np.float32),
        np.ascontiguousarray(rc.TILTS.T),
        rc.ASIDE[:, None],
    )
    return _Constants(*(torch.from_numpy(table).to(device) for table in tables))
