"""Loss curves of our training and the notebook's on the same pictures, three seeds (slow: ``--curves IMAGES``)."""

from __future__ import annotations

import contextlib
import io
import statistics
import tempfile
from pathlib import Path
from typing import Any

import torch

from benchmarks.measure import Row, Settings, missing
from monet.data.batches import TRAIN, VALIDATE, prepare, scenes, to_tensor
from monet.model import MONet, MONetConfig
from monet.objective import loss
from monet.training.recipe import Recipe, Stage
from monet.training.run import Run
from tests import reference

DATA, OBJECTS, SLOTS, BATCH = "multi_dsprites", (2, 5), 6, 8
POINTS = 8
SEEDS = (0, 1, 2)
HELD_OUT = 64
CONFIG = MONetConfig(num_slots=SLOTS)


def curves(settings: Settings, images: int) -> list[Row]:
    """Trains both on the notebook's objective and scores both by it: every pixel, float32, held-out scenes."""
    what = f"held-out loss after {images} pictures, nats per picture, mean of three seeds"
    if not reference.NOTEBOOK.is_file():
        return [missing(what, "the reference notebook is not beside the project")]
    torch.set_num_threads(settings.threads)
    steps = max(images // BATCH // POINTS, 1)
    ours = [our_curve(seed, steps) for seed in SEEDS]
    theirs = [notebook_curve(seed, steps) for seed in SEEDS]
    means = [[statistics.mean(curve[i] for curve in side) for i in range(POINTS)] for side in (ours, theirs)]
    behind = sum(a > b for a, b in zip(*means, strict=True))
    return [
        Row(
            what,
            f"{means[0][-1]:.0f}",
            f"{means[1][-1]:.0f}",
            wanted="no more",
            met=means[0][-1] <= means[1][-1],
            note=f"ours on one 32x32 window per step; above the notebook's at {behind} of {POINTS} points of the curve",
            samples={"ours": ours, "notebook": theirs, "pictures": [BATCH * steps * (i + 1) for i in range(POINTS)]},
        )
    ]


def our_curve(seed: int, steps: int) -> list[float]:
    recipe = Recipe(
        DATA, CONFIG, (Stage(10**6, OBJECTS, SLOTS, window=32),), {"learning_rate": ((0, 1e-4), (100, 1e-3))},
        likelihood="per_channel", batch_size=BATCH, clip=5000, save_every=10**6, evaluate_every=10**6, seed=seed,
    )  # fmt: skip
    values = []
    with tempfile.TemporaryDirectory() as folder:
        run = Run(recipe, Path(folder))
        for _ in range(POINTS):
            run.train(steps)
            values.append(score(run.model))
            run.model.train()
    return values


def notebook_curve(seed: int, steps: int) -> list[float]:
    torch.manual_seed(seed)
    theirs: Any = reference.notebook(as_it_stands=True).MONet(SLOTS, BATCH, 1e-4)
    values = []
    for point in range(POINTS):
        loader = [{"image": 255 * batch(first)} for first in range(point * steps, (point + 1) * steps)]
        with contextlib.redirect_stdout(io.StringIO()):
            reference.notebook(as_it_stands=True).learn(theirs, [loader], 1, "unused")
        model = MONet(CONFIG)
        reference.copy_weights(theirs, model)
        values.append(score(model))
    return values


def batch(step: int) -> torch.Tensor:
    """Returns the pictures of our training at the same step."""
    return to_tensor(prepare(s, CONFIG) for s in scenes(DATA, TRAIN, range(step * BATCH, (step + 1) * BATCH), OBJECTS))


@torch.no_grad()
def score(model: MONet) -> float:
    images = to_tensor(prepare(s, CONFIG) for s in scenes(DATA, VALIDATE, range(HELD_OUT), OBJECTS))
    return loss(images, model.eval()(images), CONFIG).mean().total(CONFIG.beta, CONFIG.gamma).item()
