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
TRIED = 2
"""Steps of every kind that the rate is measured on, after one that is not counted."""


@dataclass(frozen=True)
class Plan:
    """What a run is to do, and where.

    Attributes:
        recipe: to go by.
        folder: of the run.
        text: of the recipe, if it was made from the data and does not lie in the folder yet.
    """

    recipe: Recipe
    folder: Path
    text: str | None = None

    def write(self) -> None:
        """Puts the recipe that was made into the folder, whole or not at all."""
        if self.text is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            part = self.folder / f".{OF_RUN}.{os.getpid()}"
            part.write_text(self.text, encoding="utf-8")
            part.replace(self.folder / OF_RUN)
            print(f"{self.folder / OF_RUN}: a recipe made from the data, to be read and changed")


def plan(
    config: str | None,
    data: str | None,
    folder: Path | None,
    how: How | None = None,
    weights: str | None = None,
) -> Plan:
    """The recipe that is asked for, or the folder's own, or the data's, or one made from the data; nothing is written.

    Args:
        config: a recipe's name or path.
        data: name or path of scenes.
        folder: of the run; None: called as the recipe, or as the data.
        how: pictures are to become square, which a made recipe goes by.
        weights: checkpoint to begin with, which a made recipe goes by.

    Raises:
        ValueError: there is no such recipe or data, or too little is said.
    """
    named = config or data
    if folder is None:
        if named is None:
            raise ValueError("give --config RECIPE, or --data of your own to have a recipe made, or the run's --folder")
        folder = RUNS / Path(named).stem
    text = None
    if config is not None:
        recipe = recipes.load(config, data_there=data is None)
    elif (folder / OF_RUN).is_file():
        recipe = recipes.of_run(folder)
    elif data is None:
        raise ValueError(f"{folder} holds no {OF_RUN}: give --config RECIPE, or --data to have one made")
    elif data in DATASETS and (recipes.FOLDER / f"{data}.toml").is_file():
        recipe = recipes.load(data)
    else:
        text = made.make(data, how, weights)
        recipe = recipes.parse(text, folder)
    return Plan(recipe, folder, text)


def expected(run: Run, minutes: float | None = None) -> str:
    """What to expect of a run, in sentences: what it learns from, how fast, until when, and in how much memory.

    A few steps of each kind that is still to come are tried; the run is what it was before.
    """
    several = run.processes > 1  # a step of one alone would wait for the others
    return _told(run) if several else f"{_told(run)}\n{_course(run, minutes)}"


def _told(run: Run) -> str:
    split = run.record["split"]
    if run.data in DATASETS:
        return f"{DATASETS[run.data].title}: pictures without end"
    words = (
        f"{Path(run.data).name}: {split['train']} pictures to learn from, {split['validate']} held out meanwhile, "
        f"{split['test']} kept for the test at the end"
    )
    if sum(split[name] for name in ("train", "validate", "test")) < 20:
        words += "\nfewer than 20 pictures: expect them to be learned by heart"
    height, width = run.source.size
    if height != width:
        told = {"crop": "only the square in the middle is seen", "pad": "all is kept, on black"}
        how = told.get(run.fit, "all is kept, the proportions are not")
        words += f"\n{width} x {height} pixels are not square: fit = {run.fit}, {how}"
    return words


def _course(run: Run, minutes: float | None) -> str:
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
        return "the recipe is done"
    if not steps:
        return "slots learn one by one to the end of the recipe: no rate is known beforehand"
    batch = run.record["batch"] * run.processes
    rate = steps * batch / max(total, 1e-9)
    if minutes is not None:
        first, total = first * 60 * minutes / max(total, 1e-9), 60 * minutes
    words = f"{rate:.1f} pictures a second, {_time(total)} to the end of the recipe"
    if run.record.get("from"):
        words += "; slots to be recognised at once, as far as the weights it begins with know such things"
    elif settles > run.position:
        # Sprites had an ARI-FG of 0.57 then, Tetrominoes of 0.60 after 2,000 steps more.
        words += f"; slots to be recognised once all {most} are in play, after {_time(first)}"
    if (peak := memory.peak(run.device)) is not None:
        words += f"; {peak / 2**30:.1f} GiB of memory"
    return words


def _seconds(run: Run) -> list[float]:
    """Seconds of a step of each stage; 0 of those that are over, and of slots that learn alone, for which the rate of
    the others says nothing."""
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
            for number in range(1 + TRIED):
                if number == 1:
                    run.optimizing.read()
                    start = time.monotonic()
                lattice = Lattice.draw(batch, side, stage.stride, stage.window, run.device)
                run.optimizing([Scenes(images, lattice)], [number], slots, stage, run.position, False)
            run.optimizing.read()
            measured[kind] = (time.monotonic() - start) / TRIED
        seconds.append(measured[kind])
    run.take(before)
    run.optimizing.streak.zero_()
    return seconds


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
