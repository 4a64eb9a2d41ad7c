"""Model cards: what a checkpoint is, how it came about, and what it was measured to do."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from pathlib import Path

import numpy as np

from monet import batches, checkpoints, evaluation
from monet.batches import TRAIN
from monet.checkpoints import CARD, HISTORY, metadata
from monet.data import DATASETS, Scene, Stored, stored
from monet.evaluation.scenes import find_scenes, notes, with_background
from monet.faults import told
from monet.pictures import How
from monet.training import moments, report
from monet.training.recipe import OF_RUN
from monet.training.run import Run

COURSE = {
    report.CURVES: "Loss terms of the training batches, ARI-FG and MSE on validation scenes, learning rate and scale "
    "factor over the steps that the run's log holds",
    report.SLOTS: "One validation scene at several steps: picture, reconstruction, true and found segmentation, masked "
    "component of every slot",
}
"""What the pictures of a run's report show."""
COUNT = 320
"""Scenes that a checkpoint is measured on unless somebody says otherwise."""


def export(run: Run, folder: Path, count: int, config: str | None = None) -> None:
    """Saves the run's averaged weights with a card whose figures come from the test split of the run's own data.

    The card's last section, what was tried, is written by people: an older card's is kept. The pictures of the run's
    report are drawn anew and copied.

    Args:
        run: resumed, so that its record tells what it learned from and where.
        folder: of the checkpoint.
        count: scenes to measure on; fewer where the split has fewer.
        config: the recipe's name or path; None: called as the run's folder.

    Raises:
        ValueError: the data of the run is not there, or there is no matplotlib.
    """
    pictures = report.draw(run.folder)  # before minutes of measuring, because it may refuse
    model, how = run.average, fit(run)
    data = None if run.data in DATASETS else stored(run.data)
    title, test = find_scenes(run.data, count, run.data)
    background = run.record.get("background")
    test = [with_background(scene, None if background is None else tuple(background)) for scene in test]
    result = evaluation.evaluate(model, test, run.recipe.likelihood, how=how)
    old = (folder / checkpoints.CARD).read_text(encoding="utf-8") if (folder / checkpoints.CARD).is_file() else ""
    history = old[old.index(HISTORY) :] if HISTORY in old else f"{HISTORY}\n\nNothing is written down yet.\n"
    means = {name: round(value, 6) for name, value in result.means.items() if np.isfinite(value)}
    title = data.about.title if data else title
    sections = [
        head(run, title, test),
        "## How it was trained\n\n" + trained(run, folder, count, config, data),
        "\n\n".join(f"![{COURSE[picture.name]}]({picture.name})" for picture in pictures),
        "## What it does\n\n" + measured(run, folder, count, test, result),
        history,
    ]
    checkpoints.save(
        model, folder, title=title, data=run.data, card="\n\n".join(sections), fit=how,
        measured={"scenes": len(test), **means},
    )  # fmt: skip
    renew(folder)
    for picture in pictures:
        shutil.copy(picture, folder)
    moments.export(run.folder, run.data, folder)
    sheet = evaluation.contact_sheet(model, test[: evaluation.SHEET_SCENES], how=how)
    sheet.save(folder / "slots.png", optimize=True)


def renew(folder: Path) -> None:
    """Writes the front matter and the lines that use the model anew on a checkpoint's card, from its configuration.

    Raises:
        CheckpointError: as :func:`monet.checkpoints.read`.
        OSError: there is no card.
    """
    checkpoint = checkpoints.read(folder)
    card = (checkpoint.folder / CARD).read_text(encoding="utf-8")
    card = re.sub(r"\A---\n.*?^---\n+", "", card, flags=re.MULTILINE | re.DOTALL)
    card = re.sub(rf"^{re.escape(metadata.USE)}$.*?(?=^## |\Z)", "", card, flags=re.MULTILINE | re.DOTALL)
    title, mark, rest = card.partition("\n## ")
    licence = "mit" if checkpoint.data in DATASETS else ""  # of weights from others' data the others decide
    front = metadata.front_matter(checkpoint.title, checkpoint.data, checkpoint.measured, licence)
    used = metadata.use(called(checkpoint.folder), checkpoint.fit)
    checkpoints.write(checkpoint.folder / CARD, f"{front}\n\n{title.rstrip()}\n\n{used}\n{mark}{rest}")


def called(folder: Path) -> str:
    """A checkpoint as command lines and programs name it."""
    return folder.name if folder.resolve().parent == checkpoints.FOLDER.resolve() else str(folder)


def fit(run: Run) -> How:
    """How a run makes its pictures square."""
    how: How = run.record.get("fit", "crop")
    return how


def head(run: Run, title: str, test: list[Scene]) -> str:
    """What the checkpoint is."""
    config = run.recipe.model
    true = "true and found" if any(scene.segmentation is not None for scene in test) else "found"
    size = f"{config.resolution} x {config.resolution} pixels"
    if config.picture_size:
        size += f", of which {config.picture_size} x {config.picture_size} are the picture"
    shown = min(len(test), evaluation.SHEET_SCENES)
    return f"""# MONet, {title}

![{shown} test scenes: picture, reconstruction, {true} segmentation, masked component of every slot](slots.png)

{sum(p.numel() for p in run.model.parameters()):,} weights, float32; K = {config.num_slots} slots of
{config.latent_dim} latents; {size}."""


def trained(run: Run, folder: Path, count: int, config: str | None, data: Stored | None) -> str:
    """What a run learned from, how long, on what, and the commands."""
    made = config is None and (run.folder / OF_RUN).is_file()  # the recipe, from the data
    named = [] if made else ["--config", config or run.folder.name]
    chosen = ["--data", run.data] if made else list(named)
    if run.data != run.recipe.data:
        chosen += ["--data", run.data]
    if run.folder != Path("runs") / Path(run.data if made else named[1]).stem:
        chosen += ["--folder", str(run.folder)]
    if run.record["batch"] != run.recipe.batch_size:
        chosen += ["--batch", str(run.record["batch"])]
    return f"""{source(run, data)}

    {command("training", *chosen)}
    {command("training", "export", str(run.folder), str(folder), *named, *counted(count))}

As far as step {run.position:.0f} of the recipe's {run.recipe.steps}: {learned(run)}, {spent(run)}.
{began(run)}The weights are the exponential moving average of the run's."""


def source(run: Run, data: Stored | None) -> str:
    """What a run learned from, for people."""
    if data is None:
        known = DATASETS[run.data]
        cited = f" {known.citation}." if known.citation else ""
        return f"It learned from scenes of {known.title} that this project generates ({known.licence}).{cited}"
    about = data.about
    size = f"{data.images.shape[2]} x {data.images.shape[1]} pixels"
    words = [
        f"It learned from {about.title} (`{about.name}`), {batches.size(run.data, TRAIN)} of {len(data)} pictures of "
        f"{size}, made square by `{fit(run)}`."
    ]
    if about.source != str(data.path):
        words.append(f"They are from {about.source}.")
    words += [f"{name}: {text}." for name, text in (("Licence", about.licence), ("Cite", about.citation)) if text]
    if digest := run.record.get("content", next(iter(data.checksums.values()), "")):
        words.append(f"SHA-256 of the pictures: `{digest}`.")
    return " ".join(words)


def measured(run: Run, folder: Path, count: int, test: list[Scene], result: evaluation.Result) -> str:
    """The figures, and the command that prints them."""
    options = counted(count)
    if background := run.record.get("background"):
        options += ["--background", ",".join(map(str, background))]
    words = "\n\n".join(notes(test, result, fit(run)))
    return f"""{len(test)} scenes of the test split, which no training step of this run has seen: mean and standard
error.

    {command("evaluation", called(folder), *options)}

{evaluation.table(result)}""" + (f"\n\n{words}" if words else "")


def counted(count: int) -> list[str]:
    """The option for a number of scenes, where it is not the usual one."""
    return ["--count", str(count)] if count != COUNT else []


def command(module: str, *arguments: str) -> str:
    """A command of this project as one types it."""
    return shlex.join(["python", "-m", f"monet.{module}", *arguments])


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
    machines = []
    for machine in run.record["machines"]:
        processor = machine.get("processor", "")
        on = machine["device"] + (f" with {processor}" if processor and processor != machine["device"] else "")
        processes = f"{machine['processes']} processes, each " if machine["processes"] > 1 else ""
        threads = f"{machine['threads']} thread{'s' if machine['threads'] > 1 else ''}"
        machines.append(f"{duration(machine['seconds'])} on {processes}{on} ({threads}, torch {machine['torch']})")
    return ", then ".join(machines) or "no time at all"


def duration(seconds: float) -> str:
    """A time for people."""
    for unit, length in (("hours", 3600), ("minutes", 60)):
        if seconds >= 1.95 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.1f} seconds"


if __name__ == "__main__":
    with told():
        for argument in sys.argv[1:]:
            renew(Path(argument))
