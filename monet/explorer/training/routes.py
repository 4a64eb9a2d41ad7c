"""HTTP routes for the Train panel: list, start, pause, stop and resume runs, and load their weights."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from monet.data import Stored
from monet.explorer import scenes
from monet.explorer.edge import body
from monet.explorer.models import Models
from monet.explorer.training import reading, weights
from monet.explorer.training.commands import Data, learnable
from monet.explorer.training.runs import RunError, Runs

CLOSED = (
    "Others can reach this server, so training and adding pictures are off. To allow both, start the server with "
    "--allow-training."
)
MAX_REQUEST = 4096


def routes(models: Models, stored: Mapping[str, Stored], runs: Runs | None) -> list[Route]:
    """The routes of the Train panel; without ``runs`` all but the first respond with 403.

    POST requests are answered with JSON, or ``{"refused": MESSAGE}`` if they cannot be done.
    """
    one_at_a_time = CapacityLimiter(1)

    def guarded(work: Callable[[Runs, Request, dict[str, Any]], Response]) -> Callable[[Request], Any]:
        async def handle(request: Request) -> Response:
            if runs is None:
                return PlainTextResponse(CLOSED, status_code=403)
            content = b"" if request.method == "GET" else await body(request, MAX_REQUEST)
            try:
                table = json.loads(content) if content else {}
            except (ValueError, RecursionError):
                table = None
            if content is None or not isinstance(table, dict):
                return PlainTextResponse(f"Send a JSON object of at most {MAX_REQUEST} bytes.", status_code=400)
            try:
                return await to_thread.run_sync(partial(work, runs, request, table), limiter=one_at_a_time)
            except RunError as error:
                if request.method == "GET":
                    return PlainTextResponse(str(error), status_code=404)
                return JSONResponse({"refused": str(error)})  # status 200: no error in the browser's log

        return handle

    def found(request: Request) -> Response:
        """Returns the data sets, the runs and the models made of them; or the reason why training is off."""
        if runs is None:
            return JSONResponse({"closed": CLOSED})
        return JSONResponse({"data": learnable(stored), "runs": runs.all(), "models": about(models, stored)})

    def curves(runs: Runs, request: Request, table: dict[str, Any]) -> Response:
        return JSONResponse(reading.curves(runs.path(request.path_params["name"])))

    def sheet(runs: Runs, request: Request, table: dict[str, Any]) -> Response:
        file = reading.sheet(runs.path(request.path_params["name"]), request.path_params["step"])
        if not file.is_file():
            return PlainTextResponse("There is no picture of this step.", status_code=404)
        return FileResponse(file, media_type="image/png")

    def start(runs: Runs, request: Request, table: dict[str, Any]) -> Response:
        """Starts a run; the body is ``{"data": {"kind": KIND, "name": NAME}, "minutes": NUMBER or null}``."""
        try:
            data = Data(str(table["data"]["kind"]), str(table["data"]["name"]))  # type: ignore[arg-type]
            minutes = None if table.get("minutes") is None else float(table["minutes"])
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise RunError("A run needs a data set, and minutes as a number or null.") from error
        runs.start(request.path_params["name"], data, minutes)
        return JSONResponse(runs.describe(request.path_params["name"]))

    def resume(runs: Runs, request: Request, table: dict[str, Any]) -> Response:
        runs.resume(request.path_params["name"])
        return JSONResponse(runs.describe(request.path_params["name"]))

    def stop(asked: str, runs: Runs, request: Request, table: dict[str, Any]) -> Response:
        runs.stop(request.path_params["name"], asked)
        return JSONResponse(runs.describe(request.path_params["name"]))

    def load(runs: Runs, request: Request, table: dict[str, Any]) -> Response:
        """Adds the run's current weights as a model; returns its ``name`` and all added ``models``."""
        checkpoint, model = weights.load(runs.path(request.path_params["name"]))
        models.add(checkpoint, model)
        return JSONResponse({"name": checkpoint.name, "models": about(models, stored)})

    def post(path: str, work: Callable[[Runs, Request, dict[str, Any]], Response]) -> Route:
        return Route(path, guarded(work), methods=["POST"])

    return [
        Route("/runs", found),
        Route("/runs/{name}/curves", guarded(curves)),
        Route("/runs/{name}/{step:int}.png", guarded(sheet)),
        post("/runs/{name}/start", start),
        post("/runs/{name}/resume", resume),
        post("/runs/{name}/pause", partial(stop, "pause")),
        post("/runs/{name}/stop", partial(stop, "stop")),
        post("/runs/{name}/weights", load),
    ]


def about(models: Models, stored: Mapping[str, Stored]) -> dict[str, Any]:
    """Descriptions of the models that were added from runs, by name, for the page."""
    return {name: scenes.about(models.checkpoints[name], stored) for name in models.added}
