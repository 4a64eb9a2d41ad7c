"""What :mod:`monet.data.generators.raycast` draws, for many scenes at once and on any device, in PyTorch.

Every ray is followed alike, whatever it meets: plain arithmetic on arrays, which a compiler makes one loop of
(:func:`compile`), and nothing that a card would have to wait for. A vector is a tuple of three tensors. Axes: B scenes,
N solids, R rays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from monet.data.generators import raycast
from monet.data.generators.raycast import AWAY, RAYS, SIZE, SUN, Lamp
from monet.data.generators.solids import BEVEL, GROUND

Vector = tuple[Tensor, Tensor, Tensor]
Lamps = list[tuple[Lamp, Tensor]]
"""Lamps with their places B,3."""

CUBE, CYLINDER, SPHERE = range(3)


class Solids(NamedTuple):
    """Solids of scenes, each B,N.

    Attributes:
        present: bool.
        shape: index into cube, cylinder, sphere.
        x, y: place of the centre on the ground.
        size: half of the height.
        turn: about the vertical, in radians.
        color: B,N,3, linear RGB in [0, 1].
        metal: bool.
    """

    present: Tensor
    shape: Tensor
    x: Tensor
    y: Tensor
    size: Tensor
    turn: Tensor
    color: Tensor
    metal: Tensor


def visible(solids: Solids, camera: Tensor, centers: bool = False) -> Tensor:
    """Index of the solid that each ray meets first, B,R, or ``GROUND``; of the rays through the pixels' centres alone,
    B,64*64, with ``centers``. ``camera``: its place, B,3."""
    directions = _directions(camera.device)
    if centers:
        middle = slice(RAYS // 2, None, RAYS)
        grid = directions.view(3, SIZE * RAYS, SIZE * RAYS)[:, middle, middle]
        directions = grid.reshape(3, -1)
    _, index = _first(solids, _vector(camera), _vector(directions.T[None]), None)
    return index


def render(solids: Solids, camera: Tensor, lamps: Sequence[Lamp], places: Tensor) -> tuple[Tensor, Tensor]:
    """Pictures uint8 B,3,64,64 and labels uint8 B,64,64, from the camera's places B,3 and those of L lamps B,L,3, which
    are else as ``lamps`` says, by the light of these and the sun."""
    directions = _directions(camera.device)
    rank = torch.from_numpy(raycast.RANK).to(camera.device)
    sun = places.new_tensor(SUN.position).expand(len(places), 1, 3)
    light_from = [*zip((*lamps, SUN), torch.cat((places, sun), 1).unbind(1), strict=True)]
    light, index = _trace(solids, light_from, _vector(camera), _vector(directions.T[None]), rank, None, mirrors=True)
    values = torch.stack(light, 1).clamp(0.0031308, 1)  # darker values are all black
    values = 255 * (1.055 * values ** (1 / 2.4) - 0.055)
    images = values.view(-1, 3, SIZE, RAYS, SIZE, RAYS).mean((3, 5)).round().to(torch.uint8)
    middle = slice(RAYS // 2, None, RAYS)
    labels = index.view(-1, SIZE * RAYS, SIZE * RAYS)[:, middle, middle] - GROUND
    return images, labels.to(torch.uint8)


def _directions(device: torch.device) -> Tensor:
    """3,R: where the rays go; the camera moves, but never turns."""
    return torch.from_numpy(raycast.DIRECTIONS).T.contiguous().to(device)


def _trace(
    solids: Solids,
    lamps: Lamps,
    origin: Vector,
    direction: Vector,
    rank: Tensor,
    own: Tensor | None,
    mirrors: bool,
) -> tuple[Vector, Tensor]:
    """Linear RGB, each B,R, that comes in along rays, and the index of the solid that they meet first.

    Args:
        rank: R, which of its pixel's nine each ray is.
        own: B,R, index of the solid that a ray starts from.
        mirrors: whether metal shows the solids around it.
    """
    distance, index = _first(solids, origin, direction, own)
    on_ground = (index == GROUND) & (direction[2] < 0)
    distance = torch.where(on_ground, -origin[2] / direction[2], distance)
    met = torch.isfinite(distance)
    distance = torch.where(met, distance, 1.0)
    point = _along(origin, distance, direction)
    solid = index != GROUND
    its = _Its(solids, index)
    normal = its.normal(point, solid)
    metal = solid & (its.metal > 0)
    diffuse, gloss = _lamplight(solids, lamps, point, normal, direction, rank, index, metal)
    bounce, bend = raycast.GROUND_BOUNCE * (1 - normal[2]) / 2, _bend(point)
    diffuse = [torch.where(solid, channel + bounce, channel * bend) for channel in diffuse]
    color = [torch.where(solid, channel, raycast.GROUND_ALBEDO) for channel in its.color]
    backdrop = _backdrop(direction)
    shining = _roughened(normal, rank)
    along = -2 * _dot(direction, shining)
    mirrored = _along(direction, along, shining)
    if mirrors:
        seen, _ = _trace(solids, lamps, point, mirrored, rank, index, mirrors=False)
    else:
        seen = (torch.where(mirrored[2] < 0, raycast.GROUND_LIGHT, _backdrop(mirrored)),) * 3
    light = []
    for its_color, its_diffuse, its_gloss, its_seen in zip(color, diffuse, gloss, seen, strict=True):
        dull, bright = its_color * its_diffuse / np.pi + its_gloss, its_color * (its_seen + its_gloss)
        light.append(torch.where(met, torch.where(metal, bright, dull), backdrop))
    return (light[0], light[1], light[2]), index


def _first(solids: Solids, origin: Vector, direction: Vector, own: Tensor | None) -> tuple[Tensor, Tensor]:
    """Distance B,R to the first solid on each ray, infinite where there is none, and its index, there ``GROUND``."""
    distance, index = _meet(solids, origin, direction, own).min(1)
    return distance, torch.where(torch.isfinite(distance), index, GROUND)


def _meet(solids: Solids, origin: Vector, direction: Vector, own: Tensor | None) -> Tensor:
    """Distance B,N,R at which rays enter each solid; infinite where they miss it, start in it or from it."""
    size = solids.size[..., None]
    cos, sin = torch.cos(solids.turn)[..., None] / size, torch.sin(solids.turn)[..., None] / size
    x, y = origin[0][:, None] - solids.x[..., None], origin[1][:, None] - solids.y[..., None]
    z = (origin[2][:, None] - size) / size
    x, y = x * cos + y * sin, y * cos - x * sin
    u, v = (component[:, None] for component in direction[:2])
    u, v, w = u * cos + v * sin, v * cos - u * sin, direction[2][:, None] / size
    cube, sphere = (solids.shape == CUBE)[..., None], (solids.shape == SPHERE)[..., None]

    def between(at: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        a, b = (-1 - at) / step, (1 - at) / step
        return torch.minimum(a, b), torch.maximum(a, b)

    left, right = between(x, u)
    front, back = between(y, v)
    bottom, top = between(z, w)
    # The round wall of a cylinder knows no height, a sphere does.
    w_round, z_round = torch.where(sphere, w, 0), torch.where(sphere, z, 0)
    a, b = u * u + v * v + w_round * w_round, x * u + y * v + z_round * w_round
    c = x * x + y * y + z_round * z_round - 1
    root = torch.sqrt(b * b - a * c)  # NaN, which is before nothing, where there is no solution
    round_in, round_out = (-b - root) / a, (-b + root) / a
    enter = torch.where(cube, torch.maximum(left, front), round_in)
    leave = torch.where(cube, torch.minimum(right, back), round_out)
    enter = torch.where(sphere, enter, torch.maximum(enter, bottom))
    leave = torch.where(sphere, leave, torch.minimum(leave, top))
    met = (enter < leave) & (enter > 0) & solids.present[..., None]
    if own is not None:
        numbers = torch.arange(solids.size.shape[1], device=own.device)
        met = met & (own[:, None] != numbers[:, None])
    return torch.where(met, enter, torch.inf)


class _Its:
    """What belongs to the solid that each ray meets, B,R each."""

    def __init__(self, solids: Solids, index: Tensor):
        number = index.clamp(min=0)

        def its(values: Tensor) -> Tensor:
            return values.gather(1, number)

        self.cube, self.cylinder = its((solids.shape == CUBE).float()), its((solids.shape == CYLINDER).float())
        self.x, self.y, self.size = its(solids.x), its(solids.y), its(solids.size)
        self.cos, self.sin = its(torch.cos(solids.turn)), its(torch.sin(solids.turn))
        self.color = tuple(its(channel) for channel in solids.color.unbind(-1))
        self.metal = its(solids.metal.float())

    def normal(self, point: Vector, solid: Tensor) -> Vector:
        """Of the surface at a point; upwards on the ground. Over a bevel it turns from one face to the next."""
        x, y = (point[0] - self.x) / self.size, (point[1] - self.y) / self.size
        x, y, z = x * self.cos + y * self.sin, y * self.cos - x * self.sin, point[2] / self.size - 1
        radius = torch.sqrt(x * x + y * y)
        wall = _beyond(radius) / radius.clamp(min=1e-6)
        cube, cylinder = self.cube > 0, self.cylinder > 0
        x = torch.where(cube, _beyond(x), torch.where(cylinder, x * wall, x))
        y = torch.where(cube, _beyond(y), torch.where(cylinder, y * wall, y))
        z = torch.where(cube | cylinder, _beyond(z), z)
        x, y, z = _unit((x, y, z))
        turned = x * self.cos - y * self.sin, x * self.sin + y * self.cos
        return torch.where(solid, turned[0], 0), torch.where(solid, turned[1], 0), torch.where(solid, z, 1)


def _lamplight(
    solids: Solids,
    lamps: Lamps,
    point: Vector,
    normal: Vector,
    direction: Vector,
    rank: Tensor,
    index: Tensor,
    metal: Tensor,
) -> tuple[list[Tensor], list[Tensor]]:
    """The lamps' irradiance at points, and their highlights towards the eye, linear RGB, B,R each."""
    zero = torch.zeros_like(point[0])
    diffuse, gloss = [zero] * 3, [zero] * 3
    for lamp, place in lamps:
        ahead, spot = _spots(place, lamp.side, rank)
        x, y, z = (a - b for a, b in zip(spot, point, strict=True))
        reach = torch.sqrt(x * x + y * y + z * z)
        to_lamp = x / reach, y / reach, z / reach
        facing = _dot(to_lamp, normal)
        strength = facing * -_dot(to_lamp, ahead) / reach**2
        lit = (facing > 0) & (strength > 0)
        free = _meet(solids, point, to_lamp, index).amin(1) >= reach
        arriving = torch.where(lit, strength * torch.where(free, 1.0, raycast.SHADE), 0)
        shiny = lit & free & (index != GROUND)
        shining = torch.where(shiny, strength * _lobe(normal, to_lamp, direction, metal), 0)
        diffuse = [channel + arriving * power for channel, power in zip(diffuse, lamp.intensity, strict=True)]
        gloss = [channel + shining * power for channel, power in zip(gloss, lamp.intensity, strict=True)]
    return diffuse, gloss


def _spots(place: Tensor, side: float, rank: Tensor) -> tuple[Vector, Vector]:
    """The direction in which lamps B,3 shine, B,1 each, and which ninth of their area each ray looks at, B,R each."""
    ahead = -place / place.norm(dim=1, keepdim=True)
    right = torch.linalg.cross(ahead, ahead.new_tensor([0.0, 0.0, 1.0]).expand_as(ahead))
    right = right / right.norm(dim=1, keepdim=True)
    up = torch.linalg.cross(right, ahead)
    ninths = torch.from_numpy(raycast.NINTHS.astype(np.float32)).to(place.device)[rank]  # R,2
    spot = place[..., None] + side * (right[..., None] * ninths[:, 0] + up[..., None] * ninths[:, 1])  # B,3,R
    return _vector(ahead[:, None]), (spot[:, 0], spot[:, 1], spot[:, 2])


def _lobe(normal: Vector, to_lamp: Vector, direction: Vector, metal: Tensor) -> Tensor:
    """As :func:`raycast._lobe`, towards the eye from which rays come in ``direction``."""
    half = _unit((to_lamp[0] - direction[0], to_lamp[1] - direction[1], to_lamp[2] - direction[2]))
    cosine, incidence = _dot(normal, half) ** 2, _dot(to_lamp, half)

    def ggx(width: float) -> Tensor:
        return width**2 / (np.pi * (cosine * (width**2 - 1) + 1) ** 2)

    layers = raycast.SHARP_SHARE * ggx(raycast.SHARP) + (1 - raycast.SHARP_SHARE) * ggx(raycast.ROUGH)
    lobe = torch.where(metal, layers, raycast.RUBBER_SHINE * ggx(raycast.RUBBER))
    return lobe / (4 * incidence.clamp(min=0.1) ** 2)


def _roughened(normal: Vector, rank: Tensor) -> Vector:
    """As :func:`raycast._roughened`, for all rays."""
    tilt = torch.from_numpy(raycast.TILT).to(rank.device)[rank]  # R,2
    x, y, z = normal
    tangent = _unit(_cross(normal, _unit((y + 0.3, z + 0.5, x + 0.7))))
    second = _cross(normal, tangent)
    a, b = tilt[:, 0], tilt[:, 1]
    return _unit((
        x + a * tangent[0] + b * second[0], y + a * tangent[1] + b * second[1], z + a * tangent[2] + b * second[2],
    ))  # fmt: skip


def _bend(point: Vector) -> Tensor:
    """As :func:`raycast._bend`."""
    away, aside = point[0] * AWAY[0] + point[1] * AWAY[1], point[0] * AWAY[1] - point[1] * AWAY[0]
    bent = _smoothstep((torch.sqrt(away**2 + 0.7 * aside**2) * (away > 0) - 1.2) / 6.4)
    return 1.065 + 0.32 * bent


def _backdrop(direction: Vector) -> Tensor:
    """As :func:`raycast._backdrop`, one grey for all channels."""
    x, y, z = direction
    level = torch.sqrt(x * x + y * y).clamp(min=1e-6)
    ahead = (1 + (x * AWAY[0] + y * AWAY[1]) / level) / 2
    return 0.15 * ahead * (1 - _smoothstep((z - 0.35) / 0.4))


def _smoothstep(x: Tensor) -> Tensor:
    x = x.clamp(0, 1)
    return x * x * (3 - 2 * x)


def _beyond(x: Tensor) -> Tensor:
    return torch.sign(x) * (x.abs() - (1 - BEVEL)).clamp(min=0)


def _vector(values: Tensor) -> Vector:
    """B,3 or B,R,3 to three of B,1 or B,R."""
    values = values if values.dim() == 3 else values[:, None]
    x, y, z = values.unbind(-1)
    return x, y, z


def _along(origin: Vector, distance: Tensor, direction: Vector) -> Vector:
    x, y, z = (o + distance * d for o, d in zip(origin, direction, strict=True))
    return x, y, z


def _dot(a: Vector, b: Vector) -> Tensor:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _cross(a: Vector, b: Vector) -> Vector:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


def _unit(a: Vector) -> Vector:
    length = torch.sqrt(_dot(a, a))
    return a[0] / length, a[1] / length, a[2] / length
