"""Turns command-line options into a plan: recipe, folder, and expected duration."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from monet.data import DATASETS
from monet.pictures import How
from monet.training import made, memory
from monet.training import recipe as recipes
from monet.training.recipe import OF_RUN, Recipe, Stage
from monet.training.run import Run
from monet.training.step import Scenes
from monet.vae import Lattice

RUNS = Path("runs")
TIMED = 2
"""Steps of each kind that are timed, after one for warming up."""


@dataclass(frozen=True)
class Plan:
    """Recipe and folder of a run.

    Attributes:
        recipe: the recipe.
        folder: folder of the run.
        text: text of the recipe, if it was made from the data and is not in the folder yet.
    """

    recipe: Recipe
    folder: Path
    text: str | None = None

    def write(self) -> None:
        """Writes a newly made recipe to the folder, atomically."""
        if self.text is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            part = self.folder / f".{OF_RUN}.{os.getpid()}"
            part.write_text(self.text, encoding="utf-8")
            part.replace(self.folder / OF_RUN)
            print(f"{self.folder / OF_RUN}: a recipe made from the data; read and change it as you like")


def plan(
    config: str | None,
    data: str | None,
    folder: Path | None,
    how: How | None = None,
    weights: str | None = None,
) -> Plan:
    """Selects the recipe: the given one, else the folder's, else the data set's, else one made from the data.

    Writes nothing.

    Args:
        config: a recipe's name or path.
        data: name or path of scenes.
        folder: folder of the run; named like the recipe or the data if None.
        how: how to make pictures square, for a recipe made from the data.
        weights: checkpoint to start from, for a recipe made from the data.

    Raises:
        ValueError: no such recipe or data, or neither is given.
    """
    named = config or data
    if folder is None:
        if named is None:
            raise ValueError("give --config RECIPE, or --data to make a recipe from your pictures, or a run's --folder")
        folder = RUNS / Path(named).stem
    text = None
    if config is not None:
        recipe = recipes.load(config, check_data=data is None)
    elif (folder / OF_RUN).is_file():
        recipe = recipes.of_run(folder)
    elif data is None:
        raise ValueError(f"{folder} holds no {OF_RUN}: give --config RECIPE, or --data to make one")
    elif data in DATASETS and (recipes.FOLDER / f"{data}.toml").is_file():
        recipe = recipes.load(data)
    else:
        text = made.make(data, how, weights)
        recipe = recipes.parse(text, folder)
    return Plan(recipe, folder, text)


def expected(run: Run, minutes: float | None = None) -> str:
    """Describes the data, the speed, the duration and the memory of a run, in sentences.

    Times a few steps of each kind that is still to come, and then restores the run.
    """
    several = run.processes > 1  # a timed step would wait for the other processes
    return _data_summary(run) if several else f"{_data_summary(run)}\n{_forecast(run, minutes)}"


def _data_summary(run: Run) -> str:
    split = run.record["split"]
    if run.data in DATASETS:
        return f"{DATASETS[run.data].title}: generated pictures, unlimited"
    words = (
        f"{Path(run.data).name}: {split['train']} pictures for training, {split['validate']} for validation, "
        f"{split['test']} for the test at the end"
    )
    if sum(split[name] for name in ("train", "validate", "test")) < 20:
        words += "\nfewer than 20 pictures: expect overfitting"
    height, width = run.source.size
    if height != width:
        effects = {"crop": "only the central square is used", "pad": "all is kept, on black"}
        effect = effects.get(run.fit, "all is kept, the proportions are not")
        words += f"\n{width} x {height} pixels are not square: fit = {run.fit}, {effect}"
    return words


def _forecast(run: Run, minutes: float | None) -> str:
    recipe, pace = run.recipe, run.lessons.pace
    ends = [stage.until for stage in recipe.stages]
    starts = [0, *ends[:-1]]
    seconds, most = _seconds(run), recipe.model.num_slots
    settles = next((start for start, s in zip(starts, recipe.stages, strict=True) if s.slots == most), 0)
    total = first = steps = 0.0
    for start, end, each in zip(starts, ends, seconds, strict=True):
        left = max(0.0, end - max(start, run.position)) / pace
        total, steps = total + left * each, steps + left * (each > 0)
        first += max(0.0, min(end, settles) - max(start, run.position)) / pace * each
    if run.position >= recipe.steps:
        return "the recipe is finished"
    if not steps:
        return "the rest of the recipe trains on single slots: its speed is not known beforehand"
    batch = run.record["batch"] * run.processes
    rate = steps * batch / max(total, 1e-9)
    if minutes is not None:
        first, total = first * 60 * minutes / max(total, 1e-9), 60 * minutes
    words = f"{rate:.1f} pictures a second, {_time(total)} to the end of the recipe"
    if run.record.get("from"):
        words += "; slots are recognisable at once, as far as the initial weights know such objects"
    elif settles > run.position:
        # At that step ARI-FG was 0.57 on sprites; on Tetrominoes 0.60 after 2,000 more steps.
        words += f"; slots are recognisable once all {most} are in use, after {_time(first)}"
    if (peak := memory.peak(run.device)) is not None:
        words += f"; {peak / 2**30:.1f} GiB of memory"
    return words


def _seconds(run: Run) -> list[float]:
    """Measures the seconds per step of each stage; 0 for finished stages and those that train on single slots."""
    before, recipe = run.state(), run.recipe
    side, batch = recipe.model.resolution, int(run.record["batch"])
    images = torch.rand(batch, 3, side, side, device=run.device)
    measured: dict[Stage, float] = {}
    seconds = []
    run.model.train()
    for stage in recipe.stages:
        if stage.until <= run.position or stage.learn == "slots":
            seconds.append(0.0)
            continue
        slots = stage.slots or recipe.model.num_slots
        kind = replace(stage, until=0, objects=None, slots=slots)
        if kind not in measured:
            for number in range(1 + TIMED):
                if number == 1:
                    run.optimizing.read()
                    start = time.monotonic()
                lattice = Lattice.draw(batch, side, stage.stride, stage.window, run.device)
                run.optimizing([Scenes(images, lattice)], [number], slots, stage, run.position, False)
            run.optimizing.read()
            measured[kind] = (time.monotonic() - start) / TIMED
        seconds.append(measured[kind])
    run.restore(before)
    run.optimizing.streak.zero_()
    return seconds


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
