"""Authentication by name and password: HTTP Basic for browsers, login form and cookie for Gradio's client."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
from collections import Counter
from http.cookies import SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers

COOKIE = "monet_signed_in"
LOGIN = "/login"
"""Route of the login form of Gradio's client."""
SECONDS = 1.0
"""Delay of the response to a wrong password."""
AT_ONCE = 4
"""Delayed responses per address; so an address gets at most this many guesses per ``SECONDS``."""


class TooMany(Exception):
    """The address has ``AT_ONCE`` wrong passwords pending; this one was not compared."""


class SignIn:
    """Checks credentials, with a delay for wrong ones.

    The cookie's token depends on name and password alone, so all processes of a server accept it.

    Args:
        auth: ``USER:PASSWORD``.
    """

    def __init__(self, auth: str):
        self._basic = "Basic " + base64.b64encode(auth.encode()).decode()
        self._pair = auth.encode()
        self.token = hmac.new(self._pair, b"MONet Explorer, signed in", hashlib.sha256).hexdigest()
        self._pending: Counter[str] = Counter()

    async def knows(self, headers: Headers, client: str) -> bool:
        """Whether a request has valid credentials; see :meth:`_matches`."""
        given = headers.get("authorization")
        if given is not None:
            return await self._matches(given, self._basic, client)
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        return found is not None and await self._matches(found.value, self.token, client)

    async def accepts(self, form: bytes, client: str) -> bool:
        """Whether a form's ``username`` and ``password`` are correct; see :meth:`_matches`."""
        fields = parse_qs(form.decode("utf-8", "replace"), keep_blank_values=True)
        pair = ":".join(fields.get(name, [""])[0] for name in ("username", "password"))
        return await self._matches(pair, self._pair.decode(), client)

    async def _matches(self, given: str, expected: str, client: str) -> bool:
        """Whether both are equal; returns after ``SECONDS`` if they are not.

        Raises:
            TooMany: the address has too many wrong passwords pending.
        """
        if self._pending[client] >= AT_ONCE:
            raise TooMany
        if secrets.compare_digest(given.encode(), expected.encode()):
            return True
        self._pending[client] += 1
        try:
            await asyncio.sleep(SECONDS)
        finally:
            self._pending[client] -= 1
            if not self._pending[client]:
                del self._pending[client]
        return False
