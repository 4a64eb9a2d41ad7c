"""``monet COMMAND``: one name for all programs of the package; ``monet COMMAND --help`` tells of each."""

from __future__ import annotations

import argparse
import runpy
import sys

from monet import __version__

COMMANDS = {
    "app": ("monet.explorer", "open the page that takes scenes apart"),
    "train": ("monet.training", "train a model, check, report and export a run"),
    "evaluate": ("monet.evaluation", "measure checkpoints on scenes that they have not learned from"),
    "decompose": ("monet.decompose", "take thousands of pictures apart"),
    "data": ("monet.data", "list, download, generate and add data sets"),
    "checkpoints": ("monet.checkpoints", "list, import, download and export checkpoints"),
}
"""Module that ``python -m`` runs, and help, by name."""


def main() -> None:
    words = "".join(f"  {name:12} {about}\n" for name, (_, about) in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="monet", description=__doc__, epilog=f"commands:\n{words}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    asked = sys.argv[1:2]
    if asked and asked[0] in COMMANDS:
        del sys.argv[1]
        runpy.run_module(COMMANDS[asked[0]][0], run_name="__main__", alter_sys=True)
        return
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND")
    parser.parse_args(asked)


if __name__ == "__main__":
    main()
