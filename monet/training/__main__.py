"""Train a recipe or go on with it, export its weights as a checkpoint, draw a report of it.

python -m monet.training --config tetrominoes
python -m monet.training report runs/tetrominoes
python -m monet.training sprint tetrominoes --minutes 9 --out DIR
python -m monet.training export runs/tetrominoes checkpoints/tetrominoes
torchrun --nproc_per_node 2 -m monet.training --config tetrominoes
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import torch

from monet import checkpoints
from monet.devices import device_of
from monet.faults import told
from monet.training import card, moments, report, sprint
from monet.training import recipe as recipes
from monet.training.run import Run


def main(arguments: list[str]) -> None:
    commands = {"export": export, "report": draw, "sprint": sprint_, "collect": collect, "moments": moments_}
    if arguments and arguments[0] in commands:
        return commands[arguments[0]](arguments[1:])
    parser = argparse.ArgumentParser(
        prog="python -m monet.training", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", required=True, help="a recipe's name or the path of a TOML file")
    parser.add_argument(
        "--data", help="name or path of stored scenes to train on instead of the recipe's; a resumed run remembers it"
    )
    parser.add_argument("--folder", type=Path, help="folder of the run (default: runs/NAME); a state in it is resumed")
    parser.add_argument("--weights", help="a checkpoint to start from, where the folder has no state")
    parser.add_argument("--first", type=int, help="with --weights: the step of the recipe to go on at (default: 0)")
    parser.add_argument("--steps", type=int, help="stop after so many more steps")
    parser.add_argument(
        "--minutes", type=float,
        help="run the recipe from here to its end in so many minutes: rates and stages follow the time that is used",
    )  # fmt: skip
    parser.add_argument("--device", help="cpu, cuda, cuda:1, ... (default: a card if there is one)")
    parser.add_argument(
        "--batch", type=int,
        help="pictures per step and process; the learning rate grows with the root of it, and schedules follow the "
        "pictures seen (default: the recipe's)",
    )  # fmt: skip
    parser.add_argument(
        "--compile", action="store_true", help="compile the network first: a minute, and it needs a C++ compiler"
    )
    parser.add_argument("--threads", type=int, default=1, help="threads of each process (default: 1)")
    parser.add_argument(
        "--workers", type=int,
        help="processes that make pictures ahead of the steps (default: 1 where they are made on the processor and it "
        "has a core to spare)",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    train(options)


def train(options: argparse.Namespace) -> None:
    torch.set_num_threads(options.threads)
    recipe = recipes.load(options.config)
    folder = options.folder or Path("runs") / Path(options.config).stem
    distributed = "RANK" in os.environ
    if distributed and options.minutes is not None:
        raise ValueError("--minutes is for one process: several would not agree on the time that is used")
    if options.first is not None and not options.weights:
        raise ValueError("--first goes with --weights: a run that is resumed goes on where it was")
    for name in ("batch", "threads", "steps", "minutes"):
        if (value := getattr(options, name)) is not None and not value > 0:
            raise ValueError(f"--{name} {value} must be above 0")
    device = None if options.device is None else device_of(options.device)
    if distributed:
        torch.distributed.init_process_group()
    try:
        run = Run(
            recipe, folder, options.data, device=device, batch=options.batch, workers=_workers(options, distributed)
        )
        if run.resume(options.data):
            if options.weights:
                raise ValueError(
                    f"{folder} has a state at step {run.step}: leave --weights out to go on from it, or give another "
                    "--folder"
                )
            if run.rank == 0:
                print(f"resuming {folder} at step {run.step}, {run.position:.0f} of {recipe.steps} of the recipe")
        elif options.weights:
            run.start_from(checkpoints.load(options.weights), options.first or 0, Path(options.weights).name)
        if options.compile:
            run.compile()
        run.train(options.steps, options.minutes)
    finally:
        if distributed:
            torch.distributed.destroy_process_group()


def _workers(options: argparse.Namespace, distributed: bool) -> int:
    """A process of its own makes pictures where a core would be idle otherwise."""
    if options.workers is not None:
        return int(options.workers)
    on_card = torch.cuda.is_available() and options.device in (None, "cuda")
    return int(not on_card and not distributed and (os.cpu_count() or 1) > options.threads)


def sprint_(arguments: list[str]) -> None:
    """Trains data sets one after the other within a few minutes and leaves what is needed to go on elsewhere."""
    parser = argparse.ArgumentParser(
        prog="python -m monet.training sprint", description=sprint.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("names", nargs="+", metavar="NAME", help="recipes, in the order in which they are trained")
    parser.add_argument("--minutes", type=float, required=True, help="for everything")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--device", help="cpu, cuda, ... (default: a card if there is one)")
    parser.add_argument("--batch", type=int, help="pictures per step (default: the recipe's)")
    options = parser.parse_args(arguments)
    device = device_of(options.device)
    sprint.sprint(options.names, options.minutes, options.out, device, batch=options.batch)


def collect(arguments: list[str]) -> None:
    """Puts what a sprint left into the folders of its runs."""
    parser = argparse.ArgumentParser(prog="python -m monet.training collect", description=collect.__doc__)
    parser.add_argument("folder", type=Path, help="what the sprint called --out")
    for run in sprint.collect(parser.parse_args(arguments).folder):
        print(run)


def export(arguments: list[str]) -> None:
    """Writes the averaged weights of a run as a checkpoint with its model card, figures measured now."""
    parser = argparse.ArgumentParser(prog="python -m monet.training export", description=export.__doc__)
    parser.add_argument("run", type=Path, help="folder of the run")
    parser.add_argument("checkpoint", type=Path, help="folder of the checkpoint, made or replaced")
    parser.add_argument("--config", help="the recipe, if it is not called as the run's folder")
    parser.add_argument("--count", type=int, default=320, help="scenes of the test split to measure on (default: 320)")
    options = parser.parse_args(arguments)
    run = Run(recipes.load(options.config or options.run.name), options.run)
    if not run.resume():
        sys.exit(f"{options.run} holds no state of a run")
    card.export(run, options.checkpoint, options.count, options.config)


def moments_(arguments: list[str]) -> None:
    """Gives a checkpoint the moments of its training from weights that were kept, instead of from its run's folder."""
    parser = argparse.ArgumentParser(prog="python -m monet.training moments", description=moments_.__doc__)
    parser.add_argument("checkpoint", help="name under checkpoints/ or folder")
    parser.add_argument("weights", nargs="+", metavar="STEP=CHECKPOINT", help="what the model was at a step")
    parser.add_argument("--count", type=int, default=96, help="validation scenes to measure on (default: 96)")
    parser.add_argument("--note", default="", help="where they come from, a sentence")
    options = parser.parse_args(arguments)
    weights = {}
    for pair in options.weights:
        step, _, folder = pair.partition("=")
        if not step.isdecimal() or not folder:
            parser.error(f"{pair!r} is not STEP=CHECKPOINT")
        weights[int(step)] = Path(folder)
    folder = checkpoints.read(options.checkpoint).folder
    course = moments.from_weights(folder, weights, options.count, options.note)
    for step, *values in zip(course.steps, *(course.figures[name] for name in moments.VALUES), strict=True):
        print(step, *(f"{name} {value}" for name, value in zip(moments.VALUES, values, strict=True)))


def draw(arguments: list[str]) -> None:
    """Draws the curves of a run and its slots over time, as far as it has come, into its folder."""
    parser = argparse.ArgumentParser(prog="python -m monet.training report", description=draw.__doc__)
    parser.add_argument("run", type=Path, help="folder of the run")
    for path in report.draw(parser.parse_args(arguments).run):
        print(path)


if __name__ == "__main__":
    with told():
        main(sys.argv[1:])
