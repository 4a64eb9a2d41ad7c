"""Builds the command line of a training run, and lists the data sets and recipes that a run can use."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

from monet.data import DATASETS, Stored
from monet.training import recipe as recipes
from monet.training.recipe import Recipe


class Data(NamedTuple):
    """A training data set: a generated or a stored one, by name."""

    kind: Literal["generated", "stored"]
    name: str


def learnable(stored: Mapping[str, Stored]) -> list[dict[str, Any]]:
    """``kind``, ``name`` and ``title`` of all training data sets."""
    generated = [{"kind": "generated", "name": d.name, "title": d.title} for d in DATASETS.values()]
    own = [{"kind": "stored", "name": name, "title": data.about.title} for name, data in stored.items()]
    return [*own, *generated]


def config_of(folder: Path, name: str) -> str | None:
    """The value of ``--config`` for a run: the recipe in its folder, or the one of that name; None if there is none."""
    own = folder / recipes.OF_RUN
    return str(own) if own.is_file() else name if _named(name).is_file() else None


def recipe_of(config: str | None) -> Recipe | None:
    """The recipe that ``--config`` names; None if it cannot be read."""
    if config is None:
        return None
    path = _named(config) if _named(config).is_file() else Path(config)
    try:
        return _read(str(path), path.stat().st_mtime_ns)
    except (ValueError, OSError):
        return None


def command(
    folder: Path, config: str | None, data: Data, stored: Mapping[str, Stored], minutes: float | None
) -> list[str]:
    """The command that starts or resumes a run in a folder; without ``config`` it makes a recipe from the data."""
    arguments = ["--folder", str(folder)]
    if config is not None:
        arguments += ["--config", config]
    if data.kind == "stored":
        arguments += ["--data", str(stored[data.name].path.absolute())]
    elif config is None:
        arguments += ["--data", data.name]
    if minutes is not None:
        arguments += ["--minutes", f"{minutes:.3f}"]
    return [sys.executable, "-m", "monet.training", *arguments]


@lru_cache(maxsize=64)
def _read(path: str, changed: int) -> Recipe:
    return recipes.load(path)


def _named(name: str) -> Path:
    return recipes.FOLDER / f"{name}.toml"
