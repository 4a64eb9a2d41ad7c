"""What the machine refuses, said to people in one sentence."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_WORDS = {
    errno.ENOSPC: "There is no space left on the disk{at}: make room and try again.",
    errno.EDQUOT: "There is no space left on the disk{at}: make room and try again.",
    errno.EROFS: "The disk is read-only{at}: choose a folder that can be written.",
    errno.EACCES: "There is no permission to use{at}: choose another place or ask for the permission.",
    errno.EPERM: "There is no permission to use{at}: choose another place or ask for the permission.",
    errno.ENOENT: "There is no file or folder{at}.",
    errno.EADDRINUSE: "The port is taken{at}: choose another one.",
    errno.EADDRNOTAVAIL: "The address is none of this machine's{at}: choose another one.",
}


def sentence(error: OSError) -> str:
    """What went wrong and what helps; the file or address is named if the error names it."""
    name = error.filename if error.filename is not None else ""
    words = _WORDS.get(error.errno or 0, f"The system refuses{{at}}: {error.strerror or error}.")
    return words.format(at=f" {name}" if name else "")


@contextmanager
def told() -> Iterator[None]:
    """Ends a command with one sentence where the machine refuses or an argument is wrong."""
    try:
        yield
    except OSError as error:
        sys.exit(sentence(error))
    except ValueError as error:
        sys.exit(str(error))
