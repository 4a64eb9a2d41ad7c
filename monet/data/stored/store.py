"""Scenes on disk: once written, opened in no time and read through the page cache, however many they are.

A store is a folder of ``images.npy`` (uint8 N,H,W,3), ``labels.npy`` (uint8 N,H,W; where they are known) and
``manifest.json``, which says where they come from and what their checksums are. It is made in ``NAME.part`` and moved
to ``NAME`` when it is whole. A file of arrays or a picture reads as a store, too: see :mod:`monet.data.stored.files`.
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
    """Stored data is missing, damaged or in the way. The message is one sentence for the person at the keyboard."""


@dataclass(frozen=True)
class About:
    """What a manifest tells people.

    Attributes:
        name: as command lines and files spell it.
        title: as people read it; a scene is called by it and its number.
        source: address or path of what the scenes were read from, or how they were generated.
        background: the labels that are not objects.
        licence: what may be done with the scenes.
        citation: whom to cite.
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
        path: of the folder or file.
        about: what its manifest tells.
        images: uint8 N,H,W,3, read-only.
        labels: uint8 N,H,W, read-only; None where nobody knows them.
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
        """A scene by its number from 0, with arrays of its own.

        Raises:
            IndexError: there is none.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"there is no scene {index} among the {len(self)} of {self.about.title}")
        labels = None if self.labels is None else np.array(self.labels[index])
        source = f"{self.about.title}, scene {index}"
        return Scene(np.array(self.images[index]), labels, source, self.about.background)

    def with_background(self, labels: Iterable[int]) -> Stored:
        """The same scenes, of which other labels are no objects.

        Args:
            labels: in 0..255, as ``self.labels`` holds them; none of them where nobody knows the background.

        Raises:
            StoreError: a label that cannot be in there.
        """
        background = tuple(labels)
        if not all(0 <= label < label_maps.MOST for label in background):
            raise StoreError(
                f"Labels lie in 0 to {label_maps.MOST - 1} here, and the background is to be {background}."
            )
        return replace(self, about=replace(self.about, background=background))

    def background_hint(self) -> str | None:
        """A sentence where the frame's edge is mostly filled by a label that is not taken for the background, such as
        255; None where all is as it should be or nobody knows. It looks at the last 100 scenes."""
        if self.labels is None or not self.about.background:
            return None
        framing = [label_maps.frame_label(labels) for labels in self.labels[-100:]]
        return label_maps.background_hint(framing, self.about.background)

    def verify(self) -> None:
        """Reads everything and compares it with the checksums; :func:`load` compares sizes only.

        Raises:
            StoreError: something has changed.
        """
        for name, array in ((IMAGES, self.images), (LABELS, self.labels)):
            if array is None or name not in self.checksums:
                continue
            digest = hashlib.sha256()
            for part in array:
                digest.update(part)
            if digest.hexdigest() != self.checksums[name]:
                raise StoreError(f"{self.path / name} is not what was written: its checksum is wrong.")


# ------------------------------------------------------------------------ read


def default_folder() -> Path:
    """Where stores lie: the environment variable MONET_DATA, or ``data`` under the current directory."""
    return Path(os.environ.get("MONET_DATA") or "data")


def stores(folder: Path | None = None) -> dict[str, Path]:
    """The stores of a folder by name, whole or damaged, in alphabetical order."""
    folder = folder or default_folder()
    found = [p.parent for p in folder.glob(f"*/{MANIFEST}")] + list(folder.glob("*.npz"))
    return {path.stem if path.suffix == ".npz" else path.name: path for path in sorted(found)}


def stored(name_or_path: str | os.PathLike[str], folder: Path | None = None) -> Stored:
    """The store of a name in a folder (see :func:`default_folder`), or that of a path.

    Raises:
        StoreError: there is none, or it is damaged.
    """
    known = stores(folder)
    path = known.get(str(name_or_path), Path(name_or_path))
    if not path.exists():
        names = ", ".join(known) or "nothing"
        raise StoreError(f"There is no stored data {str(name_or_path)!r}: {folder or default_folder()} holds {names}.")
    return load(path)


def load(path: Path) -> Stored:
    """A store from its folder, or a file that reads as one (see :func:`monet.data.stored.files.read`).

    Of a folder, the manifest and the arrays' sizes are checked.

    Raises:
        StoreError: it is damaged, or cannot be opened; where a command makes a store of it, that stands in the message.
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
        whole = count == len(images) and all(
            (path / name).stat().st_size == array.offset + array.nbytes for name, array in columns.items()
        )
    except FileNotFoundError as error:
        raise StoreError(f"{path} is not a whole store: {Path(error.filename).name} is missing.") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError) as error:
        raise StoreError(f"{path} is a damaged store: download or generate it again.") from error
    _check(path, images, labels)
    if not whole:
        raise StoreError(f"{path} is a damaged store: its files are not as long as its manifest says.")
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
    """The folder ``NAME.part`` in which the store ``path`` is made: for one process at a time, gone after success.

    What is left in it when the making fails, but for the half store, stays for the next time.

    Raises:
        StoreError: another process is in it, or ``path`` is something else than a store.
    """
    work = path.with_name(f"{path.name}.part")
    work.mkdir(parents=True, exist_ok=True)
    with _alone(work):
        try:
            if (work / "old").exists() and not path.exists():  # a replacement was cut off between its two moves
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
    """Writes a store, in place of one that may be there.

    Args:
        work: what ``workshop(path)`` gave.
        path: of the store.
        about: for the manifest.
        scenes: image uint8 H,W,3 and label map uint8 H,W each, all of one size; or None for the label map of all.

    Raises:
        ValueError: no scenes, not all of one size and of uint8, or some with labels and some without.
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
            raise ValueError(f"{labels.count} of {images.count} scenes have labels: all have them, or none")
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
def _alone(folder: Path) -> Iterator[None]:
    if sys.platform == "win32":  # has no lock on folders
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
