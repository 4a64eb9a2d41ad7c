"""The server around the page: its own routes, what it answers to whom, and how it is started."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import gradio as gr
import numpy as np
import plotly
from PIL import Image
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from monet.data import Stored, samples
from monet.explorer import downloads
from monet.explorer.models import Models
from monet.explorer.payload import decode_pixels, decoder_payload
from monet.explorer.slotmap import slot_map

STATIC = Path(__file__).parent / "static"
MAX_LATENTS = 64
MAX_BODY = 8 * 2**20
LOCAL_HOSTS = ("127.0.0.1", "localhost", "[::1]")

# Gradio compiles its templates in the page and needs inline and eval; all else must come from this server.
CONTENT_POLICY = (
    "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; connect-src 'self' data: blob:; frame-ancestors 'self'; "
    "base-uri 'self'; form-action 'self'; object-src 'none'"
)


def routes(models: Models, stored: Mapping[str, Stored] | None = None) -> list[BaseRoute]:
    """Files of the page, pictures of stored data, the decoder's weights for the browser, and decoding for pages that
    cannot do it."""

    async def decoder(request: Request) -> Response:
        name = request.path_params["model"]
        if name not in models.checkpoints:
            return PlainTextResponse(f"there is no model {name!r}", status_code=404)

        def answer() -> dict[str, Any]:
            with models.use(name) as model:
                return decoder_payload(model)

        return JSONResponse(await run_in_threadpool(answer))

    async def decode(request: Request) -> Response:
        """Latents N,Z as float32 bytes to pixels N,H,W,4 as float32 bytes."""
        name = request.path_params["model"]
        if name not in models.checkpoints:
            return PlainTextResponse(f"there is no model {name!r}", status_code=404)
        each = 4 * models.checkpoints[name].config.latent_dim
        body = await limited(request, MAX_LATENTS * each)
        if body is None:
            return PlainTextResponse(f"more than {MAX_LATENTS} latents at once", status_code=413)
        if not body or len(body) % each:
            return PlainTextResponse(f"latents of this model are {each} bytes each", status_code=400)

        def answer() -> bytes:
            latents = np.frombuffer(body, "<f4").reshape(-1, each // 4)
            with models.use(name) as model:
                return decode_pixels(model, latents).astype("<f4").tobytes()

        try:
            return Response(await run_in_threadpool(answer), media_type="application/octet-stream")
        except ValueError as error:
            return PlainTextResponse(str(error), status_code=400)

    async def npz(request: Request) -> Response:
        """A scene as the page shows it, ``{image, slots, latents}`` in JSON, to an NPZ of everything about it."""
        name = request.path_params["model"]
        if name not in models.checkpoints:
            return PlainTextResponse(f"there is no model {name!r}", status_code=404)
        body = await limited(request, MAX_BODY)
        if body is None:
            return PlainTextResponse("more than a scene", status_code=413)

        def answer() -> bytes:
            with models.use(name) as model:
                return downloads.scene_npz(model, body)

        try:
            return Response(await run_in_threadpool(answer), media_type="application/octet-stream")
        except ValueError as error:
            return PlainTextResponse(str(error), status_code=400)

    async def gif(request: Request) -> Response:
        """Frames of ``width`` x ``height`` RGB bytes, one after the other, to a film that never ends."""
        body = await limited(request, MAX_BODY)
        if body is None:
            return PlainTextResponse("a film that long does not fit", status_code=413)
        try:
            options = {name: int(request.query_params[name]) for name in ("width", "height", "milliseconds")}
            film = await run_in_threadpool(downloads.film, body, **options)
        except (ValueError, KeyError):
            return PlainTextResponse("frames are width x height x 3 bytes", status_code=400)
        return Response(film, media_type="image/gif")

    def picture(request: Request) -> Response:
        """A scene of stored data as a PNG."""
        name, index = request.path_params["name"], request.path_params["index"]
        data = (stored or {}).get(name)
        if data is None or index >= len(data):
            return PlainTextResponse("there is no such scene", status_code=404)
        file = io.BytesIO()
        Image.fromarray(data.scene(index).image).save(file, "PNG")
        return Response(file.getvalue(), media_type="image/png")

    slots_of = cache(partial(slot_map, models))

    async def slots(request: Request) -> Response:
        """The map of slots of a model, made when first asked for."""
        name = request.path_params["model"]
        if name not in models.checkpoints:
            return PlainTextResponse(f"there is no model {name!r}", status_code=404)
        return JSONResponse(await run_in_threadpool(slots_of, name))

    return [
        Mount("/monet", routes=[
            Route("/stored/{name}/{index:int}.png", picture),
            Route("/decoder/{model}", decoder),
            Route("/map/{model}", slots),
            Route("/decode/{model}", decode, methods=["POST"]),
            Route("/npz/{model}", npz, methods=["POST"]),
            Route("/gif", gif, methods=["POST"]),
            Mount("/static", StaticFiles(directory=STATIC)),
            Mount("/samples", StaticFiles(directory=samples.FOLDER)),
            Mount("/plotly", StaticFiles(directory=Path(plotly.__file__).parent / "package_data")),
        ]),
    ]  # fmt: skip


async def limited(request: Request, most: int) -> bytes | None:
    """The body of a request, None if it is longer than ``most`` bytes; no more than that is ever held."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            return None
    return bytes(body)


class Edge:
    """Refuses what another page sends in a visitor's name, and tells browsers what this page may do."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if (
            scope["method"] not in ("GET", "HEAD", "OPTIONS")
            and origin
            and urlsplit(origin).netloc != headers.get("host")
        ):
            return await PlainTextResponse("requests from other pages are refused", 403)(scope, receive, send)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                answer["content-security-policy"] = CONTENT_POLICY
                answer["x-content-type-options"] = "nosniff"
                answer["x-frame-options"] = "SAMEORIGIN"
                answer["referrer-policy"] = "no-referrer"
                if scope["path"].startswith("/monet/static"):
                    answer["cache-control"] = "no-cache"  # revalidate: an update is never half old
            await send(message)

        await self.app(scope, receive, send_with_headers)


def launch(
    demo: gr.Blocks,
    models: Models,
    stored: Mapping[str, Stored] | None = None,
    *,
    host: str,
    port: int,
    **options: Any,
) -> None:
    """Serves the page until it is stopped; ``options`` go to ``Blocks.launch``."""
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    hosts = [*LOCAL_HOSTS, host] if host != "0.0.0.0" else ["*"]
    demo.queue(max_size=64, default_concurrency_limit=1)
    demo.launch(
        server_name=host,
        server_port=port,
        share=False,
        ssr_mode=False,
        run_history=False,
        show_error=False,
        max_file_size="20mb",
        max_threads=8,
        state_session_capacity=64,
        enable_monitoring=False,
        footer_links=[],
        theme=gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
        css_paths=[STATIC / "explorer.css"],
        app_kwargs={
            "routes": routes(models, stored),
            "middleware": [Middleware(TrustedHostMiddleware, allowed_hosts=hosts), Middleware(Edge)],
        },
        **options,
    )
