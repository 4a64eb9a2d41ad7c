"""The way in for visitors' own pictures, and the galleries as they are now."""

from __future__ import annotations

import asyncio
import io
import json
import os
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, MutableMapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args

from PIL import Image
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from monet.data import Stored, stores
from monet.explorer.galleries import galleries
from monet.explorer.own.receiving import ReceivingError, receive
from monet.explorer.training.routes import CLOSED
from monet.explorer.training.runs import NAME
from monet.explorer.uploads import PARENT, PREFIX
from monet.faults import sentence
from monet.pictures import How

AVAILABLE = find_spec("monet.data.own") is not None
SHOWN = 200
"""Files that are named with the reason why they were left out."""
TELL_SECONDS = 0.25
LINES = "application/x-ndjson"


class Gone(Exception):
    """Whoever wanted pictures added has left."""


def routes(stored: MutableMapping[str, Stored], opened: bool) -> list[Route]:
    """The routes.

    Args:
        stored: data sets of this machine by name; those that are added come to them.
        opened: whether pictures may be added; otherwise that is answered with 403.
    """
    alone = threading.Lock()
    working: set[asyncio.Task[dict[str, Any]]] = set()

    def found(request: Request) -> Response:
        """``galleries``; ``fits``, how pictures can be made square where they can be added, or else null; and
        ``closed``, the reason why they cannot."""
        fits = get_args(How) if opened and AVAILABLE else None
        return JSONResponse({"galleries": galleries(stored), "fits": fits, "closed": None if opened else CLOSED})

    def picture(request: Request) -> Response:
        """A scene of stored data as a PNG."""
        name, index = request.path_params["name"], request.path_params["index"]
        data = stored.get(name)
        if data is None or index >= len(data):
            return PlainTextResponse("there is no such scene", status_code=404)
        file = io.BytesIO()
        Image.fromarray(data.scene(index).image).save(file, "PNG")
        return Response(file.getvalue(), media_type="image/png")

    async def add(request: Request) -> Response:
        """The body is what :func:`monet.explorer.own.receiving.receive` reads: a ZIP file, or the files of a folder;
        ``fit`` is in the query. The answer comes in lines of JSON: ``{"done": N, "of": N}`` now and then, and at last
        ``{"report": ...}`` or ``{"refused": SENTENCE}``.
        """
        name, fit = request.path_params["name"], request.query_params.get("fit", "crop")
        if not opened or not AVAILABLE:
            return PlainTextResponse(CLOSED, status_code=403)
        if not NAME.fullmatch(name):
            return _refused("A name has 1 to 48 letters, digits, hyphens and underscores, and begins with no hyphen.")
        if fit not in get_args(How):
            return _refused(f"Pictures are made square by {', '.join(get_args(How))}.")
        if name in stores():
            return _refused(f"There is a data set {name} already: choose another name.")
        if not alone.acquire(blocking=False):
            return _refused("Pictures are being added already: try again in a moment.")
        folder = tempfile.TemporaryDirectory(prefix=PREFIX, dir=PARENT)

        def leave() -> None:
            folder.cleanup()
            alone.release()

        try:
            files = await receive(request.stream(), Path(folder.name))
        except (ReceivingError, ClientDisconnect) as error:
            leave()
            return _refused(str(error) or "The files did not arrive.")
        except BaseException:
            leave()
            raise
        archive = files[0] if len(files) == 1 and files[0].suffix.lower() == ".zip" else Path(folder.name)
        latest, gone = [0, 0], threading.Event()

        def progress(done: int, of: int) -> None:
            if gone.is_set():
                raise Gone
            latest[:] = done, of
            if done % 100 == 0:
                os.utime(folder.name)  # an app that starts meanwhile takes it for nobody's otherwise

        def work() -> dict[str, Any]:
            try:
                return _add(archive, name, fit, progress, stored)
            finally:
                leave()

        task = asyncio.create_task(asyncio.to_thread(work))
        working.add(task)
        task.add_done_callback(working.discard)

        async def lines() -> AsyncIterator[str]:
            try:
                while not task.done():
                    await asyncio.wait({task}, timeout=TELL_SECONDS)
                    yield json.dumps({"done": latest[0], "of": latest[1]}) + "\n"
                yield json.dumps(task.result()) + "\n"
            finally:
                gone.set()

        return StreamingResponse(lines(), media_type=LINES)

    return [
        Route("/galleries", found),
        Route("/stored/{name}/{index:int}.png", picture),
        Route("/own/{name}", add, methods=["POST"]),
    ]


def _refused(words: str) -> Response:
    """An answer, and no failure for the browser's log."""
    return Response(json.dumps({"refused": words}) + "\n", media_type=LINES)


def _add(
    path: Path, name: str, fit: str, progress: Callable[[int, int], None], stored: MutableMapping[str, Stored]
) -> dict[str, Any]:
    """Makes a store of the pictures of a folder or ZIP file, and says what became of each, without a path of the
    machine."""
    from monet.data.own import add

    hidden = str(path if path.is_dir() else path.parent)
    try:
        report = add(path, name, fit=fit, progress=progress)
    except Gone:
        return {}
    except ValueError as error:
        return {"refused": str(error).replace(f"{hidden}/", "").replace(hidden, name)}
    except OSError as error:
        return {"refused": sentence(OSError(error.errno, error.strerror))}
    stored[name] = report.stored
    left_out = [[file.replace(f"{hidden}/", ""), reason] for file, reason in report.left_out]
    return {
        "report": {
            "name": name,
            "taken": len(report.stored),
            "labelled": report.stored.labels is not None,
            "notes": [note.replace(f"{hidden}/", "") for note in report.notes],
            "left_out": left_out[:SHOWN],
            "more": max(0, len(left_out) - SHOWN),
        }
    }
