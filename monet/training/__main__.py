"""``python -m monet.training``: train a recipe, resume it, export its weights."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from monet.training import recipe as recipes
from monet.training.loop import Run


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m monet.training", description=__doc__)
    parser.add_argument("--config", required=True, help="a recipe's name or the path of a TOML file")
    parser.add_argument("--run", type=Path, help="folder of the run (default: runs/NAME); a state in it is resumed")
    parser.add_argument("--steps", type=int, help="stop after so many more steps")
    parser.add_argument("--threads", type=int, default=1, help="threads of each process (default: 1)")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    recipe = recipes.load(options.config)
    folder = options.run or Path("runs") / Path(options.config).stem
    folder.mkdir(parents=True, exist_ok=True)
    run = Run(recipe, folder)
    if run.resume():
        print(f"resuming {folder} at step {run.step}")
    run.train(options.steps)


if __name__ == "__main__":
    main()
