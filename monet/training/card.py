"""Model cards: what a checkpoint is, how it came about, and what it was measured to do."""

from __future__ import annotations

import shutil
from pathlib import Path

from monet import checkpoints, evaluation
from monet.batches import TEST, scenes
from monet.checkpoints import HISTORY
from monet.data import DATASETS
from monet.training import report
from monet.training.run import Run

COURSE = {
    report.CURVES: "Loss terms of the training batches, ARI-FG and MSE on validation scenes, learning rate and scale "
    "factor over the steps that the run's log holds",
    report.SLOTS: "One validation scene at several steps: picture, reconstruction, true and found segmentation, masked "
    "component of every slot",
}
"""What the pictures of a run's report show."""


def export(run: Run, folder: Path, count: int) -> None:
    """Saves the run's averaged weights with a card whose figures come from ``count`` scenes of the test split.

    The card's last section, what was tried, is written by people: an older card's is kept. The pictures of the run's
    report are drawn anew and copied.
    """
    pictures = report.draw(run.folder)  # before minutes of measuring, because it may refuse
    model = run.average
    title = DATASETS[run.recipe.data].title
    test = scenes(run.recipe.data, TEST, range(count))  # whatever it was trained on: what evaluation prints
    result = evaluation.evaluate(model, test, run.recipe.likelihood)
    old = (folder / checkpoints.CARD).read_text(encoding="utf-8") if (folder / checkpoints.CARD).is_file() else ""
    history = old[old.index(HISTORY) :] if HISTORY in old else f"{HISTORY}\n\nNothing is written down yet.\n"
    measured = {"scenes": count, **{name: round(value, 6) for name, value in result.means.items()}}
    card = text(run, folder.name, result, count, title, pictures) + history
    checkpoints.save(model, folder, title=title, data=run.recipe.data, card=card, measured=measured)
    for picture in pictures:
        shutil.copy(picture, folder)
    evaluation.contact_sheet(model, test[: evaluation.SHEET_SCENES]).save(folder / "slots.png", optimize=True)


def text(run: Run, name: str, result: evaluation.Result, count: int, title: str, pictures: list[Path]) -> str:
    """The card of a checkpoint without its history, Markdown with the front matter that model hubs read."""
    recipe, config = run.recipe, run.recipe.model
    course = "\n\n".join(f"![{COURSE[picture.name]}]({picture.name})" for picture in pictures)
    return f"""---
license: mit
tags: [monet, object-centric, scene-decomposition]
---

# MONet, {title}

![Eight test scenes: picture, reconstruction, true and found segmentation, masked component of every slot](slots.png)

{sum(p.numel() for p in run.model.parameters()):,} weights, float32; K = {config.num_slots} slots of
{config.latent_dim} latents; {config.resolution} x {config.resolution} pixels. Measured on scenes that this project
generates.

## How it was trained

`python -m monet.training --config {name}`, as far as step {run.position:.0f} of the recipe's {recipe.steps}:
{learned(run)}, {spent(run)}.
{began(run)}The weights are the exponential moving average of the run's. Exported by
`python -m monet.training export runs/{name} checkpoints/{name}`.

{course}

## What it does

{count} scenes of the test split, which no training step and no choice has seen; mean and standard error.
`python -m monet.evaluation {name}` prints it.

{evaluation.table(result)}

"""


def began(run: Run) -> str:
    """What a run began with, for people, where it was not nothing."""
    weights, position = run.record.get("from", ("", 0))
    return f"It began with the weights of `{weights}` at step {position} of the recipe. " if weights else ""


def learned(run: Run) -> str:
    """How much a run has learned from, for people."""
    slots = f" and {run.record['slots']:,} slots one by one" if run.record["slots"] else ""
    return f"{run.record['pictures']:,} pictures{slots}"


def spent(run: Run) -> str:
    """How long a run took and on what, for people."""
    machines = [
        f"{machine['seconds'] / 3600:.1f} hours on {machine['processes']} x {machine['device']}"
        + (f" ({machine['threads']} threads)" if "processor" in machine["device"] else "")
        for machine in run.record["machines"]
    ]
    return ", then ".join(machines) or "no time at all"
