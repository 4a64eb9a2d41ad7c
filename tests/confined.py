"""Runs a command as a container does: not as root, on a read-only file system."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path

USER = 10001  # nobody whom the system knows
# Who starts it is USER inside and has no rights there, so that permissions hold even for root.
SCRIPT = """set -e
mount --bind "$0" "$0"
mount -o remount,bind,ro /
exec setpriv --inh-caps=-all --ambient-caps=-all --no-new-privs "$@"
"""


def confined(writable: Path) -> list[str]:
    """Returns the beginning of a command that can write only below ``writable``."""
    names = ["--user", f"--map-user={USER}", f"--map-group={USER}", "--keep-caps", "--mount"]
    return ["unshare", *names, "sh", "-c", SCRIPT, str(writable)]


@cache
def refusal() -> str:
    """Returns why this machine cannot do that, "" if it can."""
    if missing := [name for name in ("unshare", "setpriv") if shutil.which(name) is None]:
        return f"util-linux is missing: {', '.join(missing)}"
    done = subprocess.run([*confined(Path("/tmp")), "true"], capture_output=True, text=True)
    return done.stderr.strip()
