"""ASGI middleware for security: host, origin, route and size checks, sign-in, cookies and response headers."""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import json
import logging
import re
import secrets
from collections.abc import Collection
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from monet.errors import sentence
from monet.explorer.address import Address
from monet.explorer.signin import COOKIE as SIGNED_IN
from monet.explorer.signin import LOGIN, SignIn, TooMany

MAX_FORM = 2**12
MAX_JSON = 2**20
MAX_UPLOAD = 21 * 2**20  # a picture of 20 MB and the form around it
COOKIE = "monet_visitor"

# Gradio compiles its templates in the page and needs inline and eval; everything else must come from this server.
# frame-ancestors is last, so that Edge.frames can be appended.
CONTENT_POLICY = (
    "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; connect-src 'self' data: blob:; "
    "base-uri 'self'; form-action 'self'; object-src 'none'; frame-ancestors 'self'"
)

# The page may use the camera for its canvas (static/canvas/camera.js); embedded pages may use nothing.
PERMISSIONS = "camera=(self), microphone=(), display-capture=(), geolocation=()"

# Routes for the page, Gradio's Python client and agents. Gradio's other routes (code editor, run history) are closed.
OFFERED = re.compile(
    r"/(config/?|login/?|theme\.css|favicon\.ico|robots\.txt|manifest\.json|(assets|static|svelte|monet)/.*)?"
    r"|/gradio_api/((info|app_id|startup-events|upload|upload_progress|cancel|reset|queue/(join|data|status)|theme\.css)/?"
    r"|mcp(/|/schema)?|file=.*|heartbeat/[^/]+|(run|api|call|call/v2)/.+)",
    re.DOTALL,
)
STARTUP = "/gradio_api/startup-events"  # the server requests it from itself during startup

log = logging.getLogger(__name__)


class Refused(Exception):
    """The request is refused with an HTTP status and a one-sentence message."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None):
        self.status, self.message, self.headers = status, message, headers


class TooManyGuesses(Refused):
    def __init__(self) -> None:
        super().__init__(429, "too many wrong passwords at once: wait a second", {"retry-after": "1"})


class Edge:
    """Middleware around the whole app.

    Args:
        hosts: accepted names of the server in ``Host`` headers, lower case.
        anywhere: whether the server listens on every address, so that any IP address is accepted as a name.
        auth: ``USER:PASSWORD`` of visitors, None to let everybody in.
        address: the public address behind a proxy.
        frames: other origins whose pages may embed this page.
    """

    def __init__(
        self,
        app: ASGIApp,
        hosts: Collection[str],
        anywhere: bool = False,
        auth: str | None = None,
        address: Address | None = None,
        frames: Collection[str] = (),
    ):
        self.app, self.hosts, self.anywhere = app, hosts, anywhere
        self.frames = frames
        self.address = address or Address()
        self.sign_in = SignIn(auth) if auth else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        started = False
        headers = Headers(scope=scope)
        visitor = _visitor(headers)
        public = self.address.public if self.address.is_public(scope, headers) else None
        client = self.address.client(scope, headers)
        path, scope = scope["path"], self.address.local(scope, headers)
        # Browsers accept Secure cookies over https only.
        secure = "; Secure" if public and public.scheme == "https" else ""
        # In another site's frame, browsers send only SameSite=None cookies; Partitioned keeps one per embedding site.
        site = "SameSite=None; Partitioned" if self.frames and secure else "SameSite=Lax"
        attributes = f"Path={public.prefix if public else ''}/; HttpOnly; {site}{secure}"

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                response = MutableHeaders(scope=message)
                response["content-security-policy"] = " ".join((CONTENT_POLICY, *self.frames))
                response["x-content-type-options"] = "nosniff"
                if not self.frames:  # this header cannot name other origins
                    response["x-frame-options"] = "SAMEORIGIN"
                response["referrer-policy"] = "no-referrer"
                response["permissions-policy"] = PERMISSIONS
                if scope["path"].startswith("/monet/static"):
                    response["cache-control"] = "no-cache"  # revalidate: updates never mix old and new files
                if scope["path"] == "/" and not visitor:
                    new = secrets.token_urlsafe(16)
                    response.append("set-cookie", f"{COOKIE}={new}; {attributes}")
            await send(message)

        try:
            if public and public.prefix and path == public.prefix:
                return await RedirectResponse(str(public), 308)(scope, receive, send_with_headers)
            self._check(scope, headers)
            if self.sign_in and scope["path"] == LOGIN and scope["method"] == "POST":
                response = await self._login(self.sign_in, Request(scope, receive), client, attributes)
                return await response(scope, receive, send_with_headers)
            await self._authorize(scope, headers, client)
            await self.app(*await _for_this_visitor(scope, receive, visitor), send_with_headers)
        except Refused as refused:
            status, text, extra = refused.status, refused.message, refused.headers
        except OSError as error:
            log.warning("%s %s: %s", scope["method"], scope["path"], error)
            status, text, extra = 507, sentence(OSError(error.errno, error.strerror)), None
        except Exception as error:
            # One line without a traceback, so that odd requests do not flood the log.
            log.warning("%s %s: %s: %s", scope["method"], scope["path"], type(error).__name__, error)
            status, text, extra = 500, "The server failed to answer; its log says why.", None
        else:
            return
        if not started:
            return await PlainTextResponse(text, status, extra)(scope, receive, send_with_headers)
        with contextlib.suppress(Exception):  # end the interrupted stream, if the client is still connected
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _check(self, scope: Scope, headers: Headers) -> None:
        if not (self.address.is_public(scope, headers) or self._is_called(headers.get("host", ""))):
            raise Refused(400, "this server has another name: use the address that it printed at the start")
        origin = headers.get("origin")
        if scope["method"] not in ("GET", "HEAD", "OPTIONS") and origin and not self._is_own(origin, scope, headers):
            raise Refused(403, "requests from other pages are refused")
        if not OFFERED.fullmatch(scope["path"]):
            raise Refused(404, "there is nothing here")

    async def _authorize(self, scope: Scope, headers: Headers, client: str) -> None:
        if self.sign_in is None or scope["path"] == STARTUP:
            return
        try:
            if await self.sign_in.knows(headers, client):
                return
        except TooMany as error:
            raise TooManyGuesses from error
        raise Refused(401, "a name and a password are required", {"www-authenticate": 'Basic realm="MONet Explorer"'})

    async def _login(self, sign_in: SignIn, request: Request, client: str, attributes: str) -> Response:
        """Handles the login form of Gradio's client; a valid form sets the sign-in cookie."""
        form = await body(request, MAX_FORM)
        if form is None:
            raise Refused(413, f"a form must have at most {MAX_FORM} bytes")
        try:
            accepted = await sign_in.accepts(form, client)
        except TooMany as error:
            raise TooManyGuesses from error
        if not accepted:
            raise Refused(401, "the name or the password is wrong")
        response = PlainTextResponse("signed in")
        response.headers.append("set-cookie", f"{SIGNED_IN}={sign_in.token}; {attributes}")
        return response

    def _is_own(self, origin: str, scope: Scope, headers: Headers) -> bool:
        """Whether the request comes from a page of this server."""
        if self.address.public and self.address.is_public(scope, headers):
            return origin == self.address.public.origin
        return urlsplit(origin).netloc == headers.get("host")

    def _is_called(self, host: str) -> bool:
        """Whether a ``Host`` header names this server; refuses DNS rebinding, where a foreign name points to it.

        IP addresses are safe, because they cannot be rebound.
        """
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        return name in self.hosts or (self.anywhere and _is_address(name))


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _visitor(headers: Headers) -> str:
    """The visitor cookie of this browser, "" for programs."""
    found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    return found.value if found else ""


async def _for_this_visitor(scope: Scope, receive: Receive, visitor: str) -> tuple[Scope, Receive]:
    """Binds the session id in a request to the visitor's cookie, so that other visitors cannot use it."""

    def own(session: str) -> str:
        return hashlib.sha256(f"{visitor} {session}".encode()).hexdigest()[:32]

    path = scope["path"]
    if not path.startswith("/gradio_api/"):
        return scope, receive
    scope = dict(scope)
    kind, _, session = path.removeprefix("/gradio_api/").partition("/")
    if kind == "heartbeat":
        scope["path"] = f"/gradio_api/heartbeat/{own(session)}"
        scope["raw_path"] = scope["path"].encode()
    pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    scope["query_string"] = urlencode(
        [(name, own(value) if name in ("session_hash", "upload_id") else value) for name, value in pairs]
    ).encode()
    if scope["method"] != "POST":
        return scope, receive
    if kind == "upload":
        return scope, _limited(receive, Headers(scope=scope))
    table = _parse_json(await body(Request(scope, receive), MAX_JSON))
    if isinstance(table.get("session_hash"), str):
        table["session_hash"] = own(table["session_hash"])
    content = json.dumps(table).encode()
    scope["headers"] = [(name, value) for name, value in scope["headers"] if name != b"content-length"]
    scope["headers"].append((b"content-length", str(len(content)).encode()))
    messages: list[Message] = [{"type": "http.request", "body": content, "more_body": False}]

    async def receive_again() -> Message:
        return messages.pop() if messages else await receive()

    return scope, receive_again


def _parse_json(content: bytes | None) -> dict[str, Any]:
    """Parses the JSON of a Gradio request and checks that its numbers are finite."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not a finite number")

    if content is None:
        raise Refused(413, f"a request must have at most {MAX_JSON} bytes")
    try:
        table = json.loads(content, parse_constant=refuse)
        json.dumps(table, allow_nan=False)  # 1e999 is parsed as infinity
    except (ValueError, RecursionError) as error:
        raise Refused(400, "a request must be JSON with finite numbers") from error
    if not isinstance(table, dict) or not isinstance(table.get("data", []), list):
        raise Refused(400, "a request must be an object whose data is a list")
    for name, kind in (("session_hash", str), ("fn_index", int)):
        if not isinstance(table.get(name), kind | None):
            raise Refused(400, f"{name} must be {'a string' if kind is str else 'a whole number'} or null")
    return table


async def body(request: Request, limit: int) -> bytes | None:
    """Reads the body of a request; None if it exceeds ``limit`` bytes, of which no more are kept in memory."""
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > limit:
            return None
    return bytes(content)


def _limited(receive: Receive, headers: Headers) -> Receive:
    announced, received = headers.get("content-length", ""), 0
    too_large = Refused(413, f"a file must have at most {MAX_UPLOAD // 2**20 - 1} MB")
    if announced.isdecimal() and int(announced) > MAX_UPLOAD:
        raise too_large

    async def count() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > MAX_UPLOAD:
            raise too_large
        return message

    return count
