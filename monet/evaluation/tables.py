"""Result tables in Markdown, for the terminal and the model card."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from monet.checkpoints import Checkpoint
from monet.evaluation.scoring import Result

DECIMALS = 4
"""Largest number of decimals."""


def table(result: Result) -> str:
    """Formats mean and standard error of every metric as a Markdown table, for attention and decoder masks."""
    names = [name for name in result.values if not name.endswith("_decoded")]
    rows = [(name, _cell(result, name), _cell(result, f"{name}_decoded")) for name in names]
    return markdown(("metric", "attention masks", "decoder masks"), rows)


def summary(results: Sequence[tuple[Checkpoint, Result]]) -> str:
    """Formats a Markdown table with one row per checkpoint."""
    rows = [
        (
            c.title, str(c.config.num_slots), str(c.config.resolution),
            _cell(r, "ari_fg"), _cell(r, "ari_fg_decoded"), _cell(r, "mse"),
        )
        for c, r in results
    ]  # fmt: skip
    return markdown(("checkpoint", "slots", "pixels", "ARI-FG", "ARI-FG, decoder's masks", "MSE"), rows)


def _cell(result: Result, name: str) -> str:
    return figure(result.means.get(name, np.nan), result.standard_errors.get(name, np.nan))


def figure(mean: float, error: float) -> str:
    """Formats a mean with its standard error, "0.925 ± 0.008"; either may be NaN.

    Both are rounded to the error's first significant digit, or to its second if the first is 1, and to at most
    ``DECIMALS`` decimals.
    """
    if not np.isfinite(mean):
        return ""
    if not np.isfinite(error):
        return f"{mean:.{DECIMALS}f}"
    if 0 < error < 0.5 * 10**-DECIMALS:
        return f"{mean:.{DECIMALS}f} ± <{10**-DECIMALS}"
    first, exponent = f"{error:e}"[0], int(f"{error:e}".partition("e")[2])
    decimals = min(max((first == "1") - exponent, 0), DECIMALS) if error else DECIMALS
    return f"{mean:.{decimals}f} ± {error:.{decimals}f}"


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Formats a Markdown table with aligned columns."""
    lines = [heads, ["---"] * len(heads), *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "| " + " | ".join(text.ljust(w) for text, w in zip(line, widths, strict=True)) + " |" for line in lines
    )
