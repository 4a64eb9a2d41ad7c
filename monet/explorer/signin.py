"""Who may come in: a name and a password, by HTTP's own dialogue, or by a form and a cookie as Gradio's client does."""

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
"""Where Gradio's client sends its form."""
SECONDS = 1.0
"""How long a wrong password is looked at."""
AT_ONCE = 4
"""Wrong passwords of one address that are looked at at the same time: so many guesses a second, and no more."""


class TooMany(Exception):
    """An address guesses faster than anybody types."""


class SignIn:
    """Checks credentials; wrong ones are answered slowly.

    What signs a program in is made from the password alone, so every process of a server knows it.

    Args:
        auth: ``USER:PASSWORD``.
    """

    def __init__(self, auth: str):
        self._basic = "Basic " + base64.b64encode(auth.encode()).decode()
        self._pair = auth.encode()
        self.token = hmac.new(self._pair, b"MONet Explorer, signed in", hashlib.sha256).hexdigest()
        self._guessing: Counter[str] = Counter()

    async def knows(self, headers: Headers, client: str) -> bool:
        """Whether a request may come in; see :meth:`_slowly`."""
        given = headers.get("authorization")
        if given is not None:
            return await self._slowly(given, self._basic, client)
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        return found is not None and await self._slowly(found.value, self.token, client)

    async def accepts(self, form: bytes, client: str) -> bool:
        """Whether a form's ``username`` and ``password`` are the right ones."""
        fields = parse_qs(form.decode("utf-8", "replace"), keep_blank_values=True)
        pair = ":".join(fields.get(name, [""])[0] for name in ("username", "password"))
        return await self._slowly(pair, self._pair.decode(), client)

    async def _slowly(self, given: str, right: str, client: str) -> bool:
        """Whether the two are the same.

        Raises:
            TooMany: the address has wrong ones looked at already; this one was not compared.
        """
        if self._guessing[client] >= AT_ONCE:
            raise TooMany
        if secrets.compare_digest(given.encode(), right.encode()):
            return True
        self._guessing[client] += 1
        try:
            await asyncio.sleep(SECONDS)
        finally:
            self._guessing[client] -= 1
            if not self._guessing[client]:
                del self._guessing[client]
        return False
