"""Exports a run as a checkpoint with a model card: results, use, training, limits."""

from __future__ import annotations

import copy
import os
import re
import shlex
import shutil
import sys
from pathlib import Path

import numpy as np

from monet import checkpoints, evaluation
from monet.checkpoints import CARD, LIMITS, metadata
from monet.data import DATASETS, Scene, Stored, batches, stored
from monet.data.batches import TRAIN
from monet.errors import exit_on_error
from monet.evaluation.scenes import find_scenes, notes, with_background
from monet.pictures import How
from monet.training import moments, report
from monet.training.independent import SCENES, make_independent
from monet.training.recipe import OF_RUN
from monet.training.run import Run

COURSE = {
    report.CURVES: "Training loss terms, validation ARI-FG and MSE, learning rate and scale factor by step",
    report.SLOTS: "A validation scene at several steps: picture, reconstruction, true and found segmentation, slots",
}
"""Captions of the pictures of a run's report."""
COUNT = 320
"""Default number of test scenes of an export."""
TRIALS = checkpoints.SHIPPED.parent / "docs" / "training"
"""Folder of the training records, one for each checkpoint of the repository: ``NAME.md``."""


def export(run: Run, folder: Path, count: int, config: str | None = None, independent: bool = False) -> None:
    """Saves the run's averaged weights with a model card, measured on the test split of the run's data.

    The section "Limits" is written by hand and kept from an older card. The pictures of the run's report are redrawn
    and copied.

    Args:
        run: a resumed run, so that its record holds data, steps and machines.
        folder: folder of the checkpoint.
        count: scenes to measure on; fewer if the split has fewer.
        config: the recipe's name or path; named like the run's folder if None.
        independent: see :func:`~monet.training.independent.make_independent`.

    Raises:
        ValueError: the data of the run is missing, or matplotlib is not installed.
    """
    pictures = report.draw(run.folder)  # may raise, so it comes before minutes of measuring
    model, how = copy.deepcopy(run.average), fit(run)
    if independent:
        number = min(SCENES, batches.size(run.data, TRAIN) or SCENES)
        make_independent(model, batches.scenes(run.data, TRAIN, range(number)), how)
    data = None if run.data in DATASETS else stored(run.data)
    title, test = find_scenes(run.data, count, run.data)
    background = run.record.get("background")
    test = [with_background(scene, None if background is None else tuple(background)) for scene in test]
    result = evaluation.evaluate(model, test, run.recipe.likelihood, how=how)
    old = (folder / checkpoints.CARD).read_text(encoding="utf-8") if (folder / checkpoints.CARD).is_file() else ""
    limits = old[old.index(LIMITS) :] if LIMITS in old else f"{LIMITS}\n\nNot described yet.\n"
    means = {name: round(value, 6) for name, value in result.means.items() if np.isfinite(value)}
    title = data.about.title if data else title
    sections = [
        head(run, title, test),
        "## Results\n\n" + results(run, folder, count, test, result),
        metadata.use(checkpoint_name(folder), how),
        "## Training\n\n" + training(run, folder, count, config, data, independent),
        "\n".join(f"![{COURSE[picture.name]}]({picture.name})" for picture in pictures),
        limits,
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
    """Rewrites the front matter and the section "Use" of a checkpoint's card from its configuration.

    Raises:
        CheckpointError: as :func:`monet.checkpoints.read`.
        OSError: there is no card.
    """
    checkpoint = checkpoints.read(folder)
    card = (checkpoint.folder / CARD).read_text(encoding="utf-8")
    card = re.sub(r"\A---\n.*?^---\n+", "", card, flags=re.MULTILINE | re.DOTALL)
    place = re.search(rf"^{re.escape(metadata.USE)}$.*?(?=^## |\Z)", card, re.MULTILINE | re.DOTALL)
    if place is None:
        place = re.search(r"(?=^## )|\Z", card, re.MULTILINE)
    assert place is not None  # the pattern matches at least the end
    before, after = card[: place.start()].rstrip("\n"), card[place.end() :]
    licence = "mit" if checkpoint.data in DATASETS else ""  # this project cannot license weights from others' data
    front = metadata.front_matter(checkpoint.title, checkpoint.data, checkpoint.measured, licence)
    used = metadata.use(checkpoint_name(checkpoint.folder), checkpoint.fit)
    text = f"{front}\n\n{before}\n\n{used}\n" + (f"\n{after}" if after else "")
    checkpoints.write(checkpoint.folder / CARD, text)


def checkpoint_name(folder: Path) -> str:
    """Returns the checkpoint's name in commands and programs: its folder's, or the path outside ``checkpoints/``."""
    return folder.name if folder.resolve().parent == checkpoints.FOLDER.resolve() else str(folder)


def fit(run: Run) -> How:
    """Returns how the run makes pictures square."""
    how: How = run.record.get("fit", "crop")
    return how


def head(run: Run, title: str, test: list[Scene]) -> str:
    """Writes the head of the card: title, picture and size of the network."""
    config = run.recipe.model
    true = "true and found" if any(scene.segmentation is not None for scene in test) else "found"
    size = f"{config.resolution} x {config.resolution} pixels"
    if config.picture_size:
        size += f", of which {config.picture_size} x {config.picture_size} are the picture"
    shown = min(len(test), evaluation.SHEET_SCENES)
    network = f"K = {config.num_slots} slots of {config.latent_dim} latents; {size}"
    parameters = sum(p.numel() for p in run.model.parameters())
    return f"""# MONet, {title}

![{shown} test scenes: picture, reconstruction, {true} segmentation, masked component of every slot](slots.png)

MONet ([Burgess et al. 2019](https://arxiv.org/abs/1901.11390)) with {network}; {parameters:,} parameters, float32."""


def training(run: Run, folder: Path, count: int, config: str | None, data: Stored | None, independent: bool) -> str:
    """Writes the section "Training": commands, data, steps, hardware and hours."""
    made = config is None and (run.folder / OF_RUN).is_file()  # the recipe was made from the data
    named = [] if made else ["--config", config or run.folder.name]
    chosen = ["--data", run.data] if made else list(named)
    if run.data != run.recipe.data:
        chosen += ["--data", run.data]
    if run.folder != Path("runs") / Path(run.data if made else named[1]).stem:
        chosen += ["--folder", str(run.folder)]
    if run.record["batch"] != run.recipe.batch_size:
        chosen += ["--batch", str(run.record["batch"])]
    exported = [*named, *count_option(count), *(["--independent"] if independent else [])]
    return f"""\
    {command("training", *chosen)}
    {command("training", "export", str(run.folder), str(folder), *exported)}

- Data: {source(run, data)}
- Steps: {run.position:.0f} of the recipe's {run.recipe.steps}; {trained_on(run)}.
- Hardware: {hardware(run)}.
- Weights: exponential moving average{initial_weights(run)}.{trials(folder)}"""


def trials(folder: Path) -> str:
    """Writes a link to the checkpoint's training record, if the repository has one."""
    page = TRIALS / f"{folder.name}.md"
    if folder.resolve().parent != checkpoints.SHIPPED.resolve() or not page.is_file():
        return ""
    return f"\n- What was tried, step by step: [{page.name}]({os.path.relpath(page, folder)})."


def source(run: Run, data: Stored | None) -> str:
    """Describes the training data with licence and citation."""
    if data is None:
        known = DATASETS[run.data]
        cited = f" {known.citation}." if known.citation else ""
        return f"scenes of {known.title} from this project's generator ({known.licence}).{cited}"
    about = data.about
    size = f"{data.images.shape[2]} x {data.images.shape[1]} pixels"
    words = [
        f"{about.title} (`{about.name}`), {batches.size(run.data, TRAIN)} of {len(data)} pictures of {size}, made "
        f"square by `{fit(run)}`."
    ]
    if about.source != str(data.path):
        words.append(f"Source: {about.source}.")
    words += [f"{name}: {text}." for name, text in (("Licence", about.licence), ("Cite", about.citation)) if text]
    if digest := run.record.get("content", next(iter(data.checksums.values()), "")):
        words.append(f"SHA-256 of the pictures: `{digest}`.")
    return " ".join(words)


def results(run: Run, folder: Path, count: int, test: list[Scene], result: evaluation.Result) -> str:
    """Writes the section "Results": the table and the command that prints it."""
    options = count_option(count)
    if background := run.record.get("background"):
        options += ["--background", ",".join(map(str, background))]
    words = "\n\n".join(notes(test, result, fit(run)))
    return f"""Mean and standard error over {len(test)} scenes of the test split, which this run was not trained on.
Command: `{command("evaluation", checkpoint_name(folder), *options)}`.

{evaluation.table(result)}""" + (f"\n\n{words}" if words else "")


def count_option(count: int) -> list[str]:
    """Returns the option ``--count``, empty for the default."""
    return ["--count", str(count)] if count != COUNT else []


def command(module: str, *arguments: str) -> str:
    """Formats a command line of this project."""
    return shlex.join(["python", "-m", f"monet.{module}", *arguments])


def initial_weights(run: Run) -> str:
    """Describes the checkpoint that the run was initialised from, "" if none."""
    weights, position = run.record.get("from", ("", 0))
    return f"; initialised from `{weights}` at step {position} of the recipe" if weights else ""


def trained_on(run: Run) -> str:
    """Formats the number of pictures (and single slots) that the run was trained on."""
    slots = f" and {run.record['slots']:,} single slots" if run.record["slots"] else ""
    return f"{run.record['pictures']:,} pictures{slots}"


def hardware(run: Run) -> str:
    """Formats the training time on each machine."""
    machines = []
    for machine in run.record["machines"]:
        processor = machine.get("processor", "")
        on = machine["device"] + (f" with {processor}" if processor and processor != machine["device"] else "")
        processes = f"{machine['processes']} processes, each " if machine["processes"] > 1 else ""
        threads = f"{machine['threads']} thread{'s' if machine['threads'] > 1 else ''}"
        machines.append(f"{duration(machine['seconds'])} on {processes}{on} ({threads}, torch {machine['torch']})")
    return ", then ".join(machines) or "not recorded"


def duration(seconds: float) -> str:
    """Formats seconds in the largest fitting unit: "2.5 hours"."""
    for unit, length in (("hours", 3600), ("minutes", 60)):
        if seconds >= 1.95 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.1f} seconds"


if __name__ == "__main__":
    with exit_on_error():
        for argument in sys.argv[1:]:
            renew(Path(argument))
