"""Runs the Dockerfile's steps as a script; ``python -m tests.container`` measures the image above its base."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PYTHON = {"python": sys.executable}


def steps() -> Iterator[tuple[str, str]]:
    """Yields the Dockerfile's instructions with their arguments."""
    for line in (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", "").splitlines():
        if line and not line.startswith("#"):
            instruction, _, rest = line.partition(" ")
            yield instruction, rest


def one(instruction: str) -> str:
    """Returns the arguments of the only such instruction."""
    (found,) = (rest for name, rest in steps() if name == instruction)
    return found


def command(text: str) -> list[str]:
    """Parses a command in JSON; "python" becomes this Python."""
    return [PYTHON.get(word, word) for word in json.loads(text)]


def build(folder: Path) -> None:
    """Does in a folder what the Dockerfile does in its image.

    Pip installs nothing and asks nobody: what it would install must be here, or the step fails as it would there.

    Raises:
        subprocess.CalledProcessError: a step fails.
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    offline = os.environ | {"PATH": path, "PIP_NO_INDEX": "1", "PIP_DRY_RUN": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    for instruction, rest in steps():
        if instruction == "COPY":
            source, target = shlex.split(rest)
            copy(ROOT / source, folder / target)
        elif instruction == "RUN":
            subprocess.run(["sh", "-c", rest], cwd=folder, env=offline, check=True, capture_output=True)


def copy(source: Path, target: Path) -> None:
    """Returns the files of the build context: only those that ``.dockerignore`` excepts."""
    assert f"!{source.name}" in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def needed(file: Path) -> set[str]:
    """Returns the names of a requirements file's distributions and of their dependencies."""
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line[:1].isalpha()]
    found: set[str] = set()
    waiting = [Requirement(line) for line in lines]
    while waiting:
        requirement = waiting.pop()
        wanted = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if wanted and (name := requirement.name.lower().replace("_", "-")) not in found:
            found.add(name)
            waiting += map(Requirement, metadata.requires(name) or ())
    return found


def megabytes() -> dict[str, float]:
    """Returns the megabytes of the image above its base: the packages as installed here, and the project's files."""
    packages = [metadata.distribution(name) for name in needed(ROOT / "requirements.txt")]
    files = [Path(str(file.locate())) for package in packages for file in package.files or ()]
    copied = [Path(shlex.split(rest)[0]) for name, rest in steps() if name == "COPY"]
    own = [f for c in copied for f in ((ROOT / c).rglob("*") if (ROOT / c).is_dir() else (ROOT / c,))]
    return {
        name: sum(file.stat().st_size for file in some if file.is_file() and file.parent.name != "__pycache__") / 1e6
        for name, some in {"packages": files, "files": own}.items()
    }


if __name__ == "__main__":
    print(", ".join(f"{name} {size:.0f} MB" for name, size in megabytes().items()))
