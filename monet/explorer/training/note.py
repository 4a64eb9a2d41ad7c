"""What the app notes about a run in the run's folder, so that the next app knows it too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monet.data import DATASETS
from monet.explorer.training.commands import Data
from monet.training.run import STATES
from monet.training.tables import LOG

NOTE = "app.json"
"""``data``, kind and name; ``config``, the recipe; ``minutes``; ``began``, seconds since 1970; ``asked``, "pause" or
"stop", where somebody has; ``exit``, the status that the process ended with."""


def read_note(path: Path) -> dict[str, Any]:
    """The note in a run's folder; empty where there is none that can be read."""
    try:
        table = json.loads((path / NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return table if isinstance(table, dict) else {}


def write_note(path: Path, note: Mapping[str, Any]) -> None:
    """Replaces the note, whole or not at all."""
    part = path / f"{NOTE}.part"
    part.write_text(json.dumps(note) + "\n", encoding="utf-8")
    part.replace(path / NOTE)


def is_run(path: Path) -> bool:
    """Whether a folder is a run's, begun in the app or not."""
    return any((path / name).exists() for name in (NOTE, STATES, LOG))


def began(path: Path) -> float:
    """When a run began, seconds since 1970."""
    return float(read_note(path).get("began") or path.stat().st_mtime)


def data_of(note: Mapping[str, Any], record: Mapping[str, Any], path: Path) -> Data:
    """What a run learns from: as the app noted it, or as its state's record has it, or else its folder's name."""
    if note.get("data"):
        return Data(*note["data"])
    name = str(record.get("data", path.name))
    return Data("generated", name) if name in DATASETS else Data("stored", Path(name).stem)
