"""Arrays of pictures in other people's files (``.npy``, ``.npz``, ``.h5``): read in blocks, never unpickled.

Files are told apart by the endings of their names; `monet.data.stored.layouts` has the rules for what is in them.
"""

from __future__ import annotations

import contextlib
import math
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

SUFFIXES = (".npy", ".npz", ".h5", ".hdf5")
_BLOCK = 2**22
"""Bytes that are read at once, at least one row."""
_LONGEST = 2**29
"""Bytes of a row: twenty masks of the largest picture."""


class ArrayError(ValueError):
    """A file of arrays was refused. The message is one sentence for the person whose data it is."""


@dataclass(frozen=True)
class Rows:
    """An array in a file, by its first axis.

    Attributes:
        where: file and array, for people.
        shape: N, ....
        dtype: of its values.
        blocks: opens the file and gives some rows at a time, n, ... each; ``ArrayError`` where it is damaged.
    """

    where: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    blocks: Callable[[], Iterator[np.ndarray]]

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[np.ndarray]:
        for block in self.blocks():
            yield from block


def open_arrays(path: Path) -> dict[str, Rows]:
    """The arrays of a file by name; that of an ``.npy`` file is called ``image``.

    Arrays of anything but numbers are left out.

    Raises:
        ArrayError: no such file, a damaged one, or h5py is needed and not installed.
    """
    with _told(str(path)):
        if path.suffix.lower() == ".npy":
            if (rows := _npy(lambda: path.open("rb"), str(path))) is None:
                raise ArrayError(f"{path} holds no array of numbers, and Python objects are not unpickled.")
            return {"image": rows}
        return _npz(path) if path.suffix.lower() == ".npz" else _h5(path)


def _npz(path: Path) -> dict[str, Rows]:
    with zipfile.ZipFile(path) as archive:
        members = [name for name in archive.namelist() if name.endswith(".npy")]

    def opener(member: str) -> Callable[[], AbstractContextManager[BinaryIO]]:
        @contextlib.contextmanager
        def opened() -> Iterator[BinaryIO]:
            with zipfile.ZipFile(path) as archive, archive.open(member) as file:
                yield file  # type: ignore[misc]

        return opened

    arrays = {
        member.removesuffix(".npy"): _npy(opener(member), f"{path}, {member.removesuffix('.npy')}")
        for member in members
    }
    return {name: rows for name, rows in arrays.items() if rows is not None}


def _npy(opened: Callable[[], AbstractContextManager[BinaryIO]], where: str) -> Rows | None:
    """None where it holds no numbers, or Python objects, which only unpickling would read."""
    with opened() as file:
        shape, fortran, dtype = _header(file)
    if dtype.kind not in "biuf" or not shape:
        return None
    if fortran and len(shape) > 1:
        raise ArrayError(f"{where} lies in Fortran order: save np.ascontiguousarray of it.")
    if _row_bytes(shape, dtype) > _LONGEST:
        raise ArrayError(f"{where} has the shape {shape}: a scene of it is too large.")

    def blocks() -> Iterator[np.ndarray]:
        with _told(where), opened() as file:
            _header(file)
            for count in _counts(shape, dtype):
                content = file.read(count * _row_bytes(shape, dtype))
                yield np.frombuffer(content, dtype).reshape(count, *shape[1:])

    return Rows(where, shape, dtype, blocks)


def _header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return read(file)


def _h5(path: Path) -> dict[str, Rows]:
    try:
        import h5py
    except ImportError as error:
        raise ArrayError(
            f"{path} is an HDF5 file, and h5py, which reads it, is not installed: pip install h5py."
        ) from error

    found: dict[str, Rows] = {}

    def collect(name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset) and node.shape and node.dtype.kind in "biuf":
            found[name] = Rows(f"{path}, {name}", node.shape, node.dtype, lambda: blocks(name, node.shape, node.dtype))

    def blocks(name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Iterator[np.ndarray]:
        with _told(f"{path}, {name}"), h5py.File(path, "r") as file:
            start = 0
            for count in _counts(shape, dtype):
                yield file[name][start : start + count]
                start += count

    with h5py.File(path, "r") as file:
        file.visititems(collect)
    return found


def _row_bytes(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    return math.prod(shape[1:]) * dtype.itemsize


def _counts(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Iterator[int]:
    """How many rows each block has."""
    step = max(1, _BLOCK // max(1, _row_bytes(shape, dtype)))
    for start in range(0, shape[0], step):
        yield min(step, shape[0] - start)


@contextlib.contextmanager
def _told(where: str) -> Iterator[None]:
    try:
        yield
    except ArrayError:
        raise
    except FileNotFoundError as error:
        raise ArrayError(f"There is no file {where}.") from error
    except (OSError, ValueError, TypeError, EOFError, KeyError, zipfile.BadZipFile, zlib.error, RuntimeError) as error:
        # RuntimeError and NotImplementedError: an encrypted archive, or one packed in a way that is not known here.
        raise ArrayError(f"{where} is damaged or of a kind that is not read: save it again.") from error
