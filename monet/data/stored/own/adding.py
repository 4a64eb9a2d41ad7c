"""Imports a user's pictures as a store: checks, fits and numbers them, and reports what was left out."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from monet import pictures
from monet.data import DATASETS
from monet.data.stored import labels as label_maps
from monet.data.stored import store
from monet.data.stored.own.report import Report, reasons
from monet.data.stored.own.sources import Loaded, Source, open_source
from monet.data.stored.sources import SOURCES
from monet.data.stored.store import About, StoreError
from monet.pictures import How

SIZES = (8, 512)
"""Smallest and largest side of stored pictures in pixels."""


class AddError(ValueError):
    """Pictures were not added. The message is for the user, mostly one sentence."""


def add(
    path: str | os.PathLike[str],
    name: str,
    *,
    masks: str | os.PathLike[str] | None = None,
    background: Sequence[int] = (0,),
    fit: How = "crop",
    size: int = 64,
    ground: tuple[int, int, int] = (255, 255, 255),
    folder: Path | None = None,
    replace: bool = False,
    origin: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Stores pictures, and their labels if they have any, as ``folder/name``.

    The store appears when it is complete; only a few pictures are in memory at a time. The background labels become
    0, 1, ... in their order; the objects of every scene are numbered from there.

    Args:
        path: a folder of pictures, a ZIP file of one, or an ``.npy``, ``.npz`` or ``.h5`` file; see
            :mod:`monet.data.stored.own.folders` and :mod:`monet.data.stored.layouts` for the supported layouts.
        name: name of the store: letters, digits, dots, hyphens and underscores.
        masks: folder or file of the labels; if None, they are looked for beside the pictures.
        background: the labels in the files that are not objects; see :func:`monet.data.stored.labels.read`.
        fit: how to make pictures square, see :func:`monet.pictures.fit`.
        size: side of the stored pictures in pixels.
        ground: RGB in 0..255, shown through transparent pixels.
        folder: folder of the stores; :func:`monet.data.stored.store.default_folder` if None.
        replace: whether to replace a store of this name.
        origin: where the pictures are from, for the manifest; the path if None.
        progress: called after each picture with the number of pictures done and their total; an error that it raises
            aborts the import.

    Returns:
        what was stored, and what was left out for which reason.

    Raises:
        AddError: an invalid name, no usable picture, or a file that cannot be read.
        monet.data.stored.store.StoreError: another process writes this store, or its path is taken by something else.
        OSError: there is no such folder, or the disk is full; then nothing is stored.
    """
    target = (folder or store.default_folder()) / name
    adding = _Adding(tuple(background), fit, size, progress)
    _check(name, target, adding, replace)
    with store.workshop(target) as work:
        unpacked = work / "unpacked"
        shutil.rmtree(unpacked, ignore_errors=True)  # left by a process that was killed
        try:
            source = open_source(Path(path), Path(masks) if masks else None, ground, unpacked)
            labels = range(len(adding.background) if source.labelled else 1)
            note = " ".join((*source.notes, f"Resized to {size} x {size} pixels with fit {fit}."))
            about = About(name, name, origin or str(Path(path).resolve()), tuple(labels), note=note)
            stored = store.write(work, target, about, adding.scenes(source))
        except (StoreError, AddError):
            raise
        except ValueError as error:
            raise AddError(str(error)) from error
        finally:
            shutil.rmtree(unpacked, ignore_errors=True)
    return Report(stored, tuple(adding.left_out), (*source.notes, *adding.notes()))


def _check(name: str, target: Path, adding: _Adding, replace: bool) -> None:
    if not re.fullmatch(r"\w[\w.-]*", name) or target.suffix in (".part", ".npz"):
        raise AddError(f"{name!r} cannot be a name: use letters, digits, dots, hyphens and underscores.")
    if name in DATASETS or name in SOURCES:
        raise AddError(f"{name} is the name of a data set of this project: choose another name.")
    if target.exists() and not replace:
        raise AddError(f"{target} exists already: choose another name, or replace it (--replace).")
    if not SIZES[0] <= adding.size <= SIZES[1]:
        raise AddError(f"The size must be {SIZES[0]} to {SIZES[1]} pixels, not {adding.size}.")
    if not 1 <= len(adding.background) < label_maps.MOST:
        raise AddError(f"Name 1 to {label_maps.MOST - 1} labels as background, not {len(adding.background)}.")


class _Adding:
    """Fits scenes one by one and records what is lost."""

    def __init__(self, background: tuple[int, ...], fit: How, size: int, progress: Callable[[int, int], None] | None):
        self.background, self.fit, self.size, self.progress = background, fit, size, progress
        self.left_out: list[tuple[str, str]] = []
        self.taken = 0
        self.cut: list[float] = []
        """Share that the crop cuts away, of each picture that is not square."""
        self.objects = self.lost = 0
        self.framing: list[int | None] = []

    def scenes(self, source: Source) -> Iterator[Loaded]:
        """Yields picture uint8 S,S,3 and labels uint8 S,S or None of every usable scene.

        Raises:
            AddError: no scene is usable.
        """
        self.left_out += source.left_out
        for done, (name, load) in enumerate(source.scenes(), 1):
            try:
                scene = self._fitted(*load())
            except ValueError as error:
                self.left_out.append((name, str(error)))
            else:
                self.taken += 1
                yield scene
            if self.progress:
                self.progress(done, source.count)
        if not self.taken:
            raise AddError("\n".join(("There is no picture that can be used.", *reasons(tuple(self.left_out)))))

    def notes(self) -> list[str]:
        """Returns sentences about cropped pictures, lost objects and a doubtful background."""
        notes = []
        if self.cut:
            share = 100 * sum(self.cut) / len(self.cut)
            notes.append(
                f"{len(self.cut):,} of {self.taken:,} pictures are not square: the crop cuts away {share:.0f} % of "
                'them on average; "pad" and "stretch" keep everything.'
            )
        if self.lost:
            notes.append(f"{self.lost:,} of {self.objects:,} objects were cut away or are too small to be visible.")
        if hint := label_maps.background_hint(self.framing, self.background):
            notes.append(hint)
        return notes

    def _fitted(self, picture: np.ndarray, labels: np.ndarray | None) -> Loaded:
        image = pictures.fit(picture, self.size, self.fit)
        fitted = None
        if labels is not None:
            numbered = label_maps.number(labels, self.background)
            fitted = pictures.fit_labels(numbered, self.size, self.fit)
            before, after = (int((np.unique(x) >= len(self.background)).sum()) for x in (numbered, fitted))
            self.objects += before
            self.lost += before - after
            self.framing.append(label_maps.frame_label(labels))
        height, width = picture.shape[:2]
        if self.fit == "crop" and height != width:
            self.cut.append(1 - min(height, width) / max(height, width))
        return image, fitted
