"""Reads scenes from a single file: arrays (``.npz``, ``.npy``, ``.h5``), or a picture with its segmentation."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from monet import pictures
from monet.data.stored import labels as label_maps
from monet.data.stored import layouts
from monet.data.stored.arrays import SUFFIXES, ArrayError
from monet.data.stored.labels import LabelError

MAX_BYTES = 2**32
"""Largest size of pictures from a file of arrays, which are held in memory; those of a store are not."""


class FileError(ValueError):
    """A file cannot be opened as scenes. The message is one sentence for the user."""


@dataclass(frozen=True)
class Scenes:
    """Scenes of a file.

    Attributes:
        title: display name.
        images: uint8 N,H,W,3.
        labels: uint8 N,H,W; None if unknown.
        background: the labels that are not objects.
        note: how the file was read, sentences for the user.
    """

    title: str
    images: np.ndarray
    labels: np.ndarray | None
    background: tuple[int, ...]
    note: str


def read(path: Path) -> Scenes:
    """Reads the scenes of a file.

    A file of arrays is interpreted by :mod:`monet.data.stored.layouts`. A picture, ``NAME_image.png``, takes the
    segmentation ``NAME_segmentation.png`` if that lies beside it.

    Labels in 0..255 are kept. Others are renumbered: those of arrays in every scene, keeping 0; those of a
    segmentation, such as colours, in ascending order.

    Raises:
        FileError: the file cannot be read; the message names the command that can store it, if there is one.
    """
    kind = path.suffix.lower()
    if kind.startswith(".tfrecord"):
        raise FileError(f"{path} is a TFRecord file: {command('download', 'NAME', '--count', 'N', '--from', path)}.")
    if kind == ".zip":
        raise FileError(f"{path} is a ZIP file: {command('add', path, 'NAME')}.")
    try:
        return _arrays(path) if kind in SUFFIXES else _picture(path)
    except (ArrayError, FileError) as error:
        raise FileError(str(error)) from error
    except (LabelError, pictures.PictureError) as error:
        raise FileError(f"{path} cannot be read: {error}") from error
    except MemoryError as error:
        raise FileError(f"{path} does not fit into memory: {command('add', path, 'NAME')}.") from error


def command(*arguments: str | Path) -> str:
    """Formats the end of a message: the ``monet.data`` command that stores the scenes."""
    return f"{shlex.join(['python', '-m', 'monet.data', *map(str, arguments)])} stores its scenes"


def _arrays(path: Path) -> Scenes:
    opened = layouts.open_file(path)
    shape = opened.pictures.shape
    if 3 * np.prod(shape, dtype=float) > MAX_BYTES:
        raise FileError(f"{path} holds more than {MAX_BYTES >> 30} GB of pictures: {command('add', path, 'NAME')}.")
    images = np.empty((*shape, 3), np.uint8)
    start = 0
    for block in opened.pictures.blocks():
        images[start : start + len(block)] = block
        start += len(block)
    labels = None
    if opened.labels is not None:
        labels = np.empty(shape, np.uint8)
        fits = all(row.min() >= 0 and row.max() < label_maps.MOST for row in opened.labels)
        for index, row in enumerate(opened.labels):
            labels[index] = row if fits else label_maps.number(row, (0,))
    return Scenes(path.stem, images, labels, (0,), " ".join(opened.notes))


def _picture(path: Path) -> Scenes:
    title = path.stem.removesuffix("_image")
    image, labels, note = pictures.read(path, formats=pictures.OWN_FORMATS), None, ""
    beside = path.with_name(f"{title}_segmentation{path.suffix}")
    if beside != path and beside.exists():
        found = label_maps.read(beside)
        if found.shape != image.shape[:2]:
            raise FileError(f"{beside} is not the segmentation of {path}: the two differ in size.")
        labels = found.astype(np.uint8) if found.max() < label_maps.MOST else label_maps.number(found, ())
        labels, note = labels[None], "It is not known which labels of the segmentation are background."
    return Scenes(title, image[None], labels, (), note)
