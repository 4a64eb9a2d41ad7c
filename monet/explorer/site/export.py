"""``python -m monet.explorer export SITE``: writes the explorer with some models as a folder of plain files.

The files have the paths of the server's routes, so that the page's code is the same: ``monet/static``,
``monet/network/NAME``, ``monet/decoder/NAME``, ``monet/map/NAME``, ``monet/moments/NAME``, ``monet/samples``,
``monet/plotly``. Weights are in packed files beside their descriptions (:mod:`monet.explorer.site.weights`).
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any

import plotly
import torch

from monet import checkpoints
from monet.checkpoints import CheckpointError
from monet.data import DATASETS, samples
from monet.data.batches import prepare
from monet.explorer.galleries import galleries
from monet.explorer.layout import TITLE, build
from monet.explorer.models import Models
from monet.explorer.network import network_payload
from monet.explorer.payload import decoder_payload
from monet.explorer.server import STATIC
from monet.explorer.site.page import page
from monet.explorer.site.weights import lightened, packed
from monet.explorer.slotmap import samples_of, slot_map
from monet.training import moments

Files = dict[str, bytes]
"""Content by path below the site's folder."""

SERVER_ONLY = {"own": "own", "train": "training"}
"""Panels that need the server, with the folders of their modules."""
WORKER = "sw.js"
LIST = "self.SITE = "
"""Start of the service worker; the version and the list of files follow as JSON."""
PROBE_SLOTS = 2
"""K of the test scene for the page's network; small, because the export includes the expected result."""
CARD = f"""---
title: {TITLE}
emoji: 🧩
colorFrom: blue
colorTo: green
sdk: static
app_file: index.html
license: mit
short_description: See and play with how MONet takes a scene apart
tags: [monet, object-centric, scene-decomposition, 'arxiv:1901.11390']
---

# {TITLE}

Plain files for any web server, below any path. Written by `python -m monet.explorer export`.
"""


class ExportError(ValueError):
    """Nothing was written. The message says why in one sentence."""


@torch.no_grad()
def main(arguments: list[str]) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m monet.explorer export", description="Writes the explorer as a folder of plain files."
    )
    parser.add_argument("site", type=Path, metavar="SITE", help="folder to write; an older export in it is replaced")
    parser.add_argument("--model", nargs="+", metavar="NAME", help="checkpoints to export (default: all)")
    parser.add_argument("--checkpoints", type=Path, default=checkpoints.FOLDER, help="folder of checkpoints")
    options = parser.parse_args(arguments)
    models = Models(options.checkpoints, options.model)
    if missing := set(options.model or ()) - set(models.checkpoints):
        raise ExportError(models.problems[0] if models.problems else f"There is no checkpoint {min(missing)!r}.")
    if not models.checkpoints:
        raise ExportError(f"There is no checkpoint in {options.checkpoints}.")
    replaceable(options.site)
    files: Files = {}
    for name in models.checkpoints:
        found, rounding = model_files(models, name)
        files |= found
        print(f"{name}: {_megabytes(found)}, {rounding}")
    files |= page_files(models)
    files[WORKER] = worker(files)
    write(files, options.site)
    print(f"{options.site}: {_megabytes(files)} in {len(files)} files; to look at it: "
          f"python -m http.server --directory {options.site}")  # fmt: skip


def model_files(models: Models, name: str) -> tuple[Files, str]:
    """The files of a model, and a summary of how its weights were rounded."""
    checkpoint = models.checkpoints[name]
    data = samples_of(checkpoint.data)
    pictures = [prepare(samples.read(data, n), checkpoint.config).image for n in range(samples.count(data))]
    with models.use(name) as model:
        light, bits, difference = lightened(model, pictures)
    files: Files = {}
    for kind, payload in (
        ("network", network_payload(light, checkpoint, PROBE_SLOTS)),
        ("decoder", decoder_payload(light)),
    ):
        spec, numbers = packed(payload, f"{name}.bin")
        files |= {f"monet/{kind}/{name}": _json(spec), f"monet/{kind}/{name}.bin": numbers}
    files[f"monet/map/{name}"] = _json(slot_map(models, name))
    try:
        course = moments.read(checkpoint.folder)
    except CheckpointError:
        course = None
    files[f"monet/moments/{name}"] = _json(course and asdict(course))
    if course:
        files[f"monet/moments/{name}.webp"] = (checkpoint.folder / moments.SHEET).read_bytes()
    layers = ", ".join(map(str, bits))
    rounding = f"dense layers rounded to {layers} bits: error at most {difference:.0e} on {len(pictures)} scenes"
    return files, rounding


def page_files(models: Models) -> Files:
    """The files of the page: HTML, modules, samples, and README."""
    demo = build(models)
    counts = {data: samples.count(data) for data in map(samples_of, (c.data for c in models.checkpoints.values()))}

    def adapt(name: str, data: Any) -> Any:
        """Removes scenes that need a generator."""
        if name != "gallery":
            return data
        unusual = {
            model: [scene for scene in scenes if scene["origin"]["kind"] == "sample"]
            for model, scenes in data["unusual"].items()
        }
        for scene in chain.from_iterable(unusual.values()):
            counts[scene["origin"]["data"]] = max(scene["origin"]["index"] + 1, counts.get(scene["origin"]["data"], 0))
        return {"galleries": known(), "unusual": unusual}

    def known() -> list[dict[str, Any]]:
        """The galleries of the exported models' data, and of other data the scenes that the page refers to."""
        return [
            g | {"samples": counts[g["name"]], "background": DATASETS[g["name"]].background}
            for g in galleries({})
            if g["name"] in counts
        ]

    files: Files = {
        "index.html": page(demo, tuple(SERVER_ONLY), adapt).encode(),
        "README.md": CARD.encode(),
        "monet/plotly/plotly.min.js.gz.bin": gzip.compress(
            (Path(plotly.__file__).parent / "package_data" / "plotly.min.js").read_bytes(), mtime=0
        ),
    }
    files["monet/galleries"] = _json({"galleries": known(), "fits": None, "files": False, "closed": None})
    for path in sorted(STATIC.rglob("*")):
        inside = path.relative_to(STATIC)
        if path.is_file() and inside.parts[0] not in SERVER_ONLY.values():
            files[f"monet/static/{inside.as_posix()}"] = path.read_bytes()
    for data, count in sorted(counts.items()):
        for name in (f"{n:02d}{kind}.png" for n in range(count) for kind in ("", ".labels")):
            files[f"monet/samples/{data}/{name}"] = (samples.FOLDER / data / name).read_bytes()
    return files


def replaceable(site: Path) -> list[str]:
    """The files of an older export in a folder; an empty list if it is new or holds only hidden files.

    Raises:
        ExportError: the folder holds other files.
    """
    if not site.exists():
        return []
    if not site.is_dir():
        raise ExportError(f"{site} is a file: name a folder.")
    old_worker = site / WORKER
    first = old_worker.read_text().partition("\n")[0] if old_worker.is_file() else ""
    if first.startswith(LIST):
        listed = [*json.loads(first.removeprefix(LIST).removesuffix(";"))["files"], WORKER]
        return [path for path in listed if (site / path).resolve().is_relative_to(site.resolve())]
    if any(not entry.name.startswith(".") for entry in site.iterdir()):
        raise ExportError(f"{site} holds other files: name a new folder, or one that an export has written.")
    return []


def worker(files: Files) -> bytes:
    """The service worker that caches the files in the browser; its version is a hash of all files."""
    digest = hashlib.sha256()
    for path, content in sorted(files.items()):
        digest.update(path.encode() + hashlib.sha256(content).digest())
    listed = {"version": digest.hexdigest()[:16], "files": sorted(files)}
    return f"{LIST}{json.dumps(listed)};\n".encode() + files["monet/static/site/offline.js"]


def write(files: Files, site: Path) -> None:
    """Writes the files and deletes those of an older export."""
    for path in replaceable(site):
        (site / path).unlink(missing_ok=True)
    for path, content in files.items():
        target = site / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def _json(data: Any) -> bytes:
    return json.dumps(data, separators=(",", ":")).encode()


def _megabytes(files: Files) -> str:
    return f"{sum(map(len, files.values())) / 1e6:.2f} MB"
