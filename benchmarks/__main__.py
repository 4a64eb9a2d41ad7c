"""Measures speed and memory, prints a Markdown table, writes JSON and plots.

python -m benchmarks                        # everything but the loss curves
python -m benchmarks --quick                # few rounds, for rough ratios
python -m benchmarks --only slot --only slider
python -m benchmarks --only curves --curves 4800

Every ratio is the median over rounds in which the alternatives alternate in one run, so that other load on the machine
slows all of them.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from benchmarks import (
    canvas,
    card,
    crowd,
    curves,
    growth,
    hand,
    libraries,
    live,
    network,
    page,
    scenes,
    training,
    visitors,
)
from benchmarks.measure import ROOT, Row, Settings, machine

PARTS: dict[str, Callable[[Settings], list[Row]]] = {
    "picture": network.picture,
    "batch": network.batch,
    "slot": network.slot,
    "operators": network.operators,
    "libraries": libraries.libraries,
    "step": training.step,
    "profile": training.profile,
    "vae": training.vae,
    "torchrun": training.torchrun,
    "scenes": scenes.scenes,
    "slider": page.slider,
    "drag": page.drag,
    "hand": hand.hand,
    "live": live.live,
    "canvas": canvas.canvas,
    "start": page.start,
    "import": page.imports,
    "visitors": visitors.visitors,
    "crowd": crowd.crowd,
    "growth": growth.growth,
    "card": card.card,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", action="append", choices=[*PARTS, "curves"], help="run one part; may be repeated")
    parser.add_argument("--quick", action="store_true", help="few rounds")
    parser.add_argument("--curves", type=int, metavar="IMAGES", help="also loss curves over this many pictures a seed")
    parser.add_argument("--docs", action="store_true", help="write the table to docs/speed.md and main rows to README")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="threads of all alternatives")
    parser.add_argument("--seconds", type=float, default=60, help="duration of `crowd` in seconds")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results.json", help="path of the JSON")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # the notebook's GradScaler warns without CUDA
    torch.set_num_threads(options.threads)
    settings = Settings(options.quick, options.threads, options.out, options.seconds)
    parts = {**PARTS, "curves": lambda settings: curves.curves(settings, options.curves or 1600)}
    names = options.only or [*PARTS, *(["curves"] if options.curves else [])]
    results: dict[str, Any] = {"machine": machine(options.threads), "quick": options.quick, "rows": {}}
    text = f"{describe(results)}\n\n{HEAD}\n"
    print(text, end="", flush=True)
    for name in names:
        rows = parts[name](settings)
        lines = "".join(f"{line(row)}\n" for row in rows)
        print(lines, end="", flush=True)
        text += lines
        results["rows"][name] = [asdict(row) for row in rows]
        options.out.write_text(json.dumps(rounded(results), indent=1) + "\n", encoding="utf-8")
    if options.docs:
        put(ROOT / "docs" / "speed.md", text)
        put(ROOT / "README.md", main_rows(text.splitlines()))


BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"
MAIN = (
    "decompose one 64x64 picture", "batch of 64, forward", "re-decode one edited slot", "training step, K = 6, batch",
    "VAE alone", "slider to pixels, p50, browser path", "slider to pixels, p50, server path", "hand to pixels, 50%",
    "a whole picture in the page, clevr6", "start of the app",
)  # fmt: skip
"""Prefixes of the README's rows; the first row with each prefix is used."""


def put(path: Path, text: str) -> None:
    """Replaces the text between the marks in a file."""
    before, mark, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    path.write_text(f"{before}{mark}\n{text}{END}{rest.partition(END)[2]}", encoding="utf-8")


def main_rows(lines: list[str]) -> str:
    """Selects the table's main rows, without goals and notes."""
    found = (next((line for line in lines if line.startswith(f"| {prefix}")), "") for prefix in MAIN)
    rows = [" | ".join(row.split(" | ")[:4]) + " |" for row in found if row]
    return "\n".join(["", "| what | ours | against | times better |", "|---|---|---|---|", *rows, "", ""])


HEAD = "| what | ours | against | times better | at least | met | |\n|---|---|---|---|---|---|---|"


def line(row: Row) -> str:
    met = {True: "yes", False: "**no**", None: ""}[row.met]
    better = "" if row.ratio is None else f"{row.ratio:.2g}" if row.ratio < 10 else f"{row.ratio:.0f}"
    return f"| {row.what} | {row.ours} | {row.against} | {better} | {row.wanted} | {met} | {row.note} |"


def rounded(value: Any) -> Any:
    """Rounds all floats to four digits, the precision of the measurements."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


def describe(results: dict[str, Any]) -> str:
    m = results["machine"]
    return (
        f"`python -m benchmarks{' --quick' if results['quick'] else ''}` on {m['cpu']}, {m['cores']} logical cores "
        f"({m['capability']}), {m['memory_gb']} GB, {m['system']}, Python {m['python']}, torch {m['torch']}, "
        f"{m['threads']} threads; load before {', '.join(map(str, m['load']))}."
    )


if __name__ == "__main__":
    main()
