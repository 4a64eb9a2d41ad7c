"""Intersects rays with the solids of a batch of scenes on any device: ``solids.py`` in PyTorch.

Vectors have their coordinates first, 3,..., so that each coordinate is contiguous in memory. Few pairs of ray and solid
can meet, so the functions work on lists of such pairs, which :func:`where` makes.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import softshrink

from monet.data.generators.solids import BEVEL, BOUND, SHAPES

Vectors = Tensor | tuple[Tensor, Tensor, Tensor]
"""float32 vectors, coordinates first: 3,..., or one tensor for each."""
FAR = 1e6
MISS = torch.iinfo(torch.int32).max
"""Key of a ray that meets no solid; every other key of :func:`key` is less."""
SLOTS = 16
"""Exceeds the number of solids of a scene."""


class Listed(NamedTuple):
    """Set entries of a mask.

    Attributes:
        at: int64 R, indices of the entries in the flat mask, ascending. On a GPU, lists have a fixed length and are
            padded with zeros.
        to: int64 R, the same, but padded with the mask's length, so that scattered padding falls behind its end.
    """

    at: Tensor
    to: Tensor


def where(mask: Tensor, share: float) -> Listed:
    """Lists the set entries of a mask.

    A CPU counts them. On a GPU, counting would make the host wait, so the list has a fixed length; entries beyond it
    are dropped.

    Args:
        mask: bool, of any shape.
        share: length of a GPU's list, as a share of the mask's entries.
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
    """Selects entries of the last axis. With two axes a CPU is ten times as fast as with three."""
    if values.ndim < 3:
        return values.index_select(-1, index)
    return values.flatten(0, -2).index_select(1, index).view(*values.shape[:-1], len(index))


def counts(device: torch.device) -> bool:
    """Returns whether lists on a device have exactly the length that they need."""
    return device.type == "cpu"


class Solids(NamedTuple):
    """Solids S = B * N, scene by scene, N in each.

    Attributes:
        table: float32 10,S. Rows 0 to 2: x, y, z of the centre. Rows 3 to 5: cosine and sine of the rotation, and 1,
            divided by the half height. Rows 6 to 8: bounds whose intersection is the shape, in half heights, ``FAR``
            if unbounded: half the width of a cube, half the height of a cube or cylinder, squared radius of a cylinder
            or sphere. Row 9: 1 for a sphere, whose radius includes z, else 0.
        look: float32 4,S: linear RGB, and 1 for metal, 0 for rubber.
        bound: float32 S, radius of the bounding sphere, 0 if no solid is present.
    """

    table: Tensor
    look: Tensor
    bound: Tensor

    @property
    def center(self) -> Tensor:
        return self.table[:3]


def solids(factors: dict[str, Tensor]) -> Solids:
    """Builds :class:`Solids` from the factors of scenes."""
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
    """Returns the table of solids whose half heights are larger by ``margin``, with the same centres."""
    factor = 1 / (1 + margin * table[5])
    return torch.cat([table[:3], table[3:6] * factor, table[6:]])


def dot(a: Vectors, b: Vectors) -> Tensor:
    """Computes inner products of vectors."""
    return torch.addcmul(torch.addcmul(a[0] * b[0], a[1], b[1]), a[2], b[2])


def unit(vectors: Tensor) -> Tensor:
    """Normalises vectors 3,... to length 1."""
    return vectors * dot(vectors, vectors).rsqrt()


def span(table: Tensor, origins: Vectors, directions: Vectors) -> tuple[Tensor, Tensor]:
    """Computes where lines enter and leave solids. If a line misses the solid, enter < leave is false.

    Every line is intersected with a box, a tube and a slab, whose bounds are ``FAR`` if the solid has none. Branches or
    selections would take longer.

    Args:
        table: 10,... of :class:`Solids`.
        origins: points on the lines.
        directions: directions of the lines.
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
    # Without a solution the root is clamped to 0, so enter equals leave. Roots of negative numbers are slow.
    half, middle = torch.addcmul(b * b, a, c, value=-1).clamp_(min=0).sqrt_().div_(a), b / a
    enter, leave = -half - middle, half - middle
    for origin, direction, bound in ((ox, ux, width), (oy, uy, width), (oz, uz, height)):
        inverse = direction.reciprocal()
        middle, half = origin * inverse, inverse.abs() * bound
        enter, leave = torch.maximum(enter, -half - middle), torch.minimum(leave, half - middle)
    return enter, leave


def key(table: Tensor, origins: Vectors, directions: Vectors, slot: Tensor) -> Tensor:
    """Packs the distance to a solid and its slot into one integer, so that the minimum identifies the first solid.

    Returns:
        int32: the bits of the float distance, which increase with it, with the slot in the last four bits. The distance
        is exact to 1 part in a million. ``MISS`` if the line does not meet the solid.
    """
    enter, leave = span(table, origins, directions)
    bits = (enter.view(torch.int32) & -SLOTS) | slot
    met = ((enter < leave) & (enter > 0)).to(torch.int32)
    return bits * met + MISS * (1 - met)


def unkey(keys: Tensor) -> tuple[Tensor, Tensor]:
    """Unpacks keys of :func:`key` to distances, float32, and slots, int32; ``MISS`` to NaN and ``SLOTS - 1``."""
    return (keys & -SLOTS).view(torch.float32), keys & (SLOTS - 1)


def normals(table: Tensor, points: Vectors) -> Tensor:
    """Computes unit normals 3,R at points on the surfaces of solids 10,R, with bevels."""
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
