"""What is to be taken apart: pictures, folders of pictures and stored data, as one list."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from monet.data import Stored, StoreError, stored
from monet.data.stored.store import MANIFEST
from monet.inference import Picture
from monet.pictures import OWN_FORMATS
from monet.pictures import read as read_picture

ARRAYS = (".npz", ".npy", ".h5", ".hdf5", ".tfrecord")
"""Endings of files that hold many pictures."""


@dataclass(frozen=True)
class Input:
    """A picture that has not been read.

    Attributes:
        name: of its files, a relative path without suffix; no two inputs of a list have the same.
        source: where it is from, for people.
        read: the picture, or what :func:`monet.decompose` reads it from.
    """

    name: str
    source: str
    read: Callable[[], Picture]


def inputs(paths: Sequence[str | os.PathLike[str]], out: Path | None = None) -> list[Input]:
    """All pictures of some paths, in their order; of a folder in alphabetical order, with its subfolders.

    Hidden files are left out. Whether a file is a picture shows when it is read.

    Args:
        paths: of pictures and folders, and names or paths of stored data (see :func:`monet.data.stored`).
        out: a folder whose files are none of the inputs.

    Raises:
        ValueError: a path leads nowhere, or stored data is damaged.
    """
    found: list[Input] = []
    taken: set[str] = set()
    for path in map(Path, paths):
        for name, source, read in _below(path, out):
            unique, number = name, 1
            while unique.lower() in taken:  # lower: not every file system tells A from a
                number += 1
                unique = f"{name}_{number}"
            taken.add(unique.lower())
            found.append(Input(unique, source, read))
    return found


def _below(path: Path, out: Path | None) -> Iterator[tuple[str, str, Callable[[], Picture]]]:
    if path.is_dir() and not (path / MANIFEST).exists():
        for file in _files(path, out and out.resolve()):
            yield (
                file.relative_to(path).with_suffix("").as_posix(),
                str(file),
                _own(file),
            )
    elif path.is_file() and not path.suffix.lower().startswith(ARRAYS):
        yield path.stem, str(path), _own(path)
    else:
        try:
            store = stored(path)
        except StoreError as error:
            if path.exists():
                raise
            raise ValueError(f"{path} is no picture and no folder. {error}") from error
        for index in range(len(store)):
            yield (
                f"{store.about.name}/{index:06d}",
                f"{store.about.title}, scene {index}",
                partial(_image, store, index),
            )


def _own(file: Path) -> Callable[[], Picture]:
    return partial(read_picture, file, formats=OWN_FORMATS)


def _files(folder: Path, out: Path | None) -> Iterator[Path]:
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and (Path(here) / name).resolve() != out
        )
        files = (Path(here) / name for name in sorted(names) if not name.startswith("."))
        yield from (file for file in files if file.is_file())  # no pipes


def _image(store: Stored, index: int) -> Picture:
    return store.scene(index).image
