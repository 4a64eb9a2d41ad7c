"""Answers to long work: lines of JSON that tell how far it is, and at last what came of it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.responses import Response, StreamingResponse

LINES = "application/x-ndjson"
TELL_SECONDS = 0.25

Progress = Callable[[int, int], None]
"""Told what is done, and of how much. Raises :class:`Gone`."""

_working: set[asyncio.Task[dict[str, Any]]] = set()


class Gone(Exception):
    """Whoever wanted the work done has left."""


def refused(words: str) -> Response:
    """An answer, and no failure for the browser's log."""
    return Response(json.dumps({"refused": words}) + "\n", media_type=LINES)


def stepwise(work: Callable[[Progress], dict[str, Any]]) -> StreamingResponse:
    """Begins work in a thread. The answer has a line ``{"done": N, "of": N}`` now and then, and at last what it gives.

    Args:
        work: given what to tell its progress to; it ends with :class:`Gone` where nobody waits any more.
    """
    latest, gone = [0, 0], threading.Event()

    def progress(done: int, of: int) -> None:
        if gone.is_set():
            raise Gone
        latest[:] = done, of

    task = asyncio.create_task(asyncio.to_thread(work, progress))
    _working.add(task)  # nobody else holds it
    task.add_done_callback(_finished)

    async def lines() -> AsyncIterator[str]:
        try:
            while not task.done():
                await asyncio.wait({task}, timeout=TELL_SECONDS)
                yield json.dumps({"done": latest[0], "of": latest[1]}) + "\n"
            yield json.dumps(task.result()) + "\n"
        finally:
            gone.set()

    return StreamingResponse(lines(), media_type=LINES)


def _finished(task: asyncio.Task[dict[str, Any]]) -> None:
    _working.discard(task)
    if not task.cancelled():
        task.exception()  # has been seen
