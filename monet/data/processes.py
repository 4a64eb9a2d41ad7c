"""Generates scenes in several processes, in the order of their seeds."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Generator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial

import numpy as np

from monet.data import DATASETS, Unavailable

CHUNK = 16
"""Scenes that a worker process makes before it sends them."""


def generate(name: str, split: int, count: int, processes: int) -> Generator[tuple[np.ndarray, np.ndarray], None, None]:
    """Generates the first scenes of a split, or of another seed. Close the generator to end the processes.

    Args:
        name: name of the data set, a key of ``DATASETS``.
        split: first number of the seeds; the second counts from 0.
        count: number of scenes.
        processes: number of worker processes; with one, this process generates the scenes itself.

    Yields:
        Images uint8 H,W,3 and label maps uint8 H,W, the same for any number of processes.

    Raises:
        Unavailable: the generator needs something that is not installed, or a process was killed.
    """
    seeds = ((split, index) for index in range(count))
    processes = min(processes, -(-count // CHUNK))
    if processes == 1:
        yield from map(partial(_make, name), seeds)
        return
    # Spawn, because a forked copy of a process with threads can hang. Workers ignore Ctrl+C; the parent ends them.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, context, signal.signal, (signal.SIGINT, signal.SIG_IGN))
    try:
        yield from pool.map(partial(_make, name), seeds, chunksize=CHUNK)
    except BrokenProcessPool as error:
        raise Unavailable(
            "A worker process was killed, perhaps because memory ran out: try fewer processes."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _make(name: str, seed: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    scene = DATASETS[name].scene(seed)
    return scene.image, np.asarray(scene.segmentation, np.uint8)
