"""Scenes on disk: once written, opened in no time and read through the page cache, however many they are.

A store is a folder of ``images.npy`` (uint8 N,H,W,3), ``labels.npy`` (uint8 N,H,W) and ``manifest.json``, which says
where they come from and what their checksums are. It is made in ``NAME.part`` and moved to ``NAME`` when it is whole.
An ``.npz`` file with the arrays ``image`` and, where it is known, ``entity`` reads as a store, too; so does a picture,
``NAME_image.png`` with the segmentation ``NAME_segmentation.png`` where that lies beside it.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import sys
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from monet import pictures
from monet.data.scene import Scene

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
    """A store from its folder, ``.npz`` file or picture; of a folder, the manifest and the arrays' sizes are checked.

    Raises:
        StoreError: it is damaged.
    """
    if path.is_file():
        if path.suffix.startswith(".tfrecord"):
            command = f"python -m monet.data download NAME --count N --from {path}"
            raise StoreError(f"{path} is a TFRecord file: {command} stores its scenes.")
        return _load_npz(path) if path.suffix == ".npz" else _load_picture(path)
    try:
        table = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        count, checksums = table.pop("count"), dict(table.pop("sha256"))
        about = About(**{**table, "background": tuple(table["background"])})
        images, labels = (np.lib.format.open_memmap(path / name, mode="r") for name in (IMAGES, LABELS))
        whole = count == len(images) and all(
            (path / name).stat().st_size == array.offset + array.nbytes
            for name, array in ((IMAGES, images), (LABELS, labels))
        )
    except FileNotFoundError as error:
        raise StoreError(f"{path} is not a whole store: {Path(error.filename).name} is missing.") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError) as error:
        raise StoreError(f"{path} is a damaged store: download or generate it again.") from error
    _check(path, images, labels)
    if not whole:
        raise StoreError(f"{path} is a damaged store: its files are not as long as its manifest says.")
    return Stored(path, about, images, labels, checksums)


def _load_npz(path: Path) -> Stored:
    try:
        with np.load(path) as arrays:
            images = arrays["image"]
            labels = arrays.get("entity")
    except KeyError as error:
        raise StoreError(f"{path} holds no array 'image' (and, where it is known, 'entity').") from error
    except (OSError, ValueError, TypeError, EOFError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
        raise StoreError(f"{path} is not a readable .npz file.") from error
    _check(path, images, labels)
    images.flags.writeable = False
    if labels is not None:
        labels.flags.writeable = False
    return Stored(path, About(path.stem, path.stem, str(path)), images, labels, {})


def _load_picture(path: Path) -> Stored:
    title = path.stem.removesuffix("_image")
    beside = path.with_name(f"{title}_segmentation{path.suffix}")
    try:
        image, labels = pictures.read(path), None
        if beside != path and beside.exists():
            colors, numbers = np.unique(pictures.read(beside).reshape(-1, 3), axis=0, return_inverse=True)
            if len(colors) > 256 or numbers.size != image[..., 0].size:
                raise StoreError(f"{beside} is not the segmentation of {path}: it needs its size and flat colours.")
            labels = numbers.reshape(1, *image.shape[:2]).astype(np.uint8)
    except pictures.PictureError as error:
        raise StoreError(f"{path} cannot be read: {error}") from error
    note = "One label for each colour of the segmentation; which of them are background is not known."
    return Stored(path, About(title, title, str(path), background=(), note=note), image[None], labels, {})


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


def write(work: Path, path: Path, about: About, scenes: Iterable[tuple[np.ndarray, np.ndarray]]) -> Stored:
    """Writes a store, in place of one that may be there.

    The arrays are written as ordinary files, not through a memory map: on a full disk that is an error and not a
    signal that ends the process.

    Args:
        work: what ``workshop(path)`` gave.
        path: of the store.
        about: for the manifest.
        scenes: image uint8 H,W,3 and label map uint8 H,W each, all of one size.

    Raises:
        ValueError: no scenes, or not all of one size and of uint8.
        OSError: the disk is full or cannot be written.
    """
    new, old = work / "new", work / "old"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    with (new / IMAGES).open("w+b") as images_file, (new / LABELS).open("w+b") as labels_file:
        images, labels = _Column(images_file), _Column(labels_file)
        for image, label_map in scenes:
            if image.ndim != 3 or image.shape[2] != 3 or image.shape[:2] != label_map.shape:
                raise ValueError(f"image {image.shape} and labels {label_map.shape} are not H,W,3 and H,W")
            images.add(image)
            labels.add(label_map)
        checksums = {IMAGES: images.finish(), LABELS: labels.finish()}
    manifest = {**asdict(about), "count": images.count, "sha256": checksums}
    (new / MANIFEST).write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    shutil.rmtree(old, ignore_errors=True)
    if path.exists():
        path.rename(old)
    new.rename(path)
    return load(path)


class _Column:
    """A ``.npy`` file that grows array by array, with the checksum of its values."""

    def __init__(self, file: BinaryIO):
        self.file, self.count, self.shape = file, 0, (0,)
        self.digest = hashlib.sha256()

    def add(self, array: np.ndarray) -> None:
        if self.count == 0:
            self.shape = array.shape
            self.file.write(_header((0, *self.shape)))
        if array.dtype != np.uint8 or array.shape != self.shape:
            raise ValueError(f"scene {self.count} is {array.dtype} {array.shape}, not uint8 {self.shape}")
        values = array.tobytes()
        self.file.write(values)
        self.digest.update(values)
        self.count += 1

    def finish(self) -> str:
        if self.count == 0:
            raise ValueError("there are no scenes")
        self.file.seek(0)
        self.file.write(_header((self.count, *self.shape)))  # of the same length: NumPy leaves room to grow
        self.file.flush()
        os.fsync(self.file.fileno())
        return self.digest.hexdigest()


def _header(shape: tuple[int, ...]) -> bytes:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return header.getvalue()


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
