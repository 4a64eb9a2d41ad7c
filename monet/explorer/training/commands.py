"""What the app asks of the command line of training: which data sets it takes, and the command for one of them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

from monet.data import DATASETS, Stored
from monet.training import recipe as recipes
from monet.training.recipe import Recipe

RECIPE = "recipe.toml"
"""A recipe that was made from the data, in the run's own folder."""


class Data(NamedTuple):
    """A data set that a run can learn from: a generated one by its name, or a stored one."""

    kind: Literal["generated", "stored"]
    name: str


def learnable(stored: Mapping[str, Stored]) -> list[dict[str, Any]]:
    """``kind``, ``name`` and ``title`` of the data sets that a run can learn from."""
    generated = [{"kind": "generated", "name": d.name, "title": d.title} for d in DATASETS.values()]
    own = [{"kind": "stored", "name": name, "title": data.about.title} for name, data in stored.items()]
    return [table for table in (*own, *generated) if _has_recipe(table["name"])]


def command(folder: Path, data: Data, stored: Mapping[str, Stored], minutes: float | None) -> list[str]:
    """The command that trains in a folder, or goes on there."""
    own = folder / RECIPE
    arguments = ["--config", str(own) if own.is_file() else data.name, "--folder", str(folder)]
    if data.kind == "stored":
        arguments += ["--data", str(stored[data.name].path)]
    if minutes is not None:
        arguments += ["--minutes", f"{minutes:.3f}"]
    return [sys.executable, "-m", "monet.training", *arguments]


def recipe_of(folder: Path, name: str) -> Recipe | None:
    """The recipe of a run: the one in its folder, or the one that is called like its data set, or like its folder."""
    for path in (folder / RECIPE, *(recipes.FOLDER / f"{known}.toml" for known in (name, folder.name))):
        if path.is_file():
            try:
                return _read(str(path), path.stat().st_mtime_ns)
            except (ValueError, OSError):
                return None
    return None


@lru_cache(maxsize=64)
def _read(path: str, changed: int) -> Recipe:
    return recipes.load(path)


def _has_recipe(name: str) -> bool:
    return (recipes.FOLDER / f"{name}.toml").is_file()
