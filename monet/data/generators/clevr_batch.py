"""CLEVR6 generator: batches of scenes in PyTorch on any device, by the rules of ``clevr.py``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat
from math import pi

import torch
from torch import Tensor

from monet.data.generators import drawing, raycast_batch, solids_batch
from monet.data.generators.clevr import (
    CAMERA,
    CAMERA_JITTER,
    COLORS,
    LAMP_JITTER,
    LAMPS,
    MATERIALS,
    MIN_GAP,
    MIN_MARGIN,
    MIN_RAYS,
    REACH,
    SIZES,
    TRIES,
    check,
)
from monet.data.generators.raycast import AWAY, CAMERA_AXES, pixel
from monet.data.generators.solids import SHAPES
from monet.data.scene import SceneBatch
from monet.memory import keep_freed_memory

ROUNDS = 8
"""Most rounds on a GPU that redraw rejected scenes."""
ARRANGEMENTS = {7: 2, 8: 4, 9: 8, 10: 24}
"""By number of solids: arrangements drawn before visibility is tested; otherwise one."""
REFUSED = (0.01, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.8, 0.9, 0.95, 0.97)
"""Upper bounds of the share of rejected scenes with 0, 1, ... solids; they determine the rounds on a GPU."""

SURE = (15, 30)
"""A solid that covers at most 15 pixel centres shows fewer than ``MIN_RAYS`` rays, one that covers at least 30 shows
more. Measured: in this range, nine times the number of centres differs from the number of rays by at most 42."""


def batch(count: int, objects: tuple[int, int], generator: torch.Generator) -> SceneBatch:
    """Draws many scenes at once, with the distribution of ``clevr.generate``.

    A scene is rejected if a solid does not fit or is too little visible, and drawn again with the same number of
    solids.

    A CPU repeats until no scene is rejected. A GPU runs a fixed number of rounds, because counting rejected scenes
    would make the host wait. Scenes rejected in all rounds become copies of others, with the same number of solids if
    possible.

    Args:
        count: number of scenes.
        objects: fewest and most solids, at most 10.
        generator: random state; the scenes are made on its device, and the same state gives the same scenes on the
            same kind of device.

    Returns:
        64x64 pictures; at most one value in a thousand differs by more than a grey level from ``raycast.render``.
        Factors: ``present``; ``x`` and ``y``, column and row of the solid's projected centre, 0 at the centre of the
        first pixel; ``place`` B,N,2, x and y of the centre on the ground, in -3..3; ``size``, half of the height, 0.35
        or 0.7; ``shape``, index into ``SHAPES``; ``material``, 0 rubber or 1 metal; ``color``, linear RGB; ``angle``,
        rotation about the vertical, 0..2 pi.

    Raises:
        ValueError: ``objects`` out of range.
    """
    check(objects)
    keep_freed_memory()
    return render(*draw(count, objects, generator))


def draw(count: int, objects: tuple[int, int], generator: torch.Generator) -> tuple[dict[str, Tensor], Tensor, Tensor]:
    """Draws the arguments of :func:`render` at random: factors, cameras and lamps of the scenes of :func:`batch`."""
    present = drawing.present(count, objects, generator)
    drawn = _try(present, generator)
    counted = solids_batch.counts(present.device)
    plan = _rounds(count, REFUSED[objects[0] : objects[1] + 1])
    for again, spares in repeat((count, 1)) if counted else plan:
        failed = ~drawn["accepted"]
        if counted:
            again = int(failed.sum())
            if not again:
                break
            spares = 1 + count // (4 * again)
        rows = failed.int().argsort(descending=True, stable=True)[:again]  # failed scenes first
        fresh = _try(present[rows].repeat_interleave(spares, 0), generator)
        first = fresh["accepted"].int().view(again, spares).argmax(1) + spares * torch.arange(again, device=rows.device)
        _replace(drawn, rows, failed[rows], {name: values[first] for name, values in fresh.items()})
    if not counted:
        accepted, number, rows = drawn["accepted"], present.sum(1), torch.arange(count, device=present.device)
        like = (accepted * (1 + (number[:, None] == number).to(torch.uint8))).argmax(1)
        _replace(drawn, rows, ~accepted, {name: values[like] for name, values in drawn.items()})
    lamps = torch.tensor([lamp.position for lamp in LAMPS], device=generator.device)
    lamps = lamps + drawing.uniform(-LAMP_JITTER, LAMP_JITTER, (count, *lamps.shape), generator)
    camera = drawn.pop("camera")
    del drawn["accepted"]
    return drawn, camera, lamps


def render(factors: dict[str, Tensor], camera: Tensor, lamps: Tensor) -> SceneBatch:
    """Renders scenes.

    Args:
        factors: as :func:`batch` returns them, without ``x`` and ``y``, which follow from the others.
        camera: float32 B,3, position of the camera.
        lamps: float32 B,3,3, positions of the lamps in ``LAMPS``.
    """
    images, segmentation = [], []
    for stage in raycast_batch.stages(factors, camera, lamps, LAMPS):
        keys = raycast_batch.visible(stage)
        images.append(raycast_batch.light(stage, keys))
        segmentation.append(raycast_batch.labels(keys))
    axes = torch.tensor(CAMERA_AXES, dtype=torch.float32, device=camera.device)
    centers = torch.cat((factors["place"], factors["size"][..., None]), -1) - camera[:, None]
    x, y = pixel(*(centers @ axes).unbind(-1))
    present, others = factors["present"], {name: values for name, values in factors.items() if name != "present"}
    return SceneBatch(torch.cat(images), torch.cat(segmentation), {"present": present, "x": x, "y": y, **others})


def _rounds(count: int, refused: Sequence[float]) -> Iterator[tuple[int, int]]:
    """Plans how to redraw rejected scenes on a device where they cannot be counted.

    Args:
        count: number of scenes that were drawn once.
        refused: the share of rejected scenes for each number of solids; all numbers are equally likely.

    Yields:
        how many scenes to draw again, and how often each, until fewer than one scene in 10^9 is rejected.
    """
    times, spares = 1, 2
    for _ in range(ROUNDS):
        failing = count * sum(share**times for share in refused) / len(refused)
        # Eight standard deviations more than the mean, and a few where that is small.
        again = min(count, int(failing + 8 * failing**0.5) + 8)
        yield again, spares
        if failing < 1e-9 * count:
            break
        times += spares
        spares *= 2


def _replace(drawn: dict[str, Tensor], rows: Tensor, chosen: Tensor, fresh: dict[str, Tensor]) -> None:
    """Replaces rows R of ``drawn`` by the fresh entries R that are chosen, bool R."""
    for name, values in drawn.items():
        wanted = chosen.view(-1, *[1] * (values.ndim - 1))
        values[rows] = torch.where(wanted, fresh[name], values[rows])


def _try(present: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
    """Draws scenes with the solids that are ``present``, bool B,N.

    Returns:
        their factors without ``x`` and ``y``; ``camera`` B,3; ``accepted``, bool B.
    """
    count, most = present.shape
    times = ARRANGEMENTS.get(most, 1)
    place, size, fitting = _arrange(present.repeat_interleave(times, 0), generator)
    first = fitting.int().view(count, times).argmax(1) + times * torch.arange(count, device=present.device)
    shape = tuple(present.shape)

    def number(below: int) -> Tensor:
        return torch.randint(below, shape, generator=generator, device=generator.device)

    palette = torch.tensor(COLORS, dtype=torch.float32, device=generator.device)
    camera = torch.tensor(CAMERA, dtype=torch.float32, device=generator.device)
    drawn = {
        "present": present.clone(),
        "place": place[first],
        "size": size[first],
        "shape": number(len(SHAPES)),
        "material": number(len(MATERIALS)),
        "color": palette[number(len(COLORS))],
        "angle": drawing.uniform(0, 2 * pi, shape, generator),
        "camera": camera + drawing.uniform(-CAMERA_JITTER, CAMERA_JITTER, (count, 3), generator),
    }
    drawn["accepted"] = fitting[first] & all_show(drawn)
    return drawn


def all_show(drawn: dict[str, Tensor]) -> Tensor:
    """Tests whether every solid is visible in at least ``MIN_RAYS`` rays, bool B."""
    present = drawn["present"]
    shown = torch.where(present, _shown(drawn, raycast_batch.MIDDLE), SURE[1])
    show = (shown >= SURE[1]).all(1)
    # If the pixels' centres do not decide, all rays are cast. Scenes beyond a GPU's list count as rejected.
    doubtful = ~show & (shown > SURE[0]).all(1)
    at, to = solids_batch.where(doubtful, 0.4)
    part = {name: values[at] for name, values in drawn.items()}
    enough = (_shown(part, slice(None)) >= MIN_RAYS) | ~part["present"]
    return torch.cat([show, show[:1]]).index_copy(0, to, enough.all(1))[:-1]


def _shown(drawn: dict[str, Tensor], ranks: slice) -> Tensor:
    """Counts the rays of these ranks that meet each solid, int64 B,N."""
    most = drawn["present"].shape[1]
    stages = raycast_batch.stages(drawn, drawn["camera"])
    shown = [raycast_batch.areas(raycast_batch.visible(stage, ranks), most) for stage in stages]
    return torch.cat(shown) if shown else torch.zeros(0, most, dtype=torch.int64)


def _arrange(present: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Draws places B,N,2 that keep the required distances, sizes B,N, and whether ``TRIES`` tries sufficed, B."""
    device, (count, most) = generator.device, present.shape
    size = torch.tensor(SIZES, device=device)[
        torch.randint(len(SIZES), (count, most), generator=generator, device=device)
    ]
    xs, ys = drawing.uniform(-REACH, REACH, (2, most, TRIES, count), generator)
    x, y = xs.new_zeros(most, count), xs.new_zeros(most, count)
    placed = torch.ones(count, dtype=torch.bool, device=device)
    away_x, away_y = float(AWAY[0]), float(AWAY[1])
    for n in range(most):
        free = torch.ones(TRIES, count, dtype=torch.bool, device=device)
        for other in range(n):
            right, up = xs[n] - x[other], ys[n] - y[other]
            behind, beside = right * away_x + up * away_y, right * away_y - up * away_x
            free &= torch.hypot(right, up) - (size[:, n] + size[:, other]) >= MIN_GAP
            free &= torch.minimum(behind.abs(), beside.abs()) >= MIN_MARGIN
        first = free.int().argmax(0, keepdim=True)
        x[n], y[n] = xs[n].gather(0, first)[0], ys[n].gather(0, first)[0]
        placed &= free.gather(0, first)[0] | ~present[:, n]
    return torch.stack([x.T, y.T], -1), size, placed
