"""Receives many files in one request and writes them to their paths below a folder."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

MAX_FILES = 20_000
MAX_BYTES = 2**31
MAX_LIST = 2**22
"""Bytes of the file list at the start of the request."""
MAX_DEPTH, MAX_PART = 8, 200
"""Depth of nested folders, and bytes of each name."""
_INVALID = re.compile(r'[\x00-\x1f\x7f\\:*?"<>|]|^\.|[. ]$')


class ReceivingError(ValueError):
    """The files are refused. The message is one sentence for the visitor."""


async def receive(stream: AsyncIterator[bytes], folder: Path) -> list[Path]:
    """Writes the files of a request.

    Args:
        stream: ``{"files": [{"path": PATH, "size": BYTES}, ...]}`` in one line, then the content of the files in that
            order. Paths are relative to the folder and use slashes.
        folder: empty.

    Returns:
        paths of the files, in order.

    Raises:
        ReceivingError: a path leads outside the folder or occurs twice, there are more than `MAX_FILES` or `MAX_BYTES`,
            or the content is shorter or longer than announced.
        OSError: the disk is full or read-only.
    """
    rest = bytearray()
    async for chunk in stream:
        rest += chunk
        if b"\n" in chunk:
            break
        if len(rest) > MAX_LIST:
            raise ReceivingError(f"The list of the files has more than {MAX_LIST:,} bytes.")
    head, _, first = bytes(rest).partition(b"\n")
    writer = _Writer(_plan(head, folder))
    try:
        writer.write(first)
        async for chunk in stream:
            writer.write(chunk)
        return writer.finish()
    finally:
        writer.close()


def _plan(head: bytes, folder: Path) -> list[tuple[Path, int]]:
    try:
        files = [(str(file["path"]), int(file["size"])) for file in json.loads(head)["files"]]
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise ReceivingError("The request must begin with a list of the files' paths and sizes.") from error
    if not 1 <= len(files) <= MAX_FILES:
        raise ReceivingError(f"1 to {MAX_FILES:,} files can be added at once, not {len(files):,}.")
    if any(size < 0 for _, size in files) or sum(size for _, size in files) > MAX_BYTES:
        raise ReceivingError(f"The files must have at most {MAX_BYTES / 2**30:.0f} GB in total.")
    plan = [(folder.joinpath(*_parts(path)), size) for path, size in files]
    if len({str(path).casefold() for path, _ in plan}) < len(plan):
        raise ReceivingError("Two files have the same path.")
    return plan


def _parts(path: str) -> list[str]:
    parts = path.split("/")
    if len(parts) > MAX_DEPTH:
        raise ReceivingError(f"Folders must be nested at most {MAX_DEPTH} deep.")
    for part in parts:
        if not part or len(part.encode(errors="replace")) > MAX_PART or _INVALID.search(part):
            raise ReceivingError(f"{path[:80]!r} is not an allowed path: rename the file or its folder.")
    return parts


class _Writer:
    """Splits a stream of bytes into files."""

    def __init__(self, plan: list[tuple[Path, int]]):
        self._plan = plan
        self._at = 0
        self._left = 0
        self._file: BinaryIO | None = None
        self._next()

    def write(self, content: bytes) -> None:
        view = memoryview(content)
        while len(view):
            if self._file is None:
                raise ReceivingError("The files are longer than the list announced; try again.")
            self._file.write(view[: self._left])
            written = min(len(view), self._left)
            self._left -= written
            view = view[written:]
            if not self._left:
                self._next()

    def finish(self) -> list[Path]:
        if self._file is not None:
            raise ReceivingError("The upload is incomplete; try again.")
        return [path for path, _ in self._plan]

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _next(self) -> None:
        """Opens the next file that is not empty, and creates the empty files before it."""
        self.close()
        self._file = None
        while self._file is None and self._at < len(self._plan):
            path, size = self._plan[self._at]
            self._at += 1
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                file = path.open("xb")
            except (FileExistsError, NotADirectoryError, UnicodeEncodeError) as error:
                raise ReceivingError("A file has the name of a folder, or an invalid name: rename it.") from error
            if size:
                self._file, self._left = file, size
            else:
                file.close()
