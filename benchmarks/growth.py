"""Benchmark of how a forward pass scales with pixels, slots and batch; writes a plot beside the JSON."""

from __future__ import annotations

import statistics
from functools import partial
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

from benchmarks.measure import Row, Settings, in_turns
from monet.model import MONet, MONetConfig

SIDES, SLOTS, BATCHES = (32, 64, 128), (2, 3, 4, 6, 8, 10, 12), (1, 2, 4, 8, 16, 32, 64)


def growth(settings: Settings) -> list[Row]:
    """Measures a forward pass along each of the three axes, and fits the exponent of a power law."""
    models = {side: MONet(MONetConfig(resolution=side)).eval() for side in SIDES}

    def seconds(cases: dict[int, tuple[int, int, int]]) -> dict[int, list[float]]:
        calls = {
            str(value): partial(models[side], torch.rand(batch, 3, side, side), slots)
            for value, (side, slots, batch) in cases.items()
        }
        with torch.inference_mode():
            return {int(name): values for name, values in in_turns(calls, settings.rounds(15)).items()}

    axes = {
        "pixels": seconds({side**2: (side, 7, 4) for side in SIDES}),
        "slots": seconds({slots: (64, slots, 4) for slots in SLOTS}),
        "pictures": seconds({batch: (64, 7, batch) for batch in BATCHES}),
    }
    fits = {name: exponent(samples) for name, samples in axes.items()}
    plot(axes, fits, settings.out.with_name("growth.png"))
    return [
        Row(
            f"cost with {name}, {min(samples)} to {max(samples)}",
            f"power {fits[name]:.2f}",
            wanted="linear: at most 1.1",
            met=fits[name] <= 1.1,
            samples={str(value): seconds for value, seconds in samples.items()},
        )
        for name, samples in axes.items()
    ]


def exponent(samples: dict[int, list[float]]) -> float:
    """Fits the exponent p of a power law c x^p to the medians."""
    medians = [statistics.median(values) for values in samples.values()]
    return float(np.polyfit(np.log(list(samples)), np.log(medians), 1)[0])


def plot(axes: dict[str, dict[int, list[float]]], fits: dict[str, float], path: Path) -> None:
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    for panel, (name, samples) in zip(figure.subplots(1, len(axes)), axes.items(), strict=True):
        values, medians = list(samples), [1000 * statistics.median(s) for s in samples.values()]
        panel.loglog(values, medians, "o-", label=f"measured, power {fits[name]:.2f}")
        panel.loglog(values, [medians[-1] * v / values[-1] for v in values], "--", color="grey", label="linear")
        panel.set(xlabel=name, ylabel="milliseconds")
        panel.set_xticks(values, [str(value) for value in values])
        panel.yaxis.set_major_formatter("{x:g}")
        panel.minorticks_off()
        panel.legend()
    figure.savefig(path, dpi=120)
