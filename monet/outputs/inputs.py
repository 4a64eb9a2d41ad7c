"""Lists the pictures to decompose: picture files, folders of pictures and stored data."""

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
    """A picture that has not been read yet.

    Attributes:
        name: name of its output files, a relative path without suffix, unique in its list.
        source: description of where it is from.
        read: returns the picture in a form that :func:`monet.decompose` accepts.
    """

    name: str
    source: str
    read: Callable[[], Picture]


def inputs(paths: Sequence[str | os.PathLike[str]], out: Path | None = None) -> list[Input]:
    """Lists all pictures of some paths in their order; those of a folder alphabetically, with its subfolders.

    Hidden files are skipped. Files are not opened, so a file may turn out not to be a picture.

    Args:
        paths: pictures, folders, and names or paths of stored data (see :func:`monet.data.stored`).
        out: a folder whose files are skipped.

    Raises:
        ValueError: a path does not exist, or stored data is damaged.
    """
    found: list[Input] = []
    taken: set[str] = set()
    for path in map(Path, paths):
        for name, source, read in _below(path, out):
            unique, number = name, 1
            while unique.lower() in taken:  # some file systems ignore case
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
            raise ValueError(f"{path} is neither a picture nor a folder. {error}") from error
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
        yield from (file for file in files if file.is_file())  # skips pipes


def _image(store: Stored, index: int) -> Picture:
    return store.scene(index).image
