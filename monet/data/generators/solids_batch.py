"""Intersects rays with the solids of many scenes at once, on any device: ``solids.py`` in PyTorch.

Vectors have their coordinates first, 3,..., so that each coordinate lies together in memory. Rays and solids are few
among all that could meet, so what follows works on lists of them that :func:`where` draws up.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import softshrink

from monet.data.generators.solids import BEVEL, BOUND, SHAPES

Vectors = Tensor | tuple[Tensor, Tensor, Tensor]
"""Of float32, coordinates first: 3,..., or one tensor for each."""
FAR = 1e6
MISS = torch.iinfo(torch.int32).max
"""What :func:`key` gives is less where a ray meets a solid."""
SLOTS = 16
"""More than the solids of a scene."""


class Listed(NamedTuple):
    """Entries of a mask that are set.

    Attributes:
        at: int64 R, the entries' places in the flat mask, in order. On a card, whose lists have a fixed length, they
            are followed by zeros.
        to: int64 R, the same but for those zeros: these are the mask's length, one behind its end, where results go
            that nobody wants.
    """

    at: Tensor
    to: Tensor


def where(mask: Tensor, share: float) -> Listed:
    """Lists the set entries of a mask.

    A CPU counts them. Where that would make the host wait for the device, the list has room for a fixed number;
    entries beyond that are left out.

    Args:
        mask: bool, of any shape.
        share: of the entries, for which there is room.
    """
    flat = mask.reshape(-1)
    if counts(flat.device):
        at = torch.from_numpy(flat.numpy().nonzero()[0])  # NumPy's takes a third of the time
        return Listed(at, at)
    length = len(flat)
    room = min(length, int(share * length) + 1)
    place = flat.cumsum(0) - 1
    place = torch.where(flat & (place < room), place, room)
    to = torch.full((room + 1,), length, device=flat.device)
    to = to.scatter_(0, place, torch.arange(length, device=flat.device))[:room]
    return Listed(torch.where(to < length, to, 0), to)


def pick(values: Tensor, index: Tensor) -> Tensor:
    """Takes entries of the last axis. A CPU is ten times as quick at that with two axes as with three."""
    if values.ndim < 3:
        return values.index_select(-1, index)
    return values.flatten(0, -2).index_select(1, index).view(*values.shape[:-1], len(index))


def counts(device: torch.device) -> bool:
    """Whether lists on a device are as long as what they list."""
    return device.type == "cpu"


class Solids(NamedTuple):
    """Solids S = B * N, scene by scene, N in each.

    Attributes:
        table: float32 10,S: x, y, z of the centre; cosine and sine of the turn, and 1, all three over the half height;
            and what makes a cube, a cylinder or a sphere of the space where all of these meet: half the width of a
            cube, half the height of a cube or cylinder, and the squared radius of a cylinder or sphere, in half
            heights, ``FAR`` where there is no such bound; 1 for a sphere, whose radius counts in z as well, or 0.
        look: float32 4,S: linear RGB, and 1 for metal, 0 for rubber.
        bound: float32 S, the radius of a sphere around it, 0 where no solid is present.
    """

    table: Tensor
    look: Tensor
    bound: Tensor

    @property
    def center(self) -> Tensor:
        return self.table[:3]


def solids(factors: dict[str, Tensor]) -> Solids:
    """Prepares solids from the factors of scenes."""
    size, shape, angle = (factors[name].flatten() for name in ("size", "shape", "angle"))
    place = factors["place"].flatten(0, 1).to(torch.float32)
    box, ball = shape == SHAPES.index("cube"), shape == SHAPES.index("sphere")
    bounds = torch.where(box, BOUND["cube"], torch.where(ball, BOUND["sphere"], BOUND["cylinder"]))
    rows = (
        *(place[:, 0], place[:, 1], size, angle.cos() / size, angle.sin() / size, 1 / size),
        *(torch.where(box, 1, FAR), torch.where(ball, FAR, 1), torch.where(box, FAR, 1), ball),
    )
    color = factors["color"].flatten(0, 1).unbind(1)
    return Solids(
        torch.stack([row.to(torch.float32) for row in rows]),
        torch.stack([row.to(torch.float32) for row in (*color, factors["material"].flatten())]),
        (bounds * size * factors["present"].flatten()).to(torch.float32),
    )


def grown(table: Tensor, margin: Tensor) -> Tensor:
    """The table of solids whose half heights are ``margin`` more, about the same centres."""
    factor = 1 / (1 + margin * table[5])
    return torch.cat([table[:3], table[3:6] * factor, table[6:]])


def dot(a: Vectors, b: Vectors) -> Tensor:
    """Inner products of vectors."""
    return torch.addcmul(torch.addcmul(a[0] * b[0], a[1], b[1]), a[2], b[2])


def unit(vectors: Tensor) -> Tensor:
    """Vectors 3,... at length 1."""
    return vectors * dot(vectors, vectors).rsqrt()


def span(table: Tensor, origins: Vectors, directions: Vectors) -> tuple[Tensor, Tensor]:
    """Where lines enter and leave solids; a line that misses it does not enter before it leaves.

    Branches, and even choices between two values, would take longer than to meet a box, a tube and a slab with bounds
    that are far away where the solid has none.

    Args:
        table: 10,... of :class:`Solids`.
        origins: points on the lines.
        directions: of the lines.
    """
    x, y, z, cos, sin, scale, width, height, radius, ball = table
    dx, dy, dz = directions
    px, py, oz = origins[0] - x, origins[1] - y, (origins[2] - z) * scale
    ox, oy = torch.addcmul(cos * px, sin, py), torch.addcmul(cos * py, sin, px, value=-1)
    ux, uy, uz = torch.addcmul(cos * dx, sin, dy), torch.addcmul(cos * dy, sin, dx, value=-1), dz * scale
    wz = ball * uz
    a = torch.addcmul(torch.addcmul(ux * ux, uy, uy), wz, uz)
    b = torch.addcmul(torch.addcmul(ox * ux, oy, uy), wz, oz)
    c = torch.addcmul(torch.addcmul(torch.addcmul(-radius, ox, ox), oy, oy), ball * oz, oz)
    # The root is 0 where there is none, so that the line leaves where it enters. Roots of negative numbers are slow.
    half, middle = torch.addcmul(b * b, a, c, value=-1).clamp_(min=0).sqrt_().div_(a), b / a
    enter, leave = -half - middle, half - middle
    for origin, direction, bound in ((ox, ux, width), (oy, uy, width), (oz, uz, height)):
        inverse = direction.reciprocal()
        middle, half = origin * inverse, inverse.abs() * bound
        enter, leave = torch.maximum(enter, -half - middle), torch.minimum(leave, half - middle)
    return enter, leave


def key(table: Tensor, origins: Vectors, directions: Vectors, slot: Tensor) -> Tensor:
    """Puts the distance to a solid and its slot into one number, so that the least tells which solid comes first.

    Returns:
        int32: the bits of the distance, which for positive numbers grow with it, and for the last four of these the
        slot. The distance is exact to 1 part in a million. ``MISS`` where the line does not meet the solid.
    """
    enter, leave = span(table, origins, directions)
    bits = (enter.view(torch.int32) & -SLOTS) | slot
    met = ((enter < leave) & (enter > 0)).to(torch.int32)
    return bits * met + MISS * (1 - met)


def unkey(keys: Tensor) -> tuple[Tensor, Tensor]:
    """Distances, float32, and slots, int32, of what :func:`key` gave; NaN and ``SLOTS - 1`` where it is ``MISS``."""
    return (keys & -SLOTS).view(torch.float32), keys & (SLOTS - 1)


def normals(table: Tensor, points: Vectors) -> Tensor:
    """Unit normals 3,R at points of the surfaces of solids 10,R, with their bevels."""
    x, y, z, cos, sin, scale, width, _, _, ball = table
    px, py, oz = points[0] - x, points[1] - y, (points[2] - z) * scale
    ox, oy = torch.addcmul(cos * px, sin, py), torch.addcmul(cos * py, sin, px, value=-1)
    box = (width == 1).to(torch.float32)
    radius = torch.addcmul(ox * ox, oy, oy).clamp_(min=1e-12).sqrt_()
    around = torch.lerp(softshrink(radius, 1 - BEVEL) / radius, torch.ones_like(radius), ball)
    ox = torch.lerp(ox * around, softshrink(ox, 1 - BEVEL), box)
    oy = torch.lerp(oy * around, softshrink(oy, 1 - BEVEL), box)
    oz = torch.lerp(softshrink(oz, 1 - BEVEL), oz, ball)
    return unit(torch.stack((torch.addcmul(cos * ox, sin, oy, value=-1), torch.addcmul(cos * oy, sin, ox), scale * oz)))
