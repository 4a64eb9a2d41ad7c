"""``python -m monet.latents``: measures what latents do and know, and writes it beside their weights."""

from __future__ import annotations

import argparse
import os

from monet import checkpoints
from monet.batches import TEST, VALIDATE, scenes
from monet.data import DATASETS
from monet.faults import told
from monet.latents import record
from monet.latents.effects import measure
from monet.latents.knowledge import known


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m monet.latents", description="What the latents do and know.")
    parser.add_argument("checkpoint", nargs="*", help="names under checkpoints/ or folders (default: all)")
    parser.add_argument("--slots", type=int, default=300, help="objects to measure effects on (default: 300)")
    parser.add_argument(
        "--scenes", type=int, default=600, help="validation scenes to learn the factors from; half as many test scenes "
        "to score on (default: 600)",
    )  # fmt: skip
    parser.add_argument("--print", action="store_true", help="print only, write nothing")
    options = parser.parse_args()
    try:
        chosen = [checkpoints.read(name) for name in options.checkpoint] or checkpoints.find()[0]
        for checkpoint in chosen:
            if checkpoint.data not in DATASETS:
                raise ValueError(f"{checkpoint.name} does not say which generated data set it was trained on")
            model = checkpoints.load(checkpoint)
            fit = scenes(checkpoint.data, VALIDATE, range(options.scenes))
            measured = measure(model, fit, options.slots)
            test = scenes(checkpoint.data, TEST, range(options.scenes // 2))
            knows = known(model, checkpoint.data, fit, test) if fit[0].factors else {}
            found = record.Record(record.fingerprint(checkpoint), measured, knows)
            print(record.section(checkpoint.name, found), flush=True)
            if not options.print and os.access(checkpoint.folder, os.W_OK):
                record.write(checkpoint, found)
    except ValueError as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    with told():
        main()
