"""Metadata file ``app.json`` in a run's folder, so that the app knows its runs after a restart."""

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
"""JSON with ``data``, kind and name; ``config``, the recipe; ``minutes``; ``began``, seconds since 1970; ``asked``,
"pause" or "stop" if a visitor has requested it; ``exit``, the exit status of the process."""


def read_note(path: Path) -> dict[str, Any]:
    """Reads the metadata in a run's folder; empty if it is missing or damaged."""
    try:
        table = json.loads((path / NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return table if isinstance(table, dict) else {}


def write_note(path: Path, note: Mapping[str, Any]) -> None:
    """Replaces the metadata atomically."""
    part = path / f"{NOTE}.part"
    part.write_text(json.dumps(note) + "\n", encoding="utf-8")
    part.replace(path / NOTE)


def is_run(path: Path) -> bool:
    """Whether a folder holds a run, started in the app or on the command line."""
    return any((path / name).exists() for name in (NOTE, STATES, LOG))


def began(path: Path) -> float:
    """Start time of a run, seconds since 1970."""
    return float(read_note(path).get("began") or path.stat().st_mtime)


def data_of(note: Mapping[str, Any], record: Mapping[str, Any], path: Path) -> Data:
    """A run's data set: from the app's metadata, its state's record, or its folder's name, in this order."""
    if note.get("data"):
        return Data(*note["data"])
    name = str(record.get("data", path.name))
    return Data("generated", name) if name in DATASETS else Data("stored", Path(name).stem)
