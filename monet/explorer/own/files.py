"""HTTP routes that decompose a whole gallery and return the files as one ZIP."""

from __future__ import annotations

import json
import secrets
import tempfile
import zipfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from monet.data import DATASETS, Stored, samples
from monet.errors import sentence
from monet.explorer.edge import body
from monet.explorer.models import Models
from monet.explorer.own.answers import Gone, Progress, refused, stepwise
from monet.explorer.scenes import MAX_SLOTS
from monet.explorer.training.routes import CLOSED
from monet.explorer.uploads import PARENT, PREFIX
from monet.outputs import Input, Options, decompose_set
from monet.pictures import How

MAX_REQUEST = 4096
AT_ONCE = 4
"""Pictures per batch; between batches other requests can use the model."""
KEPT = 2
"""ZIP files kept for download; a new one replaces the oldest."""


def routes(models: Models, stored: Mapping[str, Stored], opened: bool) -> list[Route]:
    """The routes.

    Args:
        models: to decompose with.
        stored: data sets of this machine by name.
        opened: whether visitors may decompose a whole gallery; if not, the response is 403.
    """
    folders: dict[str, tempfile.TemporaryDirectory[str]] = {}

    async def decompose(request: Request) -> Response:
        """Decomposes a gallery into a ZIP file.

        The body is ``{"kind": "sample" or "stored", "data": NAME, "slots": K, "how": HOW}``. The response is lines of
        JSON; the last one is ``{"file": TOKEN, "name": NAME, "lost": number of pictures that could not be read}``.
        """
        name = request.path_params["model"]
        if not opened:
            return PlainTextResponse(CLOSED, status_code=403)
        if name not in models.checkpoints:
            return refused(f"There is no model {name!r}.")
        try:
            table = json.loads(await body(request, MAX_REQUEST) or b"")
            kind, data, slots, how = (table[key] for key in ("kind", "data", "slots", "how"))
            if (
                how not in get_args(How)
                or isinstance(slots, bool)
                or not 1 <= slots <= MAX_SLOTS
                or int(slots) != slots
            ):
                raise ValueError
            known = stored if kind == "stored" else DATASETS if kind == "sample" else {}
            if data not in known:
                raise ValueError
        except (ValueError, KeyError, TypeError, RecursionError):
            return refused(f"Choose a gallery, 1 to {MAX_SLOTS} slots, and one of {', '.join(get_args(How))}.")

        def work(progress: Progress) -> dict[str, Any]:
            folder = tempfile.TemporaryDirectory(prefix=PREFIX, dir=PARENT)
            try:
                lost = _decompose(models, name, _pictures(kind, data, stored), Path(folder.name), slots, how, progress)
            except Gone:
                folder.cleanup()
                return {}
            except (ValueError, OSError) as error:
                folder.cleanup()
                message = sentence(OSError(error.errno, error.strerror)) if isinstance(error, OSError) else str(error)
                return {"refused": message}
            token = secrets.token_urlsafe(16)
            folders[token] = folder
            for old in list(folders)[:-KEPT]:
                folders.pop(old).cleanup()
            return {"file": token, "name": f"monet-{name}-{data}.zip", "lost": lost}

        return stepwise(work)

    def fetch(request: Request) -> Response:
        folder = folders.get(request.path_params["token"])
        if folder is None:
            return PlainTextResponse("The server no longer has this file: make it again.", status_code=404)
        return FileResponse(Path(folder.name) / "files.zip", media_type="application/zip")

    return [Route("/files/{model}", decompose, methods=["POST"]), Route("/files/{token}.zip", fetch)]


def _pictures(kind: str, data: str, stored: Mapping[str, Stored]) -> list[Input]:
    count = len(stored[data]) if kind == "stored" else samples.count(data)

    def image(index: int) -> np.ndarray:
        return (stored[data].scene(index) if kind == "stored" else samples.read(data, index)).image

    return [Input(f"{index:06d}", f"{data}, scene {index}", partial(image, index)) for index in range(count)]


def _decompose(
    models: Models, name: str, pictures: list[Input], folder: Path, slots: int, how: How, progress: Progress
) -> int:
    """Writes ``files.zip`` and returns the number of refused pictures; releases the model between batches."""
    work = folder / "files"
    with models.use(name) as model:
        job = decompose_set(model, pictures, work, Options(how, slots, batch=AT_ONCE), {"model": name})  # type: ignore[arg-type]
    lost = done = 0
    while True:
        with models.use(name):
            finished = next(job, None)
        if finished is None:
            break
        done += 1
        lost += bool(finished.refused)
        progress(done, len(pictures))
    with zipfile.ZipFile(folder / "files.zip", "w", zipfile.ZIP_STORED) as archive:  # PNGs are compressed already
        for file in sorted(path for path in work.rglob("*") if path.is_file()):
            archive.write(file, file.relative_to(work))
            file.unlink()
    return lost
