"""Trains or resumes a recipe, checks a run, draws its report, exports its weights as a checkpoint.

python -m monet.training --config tetrominoes
python -m monet.training --data my_pictures              # writes a recipe: runs/my_pictures/recipe.toml
python -m monet.training check runs/my_pictures
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
from typing import get_args

import torch

# PyTorch's optimisers import this module at the first step. Imported after init_process_group, its default arguments
# keep the group and its threads alive, and a thread that outlives the interpreter aborts the process.
import torch.distributed.nn

from monet import checkpoints
from monet.devices import device_of
from monet.errors import exit_on_error
from monet.pictures import How
from monet.training import card, check, moments, plans, report, sprint
from monet.training import recipe as recipes
from monet.training.loggers import LOGGERS
from monet.training.run import Run


def main(arguments: list[str]) -> None:
    commands = {
        "export": export, "report": draw, "sprint": sprint_, "collect": collect, "check": check_, "moments": moments_,
    }  # fmt: skip
    if arguments and arguments[0] in commands:
        return commands[arguments[0]](arguments[1:])
    parser = argparse.ArgumentParser(
        prog="python -m monet.training", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--config",
        help="a recipe's name or the path of a TOML file (default: the recipe in the folder, else the one named like "
        "the data, else one made from --data and written into the folder)",
    )
    parser.add_argument(
        "--data", help="name or path of stored scenes instead of the recipe's data; a resumed run keeps its own"
    )
    parser.add_argument(
        "--fit", choices=get_args(How),
        help="how to make pictures square (default: the recipe's fit; pad if the recipe is made from --data)",
    )  # fmt: skip
    parser.add_argument(
        "--change-data", action="store_true",
        help="allow a resumed run to continue with other --data or --fit than it was trained on",
    )  # fmt: skip
    parser.add_argument("--folder", type=Path, help="folder of the run (default: runs/NAME); a state in it is resumed")
    parser.add_argument("--weights", help="checkpoint to start from; an error if the folder has a state")
    parser.add_argument("--first", type=int, help="with --weights: step of the recipe to start at (default: 0)")
    parser.add_argument("--steps", type=int, help="stop after this many more steps")
    parser.add_argument(
        "--minutes", type=float,
        help="run the rest of the recipe in this many minutes; learning rates and stages follow the elapsed time",
    )  # fmt: skip
    parser.add_argument("--device", help="cpu, cuda, cuda:1, ... (default: a GPU if there is one)")
    parser.add_argument(
        "--batch", type=int,
        help="pictures per step and process; the learning rate grows with its square root, and schedules follow the "
        "number of pictures (default: the recipe's)",
    )  # fmt: skip
    parser.add_argument(
        "--compile", action="store_true", help="compile the network first: takes a minute and needs a C++ compiler"
    )
    parser.add_argument(
        "--log", choices=LOGGERS, help="also write the figures with this logger, on this machine (default: none)"
    )
    parser.add_argument("--threads", type=int, default=1, help="threads of each process (default: 1)")
    parser.add_argument(
        "--workers", type=int,
        help="processes that prepare pictures ahead of the steps (default: 1 if the CPU prepares them and has a spare "
        "core)",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    train(options)


def train(options: argparse.Namespace) -> None:
    torch.set_num_threads(options.threads)
    distributed = "RANK" in os.environ
    if distributed and options.minutes is not None:
        raise ValueError("--minutes works with one process only")
    for name in ("batch", "threads", "steps", "minutes"):
        if (value := getattr(options, name)) is not None and not value > 0:
            raise ValueError(f"--{name} {value} must be above 0")
    device = None if options.device is None else device_of(options.device)
    plan = plans.plan(options.config, options.data, options.folder, options.fit, options.weights)
    recipe, folder = plan.recipe, plan.folder
    if distributed:
        torch.distributed.init_process_group()
    try:
        run = Run(
            recipe, folder, options.data, device=device, batch=options.batch, workers=_workers(options, distributed),
            how=options.fit, log=options.log,
        )  # fmt: skip
        resumed = run.resume(change_data=options.change_data)
        if resumed and options.weights:
            raise ValueError(
                f"{folder} has a state at step {run.step}: leave --weights out to resume it, or give another --folder"
            )
        weights = None if resumed else options.weights or recipe.weights
        if options.first is not None and not weights:
            raise ValueError("--first needs --weights: a resumed run continues at its own step")
        if weights:
            run.start_from(checkpoints.load(weights), options.first or 0, Path(weights).name)
        if run.rank == 0:
            plan.write()
            if resumed:
                print(f"resuming {folder} at step {run.step}, {run.position:.0f} of {recipe.steps} of the recipe")
            print(plans.expected(run, options.minutes), flush=True)
        if options.compile:
            run.compile()
        run.train(options.steps, options.minutes)
    finally:
        if distributed:
            torch.distributed.destroy_process_group()


def _workers(options: argparse.Namespace, distributed: bool) -> int:
    """Returns the number of worker processes: by default one on a CPU with an idle core, else none."""
    if options.workers is not None:
        return int(options.workers)
    on_gpu = torch.cuda.is_available() and options.device in (None, "cuda")
    return int(not on_gpu and not distributed and (os.cpu_count() or 1) > options.threads)


def sprint_(arguments: list[str]) -> None:
    """Trains several data sets within a few minutes; the runs can be resumed elsewhere."""
    parser = argparse.ArgumentParser(
        prog="python -m monet.training sprint", description=sprint.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("names", nargs="+", metavar="NAME", help="recipes, in the order of training")
    parser.add_argument("--minutes", type=float, required=True, help="total time")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--device", help="cpu, cuda, ... (default: a GPU if there is one)")
    parser.add_argument("--batch", type=int, help="pictures per step (default: the recipe's)")
    options = parser.parse_args(arguments)
    device = device_of(options.device)
    sprint.sprint(options.names, options.minutes, options.out, device, batch=options.batch)


def collect(arguments: list[str]) -> None:
    """Copies the results of a sprint into the folders of its runs."""
    parser = argparse.ArgumentParser(prog="python -m monet.training collect", description=collect.__doc__)
    parser.add_argument("folder", type=Path, help="the sprint's --out folder")
    for run in sprint.collect(parser.parse_args(arguments).folder):
        print(run)


def export(arguments: list[str]) -> None:
    """Writes the averaged weights of a run as a checkpoint with a model card of measured results."""
    parser = argparse.ArgumentParser(prog="python -m monet.training export", description=export.__doc__)
    parser.add_argument("run", type=Path, help="folder of the run")
    parser.add_argument("checkpoint", type=Path, help="folder of the checkpoint, created or replaced")
    parser.add_argument("--config", help="the recipe, if it is neither in the run's folder nor named like it")
    parser.add_argument("--count", type=int, default=320, help="test scenes to measure on (default: 320)")
    parser.add_argument(
        "--independent", action="store_true",
        help="give every latent of an object one meaning by independent component analysis; decoded pictures do not "
        "change",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    run = Run(recipes.of_run(options.run, options.config), options.run)
    if not run.resume():
        sys.exit(f"{options.run} holds no state of a run")
    card.export(run, options.checkpoint, options.count, options.config, options.independent)


def moments_(arguments: list[str]) -> None:
    """Writes the moments of a checkpoint's training from kept checkpoints instead of its run's folder."""
    parser = argparse.ArgumentParser(prog="python -m monet.training moments", description=moments_.__doc__)
    parser.add_argument("checkpoint", help="name under checkpoints/ or folder")
    parser.add_argument("weights", nargs="+", metavar="STEP=CHECKPOINT", help="checkpoint of the model at a step")
    parser.add_argument("--count", type=int, default=96, help="validation scenes to measure on (default: 96)")
    parser.add_argument("--note", default="", help="a sentence on the origin of the weights")
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


def check_(arguments: list[str]) -> None:
    """Diagnoses a run: symptom, cause, and what to change. The run may be training meanwhile."""
    parser = argparse.ArgumentParser(prog="python -m monet.training check", description=check_.__doc__)
    parser.add_argument("run", type=Path, help="folder of the run")
    parser.add_argument("--config", help="the recipe, if it is neither in the run's folder nor named like it")
    options = parser.parse_args(arguments)
    signs = check.look(options.run, recipes.of_run(options.run, options.config))
    print(check.line(signs))
    for diagnosis in check.diagnose(signs):
        print(f"\n{diagnosis}")


def draw(arguments: list[str]) -> None:
    """Draws the curves and the slots over time of a run into its folder."""
    parser = argparse.ArgumentParser(prog="python -m monet.training report", description=draw.__doc__)
    parser.add_argument("run", type=Path, help="folder of the run")
    for path in report.draw(parser.parse_args(arguments).run):
        print(path)


if __name__ == "__main__":
    with exit_on_error():
        main(sys.argv[1:])
