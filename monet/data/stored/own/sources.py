"""Reads a user's pictures from a folder, a ZIP file or a file of arrays, one scene at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from monet import pictures
from monet.data.stored import arrays, layouts
from monet.data.stored import labels as label_maps
from monet.data.stored.labels import LabelError
from monet.data.stored.own import folders, zips

Loaded = tuple[np.ndarray, np.ndarray | None]
"""Picture uint8 H,W,3 and label map, integers H,W, or None if unknown."""


@dataclass(frozen=True)
class Source:
    """Pictures that can be read one by one.

    Attributes:
        count: number of pictures.
        labelled: whether all of them have labels; otherwise none has.
        scenes: yields each scene's name and a function that reads it and raises ``ValueError`` with a sentence if the
            scene is rejected.
        left_out: other files, with the reason.
        notes: how they are read, sentences for the user.
    """

    count: int
    labelled: bool
    scenes: Callable[[], Iterator[tuple[str, Callable[[], Loaded]]]]
    left_out: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


def open_source(path: Path, masks: Path | None, ground: layouts.Colour, unpacked: Path) -> Source:
    """Opens the pictures of a path.

    Args:
        path: a folder, a ZIP file of one, or a file of arrays.
        masks: labels: a folder if the pictures are in a folder, else a file of arrays; if None, labels are looked for
            beside the pictures.
        ground: RGB in 0..255, shown through transparent pixels.
        unpacked: folder for the contents of a ZIP file, created if needed.

    Raises:
        monet.data.stored.arrays.ArrayError, monet.data.stored.own.zips.ZipError: the file cannot be read.
        OSError: there is no such folder, or the disk is full.
    """
    if path.suffix.lower() in arrays.SUFFIXES and path.is_file():
        return _of_arrays(path, masks, ground)
    if path.is_file():
        left_out = zips.open_zip(path, unpacked)
        unpacked.mkdir(exist_ok=True)  # missing if the ZIP holds no picture
        return _of_folder(unpacked, masks, ground, left_out)
    return _of_folder(path, masks, ground, [])


def _of_arrays(path: Path, masks: Path | None, ground: layouts.Colour) -> Source:
    opened = layouts.open_file(path, ground, masks)

    def scenes() -> Iterator[tuple[str, Callable[[], Loaded]]]:
        rows = iter(opened.labels.rows) if opened.labels else None
        convert = opened.labels.convert if opened.labels else None
        for index, picture in enumerate(opened.pictures):
            row = next(rows) if rows else None
            yield f"picture {index}", lambda p=picture, r=row: (p, convert(r) if convert else None)  # type: ignore[misc]

    return Source(opened.pictures.shape[0], opened.labels is not None, scenes, notes=opened.notes)


def _of_folder(path: Path, masks: Path | None, ground: layouts.Colour, left_out: list[tuple[str, str]]) -> Source:
    found, others = folders.find(path, masks)

    def load(one: folders.Found) -> Loaded:
        picture = pictures.read(one.picture, ground, pictures.OWN_FORMATS)
        if not one.labels:
            return picture, None
        labels = label_maps.read(one.labels[0]) if len(one.labels) == 1 else label_maps.read_masks(one.labels)
        if labels.shape != picture.shape[:2]:
            height, width = labels.shape
            raise LabelError(
                f"Its labels have {width} x {height} pixels, the picture has {picture.shape[1]} x {picture.shape[0]}."
            )
        return picture, labels

    def scenes() -> Iterator[tuple[str, Callable[[], Loaded]]]:
        return ((one.name, lambda one=one: load(one)) for one in found)  # type: ignore[misc]

    labelled = bool(found) and bool(found[0].labels)
    return Source(len(found), labelled, scenes, (*left_out, *others))
