"""Reads arrays of ``.npy``, ``.npz`` and ``.h5`` files in blocks, without unpickling.

The ending of the name decides the format; `monet.data.stored.layouts` interprets the arrays.
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
"""Bytes read at once, at least one row."""
_LONGEST = 2**29
"""Largest number of bytes of a row: twenty masks of the largest picture."""


class ArrayError(ValueError):
    """A file of arrays was rejected. The message is one sentence for the user."""


@dataclass(frozen=True)
class Rows:
    """An array in a file, read row by row along its first axis.

    Attributes:
        where: file and array, for messages.
        shape: N, ....
        dtype: type of its values.
        blocks: opens the file and yields blocks of rows, n, ... each; raises ``ArrayError`` if it is damaged.
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
    """Opens the numeric arrays of a file by name; that of an ``.npy`` file is called ``image``.

    Raises:
        ArrayError: no such file, a damaged one, or h5py is needed and not installed.
    """
    with _array_errors(str(path)):
        if path.suffix.lower() == ".npy":
            if (rows := _npy(lambda: path.open("rb"), str(path))) is None:
                raise ArrayError(f"{path} holds no array of numbers; Python objects are not read.")
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
    """Opens an array; None if it holds no numbers, or Python objects, which would need unpickling."""
    with opened() as file:
        shape, fortran, dtype = _header(file)
    if dtype.kind not in "biuf" or not shape:
        return None
    if fortran and len(shape) > 1:
        raise ArrayError(f"{where} is in Fortran order: save np.ascontiguousarray of it.")
    if _row_bytes(shape, dtype) > _LONGEST:
        raise ArrayError(f"{where} has the shape {shape}: one scene of it exceeds {_LONGEST // 2**20} MB.")

    def blocks() -> Iterator[np.ndarray]:
        with _array_errors(where), opened() as file:
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
        raise ArrayError(f"{path} is an HDF5 file, which needs h5py: pip install h5py.") from error

    found: dict[str, Rows] = {}

    def collect(name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset) and node.shape and node.dtype.kind in "biuf":
            found[name] = Rows(f"{path}, {name}", node.shape, node.dtype, lambda: blocks(name, node.shape, node.dtype))

    def blocks(name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Iterator[np.ndarray]:
        with _array_errors(f"{path}, {name}"), h5py.File(path, "r") as file:
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
    """Yields the number of rows of each block."""
    step = max(1, _BLOCK // max(1, _row_bytes(shape, dtype)))
    for start in range(0, shape[0], step):
        yield min(step, shape[0] - start)


@contextlib.contextmanager
def _array_errors(where: str) -> Iterator[None]:
    """Turns errors of reading into ``ArrayError``."""
    try:
        yield
    except ArrayError:
        raise
    except FileNotFoundError as error:
        raise ArrayError(f"There is no file {where}.") from error
    except (OSError, ValueError, TypeError, EOFError, KeyError, zipfile.BadZipFile, zlib.error, RuntimeError) as error:
        # RuntimeError and NotImplementedError: an encrypted archive, or an unknown compression.
        raise ArrayError(f"{where} is damaged or in an unsupported format: save it again.") from error
