"""The pictures that visitors upload, and the files that programs are answered with: in a folder that nobody else may
read, gone when the visitor leaves."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import shutil
import tempfile
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

PARENT = Path(os.environ.get("GRADIO_TEMP_DIR") or tempfile.gettempdir())
PREFIX = "monet-explorer-"
SWEEP_SECONDS = 60
MAX_AGE = 600
"""Seconds until a file goes that no visitor opened, or whose visitor's leaving went unnoticed."""
MOST_ANSWERS = 256
"""Files of answers that are kept, up to some megabytes each; the oldest goes for a new one."""


class Uploads:
    """A new folder, below ``GRADIO_TEMP_DIR`` or the system's temporary folder, removed at exit.

    Gradio puts uploads there from now on, so it comes before the components.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self) -> None:
        PARENT.mkdir(parents=True, exist_ok=True)
        for left in PARENT.glob(f"{PREFIX}*"):  # by an app that was killed; one that runs touches its folder
            with contextlib.suppress(OSError):
                if time.time() - left.stat().st_mtime > MAX_AGE:
                    shutil.rmtree(left)
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=PARENT))
        os.environ["GRADIO_TEMP_DIR"] = str(self.folder)
        self._opened: dict[str | None, set[Path]] = defaultdict(set)
        self._answers: deque[Path] = deque()
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)

    def keep(self, content: bytes, name: str) -> str:
        """The path of a new file, the answer to a program, which is to fetch it soon."""
        path = Path(tempfile.mkdtemp(dir=self.folder)) / name
        path.write_bytes(content)
        self._answers.append(path)
        if len(self._answers) > MOST_ANSWERS:
            self._delete(self._answers.popleft())
        return str(path)

    def opened(self, visitor: str | None, path: str) -> None:
        """Notes whose a file is."""
        self._opened[visitor].add(Path(path))

    def forget(self, visitor: str | None) -> None:
        """Deletes the files of a visitor who left."""
        for path in self._opened.pop(visitor, ()):
            self._delete(path)

    def sweep(self, age: float = MAX_AGE) -> None:
        """Deletes every file that is older than ``age`` seconds, whoever left it here."""
        for path in [path for path in self.folder.rglob("*") if path.is_file()]:
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > age:
                    self._delete(path)
        for visitor in [v for v, paths in self._opened.items() if not any(path.exists() for path in paths)]:
            del self._opened[visitor]
        with contextlib.suppress(OSError):
            os.utime(self.folder)

    @contextlib.asynccontextmanager
    async def lifespan(self, app: Any) -> AsyncIterator[None]:
        """Sweeps once a minute as long as the server runs."""

        async def keep_sweeping() -> None:
            while True:
                await asyncio.sleep(SWEEP_SECONDS)
                await asyncio.to_thread(self.sweep)

        task = asyncio.create_task(keep_sweeping())
        try:
            yield
        finally:
            task.cancel()

    def _delete(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        if path.parent != self.folder:
            with contextlib.suppress(OSError):  # another file of the same content lies there
                path.parent.rmdir()
