"""Figures as Markdown, for the terminal and the model card."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from monet.checkpoints import Checkpoint
from monet.evaluation.scoring import Result


def table(result: Result) -> str:
    """Mean and standard error of every metric, a Markdown table; of the attention's masks and of the decoder's."""
    names = [name for name in result.values if not name.endswith("_decoded")]
    rows = [(name, _cell(result, name), _cell(result, f"{name}_decoded")) for name in names]
    return markdown(("metric", "attention masks", "decoder masks"), rows)


def summary(results: Sequence[tuple[Checkpoint, Result]]) -> str:
    """One row per checkpoint, a Markdown table."""
    rows = [
        (
            c.title, str(c.config.num_slots), str(c.config.resolution),
            _cell(r, "ari_fg"), _cell(r, "ari_fg_decoded"), _cell(r, "mse"),
        )
        for c, r in results
    ]  # fmt: skip
    return markdown(("checkpoint", "slots", "pixels", "ARI-FG", "ARI-FG, decoder's masks", "MSE"), rows)


def _cell(result: Result, name: str) -> str:
    mean, error = result.means.get(name, np.nan), result.standard_errors.get(name, np.nan)
    return (f"{mean:.4f}" if np.isfinite(mean) else "") + (f" ± {error:.4f}" if np.isfinite(error) else "")


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose columns are aligned."""
    lines = [heads, ["---"] * len(heads), *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "| " + " | ".join(text.ljust(w) for text, w in zip(line, widths, strict=True)) + " |" for line in lines
    )
