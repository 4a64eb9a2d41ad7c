"""Benchmark of scene generators: batches against single scenes, on one core, in CPU time."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from time import process_time

import torch

from benchmarks.measure import Row, Settings, in_turns, missing, quantity, ratio
from monet.data import DATASETS, Dataset, Unavailable
from monet.data.seeds import TRAIN

BATCH, ALONE = "batch", "alone"
SECONDS = 0.2
"""Approximate duration of each side of a round, at least one batch."""
WANTED = {"multi_dsprites": 10, "arc": 10, "clevr6": 10}
"""Goals for the speed-up of batches, by prefix of the data set's name."""


def scenes(settings: Settings) -> list[Row]:
    """Measures every data set that has a ``batch``, with its own numbers of objects."""
    with one_thread():
        return [row(dataset, settings) for dataset in DATASETS.values() if dataset.batch]


def row(dataset: Dataset, settings: Settings, size: int = 256) -> Row:
    """Measures a data set, ``size`` scenes at a time against one by one."""
    what = f"{dataset.title}: training scenes on one core"
    make, generator, indices = dataset.batch, torch.Generator().manual_seed(0), count()
    assert make is not None

    def batches(times: int) -> None:
        for _ in range(times):
            make(size, dataset.objects, generator)

    def alone(times: int) -> None:
        for _ in range(times):
            dataset.scene((TRAIN, next(indices)))

    try:
        batches(1)  # warm-up
        alone(1)
    except Unavailable as error:
        return missing(what, str(error))
    first = in_turns({BATCH: lambda: batches(1), ALONE: lambda: alone(1)}, 1, process_time)
    each = max(SECONDS, *(seconds for (seconds,) in first.values()))
    times = {name: round(each / seconds) for name, (seconds,) in first.items()}
    sides = {BATCH: lambda: batches(times[BATCH]), ALONE: lambda: alone(times[ALONE])}
    samples = in_turns(sides, settings.rounds(15), process_time)
    made = {BATCH: size * times[BATCH], ALONE: times[ALONE]}
    samples = {name: [value / made[name] for value in values] for name, values in samples.items()}
    value = ratio(samples[ALONE], samples[BATCH])
    wanted = next((wanted for name, wanted in WANTED.items() if dataset.name.startswith(name)), None)
    ours, against = (quantity(1 / statistics.median(samples[name]), "scenes/s") for name in (BATCH, ALONE))
    met = value >= wanted if wanted else None
    return Row(what, ours, against, value, str(wanted or ""), met, f"{size} at once", samples)


@contextmanager
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
