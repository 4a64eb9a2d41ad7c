"""Trains a recipe in processes that are killed at random moments: ``python -m tests.killing RECIPE FOLDER KILLS SEED``.

Ends with 0 if every process resumed and trained until it was killed. Processes are forked, so that PyTorch is imported
once and a kill costs less than a second.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
import traceback
from pathlib import Path

import torch

from monet.training import recipe
from monet.training.run import STATES, Run
from monet.training.state import saved as saved_states


def train(path: str, folder: Path) -> None:
    run = Run(recipe.load(path), folder)
    run.resume()
    run.train()


def main(path: str, folder: Path, kills: int, seed: int) -> None:
    torch.set_num_threads(1)
    folder.mkdir()
    rng = random.Random(seed)
    state, pace = folder / STATES, 0.0
    for number in range(kills):
        saved, begin = modified(state), time.monotonic()
        child = os.fork()
        if child == 0:
            try:
                train(path, folder)
            except BaseException:
                traceback.print_exc()
            os._exit(1)
        if number % 2 == 0:  # at a random moment after it has saved; every other one at any moment
            while modified(state) == saved and os.waitpid(child, os.WNOHANG) == (0, 0):
                time.sleep(0.005)
            pace = time.monotonic() - begin
        time.sleep(rng.uniform(0, min(pace, 0.5)))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            sys.exit(f"run {number + 1} ended by itself")


def modified(state: Path) -> int:
    return max((folder.stat().st_mtime_ns for folder in saved_states(state)), default=0)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
