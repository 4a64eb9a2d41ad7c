"""Tries whether Objects Room can be rendered; ``python -m tests.opengl`` installs OSMesa on Debian as root."""

from __future__ import annotations

import subprocess
import sys

from tests import debian

TRY = [sys.executable, "-c", "from monet.data.generators import objects_room; objects_room.generate(0)"]


def find() -> bool:
    """Tried in a process of its own: what was not found once is not looked for again."""
    return subprocess.run(TRY, stderr=subprocess.DEVNULL).returncode == 0


if __name__ == "__main__" and not (find() or (debian.install("libosmesa6") and find())):
    print(
        "OpenGL is missing, tests that render Objects Room will not run. Install OSMesa with your system's package "
        "manager (Debian, Ubuntu: apt-get install libosmesa6) and run `make test` again.",
        file=sys.stderr,
    )
    sys.exit(1)
