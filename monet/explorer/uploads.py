"""Temporary files of uploads and API responses: a private folder; files go when their visitor leaves or get old."""

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
"""Seconds after which a file is deleted, even if no visitor owns it or the visitor's leaving was not noticed."""
MOST_ANSWERS = 256
"""Most response files, up to some megabytes each; a new one replaces the oldest."""


class Uploads:
    """A new folder below ``GRADIO_TEMP_DIR`` or the system's temporary folder, removed at exit.

    Create it before the Gradio components: it sets the folder where Gradio stores uploads.

    Raises:
        OSError: the folder cannot be created.
    """

    def __init__(self) -> None:
        PARENT.mkdir(parents=True, exist_ok=True)
        for old in PARENT.glob(f"{PREFIX}*"):  # folders of killed apps; a running app touches its folder
            with contextlib.suppress(OSError):
                if time.time() - old.stat().st_mtime > MAX_AGE:
                    shutil.rmtree(old)
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=PARENT))
        os.environ["GRADIO_TEMP_DIR"] = str(self.folder)
        self._opened: dict[str | None, set[Path]] = defaultdict(set)
        self._answers: deque[Path] = deque()
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)

    def keep(self, content: bytes, name: str) -> str:
        """Stores a response file for an API client and returns its path; the client must fetch it soon."""
        path = Path(tempfile.mkdtemp(dir=self.folder)) / name
        path.write_bytes(content)
        self._answers.append(path)
        if len(self._answers) > MOST_ANSWERS:
            self._delete(self._answers.popleft())
        return str(path)

    def opened(self, visitor: str | None, path: str) -> None:
        """Assigns a file to a visitor."""
        self._opened[visitor].add(Path(path))

    def forget(self, visitor: str | None) -> None:
        """Deletes the files of a visitor who left."""
        for path in self._opened.pop(visitor, ()):
            self._delete(path)

    def sweep(self, age: float = MAX_AGE) -> None:
        """Deletes every file that is older than ``age`` seconds."""
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
        """Calls :meth:`sweep` once a minute while the server runs."""

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
            with contextlib.suppress(OSError):  # the folder holds another file of the same content
                path.parent.rmdir()
