"""Formats operating-system errors as one-sentence messages, and ends commands with them."""

from __future__ import annotations

import codecs
import errno
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_WORDS = {
    errno.ENOSPC: "There is no space left on the disk{at}: make room and try again.",
    errno.EDQUOT: "There is no space left for you on the disk{at}: make room and try again.",
    errno.EROFS: "The disk is read-only{at}: choose a folder that can be written.",
    errno.EACCES: "There is no permission{at}: choose another place or ask for it.",
    errno.EPERM: "There is no permission{at}: choose another place or ask for it.",
    errno.ENOENT: "There is no such file or folder{at}.",
    errno.EADDRINUSE: "The port is taken{at}: choose another one with --port.",
    errno.EADDRNOTAVAIL: "This machine has no such address{at}: choose another one with --host.",
}


def sentence(error: OSError) -> str:
    """What went wrong and what helps; the file or address stands in it if the error names one."""
    name = error.filename
    words = _WORDS.get(error.errno or 0, f"The system refuses{{at}}: {error.strerror or error}.")
    return words.format(at="" if name is None else f" ({name})")


PLAIN = {"±": "+-", "×": "x", "−": "-", "–": "-", "…": "...", "°": " degrees", "σ": "sigma"}
"""Signs in texts for people, and what stands for them on a terminal that lacks them; others become a question mark."""


def _plain(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)  # reading never asks here
    return "".join(PLAIN.get(sign, "?") for sign in error.object[error.start : error.end]), error.end


codecs.register_error("monet.plain", _plain)


@contextmanager
def exit_on_error() -> Iterator[None]:
    """Ends a command with one sentence where the machine refuses or an argument is wrong.

    Whatever the command prints reaches a terminal of any encoding: see ``PLAIN``.
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
