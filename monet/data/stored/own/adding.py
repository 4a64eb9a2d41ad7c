"""Makes a store of somebody's pictures."""

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
"""Fewest and most pixels of a side."""


class AddError(ValueError):
    """Pictures were not added. The message is for the person whose pictures they are, mostly one sentence."""


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
    """Stores pictures, and their labels where they have some, as ``folder/name``.

    The store appears when it is whole; memory is needed for a few pictures only. Labels become 0, 1, ... for the
    background in its order, and the objects are numbered on from there, in every scene anew.

    Args:
        path: a folder of pictures, a ZIP file of one, or an ``.npy``, ``.npz`` or ``.h5`` file; see
            :mod:`monet.data.stored.own.folders` and :mod:`monet.data.stored.layouts` for what is known.
        name: of the store: letters, digits, dots, hyphens and underscores.
        masks: folder or file of the labels; where None, they are looked for beside the pictures.
        background: the labels that are no objects, as the files have them; see :func:`monet.data.stored.labels.read`.
        fit: how pictures that are not square become so, see :func:`monet.pictures.fit`.
        size: side of the stored pictures in pixels.
        ground: RGB in 0..255, seen through transparent pixels.
        folder: of the stores; :func:`monet.data.stored.store.default_folder` where None.
        replace: whether a store of this name may go.
        origin: where the pictures are from, for people; the path where None.
        progress: called with the pictures that are done, and their number, behind each; what it raises ends it all.

    Returns:
        what was taken, and why the rest was not.

    Raises:
        AddError: a name that cannot be, nothing that could be taken, or a file that cannot be read.
        monet.data.stored.store.StoreError: another process is at it, or something else lies in its place.
        OSError: there is no such folder, or the disk is full; then there is no store.
    """
    target = (folder or store.default_folder()) / name
    adding = _Adding(tuple(background), fit, size, progress)
    _check(name, target, adding, replace)
    with store.workshop(target) as work:
        unpacked = work / "unpacked"
        shutil.rmtree(unpacked, ignore_errors=True)  # of a process that was killed
        try:
            source = open_source(Path(path), Path(masks) if masks else None, ground, unpacked)
            number = range(len(adding.background) if source.labelled else 1)
            note = " ".join((*source.notes, f"Made {size} x {size} pixels by {fit}."))
            about = About(name, name, origin or str(Path(path).resolve()), tuple(number), note=note)
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
        raise AddError(f"{name!r} cannot be a name: letters, digits, dots, hyphens and underscores make one.")
    if name in DATASETS or name in SOURCES:
        raise AddError(f"{name} is the name of a data set that is known already: choose another one.")
    if target.exists() and not replace:
        raise AddError(f"{target} is there already: choose another name, or replace it (--replace).")
    if not SIZES[0] <= adding.size <= SIZES[1]:
        raise AddError(f"A side has {SIZES[0]} to {SIZES[1]} pixels, not {adding.size}.")
    if not 1 <= len(adding.background) < label_maps.MOST:
        raise AddError("Name at least one label that is the background.")


class _Adding:
    """Fits scene after scene, and notes what is lost on the way."""

    def __init__(self, background: tuple[int, ...], fit: How, size: int, progress: Callable[[int, int], None] | None):
        self.background, self.fit, self.size, self.progress = background, fit, size, progress
        self.left_out: list[tuple[str, str]] = []
        self.taken = 0
        self.cut: list[float] = []
        """The share of each picture that is not square which the crop cuts away."""
        self.objects = self.lost = 0
        self.framing: list[int | None] = []

    def scenes(self, source: Source) -> Iterator[Loaded]:
        """uint8 S,S,3 and uint8 S,S or None, of every scene that can be taken.

        Raises:
            AddError: none can.
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
            raise AddError("\n".join(("There is no picture that can be taken.", *reasons(tuple(self.left_out)))))

    def notes(self) -> list[str]:
        """What people should know about the scenes that were taken, sentences."""
        notes = []
        if self.cut:
            share = 100 * sum(self.cut) / len(self.cut)
            notes.append(
                f"{len(self.cut):,} of {self.taken:,} pictures are not square: the crop cuts away {share:.0f} % of "
                'them on average; "pad" and "stretch" keep everything.'
            )
        if self.lost:
            notes.append(f"{self.lost:,} of {self.objects:,} objects were cut away or are too small to be seen.")
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
