"""Train a recipe or go on with it, export its weights as a checkpoint, draw a report of it.

python -m monet.training --config tetrominoes
python -m monet.training report runs/tetrominoes
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
from monet.faults import told
from monet.training import card, report
from monet.training import recipe as recipes
from monet.training.loop import Run


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["export"]:
        return export(arguments[1:])
    if arguments[:1] == ["report"]:
        return draw(arguments[1:])
    parser = argparse.ArgumentParser(
        prog="python -m monet.training", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", required=True, help="a recipe's name or the path of a TOML file")
    parser.add_argument("--data", help="name or path of stored scenes to train on instead of generated ones")
    parser.add_argument("--folder", type=Path, help="folder of the run (default: runs/NAME); a state in it is resumed")
    parser.add_argument("--weights", help="a checkpoint to start from, where the folder has no state")
    parser.add_argument(
        "--first", type=int, default=0, help="with --weights: the step of the recipe to go on at (default: 0)"
    )
    parser.add_argument("--steps", type=int, help="stop after so many more steps")
    parser.add_argument(
        "--compile", action="store_true", help="compile the attention first: a minute, and it needs a C++ compiler"
    )
    parser.add_argument("--threads", type=int, default=1, help="threads of each process (default: 1)")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    recipe = recipes.load(options.config)
    folder = options.folder or Path("runs") / Path(options.config).stem
    folder.mkdir(parents=True, exist_ok=True)
    distributed = "RANK" in os.environ
    if distributed:
        torch.distributed.init_process_group()
    run = Run(recipe, folder, options.data)
    if run.resume():
        if run.rank == 0:
            print(f"resuming {folder} at step {run.step} of {recipe.steps}")
    elif options.weights:
        run.start_from(checkpoints.load(options.weights), options.first)
    if options.compile:
        run.compile()
    try:
        run.train(options.steps)
    finally:
        if distributed:
            torch.distributed.destroy_process_group()


def export(arguments: list[str]) -> None:
    """Writes the averaged weights of a run as a checkpoint with its model card, figures measured now."""
    parser = argparse.ArgumentParser(prog="python -m monet.training export", description=export.__doc__)
    parser.add_argument("run", type=Path, help="folder of the run")
    parser.add_argument("checkpoint", type=Path, help="folder of the checkpoint, made or replaced")
    parser.add_argument("--config", help="the recipe, if it is not called as the run's folder")
    parser.add_argument("--count", type=int, default=320, help="fresh scenes to measure on (default: 320)")
    options = parser.parse_args(arguments)
    run = Run(recipes.load(options.config or options.run.name), options.run)
    if not run.resume():
        sys.exit(f"{options.run} holds no state of a run")
    card.export(run, options.checkpoint, options.count)


def draw(arguments: list[str]) -> None:
    """Draws the curves of a run and its slots over time, as far as it has come, into its folder."""
    parser = argparse.ArgumentParser(prog="python -m monet.training report", description=draw.__doc__)
    parser.add_argument("run", type=Path, help="folder of the run")
    for path in report.draw(parser.parse_args(arguments).run):
        print(path)


if __name__ == "__main__":
    with told():
        main(sys.argv[1:])
