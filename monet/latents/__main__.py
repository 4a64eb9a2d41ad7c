"""Measures the effect of each latent of a checkpoint and how well the latents predict the true factors.

python -m monet.latents multi_dsprites
python -m monet.latents FOLDER --data clevr6 --slots 300 --dry-run
"""

from __future__ import annotations

import argparse
import os

from monet import checkpoints
from monet.checkpoints import CARD, Checkpoint, CheckpointError
from monet.data.batches import TEST, VALIDATE
from monet.errors import exit_on_error
from monet.latents import card, knowledge
from monet.latents.effects import effects
from monet.latents.record import FILE, fingerprint
from monet.latents.slots import Slots, collect

FITTED, SCORED = 5, 2
"""Slots for fitting and for scoring the predictors, as multiples of the slots for the sweeps."""


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m monet.latents", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", nargs="+", help="names under checkpoints/ or folders")
    parser.add_argument(
        "--data", help="generated data set, or name or path of stored data (default: the training data)"
    )
    parser.add_argument("--slots", type=int, default=300, help="object slots to sweep every latent on (default: 300)")
    parser.add_argument("--dry-run", action="store_true", help=f"print only; do not write {FILE}, {card.TABLES}, card")
    options = parser.parse_args()
    if options.slots < 1:
        parser.error(f"--slots {options.slots} must be at least 1")
    for name in options.checkpoint:
        checkpoint = checkpoints.read(name)
        # Checked before measuring, which takes minutes.
        if not (options.dry_run or os.access(checkpoint.folder, os.W_OK)):
            raise CheckpointError(f"{checkpoint.folder} cannot be written; --dry-run prints only")
        if not (data := options.data or checkpoint.data):
            raise CheckpointError(f"{checkpoint.name}: its training data are unknown; pass --data NAME")
        _measure(checkpoint, data, options.slots, write=not options.dry_run)


def _measure(checkpoint: Checkpoint, data: str, number: int, write: bool) -> None:
    model = checkpoints.load(checkpoint)
    weights = fingerprint(checkpoint.folder)
    slots = collect(model, data, VALIDATE, FITTED * number, checkpoint.fit)
    latents = effects(model, slots.first(number), data, weights)
    known = _known(slots, collect(model, data, TEST, SCORED * number, checkpoint.fit), data)
    tables = card.tables(latents, checkpoint.title, checkpoint.name, known)
    print(tables)
    if write:
        files = {FILE: latents.json(), card.TABLES: tables}
        if (path := checkpoint.folder / CARD).is_file():
            section = card.section(latents, checkpoint.name)
            files[CARD] = card.insert(path.read_text(encoding="utf-8"), section)
        for name, text in files.items():
            checkpoints.write(checkpoint.folder / name, text)
        print(f"written: {', '.join(str(checkpoint.folder / name) for name in files)}\n")


def _known(fitted: Slots, scored: Slots, data: str) -> str:
    """Measures how well the latents predict the true factors; returns Markdown, or a sentence that says why not."""
    if (fitted.label < 0).any() or (scored.label < 0).any():
        return "Not measured: these scenes have no segmentation.\n"
    try:
        found = knowledge.knowledge(fitted, scored, data)
    except ImportError:
        return "Not measured: this needs scikit-learn (pip install scikit-learn).\n"
    measured = scored.scenes[0].factors is None
    return card.knowledge(found, len(fitted.latents), len(scored.latents) / scored.objects, measured)


if __name__ == "__main__":
    with exit_on_error():
        main()
