"""Stores: folders of scenes on disk that are memory-mapped, of any size.

A store holds ``images.npy`` (uint8 N,H,W,3), ``labels.npy`` (uint8 N,H,W; if known) and ``manifest.json`` with source
and checksums. It is written in ``NAME.part`` and moved to ``NAME`` when it is complete. A file of arrays or a picture
can be opened like a store: see :mod:`monet.data.stored.files`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from monet.data.scene import Scene
from monet.data.stored import files
from monet.data.stored import labels as label_maps
from monet.data.stored.columns import Column

if sys.platform != "win32":
    import fcntl

IMAGES, LABELS, MANIFEST = "images.npy", "labels.npy", "manifest.json"


class StoreError(ValueError):
    """Stored data is missing or damaged, or its path is taken. The message is one sentence for the user."""


@dataclass(frozen=True)
class About:
    """Description of a store in its manifest.

    Attributes:
        name: identifier in command lines and files.
        title: display name; a scene is named by it and its number.
        source: address or path that the scenes were read from, or the command that generated them.
        background: the labels that are not objects.
        licence: licence text of the scenes.
        citation: what to cite.
        note: what to know before quoting figures.
    """

    name: str
    title: str
    source: str
    background: tuple[int, ...] = (0,)
    licence: str = ""
    citation: str = ""
    note: str = ""


@dataclass(frozen=True, eq=False)
class Stored:
    """Scenes on disk.

    Attributes:
        path: the folder or file.
        about: description from its manifest.
        images: uint8 N,H,W,3, read-only.
        labels: uint8 N,H,W, read-only; None if unknown.
        checksums: SHA-256 of the values of images and labels, hexadecimal, by file name; empty for a file.
    """

    path: Path
    about: About
    images: np.ndarray
    labels: np.ndarray | None
    checksums: dict[str, str]

    def __len__(self) -> int:
        return len(self.images)

    def scene(self, index: int) -> Scene:
        """Returns a scene by its number from 0; its arrays are copies.

        Raises:
            IndexError: no such scene.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"there is no scene {index} among the {len(self)} of {self.about.title}")
        labels = None if self.labels is None else np.array(self.labels[index])
        source = f"{self.about.title}, scene {index}"
        return Scene(np.array(self.images[index]), labels, source, self.about.background)

    def with_background(self, labels: Iterable[int]) -> Stored:
        """Returns the same scenes with other background labels.

        Args:
            labels: in 0..255, as in ``self.labels``; empty if the background is unknown.

        Raises:
            StoreError: a label outside 0..255.
        """
        background = tuple(labels)
        if not all(0 <= label < label_maps.MOST for label in background):
            raise StoreError(f"Background labels must lie in 0 to {label_maps.MOST - 1}: not {background}.")
        return replace(self, about=replace(self.about, background=background))

    def background_hint(self) -> str | None:
        """Returns a warning if a label outside the background, such as 255, mostly fills the frame's edge, else None.

        Tests the last 100 scenes.
        """
        if self.labels is None or not self.about.background:
            return None
        framing = [label_maps.frame_label(labels) for labels in self.labels[-100:]]
        return label_maps.background_hint(framing, self.about.background)

    def verify(self) -> None:
        """Compares all values with the checksums; :func:`load` compares sizes only.

        Raises:
            StoreError: a value has changed.
        """
        for name, array in ((IMAGES, self.images), (LABELS, self.labels)):
            if array is None or name not in self.checksums:
                continue
            digest = hashlib.sha256()
            for part in array:
                digest.update(part)
            if digest.hexdigest() != self.checksums[name]:
                raise StoreError(f"{self.path / name} is damaged: its checksum is wrong.")


# ------------------------------------------------------------------------ read


def default_folder() -> Path:
    """Returns the folder of the stores: environment variable MONET_DATA, or ``data`` in the current directory."""
    return Path(os.environ.get("MONET_DATA") or "data")


def stores(folder: Path | None = None) -> dict[str, Path]:
    """Lists the stores of a folder by name, damaged ones included, in alphabetical order."""
    folder = folder or default_folder()
    found = [p.parent for p in folder.glob(f"*/{MANIFEST}")] + list(folder.glob("*.npz"))
    return {path.stem if path.suffix == ".npz" else path.name: path for path in sorted(found)}


def stored(name_or_path: str | os.PathLike[str], folder: Path | None = None) -> Stored:
    """Opens a store by its name in a folder (see :func:`default_folder`), or by its path.

    Raises:
        StoreError: no such store, or a damaged one.
    """
    known = stores(folder)
    path = known.get(str(name_or_path), Path(name_or_path))
    if not path.exists():
        names = ", ".join(known) or "nothing"
        raise StoreError(f"There is no stored data {str(name_or_path)!r}: {folder or default_folder()} holds {names}.")
    return load(path)


def load(path: Path) -> Stored:
    """Opens a store's folder, or a file (see :func:`monet.data.stored.files.read`).

    Checks the manifest and the sizes of the arrays of a folder.

    Raises:
        StoreError: it is damaged, or cannot be opened; the message names the command that can store it, if there is
            one.
    """
    if path.is_file():
        return _load_file(path)
    if not any((path / name).exists() for name in (IMAGES, MANIFEST)):
        raise StoreError(f"{path} is a folder, not stored data: {files.command('add', path, 'NAME')}.")
    try:
        table = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        count, checksums = table.pop("count"), dict(table.pop("sha256"))
        about = About(**{**table, "background": tuple(table["background"])})
        columns = {name: np.lib.format.open_memmap(path / name, mode="r") for name in checksums}
        images, labels = columns[IMAGES], columns.get(LABELS)
        complete = count == len(images) and all(
            (path / name).stat().st_size == array.offset + array.nbytes for name, array in columns.items()
        )
    except FileNotFoundError as error:
        raise StoreError(f"{path} is an incomplete store: {Path(error.filename).name} is missing.") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError) as error:
        raise StoreError(f"{path} is a damaged store: download or generate it again.") from error
    _check(path, images, labels)
    if not complete:
        raise StoreError(f"{path} is a damaged store: its files do not have the length in its manifest.")
    return Stored(path, about, images, labels, checksums)


def _load_file(path: Path) -> Stored:
    try:
        scenes = files.read(path)
    except files.FileError as error:
        raise StoreError(str(error)) from error
    for array in (scenes.images, scenes.labels):
        if array is not None:
            array.flags.writeable = False
    about = About(scenes.title, scenes.title, str(path), scenes.background, note=scenes.note)
    return Stored(path, about, scenes.images, scenes.labels, {})


def _check(path: Path, images: np.ndarray, labels: np.ndarray | None) -> None:
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3 or images.size == 0:
        raise StoreError(f"{path} holds images {images.dtype} {images.shape} instead of uint8 N,H,W,3.")
    if labels is not None and (labels.dtype != np.uint8 or labels.shape != images.shape[:3]):
        raise StoreError(f"{path} holds labels {labels.dtype} {labels.shape} instead of uint8 {images.shape[:3]}.")


# ----------------------------------------------------------------------- write


@contextmanager
def workshop(path: Path) -> Iterator[Path]:
    """Locks the folder ``NAME.part`` in which the store ``path`` is written, and removes it after success.

    After a failure, other files in it than the incomplete store stay for the next attempt.

    Raises:
        StoreError: another process uses the folder, or ``path`` is not a store.
    """
    work = path.with_name(f"{path.name}.part")
    work.mkdir(parents=True, exist_ok=True)
    with _locked(work):
        try:
            if (work / "old").exists() and not path.exists():  # a replacement was interrupted between its two renames
                (work / "old").rename(path)
            if path.exists() and not (path.is_dir() and set(os.listdir(path)) <= {IMAGES, LABELS, MANIFEST}):
                raise StoreError(f"{path} is in the way and is not stored data: move it, or choose another folder.")
            yield work
        except BaseException:
            shutil.rmtree(work / "new", ignore_errors=True)
            if not os.listdir(work):
                work.rmdir()
            raise
        shutil.rmtree(work)


def write(work: Path, path: Path, about: About, scenes: Iterable[tuple[np.ndarray, np.ndarray | None]]) -> Stored:
    """Writes a store and replaces an existing one.

    Args:
        work: the folder of ``workshop(path)``.
        path: path of the store.
        about: description for the manifest.
        scenes: image uint8 H,W,3 and label map uint8 H,W each, all of one size; all label maps may be None.

    Raises:
        ValueError: no scenes, different sizes, values that are not uint8, or labels for some scenes only.
        OSError: the disk is full or cannot be written.
    """
    new, old = work / "new", work / "old"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    with Column(new / IMAGES) as images, Column(new / LABELS) as labels:
        for image, label_map in scenes:
            shape = image.shape[:2] if label_map is None else label_map.shape
            if image.ndim != 3 or image.shape[2] != 3 or image.shape[:2] != shape:
                raise ValueError(f"image {image.shape} and labels {shape} are not H,W,3 and H,W")
            images.add(image)
            if label_map is not None:
                labels.add(label_map)
        if labels.count not in (0, images.count):
            raise ValueError(f"{labels.count} of {images.count} scenes have labels: all must have them, or none")
        checksums = {IMAGES: images.finish()}
        if labels.count:
            checksums[LABELS] = labels.finish()
    if LABELS not in checksums:
        (new / LABELS).unlink()
    manifest = {**asdict(about), "count": images.count, "sha256": checksums}
    (new / MANIFEST).write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    shutil.rmtree(old, ignore_errors=True)
    if path.exists():
        path.rename(old)
    new.rename(path)
    return load(path)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    if sys.platform == "win32":  # cannot lock folders
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreError(f"Another process is writing {folder}: wait for it.") from None
        yield
    finally:
        os.close(handle)
