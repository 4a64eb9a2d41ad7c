"""Decompose thousands of pictures into files: masks, latents, reconstructions and slots.

python -m monet.decompose photos/ --model multi_dsprites --out results
python -m monet.decompose a.png b.jpg stored_data --model FOLDER --out results --write masks latents --table parquet

A stopped job resumes with the same command. (In Python, ``monet.decompose`` is the function for one picture.)
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import get_args

from tqdm import tqdm

from monet import checkpoints, inference, outputs
from monet.devices import device_of
from monet.errors import exit_on_error
from monet.latents import fingerprint
from monet.outputs.files import Table
from monet.outputs.job import REFUSED
from monet.pictures import How


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m monet.decompose", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("paths", nargs="+", metavar="PATH", help="picture, folder, or stored data")
    parser.add_argument("--model", required=True, metavar="NAME", help="name under checkpoints/, or a folder")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for the files")
    parser.add_argument(
        "--write", nargs="+", choices=outputs.KINDS, default=outputs.KINDS, help="outputs (default: all)"
    )
    parser.add_argument("--table", choices=get_args(Table), default="csv", help="format of the latents (default: csv)")
    parser.add_argument("--slots", type=int, metavar="K", help="number of slots (default: the model's)")
    parser.add_argument("--fit", choices=get_args(How), help="how to make pictures square (default: as in training)")
    parser.add_argument("--batch", type=int, default=16, metavar="N", help="pictures per batch (default: 16)")
    parser.add_argument("--device", help="cpu, cuda, cuda:1, ... (default: a GPU if there is one)")
    options = parser.parse_args()
    if options.batch < 1:
        raise ValueError(f"--batch {options.batch} must be at least 1")
    slots = None if options.slots is None else inference.checked_slots(options.slots)
    checkpoint = checkpoints.read(options.model)
    model = checkpoints.load(checkpoint).to(device_of(options.device))
    pictures = outputs.inputs(options.paths, options.out)
    if not pictures:
        raise ValueError(f"There are no pictures in {', '.join(options.paths)}.")
    job = outputs.decompose_set(
        model,
        pictures,
        options.out,
        outputs.Options(options.fit or checkpoint.fit, slots, tuple(options.write), options.table, options.batch),
        {"model": checkpoint.name, "weights": fingerprint(checkpoint.folder)},
    )
    refused = 0
    try:
        for done in tqdm(job, "pictures", len(pictures), unit="", dynamic_ncols=True):
            if done.refused:
                refused += 1
                tqdm.write(f"{done.input.source}: {done.refused}", sys.stderr)
    except KeyboardInterrupt:
        sys.exit("Stopped; the same command resumes.")
    note = f"; refused: {refused}, see {options.out / REFUSED}" if refused else ""
    print(f"{options.out}: {len(pictures) - refused} of {len(pictures)} pictures decomposed{note}")
    sys.exit(refused == len(pictures))


if __name__ == "__main__":
    with exit_on_error():
        main()
else:
    # ``import monet.decompose`` would replace the package's function of the same name by this module. An entry in
    # sys.modules takes precedence, so it holds the function; runpy does not look there.
    sys.modules[__name__] = inference.decompose  # type: ignore[assignment]
