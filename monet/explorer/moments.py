"""What a model was at a dozen steps of its training, for the page's slider over them."""

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
    """The moments of a model and their pictures."""

    def moments(request: Request) -> Response:
        """As JSON, :class:`monet.training.moments.Course`; null if the checkpoint keeps none."""
        if (checkpoint := models.checkpoints.get(request.path_params["model"])) is None:
            return PlainTextResponse("there is no such model", status_code=404)
        try:
            course = read(checkpoint.folder)
        except CheckpointError as error:
            log.warning("%s", error)
            course = None
        return JSONResponse(course and asdict(course))

    def sheet(request: Request) -> Response:
        """One WebP."""
        checkpoint = models.checkpoints.get(request.path_params["model"])
        if checkpoint is None or not (checkpoint.folder / SHEET).is_file():
            return PlainTextResponse("there is no such picture", status_code=404)
        return FileResponse(checkpoint.folder / SHEET)

    return [Route("/moments/{model}.webp", sheet), Route("/moments/{model}", moments)]
