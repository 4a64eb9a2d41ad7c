"""Tetrominoes generator: the pieces of DeepMind's data set (Kabra et al. 2019), pixel for pixel.

35x35 pixels with three pieces of four bevelled 5x5 tiles in six saturated colours on black. Pieces lie at any pixel
position fully inside the frame and never overlap. Shapes, colours and the tile's shading were measured on genuine
records; uniform shapes, colours and positions are an assumption.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from monet.data.generators import drawing
from monet.data.scene import Scene, SceneBatch
from monet.data.seeds import Seed

SIZE = 35
TILE = 5
OBJECTS = (3, 3)
TRIES = 50
"""Places tried for a piece before its scene is drawn again."""
FAILING = (0.0, 0.0, 0.0, 0.01, 0.13, 0.53)
"""Upper bounds, measured, of the share of scenes with 0 to 5 pieces that must be drawn again."""

SHADING = np.array(
    [
        [191, 255, 255, 255, 223],
        [127, 159, 159, 159, 191],
        [127, 159, 159, 159, 191],
        [127, 159, 159, 159, 191],
        [95, 63, 63, 63, 127],
    ],
    dtype=np.uint8,
)
"""Values of a tile in its lit colour channels."""

COLORS = np.array(
    [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1]],
    dtype=np.uint8,
)

# In the order of the data set's labels 1 to 19; rows separated by spaces.
_SHAPES = (
    "####", "# # # #", "### #..", "#.. ###", "..# ###", "### ..#", "## .# .#", ".# .# ##", "## #. #.", "#. #. ##",
    "##. .##", ".## ##.", ".# ## #.", "#. ## .#", ".#. ###", "### .#.", ".# ## .#", "#. ## #.", "## ##",
)  # fmt: skip


def _piece(shape: str) -> np.ndarray:
    tiles = np.array([[tile == "#" for tile in row] for row in shape.split()], dtype=np.uint8)
    return np.kron(tiles, SHADING)


PIECES = tuple(_piece(shape) for shape in _SHAPES)
"""The 19 pieces as pictures of one lit channel, uint8 h,w, 0 outside."""


def generate(seed: Seed, objects: tuple[int, int] = OBJECTS) -> Scene:
    """Generates one scene.

    Args:
        seed: the same seed gives the same scene.
        objects: fewest and most pieces, at most 5 (more do not reliably fit).

    Raises:
        ValueError: ``objects`` out of range.
    """
    _check(objects)
    fewest, most = objects
    rng = np.random.default_rng(seed)
    count = rng.integers(fewest, most + 1)
    while True:
        image = np.zeros((SIZE, SIZE, 3), np.uint8)
        segmentation = np.zeros((SIZE, SIZE), np.uint8)
        placed: list[tuple[int, int, int, int]] = []
        while len(placed) < count:
            place = _place(rng, image, segmentation, len(placed) + 1)
            if place is None:
                break
            placed.append(place)
        else:
            shape, color, y, x = np.array(placed, int).reshape(-1, 4).T
            factors = {"shape": shape, "color": COLORS[color].astype(np.float64), "y": y, "x": x}
            return Scene(image, segmentation, f"Tetrominoes, generated, seed {seed}", factors=factors)


def _check(objects: tuple[int, int]) -> None:
    fewest, most = objects
    if not 0 <= fewest <= most <= 5:
        raise ValueError(f"objects {objects} must satisfy 0 <= fewest <= most <= 5")


def _place(
    rng: np.random.Generator, image: np.ndarray, segmentation: np.ndarray, label: int
) -> tuple[int, int, int, int] | None:
    """Draws one piece where it fits; returns shape, colour, row and column, or None if no place of ``TRIES`` fits."""
    shape = int(rng.integers(len(PIECES)))
    color = int(rng.integers(len(COLORS)))
    piece = PIECES[shape]
    height, width = piece.shape
    for _ in range(TRIES):
        row, column = int(rng.integers(SIZE - height + 1)), int(rng.integers(SIZE - width + 1))
        window = np.s_[row : row + height, column : column + width]
        if not (segmentation[window] * piece).any():
            image[window] += piece[:, :, None] * COLORS[color]
            segmentation[window][piece > 0] = label
            return shape, color, row, column
    return None


# ------------------------------------------------------------------ many scenes at once


def batch(count: int, objects: tuple[int, int], generator: torch.Generator) -> SceneBatch:
    """Draws many scenes at once, with the distribution of :func:`generate`.

    A piece is tried at ``TRIES`` places. A scene with a piece that does not fit is drawn again with the same number of
    pieces. The number of rounds is fixed, so that fewer than one scene in 10^12 lacks a piece at the end.

    Args:
        count: number of scenes.
        objects: fewest and most pieces, at most 5.
        generator: random state; the scenes are made on its device, and the same state gives the same scenes on the
            same kind of device.

    Returns:
        35x35 pictures; factors ``present``, ``shape`` (index into ``PIECES``), ``color``, and ``x`` and ``y`` of the
        piece's left and upper edge.

    Raises:
        ValueError: ``objects`` out of range.
    """
    _check(objects)
    wanted = drawing.present(count, objects, generator)
    layout = _try(wanted, generator)
    for again, spares in _retries(count, objects):
        failed = (layout["present"] != wanted).any(1)
        # Failed scenes first. Reading their exact number from the device would make the host wait.
        first = failed.int().argsort(descending=True, stable=True)[:again]
        drawn = _try(wanted[first].repeat_interleave(spares, 0), generator)
        complete = drawn["present"].sum(1).view(again, spares).argmax(1)
        best = complete + spares * torch.arange(again, device=first.device)
        for name, values in layout.items():
            replaced = failed[first].view(-1, *[1] * (values.ndim - 1))
            values[first] = torch.where(replaced, drawn[name][best], values[first])
    return render(layout)


def render(factors: dict[str, Tensor]) -> SceneBatch:
    """Draws scenes from their factors.

    Args:
        factors: as :func:`batch` returns them; pieces that are present must lie inside the frame and not overlap.
    """
    tables = _tables(factors["x"].device)
    batch, most = factors["x"].shape
    # Four tiles of 25 pixels for each piece. Pieces that are not present go to an extra pixel, which is cut off.
    corner = SIZE * factors["y"] + factors["x"]
    pixels = corner[:, :, None] + tables.pixels[factors["shape"]]  # B,N,100
    pixels = torch.where(factors["present"][:, :, None], pixels, SIZE**2).view(batch, -1)
    labels = torch.arange(1, most + 1, dtype=torch.uint8, device=pixels.device).repeat_interleave(4 * TILE**2)
    lit = factors["color"].round().to(torch.uint8).transpose(1, 2)[..., None] * tables.shading  # B,3,N,100
    canvas = torch.zeros(batch, 4, SIZE**2 + 1, dtype=torch.uint8, device=pixels.device)
    canvas[:, 0].scatter_(1, pixels, labels.expand(batch, -1))
    canvas[:, 1:].scatter_(2, pixels[:, None].expand(-1, 3, -1), lit.reshape(batch, 3, -1))
    canvas = canvas[..., :-1].view(batch, 4, SIZE, SIZE)
    return SceneBatch(canvas[:, 1:].contiguous(), canvas[:, 0].contiguous(), factors)


def _retries(count: int, objects: tuple[int, int]) -> list[tuple[int, int]]:
    """Plans the rounds after the first: how many scenes are drawn again (all that failed) and how often each."""
    shares = FAILING[objects[0] : objects[1] + 1]
    retries: list[tuple[int, int]] = []
    drawn, spares = 1, 2
    while (failing := sum(share**drawn for share in shares) / len(shares)) > 1e-12:
        # Mean plus eight standard deviations, and eight more for small numbers.
        retries.append((min(count, int(count * failing + 8 * (count * failing) ** 0.5) + 8), spares))
        drawn += spares
        spares *= 2
    return retries


def _try(wanted: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
    """Draws and places the ``wanted`` pieces B,N of scenes; pieces that do not fit are not present."""
    device = generator.device
    tables = _tables(device)
    batch, most = wanted.shape
    shape = torch.randint(len(PIECES), (batch, most), generator=generator, device=device)
    color = torch.randint(len(COLORS), (batch, most), generator=generator, device=device)
    tries = torch.rand(2, TRIES, batch, most, generator=generator, device=device)
    ys, xs = (tries * tables.places[:, shape][:, None]).long()  # T,B,N each
    y, x = torch.zeros_like(shape), torch.zeros_like(shape)
    present = wanted.clone()
    for n in range(most):
        free = torch.ones_like(ys[:, :, n], dtype=torch.bool)
        for other in range(n):
            down, right = ys[:, :, n] - y[:, other], xs[:, :, n] - x[:, other]
            free &= ~tables.overlap[shape[:, other], shape[:, n], down + SIZE, right + SIZE]
        best = free.int().argmax(0, keepdim=True)  # the first try that is free
        y[:, n], x[:, n] = ys[:, :, n].gather(0, best)[0], xs[:, :, n].gather(0, best)[0]
        present[:, n] &= free.gather(0, best)[0]
    return {"present": present, "shape": shape, "color": tables.colors[color], "y": y, "x": x}


class _Tables(NamedTuple):
    """Lookup tables on a device.

    Attributes:
        places: int64 2,19, number of possible rows and columns of a piece.
        overlap: bool 19,19,70,70, whether a piece overlaps another that lies r - 35 rows below and c - 35 columns to
            the right of it.
        pixels: int64 19,100, offsets of a piece's pixels from its corner in a flat picture, tile by tile.
        shading: uint8 100, values of these pixels.
        colors: float32 6,3.
    """

    places: Tensor
    overlap: Tensor
    pixels: Tensor
    shading: Tensor
    colors: Tensor


@lru_cache
def _tables(device: torch.device) -> _Tables:
    tiles = np.array([np.argwhere(piece[::TILE, ::TILE]) * TILE for piece in PIECES])  # 19,4,2
    between = (tiles[None, :, None] - tiles[:, None, :, None]).reshape(len(PIECES), len(PIECES), 16, 2)
    offsets = np.arange(-SIZE, SIZE)
    rows, columns = (abs(between[..., axis, None] + offsets) < TILE for axis in (0, 1))  # 19,19,16,70
    overlap = np.einsum("pqtr,pqtc->pqrc", rows.astype(np.float32), columns.astype(np.float32)) > 0
    inner = np.indices((TILE, TILE)).reshape(2, -1)
    pixels = (tiles[..., None] + inner).transpose(2, 0, 1, 3).reshape(2, len(PIECES), -1)  # 2,19,100
    return _Tables(
        places=torch.tensor([[SIZE + 1 - side for side in piece.shape] for piece in PIECES], device=device).T,
        overlap=torch.from_numpy(overlap).to(device),
        pixels=torch.from_numpy(SIZE * pixels[0] + pixels[1]).to(device),
        shading=torch.from_numpy(np.tile(SHADING.ravel(), 4)).to(device),
        colors=torch.from_numpy(COLORS).to(device, torch.float32),
    )
