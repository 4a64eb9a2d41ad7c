"""CLEVR6, generated many scenes at once on any device, with the rules of ``clevr.py``."""

from __future__ import annotations

from math import pi

import torch
from torch import Tensor

from monet.data.generators import drawing, raycast_batch
from monet.data.generators.clevr import (
    CAMERA,
    CAMERA_JITTER,
    COLORS,
    LAMP_JITTER,
    LAMPS,
    MIN_GAP,
    MIN_MARGIN,
    MIN_RAYS,
    REACH,
    SIZES,
    TRIES,
    check,
)
from monet.data.generators.light_batch import World
from monet.data.generators.raycast import AWAY, CAMERA_AXES, pixel
from monet.data.generators.raycast_batch import CENTER
from monet.data.generators.solids import SHAPES
from monet.data.generators.solids_batch import pick, put
from monet.data.scene import SceneBatch

FAILING = (0.0, 0.2, 0.3, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.93, 0.97)
"""At most this share of scenes with 0 to 10 solids is to be drawn again, measured on many."""
ARRANGEMENTS = (1, 1, 1, 1, 1, 1, 1, 1, 1, 4, 32)
"""So many arrangements of 0 to 10 solids are drawn at a time, of which one is needed: ten solids rarely find room."""
SURE = (15, 30)
"""Of a solid at no more and at no fewer pixels' centres it is sure whether it shows ``MIN_RAYS`` rays: nine times its
centres have been found to differ from its rays by at most 42 in this range."""


def batch(count: int, objects: tuple[int, int], generator: torch.Generator) -> SceneBatch:
    """Draws many scenes at once, with the distribution of ``clevr.generate``.

    A scene whose solids find no place or do not all show is drawn again with the same number of solids. On a CPU that
    goes on until none is left. Elsewhere it ends after so many rounds that fewer than one scene in 10^9 is left, and
    that one becomes a copy of another: asking how many are left would make the host wait for the device.

    Args:
        count: of scenes.
        objects: fewest and most solids, at most 10.
        generator: the same state, the same scenes on the same kind of device; they are made on its device.

    Returns:
        64x64 pictures, within a grey level of those of ``raycast.render`` but for one value in a thousand. Factors:
        ``present``; ``x`` and ``y``, column and row where the solid's centre is projected, 0 at the first pixels'
        centres; ``place`` B,N,2, x and y of the centre on the ground, in -3..3; ``size``, half of the height, 0.35 or
        0.7; ``shape``, index into ``SHAPES``; ``material``, 0 rubber or 1 metal; ``color``, linear RGB; ``angle``,
        turn about the vertical, 0..2 pi.

    Raises:
        ValueError: ``objects`` out of range.
    """
    check(objects)
    with torch.no_grad():
        world = draw(count, objects, generator)
        images, segmentation = raycast_batch.render(world, LAMPS)
        axes = torch.tensor(CAMERA_AXES, dtype=torch.float32, device=images.device)
        centers = torch.cat((world.place, world.size[..., None]), -1) - world.camera[:, None]
        x, y = pixel(*(centers @ axes).unbind(-1))
    factors = {
        "present": world.present,
        "x": x,
        "y": y,
        "place": world.place,
        "size": world.size,
        "shape": world.shape,
        "material": world.metal.long(),
        "color": world.color,
        "angle": world.angle,
    }
    return SceneBatch(images, segmentation, factors)


def draw(count: int, objects: tuple[int, int], generator: torch.Generator) -> World:
    """Draws what is in scenes, each solid at its place and in view; see :func:`batch`."""
    present = drawing.present(count, objects, generator)
    world, complete = _try(present, generator)
    rounds = iter(_rounds(count, objects))
    while True:
        if complete.device.type == "cpu":
            first = (~complete).nonzero().flatten()
            if len(first) == 0:
                return world
            spares = max(1, 4 // len(first))
        elif plan := next(rounds, None):
            again, spares = plan
            first = complete.int().argsort(stable=True)[:again]  # failed scenes first
        else:
            break
        drawn, whole = _try(present[first].repeat_interleave(spares, 0), generator)
        whole = whole.view(-1, spares)
        best = whole.int().argmax(1) + spares * torch.arange(len(first), device=first.device)
        better = whole.any(1) & ~complete[first]
        for values, new in zip(world, drawn, strict=True):
            replaced = better.view(-1, *[1] * (values.ndim - 1))
            values[first] = torch.where(replaced, new[best], values[first])
        complete[first] |= better
    kept = torch.where(complete, torch.arange(count, device=complete.device), complete.int().argmax())
    return World(*(values[kept] for values in world))


def _rounds(count: int, objects: tuple[int, int]) -> list[tuple[int, int]]:
    """Plans the rounds after the first: how many scenes are drawn again (all that failed) and how often each.

    The fewer are left, the more often they are drawn at a time: rounds cost more than scenes.
    """
    shares = FAILING[objects[0] : objects[1] + 1]
    rounds: list[tuple[int, int]] = []
    drawn = 1
    while (failing := sum(share**drawn for share in shares) / len(shares)) > 1e-9:
        # Six standard deviations more than the mean, and a few where that is small.
        again = min(count, int(count * failing + 6 * (count * failing) ** 0.5) + 4)
        spares = max(1, max(count, 256) // again)
        rounds.append((again, spares))
        drawn += spares
    return rounds


def _try(present: Tensor, generator: torch.Generator) -> tuple[World, Tensor]:
    """Draws scenes with these solids, bool B,N, and tells which are as they must be, bool B."""
    device = generator.device
    shape, batch = present.shape, len(present)

    def number(below: int) -> Tensor:
        return torch.randint(below, shape, generator=generator, device=device)

    place, size, placed = _arrange(present, generator)
    camera = torch.tensor(CAMERA, dtype=torch.float32, device=device)
    lamps = torch.tensor([lamp.position for lamp in LAMPS], device=device)
    world = World(
        present=present.clone(),
        place=place,
        size=size,
        angle=drawing.uniform(0, 2 * pi, shape, generator),
        shape=number(len(SHAPES)),
        metal=number(2) > 0,
        color=torch.tensor(COLORS, dtype=torch.float32, device=device)[number(len(COLORS))],
        camera=camera + drawing.uniform(-CAMERA_JITTER, CAMERA_JITTER, (batch, 3), generator),
        lamps=lamps + drawing.uniform(-LAMP_JITTER, LAMP_JITTER, (batch, len(LAMPS), 3), generator),
    )
    return world, placed & all_show(world)


def _arrange(present: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Places B,N,2 that suit each other, sizes B,N, and whether ``TRIES`` tries have found one for each solid, B."""
    device = generator.device
    batch, most = present.shape
    drawn = batch, ARRANGEMENTS[most]
    size = torch.tensor(SIZES, device=device)[
        torch.randint(len(SIZES), (*drawn, most), generator=generator, device=device)
    ]
    tries = drawing.uniform(-REACH, REACH, (most, 2, TRIES, *drawn), generator)
    place = torch.zeros(2, most, *drawn, device=device)
    placed = torch.ones(drawn, dtype=torch.bool, device=device)
    away_x, away_y = float(AWAY[0]), float(AWAY[1])
    for n in range(most):
        x, y = tries[n, :, :, None] - place[:, None, :n]  # TRIES,n,B,A each
        gap = (x * x + y * y).sqrt() - (size[..., n, None] + size[..., :n]).movedim(-1, 0)
        behind, beside = (away_x * x + away_y * y).abs(), (away_y * x - away_x * y).abs()
        fits = ((gap >= MIN_GAP) & (torch.minimum(behind, beside) >= MIN_MARGIN)).all(1)  # TRIES,B,A
        first = fits.int().argmax(0)
        place[:, n] = tries[n].gather(1, first.expand(2, 1, *drawn))[:, 0]
        placed &= fits.any(0) | ~present[:, n, None]
    best = placed.int().argmax(1)
    scene = torch.arange(batch, device=device)
    return place[..., scene, best].permute(2, 1, 0), size[scene, best], placed[scene, best]


def all_show(world: World) -> Tensor:
    """Whether every solid shows at least ``MIN_RAYS`` rays, bool B."""
    shown = torch.where(world.present, _shown(world, CENTER), SURE[1])
    show = (shown >= SURE[1]).all(1)
    # Where centres do not tell, all rays do.
    doubtful = ~show & (shown > SURE[0]).all(1)
    source, target = pick(doubtful, 0.2, len(doubtful))
    part = World(*(values[source] for values in world))
    part = part._replace(present=part.present & (target < len(doubtful))[:, None])  # nothing in a list's unfilled end
    shown = torch.where(part.present, _shown(part), MIN_RAYS)
    return put(show[None], target, (shown >= MIN_RAYS).all(1)[None])[0]


def _shown(world: World, rank: int | None = None) -> Tensor:
    """How many rays each solid shows, int B,N, of one rank or of all."""
    shown = torch.zeros(len(world.camera), world.present.shape[1] + 1, dtype=torch.int64, device=world.camera.device)
    slots = raycast_batch.visible(world, rank).flatten(1) + 1
    return shown.scatter_add_(1, slots, torch.ones_like(slots))[:, 1:]
