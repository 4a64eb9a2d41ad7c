"""Reads a run's folder for the page: curves, contact sheets, speed, diagnosis, output of the process."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from monet.training.report import ReportError, table
from monet.training.tables import EVALUATION, LOG

POINTS = 240
"""Most points of a curve; longer logs are averaged."""
LINES, TAIL = 8, 65536
"""Last lines of a run's output to return, and bytes at its end to search."""
LOGGED = ("reconstruction", "latent_kl", "mask_kl")
MEASURED = (*LOGGED, "mse", "ari_fg")
_CHECK = "check: "
_NUMBER = re.compile(r"\d+")
_PROGRESS = re.compile(r"\d(step/s|s/step)")


def curves(folder: Path) -> dict[str, dict[str, list[float | None]]]:
    """Reads the curves of a run.

    Returns:
        ``training`` and ``held_out``, each with ``step`` and the values of each loss term and metric by name, None for
        missing values; empty if nothing was logged yet.
    """
    found = {}
    for name, file, columns in (("training", LOG, LOGGED), ("held_out", EVALUATION, MEASURED)):
        try:
            rows = table(folder / file)
        except ReportError:
            rows = {}
        found[name] = {column: _thinned(rows[column]) for column in ("step", *columns) if column in rows}
    return found


def _thinned(values: np.ndarray) -> list[float | None]:
    means = [float(part.mean()) for part in np.array_split(values, min(len(values), POINTS))]
    return [mean if np.isfinite(mean) else None for mean in means]


def last_step(path: Path) -> int:
    """The step of the last complete row of a run's log, 0 if there is none."""
    for line in reversed(_tail(path).split("\n")[:-1]):
        first = line.partition(",")[0]
        if first.isdigit():
            return int(first)
    return 0


def rate(records: Sequence[dict[str, Any]]) -> dict[str, float] | None:
    """Steps and pictures per second of training between the last two states.

    Since the start if there is only one state; None if there is none.
    """
    if not records:
        return None
    last, before = records[-1], records[-2] if len(records) > 1 else {}
    seconds = last["seconds"] - before.get("seconds", 0.0)
    if seconds <= 0:
        return None
    keys = {"steps": "step", "pictures": "pictures"}
    return {name: (last[key] - before.get(key, 0)) / seconds for name, key in keys.items()}


def labelled(folder: Path) -> bool:
    """Whether a run's validation scenes have labels."""
    try:
        with (folder / EVALUATION).open(encoding="utf-8") as file:
            return "ari" in file.readline().rstrip("\n").split(",")
    except OSError:
        return False


def sheets(folder: Path) -> list[int]:
    """The steps of a run's contact sheets."""
    return sorted(int(path.stem) for path in (folder / "pictures").glob("*.png") if _NUMBER.fullmatch(path.stem))


def sheet(folder: Path, step: int) -> Path:
    """The file of a contact sheet."""
    return folder / "pictures" / f"{step:07d}.png"


def last_lines(path: Path) -> list[str]:
    """The last lines that a process printed, without progress bars except as the very last line."""
    lines = (line.rstrip("\r").rpartition("\r")[2].strip() for line in _tail(path).split("\n"))
    found = [line for line in lines if line]
    return [line for line in found[:-1] if not _PROGRESS.search(line)][1 - LINES :] + found[-1:]


def diagnosis(path: Path) -> str:
    """The last diagnosis that a run's process printed, "" if there is none."""
    found = [line for line in _tail(path).split("\n") if line.startswith(_CHECK)]
    return found[-1].removeprefix(_CHECK).strip() if found else ""


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""
