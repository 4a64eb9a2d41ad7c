"""Writes ``.npy`` files row by row."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path
from types import TracebackType

import numpy as np


class Column:
    """A ``.npy`` file of uint8 that grows array by array, with the checksum of its values.

    It is an ordinary file, not a memory map: a full disk then raises an error instead of killing the process.
    """

    def __init__(self, path: Path):
        self.file, self.count, self.shape = path.open("w+b"), 0, (0,)
        self.digest = hashlib.sha256()

    def __enter__(self) -> Column:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.file.close()

    def add(self, array: np.ndarray) -> None:
        """Appends one array.

        Raises:
            ValueError: the array is not uint8, or not of the first one's shape.
        """
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
        """Syncs the file to disk; returns the SHA-256 of the values, hexadecimal.

        Raises:
            ValueError: nothing was added.
        """
        if self.count == 0:
            raise ValueError("there are no scenes")
        self.file.seek(0)
        self.file.write(_header((self.count, *self.shape)))  # same length as before: NumPy pads headers
        self.file.flush()
        os.fsync(self.file.fileno())
        return self.digest.hexdigest()


def _header(shape: tuple[int, ...]) -> bytes:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return header.getvalue()
