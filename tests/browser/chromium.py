"""Finds Chromium; ``python -m tests.browser.chromium`` installs it on Debian as root and says how elsewhere."""

from __future__ import annotations

import shutil
import sys

from tests import debian

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find() -> str | None:
    """Returns the path of Chromium, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def install() -> bool:
    """Installs Debian's Chromium if this user may."""
    return debian.install("chromium") and find() is not None


if __name__ == "__main__":
    if not (find() or install()):
        print(
            "Chromium is missing, the browser tests will not run. Install it with your system's package manager "
            "(Debian, Ubuntu: apt-get install chromium) and run `make test` again.",
            file=sys.stderr,
        )
        sys.exit(1)
