"""Evaluates checkpoints on scenes outside their training set.

python -m monet.evaluation
python -m monet.evaluation multi_dsprites --count 320
python -m monet.evaluation mine --data my_masks --background 0,255 --fit pad --json
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch

from monet import checkpoints
from monet.checkpoints import Checkpoint, CheckpointError
from monet.devices import device_of
from monet.errors import exit_on_error, sentence
from monet.evaluation.scenes import find_scenes, notes, with_background, without_objects
from monet.evaluation.scoring import Result, evaluate
from monet.evaluation.sheets import SHEET_SCENES, contact_sheet
from monet.evaluation.tables import summary, table
from monet.inference import checked_slots
from monet.pictures import How


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m monet.evaluation", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "checkpoint", nargs="*", help="names under checkpoints/ or folders (default: all under checkpoints/)"
    )
    parser.add_argument(
        "--data",
        help="generated data set, or name or path of stored data (folder, .npz, a picture): its last scenes, or its "
        "test split if the checkpoint was trained on it (default: the checkpoint's training data)",
    )
    parser.add_argument("--count", type=int, default=320, help="number of scenes (default: 320)")
    parser.add_argument("--fit", choices=get_args(How), help="how to make pictures square (default: as in training)")
    parser.add_argument(
        "--background",
        type=_labels,
        metavar="LABELS",
        help="labels that are not objects, such as 0,255 (default: the data's)",
    )
    parser.add_argument("--slots", type=int, metavar="K", help="number of slots (default: the model's)")
    parser.add_argument("--device", help="cpu, cuda, cuda:1, ... (default: a GPU if there is one)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument(
        "--out", type=Path, help="folder for metrics.json and slots.png; one subfolder each for several checkpoints"
    )
    options = parser.parse_args()
    if options.slots is not None:
        options.slots = checked_slots(options.slots)
    device = device_of(options.device)
    found, problems = ([], []) if options.checkpoint else checkpoints.find()
    failed = [str(problem) for problem in problems]
    names = options.checkpoint or [checkpoint.folder for checkpoint in found]
    results, reports = [], []
    for name in names:
        try:
            checkpoint = checkpoints.read(name)
            out = options.out and (options.out / checkpoint.name if len(names) > 1 else options.out)
            result, report = _measure(checkpoint, options, device, out)
            results.append((checkpoint, result))
            reports.append(report)
        except (ValueError, OSError) as error:
            reason = sentence(error) if isinstance(error, OSError) else str(error)
            failed.append(reason if isinstance(error, CheckpointError) else f"{Path(name).name}: {reason}")
    if options.json:
        print(json.dumps(reports, indent=2))
    elif len(results) > 1:
        print(summary(results))
    for reason in failed:
        print(f"not measured: {reason}", file=sys.stderr)
    sys.exit(bool(failed))


def _measure(
    checkpoint: Checkpoint, options: argparse.Namespace, device: torch.device, out: Path | None
) -> tuple[Result, dict[str, Any]]:
    """Evaluates a checkpoint, writes its files if ``out`` is given, and prints its table."""
    if not (data := options.data or checkpoint.data):
        raise CheckpointError(f"no data set is known for {checkpoint.name}: give --data")
    model = checkpoints.load(checkpoint).to(device)
    title, scenes = find_scenes(data, options.count, checkpoint.data)
    scenes = [with_background(scene, options.background) for scene in scenes]
    how: How = options.fit or checkpoint.fit
    result = evaluate(model, scenes, "joint", how=how, num_slots=options.slots)
    remarks = list(notes(scenes, result, how))
    report = {
        "checkpoint": checkpoint.name,
        "data": data,
        "title": title,
        "count": len(scenes),
        "without_objects": without_objects(scenes, result),
        "fit": how,
        "slots": options.slots or checkpoint.config.num_slots,
        "background": options.background,
        "mean": _finite(result.means),
        "standard_error": _finite(result.standard_errors),
        "notes": remarks,
    }
    if out:
        out.mkdir(parents=True, exist_ok=True)
        checkpoints.write(out / "metrics.json", json.dumps(report, indent=2) + "\n")
        contact_sheet(model, scenes[:SHEET_SCENES], how=how, num_slots=options.slots).save(out / "slots.png")
    if not options.json:
        print(f"{checkpoint.title} on {len(scenes)} scenes of {title}\n\n{table(result)}\n")
        for remark in remarks:
            print(f"{remark}\n")
    return result, report


def _labels(text: str) -> tuple[int, ...]:
    labels = tuple(int(label) for label in text.split(","))
    if min(labels) < 0:
        raise ValueError("labels must be at least 0")
    return labels


def _finite(values: dict[str, float]) -> dict[str, float | None]:
    """Replaces NaN, which JSON does not have, by None."""
    return {name: value if np.isfinite(value) else None for name, value in values.items()}


if __name__ == "__main__":
    with exit_on_error():
        main()
