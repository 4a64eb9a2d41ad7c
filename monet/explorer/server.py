"""HTTP routes for weights, scenes, decoding and exports, and the launch of the server."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import plotly
from anyio import CapacityLimiter, move_on_after, to_thread
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from monet.checkpoints import Checkpoint
from monet.data import Stored, samples
from monet.explorer import downloads, scenes
from monet.explorer.address import Address, Network, PublicURL
from monet.explorer.edge import MAX_JSON, Edge, body
from monet.explorer.layout import Page
from monet.explorer.listen import ANYWHERE, PORTS, check_address, free_port, in_url, names
from monet.explorer.models import Models
from monet.explorer.moments import routes as moments
from monet.explorer.network import network_payload
from monet.explorer.own import files
from monet.explorer.own import routes as own
from monet.explorer.payload import decoder_payload
from monet.explorer.slotmap import slot_map
from monet.explorer.training import Runs
from monet.explorer.training import routes as training
from monet.explorer.turns import MAX_WAITING, Busy, Turns
from monet.inference import decode_pixels
from monet.model import MONet
from monet.pictures import MAX_BYTES, PictureError

STATIC = Path(__file__).parent / "static"
MAX_BODY = 8 * 2**20
MAX_PICTURES = 4
"""Picture files that are received at the same time."""
PICTURE_SECONDS = 120
"""Time limit for receiving a picture."""


def routes(models: Models, stored: MutableMapping[str, Stored] | None = None, runs: Runs | None = None) -> list[Mount]:
    """Routes below ``/monet``: static files, weights for the browser, and server-side decomposition and decoding.

    With ``runs`` there are also routes for training and for adding pictures to ``stored``.
    """
    stored = {} if stored is None else stored
    with_model, with_frames = models.turns, Turns()
    with_pictures = CapacityLimiter(MAX_PICTURES)

    async def respond(turns: Turns, work: Callable[[], Response]) -> Response:
        """Runs ``work`` in turn; errors become responses with a message."""
        try:
            return await turns.run(work)
        except ValueError as error:
            return PlainTextResponse(str(error), status_code=400)
        except Busy as busy:
            return PlainTextResponse(str(busy), status_code=503)

    def described(describe: Callable[[MONet, Checkpoint], dict[str, Any]]) -> Callable[[Request], Awaitable[Response]]:
        """Route handler that responds with a description of the requested model as JSON."""

        async def handle(request: Request) -> Response:
            name = request.path_params["model"]
            if name not in models.checkpoints:
                return PlainTextResponse(f"there is no model {name!r}", status_code=404)

            def answer() -> Response:
                with models.use(name) as model:
                    return JSONResponse(describe(model, models.checkpoints[name]))

            return await respond(with_model, answer)

        return handle

    async def decompose(request: Request) -> Response:
        """Decomposes a scene; responds with :func:`monet.explorer.payload.scene_payload` or ``{"refused": MESSAGE}``.

        A refusal has status 200, so that the browser's log shows no error. The body is a scene reference if its type is
        JSON, otherwise the bytes of a picture file; ``slots`` and ``how`` are in the query. The server keeps nothing.
        """
        name, query = request.path_params["model"], request.query_params
        if name not in models.checkpoints:
            return JSONResponse({"refused": f"There is no model {name!r}."})
        try:
            slots = int(query.get("slots", models.checkpoints[name].config.num_slots))
        except ValueError:
            return PlainTextResponse("slots must be a whole number.", status_code=400)
        how = query.get("how", "crop")
        reference = request.headers.get("content-type", "").startswith("application/json")

        def answer(content: bytes) -> Response:
            try:
                opened = scenes.open_reference(content, models, stored) if reference else scenes.open_picture(content)
                return JSONResponse(scenes.decompose(models, opened, name, slots, how))
            except (scenes.SceneError, PictureError) as error:
                return JSONResponse({"refused": str(error)})

        if reference:
            content = await body(request, MAX_JSON)
            if content is None:
                return PlainTextResponse(f"A scene reference must have at most {MAX_JSON} bytes.", status_code=413)
            return await respond(with_model, partial(answer, content))
        async with with_pictures:  # limits memory: further uploads wait unread
            with move_on_after(PICTURE_SECONDS) as timeout:
                content = await body(request, MAX_BYTES)
            if timeout.cancelled_caught:
                return PlainTextResponse("The upload of the picture took too long; try again.", status_code=408)
            if content is None:
                return PlainTextResponse(f"A picture must have at most {MAX_BYTES // 2**20} MB.", status_code=413)
            return await respond(with_model, partial(answer, content))

    async def decode(request: Request) -> Response:
        """Decodes latents N,Z to pixels N,H,W,4; both are float32 bytes."""
        name = request.path_params["model"]
        if name not in models.checkpoints:
            return PlainTextResponse(f"there is no model {name!r}", status_code=404)
        each = 4 * models.checkpoints[name].config.latent_dim
        content = await body(request, scenes.MAX_LATENTS * each)
        if content is None:
            return PlainTextResponse(f"send at most {scenes.MAX_LATENTS} latents at once", status_code=413)
        if not content or len(content) % each:
            return PlainTextResponse(f"latents of this model must have {each} bytes each", status_code=400)

        def answer() -> Response:
            latents = np.frombuffer(content, "<f4").reshape(-1, each // 4)
            with models.use(name) as model:
                pixels = decode_pixels(model, latents).astype("<f4").tobytes()
            return Response(pixels, media_type="application/octet-stream")

        return await respond(with_model, answer)

    async def npz(request: Request) -> Response:
        """Exports a scene and its edits as NPZ; see :func:`monet.explorer.downloads.scene_npz`."""
        name = request.path_params["model"]
        if name not in models.checkpoints:
            return PlainTextResponse(f"there is no model {name!r}", status_code=404)
        content = await body(request, MAX_BODY)
        if content is None:
            return PlainTextResponse(f"a scene must have at most {MAX_BODY} bytes", status_code=413)

        def answer() -> Response:
            with models.use(name) as model:
                arrays = downloads.scene_npz(model, content)
            return Response(arrays, media_type="application/octet-stream")

        return await respond(with_model, answer)

    async def gif(request: Request) -> Response:
        """Encodes consecutive frames of ``width`` x ``height`` RGB bytes as an endless GIF."""
        content = await body(request, MAX_BODY)
        if content is None:
            return PlainTextResponse(f"a film must have at most {MAX_BODY} bytes", status_code=413)

        def answer() -> Response:
            try:
                options = {name: int(request.query_params[name]) for name in ("width", "height", "milliseconds")}
                film = downloads.film(content, **options)
            except (ValueError, KeyError):
                return PlainTextResponse("frames must have width x height x 3 bytes", status_code=400)
            return Response(film, media_type="image/gif")

        return await respond(with_frames, answer)

    slots_of = cache(partial(slot_map, models))

    async def slots(request: Request) -> Response:
        """The slot map of a model, computed at the first request."""
        name = request.path_params["model"]
        if name not in models.checkpoints:
            return PlainTextResponse(f"there is no model {name!r}", status_code=404)
        return JSONResponse(await to_thread.run_sync(slots_of, name))

    return [
        Mount("/monet", routes=[
            Route("/decoder/{model}", described(lambda model, _: decoder_payload(model))),
            Route("/network/{model}", described(network_payload)),
            Route("/map/{model}", slots),
            *moments(models),
            Route("/decompose/{model}", decompose, methods=["POST"]),
            Route("/decode/{model}", decode, methods=["POST"]),
            Route("/npz/{model}", npz, methods=["POST"]),
            Route("/gif", gif, methods=["POST"]),
            *training.routes(models, stored, runs),
            *own.routes(stored, opened=runs is not None),
            *files.routes(models, stored, opened=runs is not None),
            Mount("/static", StaticFiles(directory=STATIC)),
            Mount("/samples", StaticFiles(directory=samples.FOLDER)),
            Mount("/plotly", StaticFiles(directory=Path(plotly.__file__).parent / "package_data")),
        ]),
    ]  # fmt: skip


def launch(
    demo: Page,
    models: Models,
    stored: MutableMapping[str, Stored] | None = None,
    *,
    host: str,
    port: int | None = None,
    auth: str | None = None,
    public: PublicURL | None = None,
    proxies: Collection[Network] = (),
    frames: Collection[str] = (),
    runs: Runs | None = None,
    **options: Any,
) -> None:
    """Serves the page until it is stopped; ``options`` go to ``Blocks.launch``.

    Args:
        demo: the page.
        models: of the page.
        stored: data sets of this machine by name.
        host: address to listen on.
        port: to listen on. None takes the first free one of :data:`monet.explorer.listen.PORTS`, or with ``public`` the
            first one even if taken, because the proxy expects it.
        auth: ``USER:PASSWORD`` of visitors; None lets everybody in.
        public: the public address, if a proxy forwards requests from there.
        proxies: networks of proxies whose forwarded headers are trusted.
        frames: other origins whose pages may embed this page.
        runs: training runs; None disables training and adding pictures.

    Raises:
        OSError: the server cannot listen on the address.
    """
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    os.environ["FORWARDED_ALLOW_IPS"] = ""  # uvicorn would trust every local program; Address decides instead
    host = host.strip("[]")
    if port is None:
        port = PORTS[0] if public else free_port(host)
    check_address(host, port)
    offered = routes(models, stored, runs)
    below = [route.path for mount in offered for route in mount.routes if isinstance(route, Route | Mount)]
    address = Address(public, proxies, {path.split("/")[1] for path in below})
    demo.queue(max_size=MAX_WAITING, default_concurrency_limit=1)
    demo.launch(
        server_name=in_url(host),
        server_port=port,
        share=False,
        ssr_mode=False,
        run_history=False,
        show_error=False,
        max_file_size="20mb",
        max_threads=8,
        state_session_capacity=64,
        enable_monitoring=False,
        footer_links=["api"],
        theme=gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
        css_paths=[STATIC / "explorer.css"],
        head='<link rel="icon" href="monet/static/icon.svg">',
        app_kwargs={
            "routes": offered,
            "lifespan": demo.uploads.lifespan,
            "middleware": [
                Middleware(
                    Edge, hosts=names(host), anywhere=host in ANYWHERE, auth=auth, address=address, frames=frames
                )
            ],
        },
        **options,
    )
