"""Formats operating-system errors as one-sentence messages, and ends commands with them."""

from __future__ import annotations

import codecs
import errno
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_MESSAGES = {
    errno.ENOSPC: "There is no space left on the disk{at}: make room and try again.",
    errno.EDQUOT: "Your disk quota is used up{at}: make room and try again.",
    errno.EROFS: "The disk is read-only{at}: choose a folder that can be written.",
    errno.EACCES: "There is no permission{at}: choose another place or ask for permission.",
    errno.EPERM: "There is no permission{at}: choose another place or ask for permission.",
    errno.ENOENT: "There is no such file or folder{at}.",
    errno.EADDRINUSE: "The port is taken{at}: choose another one with --port.",
    errno.EADDRNOTAVAIL: "This machine has no such address{at}: choose another one with --host.",
}


def sentence(error: OSError) -> str:
    """Says what went wrong and what helps, with the file or address if the error names one."""
    name = error.filename
    message = _MESSAGES.get(error.errno or 0, f"The system reports an error{{at}}: {error.strerror or error}.")
    return message.format(at="" if name is None else f" ({name})")


PLAIN = {"±": "+-", "×": "x", "−": "-", "–": "-", "…": "...", "°": " degrees", "σ": "sigma"}
"""ASCII replacements for terminals that cannot encode these characters; any other character becomes "?"."""


def _plain(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)  # only output streams use this handler
    return "".join(PLAIN.get(character, "?") for character in error.object[error.start : error.end]), error.end


codecs.register_error("monet.plain", _plain)


@contextmanager
def exit_on_error() -> Iterator[None]:
    """Ends a command with a one-sentence message on OSError and ValueError.

    Output that the terminal cannot encode is replaced, see ``PLAIN``.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="monet.plain")
    try:
        yield
    except OSError as error:
        sys.exit(sentence(error))
    except ValueError as error:
        sys.exit(str(error))
