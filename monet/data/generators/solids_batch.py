"""Intersects rays with the solids of many scenes at once, on any device: ``solids.py`` in PyTorch.

Vectors are tensors 3,..., one component after the other. Rays come as R,M: R rays at each of M places, all R of a place
in one scene. A cheap test against a sphere around each solid picks the pairs of ray and solid that get the exact test.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from monet.data.generators.solids import BEVEL, BOUND, GROUND, SHAPES

MANY = 1.7
"""Room in lists of fixed length: so much more than is expected on average."""


def pick(mask: Tensor, share: float, scenes: int) -> tuple[Tensor, Tensor]:
    """Lists where a mask is set, in flat order.

    On a CPU the list is exact. Elsewhere its length would have to be asked for, which makes the host wait; there it is
    as long as ``share`` lets expect, with room to spare. Of a longer list the end is dropped.

    Args:
        mask: bool, any shape, of K entries.
        share: of the entries that are set on average.
        scenes: over how many scenes the mask goes; the more, the closer to its average it is.

    Returns:
        Indices to read from, in 0..K-1, and to write to, in 0..K: K where the list is not filled, to be thrown away.
    """
    if mask.device.type != "cpu":
        return pick_fixed(mask, share, scenes)
    index = mask.flatten().nonzero().flatten()
    return index, index


def pick_fixed(mask: Tensor, share: float, scenes: int) -> tuple[Tensor, Tensor]:
    """Lists as :func:`pick` does where the host must not wait."""
    mask, size = mask.flatten(), mask.numel()
    length = min(size, int(size * share * (MANY + 4 / scenes**0.5)) + 1)
    place = mask.cumsum(0) - 1
    place = torch.where(mask & (place < length), place, length)
    index = torch.full((length + 1,), size, device=mask.device).scatter_(
        0, place, torch.arange(size, device=mask.device)
    )
    index = torch.where(index < size, index, size)[:-1]
    return index.clamp(max=size - 1), index


def put(values: Tensor, target: Tensor, part: Tensor) -> Tensor:
    """Writes ``part`` C,P to places of ``values`` C,...; what goes behind the last place is thrown away."""
    if values.device.type != "cpu":
        return put_fixed(values, target, part)
    return values.flatten(1).index_copy_(1, target, part).view(values.shape)


def put_fixed(values: Tensor, target: Tensor, part: Tensor) -> Tensor:
    """Writes as :func:`put` does where lists are not filled."""
    # Only a list's unfilled end has the place behind the last, so what is written twice is thrown away.
    return F.pad(values.flatten(1), (0, 1)).index_copy_(1, target, part)[:, :-1].reshape(values.shape)


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Inner products of vectors 3,...."""
    return torch.addcmul(torch.addcmul(a[0] * b[0], a[1], b[1]), a[2], b[2])


def unit(vectors: Tensor) -> Tensor:
    """Vectors 3,... at length 1."""
    return vectors * dot(vectors, vectors).rsqrt()


def cross(a: Tensor, b: Tensor) -> Tensor:
    """Cross products of vectors 3,...."""
    x, y, z = a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]
    return torch.stack((x, y, z))


class Around(NamedTuple):
    """Origins of rays and the spheres around solids: scene M, origin 3,R,M or 3,1,M, spheres 4,N,1,M and, for each
    slot, how much the squared distance from its centre exceeds that of its sphere, R,M or 1,M."""

    scene: Tensor
    origin: Tensor
    spheres: Tensor
    outside: list[Tensor]


class Solids:
    """The solids of B scenes with N places for them, as tables that rays look up.

    Attributes:
        scenes, most: B and N.
        crowd: N in units of the data set's 6 solids, where shares of rays were measured; at least 1.
        spheres: float32 4,N,B: centre and squared radius of the sphere around, -1 where there is no solid.
        forms: float32 7,B*N: centre, cosine and sine of the turn over the half height, half height, shape.
    """

    def __init__(self, present: Tensor, place: Tensor, size: Tensor, angle: Tensor, shape: Tensor):
        """Builds the tables from B,N or (``place``) B,N,2."""
        self.scenes, self.most = present.shape
        self.crowd = max(1.0, self.most / 6)
        x, y = place.unbind(-1)
        bounds = torch.tensor([BOUND[name] for name in SHAPES], device=size.device)
        squared = torch.where(present, 1.001 * (bounds[shape] * size) ** 2, -1)  # a little more, for rounding
        self.spheres = torch.stack((x, y, size, squared)).transpose(1, 2).contiguous()
        forms = torch.stack((x, y, size, angle.cos() / size, angle.sin() / size, size, shape.to(size.dtype)))
        self.forms = forms.flatten(1).contiguous()

    def around(self, scene: Tensor, origin: Tensor, own: Tensor | None) -> Around:
        """What the cheap tests of all rays from the same points share.

        Args:
            scene: int M.
            origin: float32 3,R,M or 3,1,M.
            own: int R,M, slot of the solid that a ray starts from, which is not in its way; None where all start
                elsewhere.
        """
        spheres = self.spheres.flatten(0, 1).index_select(1, scene).view(4, self.most, 1, len(scene))
        outside = []
        for n, (x, y, z, squared) in enumerate(spheres.unbind(1)):
            x, y, z = x - origin[0], y - origin[1], z - origin[2]
            squares = torch.addcmul(torch.addcmul(torch.addcmul(-squared, x, x), y, y), z, z)
            outside.append(squares if own is None else squares.masked_fill_(own == n, torch.inf))
        return Around(scene, origin, spheres, outside)

    def candidates(self, around: Around, direction: Tensor) -> Tensor:
        """Which lines may meet which solids, bool N,R,M: those that come as near to the centre as its sphere."""
        mask = torch.empty(self.most, *direction.shape[1:], dtype=torch.bool, device=direction.device)
        start = dot(around.origin, direction)
        for n, (x, y, z, _) in enumerate(around.spheres.unbind(1)):
            along = torch.addcmul(torch.addcmul(x * direction[0], y, direction[1]), z, direction[2]).sub_(start)
            torch.lt(around.outside[n], along.mul_(along), out=mask[n])
        return mask

    def spans(self, around: Around, direction: Tensor, pairs: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The exact test of pairs, flat indices P into N,R,M.

        Returns:
            enter and leave, float32 P; index of the ray, R,M flat; slot of the solid.
        """
        places, rays = direction.shape[-1], direction[0].numel()
        slot = pairs.div(rays, rounding_mode="floor")
        ray = pairs - slot * rays
        place = ray if rays == places else ray.remainder(places)
        start = place if around.origin.shape[1] == 1 else ray
        form = self.forms.index_select(1, around.scene[place] * self.most + slot)
        offset = around.origin.reshape(3, -1).index_select(1, start) - form[:3]
        enter, leave = _span(form[3:], offset, direction.reshape(3, -1).index_select(1, ray))
        return enter, leave, ray, slot

    def first(self, scene: Tensor, origin: Tensor, direction: Tensor, own: Tensor | None) -> tuple[Tensor, Tensor]:
        """The first solid on each ray.

        Args:
            scene: int M.
            origin: float32 3,R,M or 3,1,M.
            direction: float32 3,R,M, of length 1.
            own: as :meth:`around` takes it.

        Returns:
            distance float32 R,M, infinite where there is none, and slot int R,M, there ``GROUND``.
        """
        around = self.around(scene, origin, own)
        mask = self.candidates(around, direction)
        source, target = pick(mask, 0.06, self.scenes)
        enter, leave, ray, slot = self.spans(around, direction, source)
        shape, rays = direction.shape[1:], direction[0].numel()
        met = (enter < leave) & (enter > 0) & (target < mask.numel())
        ray = torch.where(met, ray, rays)
        distance = torch.full((rays + 1,), torch.inf, device=enter.device)
        distance.scatter_reduce_(0, ray, enter, "amin")
        nearest = torch.where(met & (enter == distance[ray]), ray, rays)
        index = torch.full((rays + 1,), GROUND, device=enter.device).scatter_(0, nearest, slot)
        return distance[:-1].view(shape), index[:-1].view(shape)

    def blocked(self, around: Around, direction: Tensor, reach: Tensor, wanted: Tensor, share: float) -> Tensor:
        """Whether solids stand on the first ``reach`` of rays, bool R,M.

        Args:
            around: what :meth:`around` gave for the rays' origins.
            direction: float32 3,R,M, of length 1.
            reach: float32 R,M.
            wanted: bool R,M, which rays to ask for; the others are not blocked.
            share: of the pairs of solids and rays that come near each other, on average.
        """
        mask = self.candidates(around, direction) & wanted
        source, target = pick(mask, share, self.scenes)
        enter, leave, ray, _ = self.spans(around, direction, source)
        rays = direction[0].numel()
        met = (enter < leave) & (enter > 0) & (enter < reach.flatten()[ray]) & (target < mask.numel())
        blocked = torch.zeros(rays + 1, dtype=torch.bool, device=mask.device)
        blocked.index_fill_(0, torch.where(met, ray, rays), True)
        return blocked[:-1].view(direction.shape[1:])

    def normals(self, solid: Tensor, points: Tensor) -> Tensor:
        """Unit normals 3,P at points 3,P of the surfaces of solids P, beveled as in ``solids.normals``."""
        form = self.forms.index_select(1, solid)
        x, y, z = _turned(form[3:], points - form[:3])
        cube, sphere = _is(form[6], "cube"), _is(form[6], "sphere")
        radius = (x * x + y * y).sqrt()
        rim = _beyond(radius) / radius.clamp(min=1e-6)
        local_x = torch.where(cube, _beyond(x), torch.where(sphere, x, x * rim))
        local_y = torch.where(cube, _beyond(y), torch.where(sphere, y, y * rim))
        local = unit(torch.stack((local_x, local_y, torch.where(sphere, z, _beyond(z)))))
        cos, sin = form[3] * form[5], form[4] * form[5]
        return torch.stack((cos * local[0] - sin * local[1], sin * local[0] + cos * local[1], local[2]))


def _is(shape: Tensor, name: str) -> Tensor:
    return shape == SHAPES.index(name)


def _turned(form: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Vectors 3,P in the solids' own axes, in half heights; ``form``: from row 3 on."""
    x, y, z = vectors
    return form[0] * x + form[1] * y, form[0] * y - form[1] * x, z / form[2]


def _beyond(x: Tensor) -> Tensor:
    """How far coordinates lie in the bevel, with their sign."""
    return x - x.clamp(BEVEL - 1, 1 - BEVEL)


def _span(form: Tensor, origin: Tensor, direction: Tensor) -> tuple[Tensor, Tensor]:
    """Where lines enter and leave solids, P each; a line that misses its solid does not enter before it leaves.

    A cube lies between three pairs of planes, a cylinder in a round wall and between one pair, a sphere in a round
    wall alone: all are computed, and each takes its own.
    """
    (ox, oy, oz), (dx, dy, dz) = _turned(form, origin), _turned(form, direction)
    cube, sphere = _is(form[3], "cube"), _is(form[3], "sphere")
    flat_z = torch.where(sphere, dz, 0)
    a = dx * dx + dy * dy + flat_z * dz
    b = ox * dx + oy * dy + oz * flat_z
    c = ox * ox + oy * oy + torch.where(sphere, oz * oz, 0) - 1
    root = (b * b - a * c).sqrt()  # NaN, which is before nothing, where there is no solution
    round_enter, round_leave = (-b - root) / a, (-b + root) / a
    (x0, x1), (y0, y1), (z0, z1) = _between(ox, dx), _between(oy, dy), _between(oz, dz)
    enter = torch.where(cube, torch.maximum(x0, y0), round_enter)
    leave = torch.where(cube, torch.minimum(x1, y1), round_leave)
    enter = torch.where(sphere, enter, torch.maximum(enter, z0))
    leave = torch.where(sphere, leave, torch.minimum(leave, z1))
    return enter, leave


def _between(origin: Tensor, direction: Tensor) -> tuple[Tensor, Tensor]:
    """Where coordinates come in between -1 and 1, and where they go out."""
    inverse = 1 / direction
    a, b = (-1 - origin) * inverse, (1 - origin) * inverse
    return torch.minimum(a, b), torch.maximum(a, b)
