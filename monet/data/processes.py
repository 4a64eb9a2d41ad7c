"""Makes scenes in several processes, in the order of their seeds."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Generator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial

import numpy as np

from monet.data import DATASETS, Unavailable

TOGETHER = 16
"""Scenes that a process makes before it hands them over."""


def made(name: str, split: int, count: int, processes: int) -> Generator[tuple[np.ndarray, np.ndarray], None, None]:
    """Makes the first scenes of a split, or of another seed; close it to end the processes.

    Args:
        name: of the data set, a key of ``DATASETS``.
        split: first number of the seeds; the second counts from 0.
        count: of scenes.
        processes: that make them; with one, this process does.

    Yields:
        Images uint8 H,W,3 and label maps uint8 H,W, the same ones however many processes there are.

    Raises:
        Unavailable: the generator misses something on this machine, or a process was killed.
    """
    seeds = ((split, index) for index in range(count))
    processes = min(processes, -(-count // TOGETHER))
    if processes == 1:
        yield from map(partial(_make, name), seeds)
        return
    # Spawned: a forked copy of a process that has threads can hang. Ctrl+C is for the parent, which ends the others.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, context, signal.signal, (signal.SIGINT, signal.SIG_IGN))
    try:
        yield from pool.map(partial(_make, name), seeds, chunksize=TOGETHER)
    except BrokenProcessPool as error:
        raise Unavailable("A process that made scenes was killed, perhaps for memory: try fewer processes.") from error
    finally:
        pool.shutdown(cancel_futures=True)


def _make(name: str, seed: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    scene = DATASETS[name].scene(seed)
    return scene.image, np.asarray(scene.segmentation, np.uint8)
