"""Measures training steps in a separate process, or in a group of processes as with ``torchrun``.

python -m benchmarks.trainer RECIPE.toml ALTERNATIVE STEPS THREADS FOLDER

ALTERNATIVE is "ours" (as ``python -m monet.training``), "compiled" (the same with ``--compile``), "notebook" (the inner
loop of its ``learn``, unchanged, with its automatic mixed precision) or "float32" (the same in float32). All train on
the same pictures.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.distributed

from benchmarks.measure import peak, resident
from monet.data.batches import TRAIN, prepare, scenes, to_tensor
from monet.training import recipe as recipes
from monet.training.recipe import Recipe
from monet.training.run import Run
from tests import reference

WARM = 3
"""Steps of warm-up."""


def ours(recipe: Recipe, folder: Path, compiled: bool) -> Callable[[int], float]:
    """Returns a function that measures the seconds of further steps of ours, from scenes to weights."""
    folder.mkdir(parents=True, exist_ok=True)
    run = Run(recipe, folder)
    if compiled:
        run.compile()

    def train(steps: int) -> float:
        before = run.seconds
        run.train(steps)
        return run.seconds - before

    return train


def notebook(recipe: Recipe, as_it_stands: bool) -> Callable[[int], float]:
    """Returns a function that measures the seconds of further steps of the notebook, on pictures in memory."""
    batch, stage = recipe.batch_size, recipe.stages[0]
    theirs = reference.notebook(as_it_stands).MONet(stage.slots, batch, 1e-4)
    images = to_tensor(prepare(s, recipe.model) for s in scenes(recipe.data, TRAIN, range(batch), stage.objects))

    def train(steps: int) -> float:
        loader = [{"image": 255 * images}] * steps
        start = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            reference.notebook(as_it_stands).learn(theirs, [loader], 1, "unused")
        return time.perf_counter() - start

    return train


def main(config: str, alternative: str, steps: str, threads: str, folder: str) -> None:
    torch.set_num_threads(int(threads))
    recipe = recipes.load(config)
    distributed = "RANK" in os.environ
    if distributed:
        torch.distributed.init_process_group()
    if alternative in ("ours", "compiled"):
        train = ours(recipe, Path(folder), compiled=alternative == "compiled")
    else:
        train = notebook(recipe, as_it_stands=alternative == "notebook")
    before = resident()
    train(WARM)
    seconds = train(int(steps)) / int(steps)
    if int(os.environ.get("RANK", 0)) == 0:
        print(json.dumps({"seconds": seconds, "megabytes": peak() - before}))
    if distributed:
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])
