"""The edge of the server: whom it answers, what it lets in, and what it tells browsers that the page may do."""

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

# Gradio compiles its templates in the page and needs inline and eval; all else must come from this server. Who may
# frame the page stands last: Edge.frames are added there.
CONTENT_POLICY = (
    "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; connect-src 'self' data: blob:; "
    "base-uri 'self'; form-action 'self'; object-src 'none'; frame-ancestors 'self'"
)

# What the page may ask a person for: the camera, for its canvas (static/canvas/camera.js); a page inside of it nothing.
PERMISSIONS = "camera=(self), microphone=(), display-capture=(), geolocation=()"

# What the page, Gradio's Python client and agents ask for. Gradio answers more: its code editor, its run history, ...
OFFERED = re.compile(
    r"/(config/?|login/?|theme\.css|favicon\.ico|robots\.txt|manifest\.json|(assets|static|svelte|monet)/.*)?"
    r"|/gradio_api/((info|app_id|startup-events|upload|upload_progress|cancel|reset|queue/(join|data|status)|theme\.css)/?"
    r"|mcp(/|/schema)?|file=.*|heartbeat/[^/]+|(run|api|call|call/v2)/.+)",
    re.DOTALL,
)
STARTUP = "/gradio_api/startup-events"  # asked for by the server itself before it opens

log = logging.getLogger(__name__)


class Refused(Exception):
    """A request that is not let in: a status and a sentence."""

    def __init__(self, status: int, words: str, headers: dict[str, str] | None = None):
        self.status, self.words, self.headers = status, words, headers


class TooManyGuesses(Refused):
    def __init__(self) -> None:
        super().__init__(429, "too many wrong passwords at once: wait a second", {"retry-after": "1"})


class Edge:
    """Middleware around everything.

    Args:
        hosts: names that the server is called by, lower case.
        anywhere: it listens on every address, so any address is its name too.
        auth: ``USER:PASSWORD`` that visitors must give, None to let everybody in.
        address: what else the server is called, behind a proxy.
        frames: origins whose pages may show this one inside of theirs, besides its own.
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
        asked, scope = scope["path"], self.address.local(scope, headers)
        # Only a page that came by https may be given what goes back by https alone.
        secure = "; Secure" if public and public.scheme == "https" else ""
        # A browser sends a cookie to a page inside of another site's only if it may, and keeps one for each such site.
        site = "SameSite=None; Partitioned" if self.frames and secure else "SameSite=Lax"
        where = f"Path={public.prefix if public else ''}/; HttpOnly; {site}{secure}"

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                answer = MutableHeaders(scope=message)
                answer["content-security-policy"] = " ".join((CONTENT_POLICY, *self.frames))
                answer["x-content-type-options"] = "nosniff"
                if not self.frames:  # it has no words for others
                    answer["x-frame-options"] = "SAMEORIGIN"
                answer["referrer-policy"] = "no-referrer"
                answer["permissions-policy"] = PERMISSIONS
                if scope["path"].startswith("/monet/static"):
                    answer["cache-control"] = "no-cache"  # revalidate: an update is never half old
                if scope["path"] == "/" and not visitor:
                    new = secrets.token_urlsafe(16)
                    answer.append("set-cookie", f"{COOKIE}={new}; {where}")
            await send(message)

        try:
            if public and public.prefix and asked == public.prefix:
                return await RedirectResponse(str(public), 308)(scope, receive, send_with_headers)
            self._check(scope, headers)
            if self.sign_in and scope["path"] == LOGIN and scope["method"] == "POST":
                answer = await self._login(self.sign_in, Request(scope, receive), client, where)
                return await answer(scope, receive, send_with_headers)
            await self._let_in(scope, headers, client)
            await self.app(*await _for_this_visitor(scope, receive, visitor), send_with_headers)
        except Refused as refused:
            status, words, extra = refused.status, refused.words, refused.headers
        except OSError as error:
            log.warning("%s %s: %s", scope["method"], scope["path"], error)
            status, words, extra = 507, sentence(OSError(error.errno, error.strerror)), None
        except Exception as error:
            # A visitor's odd request is no event for the log's readers: a line, and no trace.
            log.warning("%s %s: %s: %s", scope["method"], scope["path"], type(error).__name__, error)
            status, words, extra = 500, "The server failed to answer; its log says why.", None
        else:
            return
        if not started:
            return await PlainTextResponse(words, status, extra)(scope, receive, send_with_headers)
        with contextlib.suppress(Exception):  # a stream that breaks ends as streams do, if anybody still listens
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _check(self, scope: Scope, headers: Headers) -> None:
        if not (self.address.is_public(scope, headers) or self._is_called(headers.get("host", ""))):
            raise Refused(400, "this server has another name")
        origin = headers.get("origin")
        if scope["method"] not in ("GET", "HEAD", "OPTIONS") and origin and not self._is_own(origin, scope, headers):
            raise Refused(403, "requests from other pages are refused")
        if not OFFERED.fullmatch(scope["path"]):
            raise Refused(404, "there is nothing here")

    async def _let_in(self, scope: Scope, headers: Headers, client: str) -> None:
        if self.sign_in is None or scope["path"] == STARTUP:
            return
        try:
            if await self.sign_in.knows(headers, client):
                return
        except TooMany as error:
            raise TooManyGuesses from error
        raise Refused(401, "a name and a password are asked for", {"www-authenticate": 'Basic realm="MONet Explorer"'})

    async def _login(self, sign_in: SignIn, request: Request, client: str, where: str) -> Response:
        """What Gradio's client asks for before anything else: a form for a cookie."""
        form = await body(request, MAX_FORM)
        if form is None:
            raise Refused(413, f"a form has at most {MAX_FORM} bytes")
        try:
            accepted = await sign_in.accepts(form, client)
        except TooMany as error:
            raise TooManyGuesses from error
        if not accepted:
            raise Refused(401, "the name or the password is wrong")
        answer = PlainTextResponse("signed in")
        answer.headers.append("set-cookie", f"{SIGNED_IN}={sign_in.token}; {where}")
        return answer

    def _is_own(self, origin: str, scope: Scope, headers: Headers) -> bool:
        """Whether a page is one of ours that sends a request."""
        if self.address.public and self.address.is_public(scope, headers):
            return origin == self.address.public.origin
        return urlsplit(origin).netloc == headers.get("host")

    def _is_called(self, host: str) -> bool:
        """A page that lets its own name point to this machine calls it by that name; an address is nobody's name."""
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
    """What this browser was once given to be known by, "" for programs."""
    found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    return found.value if found else ""


async def _for_this_visitor(scope: Scope, receive: Receive, visitor: str) -> tuple[Scope, Receive]:
    """The request with its session's id made one of this visitor: another's is of no use to anybody else."""

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
    table = _table(await body(Request(scope, receive), MAX_JSON))
    if isinstance(table.get("session_hash"), str):
        table["session_hash"] = own(table["session_hash"])
    content = json.dumps(table).encode()
    scope["headers"] = [(name, value) for name, value in scope["headers"] if name != b"content-length"]
    scope["headers"].append((b"content-length", str(len(content)).encode()))
    messages: list[Message] = [{"type": "http.request", "body": content, "more_body": False}]

    async def receive_again() -> Message:
        return messages.pop() if messages else await receive()

    return scope, receive_again


def _table(content: bytes | None) -> dict[str, Any]:
    """The JSON of a request, whose numbers are finite."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no number")

    if content is None:
        raise Refused(413, f"a request has at most {MAX_JSON} bytes")
    try:
        table = json.loads(content, parse_constant=refuse)
        json.dumps(table, allow_nan=False)  # 1e999 is infinity too
    except (ValueError, RecursionError) as error:
        raise Refused(400, "a request is JSON with finite numbers") from error
    if not isinstance(table, dict) or not isinstance(table.get("data", []), list):
        raise Refused(400, "a request is an object whose data is a list")
    for name, kind in (("session_hash", str), ("fn_index", int)):
        if not isinstance(table.get(name), kind | None):
            raise Refused(400, f"{name} has another type")
    return table


async def body(request: Request, most: int) -> bytes | None:
    """The body of a request, None if it is longer than ``most`` bytes; no more than that is ever held."""
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > most:
            return None
    return bytes(content)


def _limited(receive: Receive, headers: Headers) -> Receive:
    stated, received = headers.get("content-length", ""), 0
    too_large = Refused(413, f"a file has at most {MAX_UPLOAD // 2**20 - 1} MB")
    if stated.isdecimal() and int(stated) > MAX_UPLOAD:
        raise too_large

    async def count() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > MAX_UPLOAD:
            raise too_large
        return message

    return count
