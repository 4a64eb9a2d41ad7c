"""Runs modules of the page under Node; ``python -m tests.node NAME`` installs npm's packages and runs a script."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import debian

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "monet/explorer/static"
LOCK = ROOT / "package-lock.json"
INSTALLED = ROOT / "node_modules/.package-lock.json"
"""The file that npm writes when it has installed everything."""


def find() -> bool:
    """Returns whether Node and npm are installed."""
    return bool(shutil.which("node") and shutil.which("npm"))


def installed() -> bool:
    """Returns whether npm's packages are those of the lock file."""
    if not INSTALLED.exists():
        return False
    wanted, there = (json.loads(file.read_text(encoding="utf-8"))["packages"] for file in (LOCK, INSTALLED))
    needed = {name: package["version"] for name, package in wanted.items() if name and not package.get("optional")}
    return all(there.get(name, {}).get("version") == version for name, version in needed.items())


def evaluate(function: str, modules: list[str], given: Any = None) -> Any:
    """Returns the result of a function of the page's modules.

    Args:
        function: JavaScript of a function, of the modules and of ``given``; may be asynchronous.
        modules: below ``static``.
        given: as JSON knows it.

    Returns:
        Its value, by way of JSON. The test is skipped where Node is missing, and fails with ``CI`` set.
    """
    node = shutil.which("node")
    if node is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("Node is missing: python -m tests.node")
    imports = "".join(f"await import('./{module}'), " for module in modules)
    code = (
        "import { readFileSync, writeFileSync } from 'node:fs';"
        f"const value = await ({function})({imports}JSON.parse(readFileSync(0, 'utf8')));"
        "writeFileSync(1, JSON.stringify(value));"
    )
    done = subprocess.run(
        [node, "--input-type=module", "--eval", code], input=json.dumps(given), cwd=PAGE, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def main(scripts: list[str]) -> int:
    """Runs scripts of package.json, with npm's packages as the lock file names them.

    Returns:
        The exit status: of the first script that fails; without Node 0, and 1 with ``CI`` set.
    """
    if not (find() or (debian.install("nodejs", "npm") and find())):
        print(
            "Node and npm are missing: the page's JavaScript is left out (Debian, Ubuntu: apt-get install nodejs npm).",
            file=sys.stderr,
        )
        return int(bool(os.environ.get("CI")))
    steps = [] if installed() else [["npm", "ci", "--no-audit", "--no-fund"]]
    steps += [["npm", "run", "--silent", script] for script in scripts]
    return next((code for step in steps if (code := subprocess.run(step, cwd=ROOT).returncode)), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
