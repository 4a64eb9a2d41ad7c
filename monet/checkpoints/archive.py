"""Reads entries of the zip archive that ``torch.save`` writes, with size limits and one-sentence errors."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager

from monet.checkpoints import CheckpointError

MAX_FILE_BYTES = 2**28


@contextmanager
def named(file: str) -> Iterator[None]:
    """Turns every exception into a one-sentence CheckpointError that begins with the file's name."""
    try:
        yield
    except CheckpointError as error:
        raise CheckpointError(f"{file}: {error}") from error
    except OSError as error:
        raise CheckpointError(f"{file}: {error.strerror or 'cannot be read'}") from error
    except Exception as error:
        reason = printable(str(error)) or type(error).__name__
        raise CheckpointError(f"{file}: damaged, or not a file of weights: {reason}") from error


def printable(text: str) -> str:
    """Makes a text from a file safe for a message: one line, no control characters, at most 120 characters."""
    text = "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in text)
    return text if len(text) <= 120 else f"{text[:120]}..."


def root_of(archive: zipfile.ZipFile) -> str:
    """Returns the folder of all entries of the archive, with a slash at the end."""
    return f"{archive.namelist()[0].split('/')[0]}/"


def size_of(archive: zipfile.ZipFile, name: str) -> int:
    """Returns the size of an entry in bytes.

    Raises:
        CheckpointError: it is missing, compressed or encrypted, or declares more bytes than the archive holds.
    """
    try:
        info = archive.getinfo(name)
    except KeyError as error:
        raise CheckpointError(f"{printable(name)} is missing in the archive") from error
    if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
        raise CheckpointError(f"{printable(name)} is compressed or encrypted, which torch.save never does")
    if info.file_size != info.compress_size or info.file_size > MAX_FILE_BYTES:
        raise CheckpointError(f"{printable(name)} declares {info.file_size:,} bytes, which the archive does not hold")
    return info.file_size


def read_entry(archive: zipfile.ZipFile, name: str, limit: int = MAX_FILE_BYTES) -> bytes:
    """Reads an entry and verifies its checksum."""
    if (length := size_of(archive, name)) > limit:
        raise CheckpointError(f"{printable(name)} has {length:,} bytes, more than the limit of {limit:,}")
    return archive.read(name)
