"""CSV files of a run: rows by increasing step, appended, and truncated when the run goes back to an earlier state."""

from __future__ import annotations

import csv
from pathlib import Path

LOG, EVALUATION = "log.csv", "evaluation.csv"


def forget_after(path: Path, step: int) -> None:
    """Deletes rows of a CSV file, first column ``step``, that are later than a step or incomplete."""
    if path.exists():
        header, *rows = path.read_text(encoding="utf-8").splitlines(keepends=True) or [""]
        kept = [row for row in rows if row.endswith("\n") and float(row.split(",")[0]) <= step]
        temporary = path.with_name(f"{path.name}.part")
        temporary.write_text("".join([header, *kept]), encoding="utf-8")
        temporary.replace(path)


def rows(path: Path) -> list[dict[str, str]]:
    """Reads the rows of a CSV file as dictionaries; empty if there is no file."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def append(path: Path, row: dict[str, float]) -> None:
    """Appends a row to a CSV file with a header; new columns are added to it, missing values are "nan"."""
    new = not path.exists() or path.stat().st_size == 0  # empty if a process was killed after opening it
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
