"""HTTP routes for galleries, stored pictures, and adding visitors' own pictures."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
import threading
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, get_args

from PIL import Image
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from monet.data import Stored, stores
from monet.data.stored.own import add as add_pictures
from monet.errors import sentence
from monet.explorer.galleries import galleries
from monet.explorer.own.answers import Gone, Progress, refused, stepwise
from monet.explorer.own.receiving import ReceivingError, receive
from monet.explorer.training.routes import CLOSED
from monet.explorer.training.runs import BAD_NAME, NAME
from monet.explorer.uploads import PARENT, PREFIX
from monet.pictures import How

SHOWN = 200
"""Most left-out files that a report names."""


def routes(stored: MutableMapping[str, Stored], opened: bool) -> list[Route]:
    """The routes.

    Args:
        stored: data sets of this machine by name; added ones are inserted.
        opened: whether pictures may be added; if not, the response is 403.
    """
    adding = threading.Lock()

    def found(request: Request) -> Response:
        """Lists ``galleries`` and what is allowed.

        ``fits`` are the ways to make added pictures square, null if pictures cannot be added; ``files`` is whether a
        gallery can be exported as files; ``closed`` is the reason if neither is allowed, or null.
        """
        fits = get_args(How) if opened else None
        content = {"galleries": galleries(stored), "fits": fits, "files": opened}
        return JSONResponse({**content, "closed": None if opened else CLOSED})

    def picture(request: Request) -> Response:
        """Returns a scene of stored data as PNG."""
        name, index = request.path_params["name"], request.path_params["index"]
        data = stored.get(name)
        if data is None or index >= len(data):
            return PlainTextResponse("there is no such scene", status_code=404)
        file = io.BytesIO()
        Image.fromarray(data.scene(index).image).save(file, "PNG")
        return Response(file.getvalue(), media_type="image/png")

    async def add(request: Request) -> Response:
        """Adds a data set from a ZIP file or the files of a folder.

        :func:`monet.explorer.own.receiving.receive` reads the body; ``fit`` is in the query. The response is lines of
        JSON: ``{"done": N, "of": N}`` repeatedly, then ``{"report": ...}`` or ``{"refused": MESSAGE}``.
        """
        name, fit = request.path_params["name"], request.query_params.get("fit", "crop")
        if not opened:
            return PlainTextResponse(CLOSED, status_code=403)
        if not NAME.fullmatch(name):
            return refused(BAD_NAME)
        how = next((known for known in get_args(How) if known == fit), None)
        if how is None:
            return refused(f"fit must be one of {', '.join(get_args(How))}.")
        if name in stores():
            return refused(f"There is a data set {name} already: choose another name.")
        if not adding.acquire(blocking=False):
            return refused("Somebody is adding pictures already: try again in a moment.")
        with contextlib.ExitStack() as stack:
            stack.callback(adding.release)
            folder = tempfile.TemporaryDirectory(prefix=PREFIX, dir=PARENT)
            cleanup = stack.pop_all()
        cleanup.callback(folder.cleanup)
        try:
            received = await receive(request.stream(), Path(folder.name))
        except (ReceivingError, ClientDisconnect) as error:
            cleanup.close()
            return refused(str(error) or "The upload was interrupted; try again.")
        except BaseException:
            cleanup.close()
            raise
        archive = received[0] if len(received) == 1 and received[0].suffix.lower() == ".zip" else Path(folder.name)

        def work(progress: Progress) -> dict[str, Any]:
            def report(done: int, of: int) -> None:
                progress(done, of)
                os.utime(folder.name)  # an app that starts meanwhile deletes old folders

            try:
                return _add(archive, name, how, report, stored)
            finally:
                cleanup.close()

        return stepwise(work)

    return [
        Route("/galleries", found),
        Route("/stored/{name}/{index:int}.png", picture),
        Route("/own/{name}", add, methods=["POST"]),
    ]


def _add(path: Path, name: str, fit: How, progress: Progress, stored: MutableMapping[str, Stored]) -> dict[str, Any]:
    """Stores the pictures of a folder or ZIP file; the report and messages contain no path of this machine."""
    hidden = str(path if path.is_dir() else path.parent)
    try:
        report = add_pictures(path, name, fit=fit, origin="pictures that were added in the app", progress=progress)
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
