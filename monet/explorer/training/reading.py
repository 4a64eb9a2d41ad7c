"""What a run leaves in its folder, as the page draws it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from monet.training.report import ReportError, table
from monet.training.tables import EVALUATION, LOG

POINTS = 240
"""Points of a curve; of more rows each point is the mean of some."""
LINES, TAIL = 8, 65536
"""Lines of a run's output that are shown, and bytes of it that are looked through."""
LOGGED = ("reconstruction", "latent_kl", "mask_kl")
MEASURED = (*LOGGED, "mse", "ari_fg")
_CHECK = "check: "
_NUMBER = re.compile(r"\d+")
_PROGRESS = re.compile(r"\d(step/s|s/step)")


def curves(folder: Path) -> dict[str, dict[str, list[float | None]]]:
    """The curves of a run.

    Returns:
        ``training`` and ``held_out``, each with ``step`` and by the name of a loss term or a metric its values, None
        where there is none; empty where nothing was logged yet.
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
    parts = np.array_split(values, min(len(values), POINTS))
    means = [float(part.mean()) for part in parts]
    return [mean if np.isfinite(mean) else None for mean in means]


def last_step(path: Path) -> int:
    """The step of the last whole row of a run's log, 0 if there is none."""
    for line in reversed(_tail(path).split("\n")[:-1]):
        first = line.partition(",")[0]
        if first.isdigit():
            return int(first)
    return 0


def rate(records: Sequence[dict[str, Any]]) -> dict[str, float] | None:
    """Steps and pictures per second of training between the last two states, or since the beginning where there is
    one; None where there is none."""
    if not records:
        return None
    last, before = records[-1], records[-2] if len(records) > 1 else {}
    seconds = last["seconds"] - before.get("seconds", 0.0)
    if seconds <= 0:
        return None
    keys = {"steps": "step", "pictures": "pictures"}
    return {name: (last[key] - before.get(key, 0)) / seconds for name, key in keys.items()}


def labelled(folder: Path) -> bool:
    """Whether the scenes that a run is evaluated on have labels to compare with."""
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
    """What a process printed last; a progress bar only where nothing comes after it."""
    lines = (line.rstrip("\r").rpartition("\r")[2].strip() for line in _tail(path).split("\n"))
    found = [line for line in lines if line]
    return [line for line in found[:-1] if not _PROGRESS.search(line)][1 - LINES :] + found[-1:]


def diagnosis(path: Path) -> str:
    """What a process said last about how its run goes, "" if it has said nothing."""
    told = [line for line in _tail(path).split("\n") if line.startswith(_CHECK)]
    return told[-1].removeprefix(_CHECK).strip() if told else ""


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""
