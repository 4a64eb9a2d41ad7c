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
        raise CheckpointError(f"{file}: damaged, or no file of weights: {reason}") from error


def printable(text: str) -> str:
    """A text out of a file as it may stand in a message: one line, no control characters, not long."""
    text = "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in text)
    return text if len(text) <= 120 else f"{text[:120]}..."


def root_of(archive: zipfile.ZipFile) -> str:
    """The folder that all entries of the archive are in, with a slash behind it."""
    return f"{archive.namelist()[0].split('/')[0]}/"


def size_of(archive: zipfile.ZipFile, name: str) -> int:
    """Bytes of an entry.

    Raises:
        CheckpointError: it is not there, is compressed, which torch.save never does, or claims more than there is.
    """
    try:
        info = archive.getinfo(name)
    except KeyError as error:
        raise CheckpointError(f"{printable(name)} is missing in the archive") from error
    if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
        raise CheckpointError(f"{printable(name)} is compressed or encrypted, which torch.save never does")
    if info.file_size != info.compress_size or info.file_size > MAX_FILE_BYTES:
        raise CheckpointError(f"{printable(name)} claims {info.file_size:,} bytes, which the archive does not hold")
    return info.file_size


def read_entry(archive: zipfile.ZipFile, name: str, limit: int = MAX_FILE_BYTES) -> bytes:
    """The bytes of an entry, their checksum compared."""
    if (length := size_of(archive, name)) > limit:
        raise CheckpointError(f"{printable(name)} has {length:,} bytes, more than the {limit:,} that are read")
    return archive.read(name)
