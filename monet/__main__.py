"""``monet COMMAND`` runs every program of the package; ``monet COMMAND --help`` describes each."""

from __future__ import annotations

import argparse
import runpy
import sys

from monet import __version__

COMMANDS = {
    "app": ("monet.explorer", "open MONet Explorer in the browser"),
    "train": ("monet.training", "train a model; check, report and export runs"),
    "evaluate": ("monet.evaluation", "measure checkpoints on scenes that they were not trained on"),
    "decompose": ("monet.decompose", "decompose thousands of pictures into files"),
    "data": ("monet.data", "list, download, generate and add data sets"),
    "checkpoints": ("monet.checkpoints", "list, import, download and export checkpoints"),
}
"""Module to run and its help text, by command."""


def main() -> None:
    commands = "".join(f"  {name:12} {about}\n" for name, (_, about) in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="monet", description=__doc__, epilog=f"commands:\n{commands}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    command = sys.argv[1:2]
    if command and command[0] in COMMANDS:
        del sys.argv[1]
        runpy.run_module(COMMANDS[command[0]][0], run_name="__main__", alter_sys=True)
        return
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND")
    parser.parse_args(command)


if __name__ == "__main__":
    main()
