"""Interprets arrays as pictures and labels: names, order of the axes, range of the values.

An array's name decides what it is (`PICTURES`, `LABELS`). If no name matches, the only array with the shape of pictures
is used.

- **Pictures** are N,H,W (grey), N,H,W,C or N,C,H,W with C = 1, 3 or 4 (the last axis if both fit).
- **Values**: ``bool`` is black and white; ``uint8`` is unchanged, but black and white if no value exceeds 1; ``uint16``
  is divided by 257; other integers lie in 0..255; floats lie in [0, 1], or in [0, 255] if one exceeds 1.
- **Labels** are N,H,W, optionally with an axis of length 1 after N; or one mask per object: N,K,H,W or N,H,W,K,
  optionally with an axis of length 1 at the end. If the masks of all of the first 32 scenes cover the whole frame, mask
  0 is the background and the labels are 0 to K - 1. Otherwise the labels are 1 to K, and uncovered pixels are 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from monet import pictures
from monet.data.stored import labels as label_maps
from monet.data.stored.arrays import ArrayError, Rows, open_arrays

PICTURES = ("image", "images", "imgs", "picture", "pictures", "frames", "rgb", "x", "arr_0")
LABELS = ("entity", "segmentation", "segmentations", "mask", "masks", "labels", "label", "instances", "segments")
Colour = tuple[int, int, int]
_LOOKED_AT = 32
"""Scenes that decide whether masks cover the frame."""
_ROUNDING = 1e-3
"""Amount by which floats may leave their range."""


@dataclass(frozen=True)
class Pictures:
    """Pictures of one size in a file.

    Attributes:
        shape: N, H, W.
        note: how their values are converted, a sentence for the user; empty if they are unchanged.
        blocks: yields blocks uint8 n,H,W,3.
    """

    shape: tuple[int, int, int]
    note: str
    blocks: Callable[[], Iterator[np.ndarray]]

    def __iter__(self) -> Iterator[np.ndarray]:
        for block in self.blocks():
            yield from block


@dataclass(frozen=True)
class Labels:
    """Label maps of one size in a file; iterating gives integers H,W.

    Attributes:
        rows: rows of the array.
        convert: converts a row to a label map H,W.
        note: how they are converted, a sentence for the user; may be empty.
    """

    rows: Rows
    convert: Callable[[np.ndarray], np.ndarray]
    note: str

    def __iter__(self) -> Iterator[np.ndarray]:
        return map(self.convert, self.rows)


@dataclass(frozen=True)
class Opened:
    """Pictures with their labels, if any, and the names of the arrays that are neither."""

    pictures: Pictures
    labels: Labels | None
    unread: tuple[str, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """How the file was read, sentences for the user."""
        unread = f"Not read: {', '.join(self.unread)}." if self.unread else ""
        return tuple(note for note in (self.pictures.note, self.labels.note if self.labels else "", unread) if note)


def open_file(path: Path, ground: Colour = (255, 255, 255), labels: Path | None = None) -> Opened:
    """Opens pictures and labels of an ``.npy``, ``.npz`` or ``.h5`` file, or of two of them.

    Args:
        path: file of the pictures.
        ground: RGB in 0..255, shown through transparent pixels.
        labels: file of the labels; if None, labels are looked for in ``path``.

    Raises:
        ArrayError: no such file, a damaged one, none of the known layouts, or values out of range.
    """
    arrays = open_arrays(path)
    name = _named(arrays, PICTURES) or _only_pictures(arrays)
    if name is None:
        raise ArrayError(f"{path} holds {_listed(arrays)}: name the pictures 'image', and the labels 'entity'.")
    images = _pictures(arrays.pop(name), ground)
    if labels is not None:
        others = open_arrays(labels)
        name = next(iter(others)) if len(others) == 1 else _named(others, LABELS)
        if name is None:
            raise ArrayError(f"{labels} holds {_listed(others)}: name the labels 'entity'.")
        return Opened(images, _labels(others.pop(name), images.shape), (*arrays, *others))
    # Skips class labels, which have one axis.
    name = _named({name: rows for name, rows in arrays.items() if len(rows.shape) > 2}, LABELS)
    return Opened(images, _labels(arrays.pop(name), images.shape) if name else None, tuple(arrays))


def _named(arrays: dict[str, Rows], names: tuple[str, ...]) -> str | None:
    by_name = {name.rsplit("/")[-1].lower(): name for name in arrays}
    return next((by_name[name] for name in names if name in by_name), None)


def _only_pictures(arrays: dict[str, Rows]) -> str | None:
    fitting = [
        name for name, rows in arrays.items() if len(rows.shape) == 4 and {3, 4} & {rows.shape[1], rows.shape[3]}
    ]
    return fitting[0] if len(fitting) == 1 else None


def _listed(arrays: dict[str, Rows]) -> str:
    return ", ".join(f"{name} {rows.dtype} {rows.shape}" for name, rows in arrays.items()) or "no array of numbers"


def _pictures(rows: Rows, ground: Colour) -> Pictures:
    shape = rows.shape
    channels_first = False
    if len(shape) == 4 and shape[3] not in (1, 3, 4):
        channels_first = shape[1] in (1, 3, 4)
        shape = (shape[0], *shape[2:], shape[1]) if channels_first else ()
    if len(shape) not in (3, 4) or 0 in shape or (len(shape) == 3 and shape[2] in (3, 4)):
        raise ArrayError(f"{rows.where} has the shape {rows.shape}: pictures are N,H,W,3 or N,3,H,W, or grey N,H,W.")
    count, height, width = shape[:3]
    if height * width > pictures.MAX_PIXELS:
        raise ArrayError(
            f"{rows.where} has pictures of {width} x {height} pixels: at most {pictures.MAX_PIXELS // 10**6} "
            "megapixels are read."
        )
    scale, note = _scale(rows)

    def blocks() -> Iterator[np.ndarray]:
        for block in rows.blocks():
            values = scale(np.moveaxis(block, 1, 3) if channels_first else block)
            yield _to_rgb(values if values.ndim == 4 else values[..., None], ground)

    return Pictures((count, height, width), note, blocks)


def _to_rgb(block: np.ndarray, ground: Colour) -> np.ndarray:
    if block.shape[3] == 4:
        return np.stack([pictures.read(picture, ground) for picture in np.ascontiguousarray(block)])
    return np.repeat(block, 3, axis=3) if block.shape[3] == 1 else block


def _scale(rows: Rows) -> tuple[Callable[[np.ndarray], np.ndarray], str]:
    """Returns the conversion of values to uint8, and a sentence that describes it."""
    binary = (lambda x: (x != 0) * np.uint8(255)), "Values 0 and 1 are black and white."
    if rows.dtype == bool:
        return binary
    if rows.dtype == np.uint8:
        return (lambda x: x, "") if any(block.max() > 1 for block in rows.blocks()) else binary
    if rows.dtype == np.uint16:
        return lambda x: ((x.astype(np.uint32) + 128) // 257).astype(np.uint8), "16-bit values are divided by 257."
    low, high = math.inf, -math.inf
    for block in rows.blocks():
        low, high = np.minimum(low, block.min()), np.maximum(high, block.max())  # NaN stays NaN
    integer = rows.dtype.kind != "f"
    slack = 0 if integer else _ROUNDING
    most = 1 if high <= 1 + slack and not integer else 255
    if not (low >= -slack and high <= most + slack):
        raise ArrayError(
            f"{rows.where} holds {rows.dtype} values from {low:g} to {high:g}: integers must lie in 0 to 255, floats "
            "in 0 to 1 or 0 to 255."
        )
    note = f"Values from {low:.3g} to {high:.3g} are read as 0 to {most}."
    return lambda x: np.rint(x.astype(np.float32).clip(0, most) * (255 / most)).astype(np.uint8), note


def _labels(rows: Rows, shape: tuple[int, int, int]) -> Labels:
    frame = shape[1:]
    if len(rows) == shape[0]:
        inner = rows.shape[1:]
        if tuple(length for length in inner if length != 1) == tuple(length for length in frame if length != 1):
            return Labels(rows, lambda row: _integers(rows, row.reshape(frame)), "")
        axes = inner[:-1] if len(inner) == 4 and inner[-1] == 1 else inner
        if len(axes) == 3 and axes[1:] == frame:
            return _masks(rows, lambda row: row.reshape(axes))
        # A last axis of 3 is more likely colours, whose meaning is unknown.
        if len(axes) == 3 and axes[:2] == frame and inner != (*frame, 3):
            return _masks(rows, lambda row: row.reshape(axes).transpose(2, 0, 1))
    raise ArrayError(
        f"{rows.where} has the shape {rows.shape}: labels of pictures {shape} are N,H,W, or masks N,K,H,W or N,H,W,K."
    )


def _masks(rows: Rows, arrange: Callable[[np.ndarray], np.ndarray]) -> Labels:
    cover = all(bool(label_maps.claimed(arrange(row)).all()) for row in islice(rows, _LOOKED_AT))
    note = (
        "Masks cover the frame: they are numbered from 0."
        if cover
        else "Masks leave pixels uncovered, which are 0; masks are numbered from 1."
    )
    return Labels(rows, lambda row: label_maps.from_masks(arrange(row), cover), note)


def _integers(rows: Rows, row: np.ndarray) -> np.ndarray:
    if row.dtype.kind == "f" and not (np.isfinite(row).all() and (row == np.rint(row)).all()):
        raise ArrayError(f"{rows.where} holds labels that are not integers.")
    return row.astype(np.int64)
