"""Downloads the first scenes of a genuine data set, and only as much of its file as they need.

A gzip stream cannot be decoded from the middle, so an unfinished download keeps the first bytes of the file unchanged.
The next start decodes them again, which checks every record and is faster than the network, and requests the rest with
Range and If-Range (ETag or date). If the file has changed, or the kept bytes are damaged, the download starts over.
"""

from __future__ import annotations

import errno
import io
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from monet.data.stored import store, tfrecord
from monet.data.stored.remote import ChangedError, DownloadError, Remote, amount, reason
from monet.data.stored.sources import SOURCES, Source
from monet.data.stored.store import About, Stored, StoreError
from monet.data.stored.tfrecord import RecordError


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
        remote = Remote(url, work)
        with io.BufferedReader(remote, 2**16) as stream:
            try:
                return _write(work, path, data, url, count, stream)
            except ChangedError:
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


def _check_space(work: Path, data: Source, count: int, fetched: int = 0) -> None:
    needed = count * data.size**2 * 4 + max(0, fetched)
    free = shutil.disk_usage(work).free
    if needed > free:
        raise DownloadError(
            f"{count} scenes of {data.title} need about {amount(needed)} in {work.parent}, where {amount(free)} are "
            "free: download fewer, or choose another folder."
        )


def _local_error(error: OSError, folder: Path) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk of {folder} is full: free some space and repeat the command to resume."
    return f"{error.filename or folder} cannot be used ({reason(error)}): choose another file or folder."
