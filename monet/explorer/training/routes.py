"""What the Train panel asks the server."""

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
    "Others can reach this server, so nobody can train here or add pictures. Whoever starts it can allow both with "
    "--allow-training."
)
MAX_REQUEST = 4096


def routes(models: Models, stored: Mapping[str, Stored], runs: Runs | None) -> list[Route]:
    """The routes of the Train panel; without ``runs`` its doors are closed, and all but the first answer 403.

    What is posted is answered with JSON, ``{"refused": SENTENCE}`` where it cannot be done.
    """
    turns = CapacityLimiter(1)

    def guarded(work: Callable[[Runs, Request, dict[str, Any]], Response]) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            if runs is None:
                return PlainTextResponse(CLOSED, status_code=403)
            content = b"" if request.method == "GET" else await body(request, MAX_REQUEST)
            try:
                table = json.loads(content) if content else {}
            except (ValueError, RecursionError):
                table = None
            if content is None or not isinstance(table, dict):
                return PlainTextResponse("The request is no JSON object, or too long.", status_code=400)
            try:
                return await to_thread.run_sync(partial(work, runs, request, table), limiter=turns)
            except RunError as error:
                if request.method == "GET":
                    return PlainTextResponse(str(error), status_code=404)
                return JSONResponse({"refused": str(error)})  # an answer, and no failure for the browser's log

        return answer

    def found(request: Request) -> Response:
        """Everything about the runs that changes: the doors, the data sets, the runs, and the models made of them."""
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
        """``{"data": {"kind": KIND, "name": NAME}, "minutes": NUMBER or null}``."""
        try:
            data = Data(str(table["data"]["kind"]), str(table["data"]["name"]))  # type: ignore[arg-type]
            minutes = None if table.get("minutes") is None else float(table["minutes"])
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise RunError("A run needs a data set, and its minutes as a number or null.") from error
        runs.start(request.path_params["name"], data, minutes)
        return JSONResponse(runs.describe(request.path_params["name"]))

    def resume(runs: Runs, request: Request, table: dict[str, Any]) -> Response:
        runs.resume(request.path_params["name"])
        return JSONResponse(runs.describe(request.path_params["name"]))

    def stop(asked: str, runs: Runs, request: Request, table: dict[str, Any]) -> Response:
        runs.stop(request.path_params["name"], asked)
        return JSONResponse(runs.describe(request.path_params["name"]))

    def take(runs: Runs, request: Request, table: dict[str, Any]) -> Response:
        """The weights of now become a model: its ``name``, and ``models`` as the page may choose them from now on."""
        checkpoint, model = weights.take(runs.path(request.path_params["name"]))
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
        post("/runs/{name}/weights", take),
    ]


def about(models: Models, stored: Mapping[str, Stored]) -> dict[str, Any]:
    """What the page knows of the models that were made of runs, by name."""
    return {name: scenes.about(models.checkpoints[name], stored) for name in models.added}
