"""HTTP routes for training moments: snapshots of a model at a dozen steps of its training."""

from __future__ import annotations

import logging
from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from monet.checkpoints import CheckpointError
from monet.explorer.models import Models
from monet.training.moments import SHEET, read

log = logging.getLogger(__name__)


def routes(models: Models) -> list[Route]:
    """Routes for the moments of a model and their contact sheet."""

    def moments(request: Request) -> Response:
        """Returns :class:`monet.training.moments.Course` as JSON; null if the checkpoint has none."""
        if (checkpoint := models.checkpoints.get(request.path_params["model"])) is None:
            return PlainTextResponse("there is no such model", status_code=404)
        try:
            course = read(checkpoint.folder)
        except CheckpointError as error:
            log.warning("%s", error)
            course = None
        return JSONResponse(course and asdict(course))

    def sheet(request: Request) -> Response:
        """Returns the contact sheet, one WebP."""
        checkpoint = models.checkpoints.get(request.path_params["model"])
        if checkpoint is None or not (checkpoint.folder / SHEET).is_file():
            return PlainTextResponse("there is no such picture", status_code=404)
        return FileResponse(checkpoint.folder / SHEET)

    return [Route("/moments/{model}.webp", sheet), Route("/moments/{model}", moments)]
