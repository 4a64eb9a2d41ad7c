"""Report of a run: curves, and a picture of slots at several steps."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from monet.evaluation import SHEET_SCENES
from monet.training.tables import EVALUATION, LOG

CURVES, SLOTS = "curves.png", "slots_over_time.png"
MOMENTS = 6
MARGIN = 90
"""Width in pixels of the step's label, left of a row of slots."""

Columns = dict[str, np.ndarray]
"""Columns of a CSV file by name; the first is ``step``."""

PANELS = (
    ("reconstruction, nats", LOG, {"reconstruction": ""}),
    ("latent KL, nats", LOG, {"latent_kl": ""}),
    ("mask KL, nats", LOG, {"mask_kl": ""}),
    ("ARI-FG", EVALUATION, {"ari_fg": "attention masks", "ari_fg_decoded": "decoder masks"}),
    ("MSE", EVALUATION, {"mse": ""}),
    ("learning rate, scale factor (dashed, right)", LOG, {"learning_rate": ""}),
)
"""Title, file, and columns with their legend."""
LOSS_PANELS = 3
"""Number of first panels that show a moving mean, because single batches are noisy."""


class ReportError(ValueError):
    """A report cannot be drawn. The message is one sentence for the user."""


def draw(folder: Path) -> list[Path]:
    """Draws ``curves.png`` and, if there are pictures, ``slots_over_time.png`` into a run's folder.

    Raises:
        ReportError: not the folder of a run, damaged tables, or matplotlib is not installed.
    """
    tables = {file: table(folder / file) for file in (LOG, EVALUATION)}
    if not any(tables.values()):
        raise ReportError(f"{folder} holds no {LOG} or {EVALUATION} with rows: not a run, or it has just begun")
    curves(tables, folder / CURVES)
    if (sheet := slots_over_time(folder / "pictures")) is None:
        return [folder / CURVES]
    sheet.save(folder / SLOTS, optimize=True)
    return [folder / CURVES, folder / SLOTS]


def table(path: Path) -> Columns:
    """Reads the columns of a CSV file, sorted by step; empty if there is no file. An incomplete last row is dropped.

    Raises:
        ReportError: not a table of numbers whose first column is the step.
    """
    if not path.is_file():
        return {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file)
        if rows and len(rows[-1]) < len(header):
            rows.pop()
        values = np.array(rows, dtype=float).reshape(-1, len(header))
        if header[:1] != ["step"]:
            raise ValueError("its first column is not the step")
    except ValueError as error:
        raise ReportError(f"{path} is not the table of a run: {error}") from error
    values = values[np.argsort(values[:, 0], kind="stable")]
    return dict(zip(header, values.T, strict=True)) if len(values) else {}


def curves(tables: dict[str, Columns], path: Path) -> None:
    """Draws the panels: loss terms as pale single batches and a strong moving mean, the others row by row."""
    try:
        from matplotlib.axes import Axes
        from matplotlib.figure import Figure
    except ImportError as error:  # optional, not in requirements.txt
        raise ReportError("a report needs matplotlib: pip install -r requirements-training.txt") from error

    def line(axes: Axes, data: Columns, column: str, *, mean: bool = False, **style: Any) -> None:
        for rows in unbroken(data["step"]) if column in data else []:
            steps, values = data["step"][rows], data[column][rows]
            if mean:
                axes.plot(steps, values, linewidth=0.5, alpha=0.3, **style)
                values = moving_mean(values, max(1, len(data["step"]) // 50))
            axes.plot(steps, values, marker="." if len(steps) < 30 else "", **style)

    figure = Figure(figsize=(11, 5.6), layout="constrained")
    panels = list(figure.subplots(2, 3).flat)
    for number, (axes, (title, file, columns)) in enumerate(zip(panels, PANELS, strict=True)):
        axes.set_title(title, fontsize=10)
        axes.grid(alpha=0.3)
        for color, (column, label) in enumerate(columns.items()):
            line(axes, tables[file], column, mean=number < LOSS_PANELS, color=f"C{color}")
            if label:
                axes.plot([], color=f"C{color}", label=label)
                axes.legend(fontsize=8)
    *_, squared_error, rate = panels
    squared_error.set_yscale("log")
    factor = rate.twinx()
    line(factor, tables[LOG], "scale_factor", color="C1", linestyle="--")
    for axes in (*panels, factor):
        axes.tick_params(labelsize=8, which="both")
        axes.locator_params(axis="x", nbins=5)  # leaves room for labels of six digits
    figure.supxlabel("step", fontsize=9)
    figure.savefig(path, dpi=100, pil_kwargs={"optimize": True})


def unbroken(steps: np.ndarray) -> list[np.ndarray]:
    """Splits the indices at gaps of more than two missing rows, because a line across a gap would be invented."""
    distances = np.diff(steps)
    gaps = distances > 3 * np.median(distances) if len(distances) else distances.astype(bool)
    return np.split(np.arange(len(steps)), np.flatnonzero(gaps) + 1)


def moving_mean(values: np.ndarray, width: int) -> np.ndarray:
    """Computes the mean over ``width`` values around each value; over fewer at the ends."""
    window = np.ones(min(width, len(values)))
    return np.convolve(values, window, "same") / np.convolve(np.ones(len(values)), window, "same")


def slots_over_time(folder: Path) -> Image.Image | None:
    """Stacks the first scene of up to six contact sheets, evenly spaced over the run; None if there are none."""
    sheets = sorted((path for path in folder.glob("*.png") if path.stem.isdecimal()), key=lambda path: int(path.stem))
    if not sheets:
        return None
    chosen = [sheets[i] for i in np.unique(np.linspace(0, len(sheets) - 1, MOMENTS).round().astype(int))]
    rows = []
    for path in chosen:
        with Image.open(path) as sheet:
            rows.append(sheet.convert("RGB").crop((0, 0, sheet.width, sheet.height // SHEET_SCENES)))
    result = Image.new("RGB", (MARGIN + max(row.width for row in rows), sum(row.height for row in rows)), "white")
    pen, font = ImageDraw.Draw(result), ImageFont.load_default(16)
    top = 0
    for path, row in zip(chosen, rows, strict=True):
        result.paste(row, (MARGIN, top))
        pen.text((MARGIN - 8, top + row.height // 2), f"{int(path.stem):,}", "black", font, anchor="rm")
        top += row.height
    return result
