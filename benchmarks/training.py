"""Benchmarks of training: speed, memory and profile of a step, the VAE alone, two processes against one."""

from __future__ import annotations

import csv
import os
import shutil
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.measure import Row, Settings, in_turns, missing, module, quantity, ratio, versus
from benchmarks.network import operators_of
from monet.model import MONet, MONetConfig
from monet.training.pool import Pool
from monet.training.recipe import Recipe, Stage
from monet.training.step import Step
from monet.vae import Lattice
from tests import reference

RECIPE = """
data = "multi_dsprites"
batch_size = {batch}
{at_once}
save_every = 1000000
evaluate_every = 1000000
[model]
num_slots = {slots}
[[stages]]
until = 1000000
slots = {slots}
objects = [1, {objects}]
{window}
[schedules]
learning_rate = [[0, 1e-3]]
"""
BATCH = 16
PAIR, ONE = "two processes", "one process"
NAMES = {"ours": "MONet Explorer", "notebook": "notebook", "float32": "notebook in float32"}


@contextmanager
def recipes() -> Iterator[Any]:
    """Yields a function that writes recipe files in a temporary folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def write(batch: int, at_once: int | None = None, window: int | None = None, slots: int = 6) -> Path:
            path = folder / f"{batch}_{at_once}_{window}_{slots}.toml"
            values = {"at_once": at_once, "window": window}
            lines = {key: f"{key} = {value}" if value else "" for key, value in values.items()}
            path.write_text(RECIPE.format(batch=batch, slots=slots, objects=slots - 1, **lines), encoding="utf-8")
            return path

        yield write


def train(recipe: Path, alternative: str, steps: int, threads: int = 1, processes: int = 1) -> dict[str, Any]:
    """Measures seconds per step, and megabytes above what the process held before, in separate processes."""
    folder = recipe.with_suffix(f".{processes}")
    return module("trainer", recipe, alternative, steps, threads, folder, processes=processes)


def step(settings: Settings) -> list[Row]:
    """Measures a step's time on the whole machine and its memory."""
    speed = f"training step, K = 6, batch of {BATCH}: seconds on the whole machine"
    memory = "peak memory of that step"
    if not reference.NOTEBOOK.is_file():
        return [missing(what, "the reference notebook is not beside the project") for what in (speed, memory)]
    steps, cores = 4 if settings.quick else 12, os.cpu_count() or 1
    fastest = "compiled" if shutil.which("g++") or shutil.which("clang++") else "ours"
    with recipes() as write:
        half, every = write(BATCH // 2, window=32), write(BATCH // 2)
        whole = write(BATCH, at_once=BATCH // 2, window=32)
        alternatives = {
            NAMES["ours"]: lambda: train(half, fastest, steps, 1, processes=2),
            "not compiled": lambda: train(half, "ours", steps, 1, processes=2),
            "every pixel": lambda: train(every, "ours", steps, 1, processes=2),
            NAMES["notebook"]: lambda: train(whole, "notebook", steps, cores),
            NAMES["float32"]: lambda: train(whole, "float32", steps, cores),
        }
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in alternatives}
        for _ in range(settings.rounds(5)):
            for name, call in alternatives.items():
                runs[name].append(call())
        alone = [train(whole, "ours", steps) for _ in range(settings.rounds(5))]
    seconds = {name: [run["seconds"] for run in values] for name, values in runs.items()}
    megabytes = {name: [run["megabytes"] for run in values] for name, values in runs.items()}
    megabytes[NAMES["ours"]] = [run["megabytes"] for run in alone]
    pair = runs["not compiled"][0]["megabytes"]

    def against(name: str) -> float:
        return ratio(seconds[NAMES["notebook"]], seconds[name])

    return [
        versus(
            speed, seconds, NAMES["ours"], NAMES["notebook"], 4, "s",
            f"two processes of one thread, 8 pictures each, one window of 32x32 pixels decoded, {fastest}, against "
            f"{cores} threads; not compiled {against('not compiled'):.1f}, every pixel and not compiled "
            f"{against('every pixel'):.1f} times the notebook",
        ),
        versus("the same without bfloat16", seconds, NAMES["ours"], NAMES["float32"], None, "s"),
        versus(
            memory, megabytes, NAMES["ours"], NAMES["notebook"], 2, "MB",
            f"peak above what one process held before, {BATCH // 2} pictures at once; each of the two: {pair:.0f} MB",
        ),
    ]  # fmt: skip


def profile(settings: Settings) -> list[Row]:
    """Profiles a step: forward and backward of each part, 8 pictures, one thread."""
    torch.set_num_threads(1)
    model, pictures, slots = MONet(MONetConfig()).train(), BATCH // 2, 6
    images = torch.rand(pictures, 3, 64, 64)
    latents, log_masks = torch.randn(pictures * slots, 16), torch.rand(pictures * slots, 1, 64, 64).log()
    parts: dict[str, Callable[[], tuple[Tensor, Tensor]]] = {
        "attention": partial(model.attention, images, slots),
        "encoder": partial(model.vae.encoder, images.repeat_interleave(slots, 0), log_masks.requires_grad_()),
        "decoder of a window": partial(model.vae.decoder, latents.requires_grad_(), 64, 64, Lattice(window=32)),
        "decoder of every pixel": partial(model.vae.decoder, latents, 64, 64),
    }

    def both_ways(part: Callable[[], tuple[Tensor, Tensor]]) -> None:
        first, second = part()
        (first.sum() + second.sum()).backward()

    samples = in_turns({name: partial(both_ways, part) for name, part in parts.items()}, settings.rounds(20))
    listed = ", ".join(f"{name} {quantity(statistics.median(values), 's')}" for name, values in samples.items())
    spent = operators_of("the attention in a step", partial(both_ways, parts["attention"]), settings.rounds(10))
    torch.set_num_threads(settings.threads)
    return [Row(f"parts of a step of {pictures} pictures, one thread", "", note=listed, samples=samples), spent]


def vae(settings: Settings) -> list[Row]:
    """Measures training the VAE on single slots, one thread: a window around each slot against every pixel."""
    torch.set_num_threads(1)
    count, window, slots = 32, 32, 6
    stage = Stage(10**6, slots=slots, window=window, learn="slots")
    recipe = Recipe("multi_dsprites", MONetConfig(num_slots=slots), (stage,), {"learning_rate": ((0, 1e-3),)})
    learner = Step(MONet(recipe.model).train(), recipe)
    images = torch.randint(256, (64, 3, 64, 64), dtype=torch.uint8)
    pool = Pool(images, torch.rand(64, slots, 64, 64).mul(0.1).log().half())

    def learn(side: int) -> None:
        learner([pool.draw(count, side, True)], [0], slots, stage, 0.0, False)

    alternatives = {"window": partial(learn, window), "every pixel": partial(learn, 64)}
    samples = in_turns(alternatives, settings.rounds(30))
    torch.set_num_threads(settings.threads)
    rates = {name: count / statistics.median(values) for name, values in samples.items()}
    goal = 400
    return [
        Row(
            "VAE alone, slots a second on one core", f"{rates['window']:.0f}", f"{rates['every pixel']:.0f}",
            ratio(samples["every pixel"], samples["window"]), f"{goal} a second", rates["window"] >= goal,
            f"{count} slots a step, a window of {window}x{window} pixels around each, against every pixel", samples,
        )
    ]  # fmt: skip


def torchrun(settings: Settings) -> list[Row]:
    """Compares two processes with one of twice the batch: speed, and equality of the losses."""
    steps = 4 if settings.quick else 12
    with recipes() as write:
        one, two = write(16, at_once=8), write(8)
        seconds: dict[str, list[float]] = {PAIR: [], ONE: []}
        for _ in range(settings.rounds(5)):
            seconds[PAIR].append(train(two, "ours", steps, processes=2)["seconds"])
            seconds[ONE].append(train(one, "ours", steps)["seconds"])
        single, pair = write(8, at_once=4, window=16, slots=2), write(4, window=16, slots=2)
        train(pair, "ours", 47, processes=2)  # 50 with the warm-up: the first row of the log
        train(single, "ours", 47)
        rows = [log(single.with_suffix(".1")), log(pair.with_suffix(".2"))]
    difference = max(abs(a - b) / abs(a) for a, b in zip(*rows, strict=True))
    return [
        versus("torchrun, two processes of 8 pictures against one of 16: a step", seconds, PAIR, ONE, 1.6, "s"),
        Row(
            "largest relative difference of their loss terms and gradient after 50 steps",
            f"{difference:.0e}",
            wanted="1e-3",
            met=difference <= 1e-3,
            note="same scenes, same noise",
            samples={"rows": rows},
        ),
    ]  # fmt: skip


def log(folder: Path) -> list[float]:
    """Reads loss terms and gradient norm from the first row of a run's log."""
    with (folder / "log.csv").open(newline="", encoding="utf-8") as file:
        row = next(csv.DictReader(file))
    return [float(row[name]) for name in ("reconstruction", "latent_kl", "mask_kl", "gradient_norm")]
