"""A remote file as a stream whose bytes are kept, so that a download can be resumed."""

from __future__ import annotations

import http.client
import io
import json
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

TIMEOUT = 30.0
"""Seconds without a byte after which a connection counts as broken."""
RETRIES = 5
PAUSE = 1.0
"""Seconds before the first retry; doubles with every retry."""


class DownloadError(ValueError):
    """Data could not be downloaded. The message is one sentence for the user."""


class ChangedError(Exception):
    """The kept bytes are not the beginning of the file that the server has now."""


class Remote(io.RawIOBase):
    """A remote file as a stream: first the kept bytes on disk, then the network, whose bytes are kept as well.

    Attributes:
        resumed: whether its bytes come from more than one response.
    """

    def __init__(self, url: str, folder: Path):
        self.url = url
        self.resumed = False
        self._position = 0
        self._response: http.client.HTTPResponse | None = None
        self._connected = False
        self._note = folder / "stream.json"
        self._identity, self._total = self._read_note()
        self._path = folder / "stream"
        known = self._identity is not None and self._path.exists()
        self._file = self._path.open("r+b") if known else self._path.open("w+b")
        self._kept = self._file.seek(0, io.SEEK_END)
        self._file.seek(0)

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Reads up to the buffer's length; returns 0 at the end of the file."""
        if self._position < self._kept:
            self.resumed = True
            size = self._file.readinto(buffer)
        else:
            size = self._receive(buffer)
            if self._kept == 0 and self._identity is not None and self._total is not None:
                note = {"url": self.url, "identity": self._identity, "total": self._total}
                self._note.write_text(json.dumps(note), encoding="utf-8")
            self._file.write(memoryview(buffer)[:size])
            self._file.flush()
            self._kept += size
        self._position += size
        return size

    def forget(self) -> None:
        """Deletes the kept bytes, so that the next start begins anew."""
        self._kept = 0
        self.close()

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._disconnect()
            if self._kept == 0:
                self._note.unlink(missing_ok=True)
                self._path.unlink(missing_ok=True)
            self._file.close()

    def _read_note(self) -> tuple[str | None, int | None]:
        with suppress(OSError, ValueError, KeyError, TypeError):
            note = json.loads(self._note.read_text(encoding="utf-8"))
            if note["url"] == self.url and isinstance(note["identity"], str):
                return note["identity"], int(note["total"])
        return None, None

    def _receive(self, buffer: Any) -> int:
        """Reads the next bytes from the network and reconnects if needed; returns 0 at the end of the file."""
        for attempt in range(RETRIES + 1):
            if self._position == self._total:
                return 0
            try:
                if self._response is None:
                    self._response = self._connect()
                size = self._response.readinto(buffer)
                if size or self._total is None:
                    return size
                problem: Exception = ConnectionError("it was closed early")
            except (OSError, http.client.HTTPException) as error:
                problem = error
            self._disconnect()
            if not self._connected:  # a wrong name or proxy stays wrong
                break
            if attempt < RETRIES:
                time.sleep(PAUSE * 2**attempt)
        arrived = self._position if self._connected else None
        raise DownloadError(_network_error(self.url, problem, arrived)) from problem

    def _connect(self) -> http.client.HTTPResponse:
        # Without gzip in Accept-Encoding, the server would unpack objects that are stored as gzip.
        headers = {"Accept-Encoding": "gzip", "User-Agent": "monet-explorer"}
        if self._position:
            if self._identity is None:
                raise ChangedError
            headers |= {"Range": f"bytes={self._position}-", "If-Range": self._identity}
        try:
            request = urllib.request.Request(self.url, headers=headers)
            response = urllib.request.build_opener().open(request, timeout=TIMEOUT)
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 416:
                    raise ChangedError from error
                if error.code in (408, 429) or error.code >= 500:
                    raise
                raise DownloadError(_http_error(self.url, error.code)) from error
        self._connected = True
        if self._position:
            if not self._continues(response):
                response.close()
                raise ChangedError
            self.resumed = True
            return response
        self._identity = _identity(response)
        length = response.headers.get("Content-Length", "")
        self._total = int(length) if length.isdecimal() else None
        return response

    def _continues(self, response: http.client.HTTPResponse) -> bool:
        """Returns whether a response is the rest of the same file."""
        span = f"bytes {self._position}-{(self._total or 0) - 1}/{self._total}"
        identity = _identity(response)
        return (
            response.status == 206
            and response.headers.get("Content-Range") == span
            and (identity is None or identity == self._identity)
        )

    def _disconnect(self) -> None:
        if self._response is not None:
            self._response.close()
            self._response = None


def _identity(response: http.client.HTTPResponse) -> str | None:
    """Returns what identifies a file's version: a strong ETag, or else its date."""
    etag = response.headers.get("ETag", "")
    return etag if etag.startswith('"') else response.headers.get("Last-Modified")


def amount(number: int) -> str:
    """Formats a number of bytes in MB or GB."""
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{number / 1e6:.1f} MB"


def _http_error(url: str, code: int) -> str:
    if code == 404:
        return f"There is no file at {url} (404): it was moved or its name is wrong."
    if code == 407:
        return "The proxy requires a login (407): write it into HTTPS_PROXY as http://user:password@host:port."
    return f"The server refuses {url} ({code} {http.client.responses.get(code, 'unknown')}): try again later."


def _network_error(url: str, problem: Exception, arrived: int | None) -> str:
    if isinstance(problem, urllib.error.HTTPError):
        return _http_error(url, problem.code)
    parts = urlsplit(url)
    host = parts.hostname or url
    if arrived is not None:
        return (
            f"The connection to {host} broke after {amount(arrived)} ({reason(problem)}): repeat the command to resume."
        )
    proxy = f"{parts.scheme.upper()}_PROXY"
    if parts.scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(host):
        return f"There is no connection to {host} through the proxy of {proxy} ({reason(problem)}): check that proxy."
    return (
        f"There is no connection to {host} ({reason(problem)}): check the network, or set {proxy} if it needs a proxy."
    )


def reason(problem: Exception) -> str:
    """Formats the cause of an error on one line."""
    inner = getattr(problem, "reason", problem)
    return " ".join(str(getattr(inner, "strerror", None) or inner).split()) or type(inner).__name__
