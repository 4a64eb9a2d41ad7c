"""FIFO queue that runs work one piece at a time in a worker thread, with a limit on waiting requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

MAX_WAITING = 64

T = TypeVar("T")


class Busy(Exception):
    """Too many requests are waiting. The message is one sentence for the visitor."""


class Turns:
    """Runs work in the order of the requests, one piece at a time, in a worker thread."""

    def __init__(self) -> None:
        self._limiter = CapacityLimiter(1)
        self._pending = 0

    async def run(self, work: Callable[[], T]) -> T:
        """Waits until all earlier work is done, then runs ``work``.

        Raises:
            Busy: too many requests are waiting already.
        """
        if self._pending > MAX_WAITING:
            raise Busy(f"the server is busy, {MAX_WAITING} requests are waiting: try again in a moment")
        self._pending += 1
        try:
            return await to_thread.run_sync(work, limiter=self._limiter)
        finally:
            self._pending -= 1
