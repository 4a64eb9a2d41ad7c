"""Downloads the first scenes of a genuine data set, and only as much of its file as they need.

A gzip stream cannot be decoded from the middle, so an unfinished download keeps the first bytes of the file unchanged.
The next start decodes them again, which checks every record and is faster than the network, and requests the rest with
Range and If-Range (ETag or date). If the file has changed, or the kept bytes are damaged, the download starts over.
"""

from __future__ import annotations

import errno
import http.client
import io
import json
import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from tqdm import tqdm

from monet.data.stored import store, tfrecord
from monet.data.stored.sources import SOURCES, Source
from monet.data.stored.store import About, Stored, StoreError
from monet.data.stored.tfrecord import RecordError

TIMEOUT = 30.0
"""Seconds without a byte after which a connection counts as broken."""
RETRIES = 5
PAUSE = 1.0
"""Seconds before the first retry; doubles with every retry."""


class DownloadError(ValueError):
    """Data could not be downloaded. The message is one sentence for the user."""


class _Changed(Exception):
    """The kept bytes are not the beginning of the file that the server has now."""


def download(name: str, count: int, folder: Path, source: str | Path | None = None) -> Stored:
    """Stores the first ``count`` scenes of a genuine data set under ``folder/name``, or all if there are fewer.

    An existing store with enough scenes is returned. An interrupted download in ``folder/name.part`` is resumed.

    Args:
        name: one of ``SOURCES``.
        count: number of scenes, at least 1.
        folder: folder of the stores.
        source: a local file, or an http(s) address, instead of DeepMind's bucket.

    Raises:
        DownloadError: an unknown name, no such file, no connection, or no space on the disk.
        RecordError: the file is malformed or damaged.
        StoreError: another process writes this store, or its path is taken by something else.
    """
    if name not in SOURCES:
        raise DownloadError(f"There is no genuine data set {name!r}: choose one of {', '.join(SOURCES)}.")
    if count < 1:
        raise DownloadError(f"A count of {count} scenes is less than one.")
    data, path = SOURCES[name], folder / name
    file = str(source or data.url)
    fetched = file.startswith(("https://", "http://"))
    if fetched:
        count = min(count, data.records)
    if (existing := _existing(path, file, count)) is not None:
        return existing
    try:
        with store.workshop(path) as work:
            if fetched:
                return _fetch(work, path, data, file, count)
            return _read(work, path, data, file, count)
    except OSError as error:
        raise DownloadError(_local_error(error, folder)) from error


def _existing(path: Path, file: str, count: int) -> Stored | None:
    with suppress(StoreError):
        existing = store.load(path)
        if existing.about.source == file and len(existing) >= count:
            return existing
    return None


def _read(work: Path, path: Path, data: Source, file: str, count: int) -> Stored:
    with open(file, "rb") as stream:
        available = os.fstat(stream.fileno()).st_size // data.bytes_per_scene
        _check_space(work, data, min(count, available))
        return _write(work, path, data, file, count, stream)


def _fetch(work: Path, path: Path, data: Source, url: str, count: int) -> Stored:
    kept = work / "stream"
    _check_space(work, data, count, count * data.bytes_per_scene - (kept.stat().st_size if kept.exists() else 0))
    for _ in range(3):
        remote = _Remote(url, work)
        with io.BufferedReader(remote, 2**16) as stream:
            try:
                return _write(work, path, data, url, count, stream)
            except _Changed:
                remote.forget()
            except RecordError:
                remote.forget()
                if not remote.resumed:
                    raise
    raise DownloadError(f"{url} changes during the download, or cannot be resumed: try again later.")


def _write(work: Path, path: Path, data: Source, file: str, count: int, stream: io.BufferedReader[Any]) -> Stored:
    about = About(
        data.name, f"{data.title}, genuine", file, data.background, data.licence, data.citation, data.note
    )  # fmt: skip
    with tqdm(total=count, desc=data.name, unit=" scenes", leave=False, dynamic_ncols=True, mininterval=0.5) as bar:
        return store.write(work, path, about, _scenes(data, file, count, stream, bar))


def _scenes(
    data: Source, file: str, count: int, stream: io.BufferedReader[Any], bar: tqdm[Any]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    kept, number = 0, -1
    for number, record in enumerate(tfrecord.records(stream, file, data.features)):
        if data.keeps(record):
            yield data.decode(record)
            kept += 1
            bar.set_postfix_str(f"{number + 1} records, {stream.tell() / 1e6:.1f} MB", refresh=False)
            bar.update()
            if kept == count:
                return
    if kept == 0:
        raise RecordError(file, number + 1, "the file ends without a scene that belongs to the data set")


# ------------------------------------------------------------------ the network


class _Remote(io.RawIOBase):
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
                raise _Changed
            headers |= {"Range": f"bytes={self._position}-", "If-Range": self._identity}
        try:
            request = urllib.request.Request(self.url, headers=headers)
            response = urllib.request.build_opener().open(request, timeout=TIMEOUT)
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 416:
                    raise _Changed from error
                if error.code in (408, 429) or error.code >= 500:
                    raise
                raise DownloadError(_http_error(self.url, error.code)) from error
        self._connected = True
        if self._position:
            if not self._continues(response):
                response.close()
                raise _Changed
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


# ------------------------------------------------------------------ error messages


def _check_space(work: Path, data: Source, count: int, fetched: int = 0) -> None:
    needed = count * data.size**2 * 4 + max(0, fetched)
    free = shutil.disk_usage(work).free
    if needed > free:
        raise DownloadError(
            f"{count} scenes of {data.title} need about {_size(needed)} in {work.parent}, where {_size(free)} are "
            "free: download fewer, or choose another folder."
        )


def _size(number: int) -> str:
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{number / 1e6:.1f} MB"


def _local_error(error: OSError, folder: Path) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk of {folder} is full: free some space and repeat the command to resume."
    return f"{error.filename or folder} cannot be used ({_reason(error)}): choose another file or folder."


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
            f"The connection to {host} broke after {_size(arrived)} ({_reason(problem)}): repeat the command to resume."
        )
    proxy = f"{parts.scheme.upper()}_PROXY"
    if parts.scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(host):
        return f"There is no connection to {host} through the proxy of {proxy} ({_reason(problem)}): check that proxy."
    return (
        f"There is no connection to {host} ({_reason(problem)}): check the network, or set {proxy} if it needs a proxy."
    )


def _reason(problem: Exception) -> str:
    inner = getattr(problem, "reason", problem)
    return " ".join(str(getattr(inner, "strerror", None) or inner).split()) or type(inner).__name__
