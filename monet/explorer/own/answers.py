"""Streaming responses for long work: lines of JSON with progress, then the result."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.responses import Response, StreamingResponse

LINES = "application/x-ndjson"
PROGRESS_SECONDS = 0.25

Progress = Callable[[int, int], None]
"""Reports how much is done, and of how much. Raises :class:`Gone`."""

_working: set[asyncio.Task[dict[str, Any]]] = set()


class Gone(Exception):
    """The client has disconnected."""


def refused(message: str) -> Response:
    """Response with the reason of a refusal; its status is 200, so that the browser's log shows no error."""
    return Response(json.dumps({"refused": message}) + "\n", media_type=LINES)


def stepwise(work: Callable[[Progress], dict[str, Any]]) -> StreamingResponse:
    """Runs work in a thread; the response has lines ``{"done": N, "of": N}`` and ends with the work's result.

    Args:
        work: takes the progress callback, which ends it with :class:`Gone` if the client has disconnected.
    """
    latest, gone = [0, 0], threading.Event()

    def progress(done: int, of: int) -> None:
        if gone.is_set():
            raise Gone
        latest[:] = done, of

    task = asyncio.create_task(asyncio.to_thread(work, progress))
    _working.add(task)  # asyncio keeps only weak references to tasks
    task.add_done_callback(_finished)

    async def lines() -> AsyncIterator[str]:
        try:
            while not task.done():
                await asyncio.wait({task}, timeout=PROGRESS_SECONDS)
                yield json.dumps({"done": latest[0], "of": latest[1]}) + "\n"
            yield json.dumps(task.result()) + "\n"
        finally:
            gone.set()

    return StreamingResponse(lines(), media_type=LINES)


def _finished(task: asyncio.Task[dict[str, Any]]) -> None:
    _working.discard(task)
    if not task.cancelled():
        task.exception()  # marks it as retrieved, so that asyncio does not log it
