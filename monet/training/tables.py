"""CSV files of a run: rows by increasing step, appended, and truncated when the run goes back to an earlier state."""

from __future__ import annotations

import csv
from pathlib import Path

LOG, EVALUATION = "log.csv", "evaluation.csv"


def forget_after(path: Path, step: int) -> None:
    """Drops the rows of a CSV file, first column ``step``, that are later than a step or were not finished."""
    if path.exists():
        header, *rows = path.read_text(encoding="utf-8").splitlines(keepends=True) or [""]
        kept = [row for row in rows if row.endswith("\n") and float(row.split(",")[0]) <= step]
        temporary = path.with_name(f"{path.name}.part")
        temporary.write_text("".join([header, *kept]), encoding="utf-8")
        temporary.replace(path)


def rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file by their columns' names; none where there is no file."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def append(path: Path, row: dict[str, float]) -> None:
    """Adds a row to a CSV file that starts with its column names.

    Columns that the file does not have yet are added to it; where a row has no value, it is "nan".
    """
    new = not path.exists() or path.stat().st_size == 0  # killed between opening the file and writing to it
    columns = list(row)
    if not new:
        with path.open(newline="", encoding="utf-8") as file:
            known = next(csv.reader(file))
        columns = known + [name for name in row if name not in known]
        if columns != known:
            _widen(path, columns)
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="nan")
        if new:
            writer.writeheader()
        writer.writerow({name: f"{value:.6g}" for name, value in row.items()})


def _widen(path: Path, columns: list[str]) -> None:
    temporary = path.with_name(f"{path.name}.part")
    with temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="nan")
        writer.writeheader()
        writer.writerows(rows(path))
    temporary.replace(path)
