"""Whose turn it is in the model: one piece of work at a time, in the order in which it was asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from anyio import CapacityLimiter, to_thread

MAX_WAITING = 64

T = TypeVar("T")


class Busy(Exception):
    """More people wait than can be served soon; the message says so to them."""


class Turns:
    """Work in the order in which it was asked for, one piece at a time and in one thread."""

    def __init__(self) -> None:
        self._limiter = CapacityLimiter(1)
        self._asked = 0

    async def take(self, work: Callable[..., T], *arguments: Any) -> T:
        """Waits for its turn.

        Raises:
            Busy: too many wait already.
        """
        if self._asked > MAX_WAITING:
            raise Busy(f"the server is busy, {MAX_WAITING} requests are waiting: try again in a moment")
        self._asked += 1
        try:
            return await to_thread.run_sync(work, *arguments, limiter=self._limiter)
        finally:
            self._asked -= 1
