"""Installs Debian packages that tests need and pip does not have."""

from __future__ import annotations

import os
import shutil
import subprocess


def install(*packages: str) -> bool:
    """Installs packages if this user may: on Debian as root."""
    if not (shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0):
        return False
    print(f"installing {' '.join(packages)} for the tests", flush=True)
    command = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *packages]
    return not any(
        subprocess.run(step, stdout=subprocess.DEVNULL).returncode
        for step in (["apt-get", "update", "--quiet"], command)
    )
