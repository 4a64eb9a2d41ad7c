"""Public address and forwarded headers: how the app resolves client and path behind a trusted proxy."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from monet.explorer.listen import in_url

FORWARDED = ("x-forwarded-host", "x-forwarded-proto", "x-forwarded-for", "x-forwarded-prefix", "x-forwarded-port")
STRIPPED = (*FORWARDED, "forwarded", "x-real-ip", "x-gradio-server", "x-original-url", "x-rewrite-url")
"""Headers that state a request's origin or target; Gradio would trust them from anybody, so they are removed."""
PORTS = {"http": 80, "https": 443}

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class PublicURL:
    """The address that visitors use when a proxy forwards their requests to this server.

    Attributes:
        scheme: "http" or "https".
        host: the name, lower case, with the port if it is not the scheme's default.
        prefix: path before every route, such as "" or "/monet".
    """

    scheme: str
    host: str
    prefix: str = ""

    @classmethod
    def of(cls, text: str) -> PublicURL:
        """Parses an address such as "https://host/monet/".

        Raises:
            ValueError: the address is invalid.
        """
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError as error:
            raise ValueError(f"{text} is not an address: {error}") from error
        if parts.scheme not in PORTS or not parts.hostname or parts.query or parts.fragment or parts.username:
            raise ValueError(f"{text} is not an address such as https://host.example/monet/")
        if any(part in ("", ".", "..") for part in parts.path.strip("/").split("/") if parts.path.strip("/")):
            raise ValueError(f"the path in {text} has an empty part, or a part . or ..")
        name = in_url(parts.hostname)
        host = name if port in (None, PORTS[parts.scheme]) else f"{name}:{port}"
        path = parts.path.strip("/")
        return cls(parts.scheme, host, f"/{path}" if path else "")

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.host}"

    def __str__(self) -> str:
        return f"{self.origin}{self.prefix}/"

    def names(self, host: str) -> bool:
        """Whether a ``Host`` header names this address."""
        return host.lower().removesuffix(f":{PORTS[self.scheme]}") == self.host


class Address:
    """Resolves the client and the target of each request.

    Args:
        public: the address in front of a proxy, if there is one.
        proxies: networks of proxies whose forwarded headers are trusted.
        own: first parts of the app's own routes below ``/monet/``.
    """

    def __init__(self, public: PublicURL | None = None, proxies: Collection[Network] = (), own: Collection[str] = ()):
        self.public, self.proxies, self.own = public, proxies, own

    def is_public(self, scope: Scope, headers: Headers) -> bool:
        """Whether a request is for the public address, by its ``Host`` or by a trusted proxy's header."""
        if self.public is None:
            return False
        if self.public.names(headers.get("host", "")):
            return True
        return self._trusts(scope) and self.public.names(_last(headers.get("x-forwarded-host", "")))

    def client(self, scope: Scope, headers: Headers) -> str:
        """The visitor's address: the peer's, or the one that a trusted proxy forwards."""
        peer = scope["client"][0] if scope.get("client") else ""
        return (self._trusts(scope) and _last(headers.get("x-forwarded-for", ""))) or peer

    def local(self, scope: Scope, headers: Headers) -> Scope:
        """The request for the app: without the client's forwarded headers.

        A request for the public address gets our own forwarded headers and loses the prefix, if the proxy left it.
        """
        public = self.public
        kept = [(name, value) for name, value in scope["headers"] if name.decode("latin-1") not in STRIPPED]
        scope = {**scope, "headers": kept}
        if public is None or not self.is_public(scope, headers):
            return scope
        kept += [
            (b"x-forwarded-host", f"{public.host}{public.prefix}".encode()),
            (b"x-forwarded-proto", public.scheme.encode()),
        ]
        path = scope["path"]
        if public.prefix and path.startswith(f"{public.prefix}/") and not self._is_own(path):
            scope["path"] = path.removeprefix(public.prefix)
            scope["raw_path"] = scope["path"].encode()
        return scope

    def _is_own(self, path: str) -> bool:
        """Whether a path is one of the app's own routes below ``/monet/``, which the prefix may be called too."""
        first, _, rest = path.removeprefix("/").partition("/")
        return first == "monet" and rest.partition("/")[0] in self.own

    def _trusts(self, scope: Scope) -> bool:
        try:
            peer = ipaddress.ip_address(scope["client"][0])
        except (TypeError, KeyError, ValueError):
            return False
        return any(peer in network for network in self.proxies)


def _last(values: str) -> str:
    """The entry of the nearest proxy in a header to which each proxy appends."""
    return values.rpartition(",")[2].strip()
