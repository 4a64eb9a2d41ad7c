"""Benchmark of decomposing a picture in the page, against PyTorch on this machine and ONNX Runtime Web.

ONNX Runtime Web is included if its files and Python's ``onnx`` are installed: ``npm install onnxruntime-web`` and
``pip install onnx onnxscript`` in any folders, named by ``MONET_ONNX_RUNTIME`` and ``PYTHONPATH``.
"""

from __future__ import annotations

import importlib.util
import os
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import numpy as np
import torch
import torch.nn.functional as F
from playwright.sync_api import Page, Route
from torch import Tensor, nn

import monet
from benchmarks.measure import ROOT, Row, Settings, missing, quantity, versus
from benchmarks.page import NO_CHROMIUM, PATIENCE, READY, Chromium, app
from monet.data import samples
from monet.data.batches import prepare
from monet.model import MONet

PAGE, PYTORCH, ONNX = "the page", "PyTorch", "ONNX Runtime Web"
RUNTIME = Path(os.environ.get("MONET_ONNX_RUNTIME", ROOT / "node_modules" / "onnxruntime-web")) / "dist"
NO_RUNTIME = f"{ONNX} or Python's onnx is missing: see benchmarks/live.py"


class Case(NamedTuple):
    """A model with its own number of slots, and the goal in milliseconds."""

    model: str
    data: str
    wanted: float


CASES = (Case("clevr6", "clevr6", 60), Case("tetrominoes", "tetrominoes", 15))

OPEN = """async ([model, pixels, slots]) => {
    const { openNetwork } = await import(new URL("monet/static/engine/networks.js", document.baseURI));
    window.network = await openNetwork(model);
    window.own = () => network.decompose(Uint8Array.from(pixels), slots);
    return network.note;
}"""
OPEN_ONNX = """async ([pixels, side]) => {
    const ort = await import("/onnx-runtime/ort.wasm.min.mjs");
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.wasmPaths = new URL("/onnx-runtime/", location.href).href;
    const session = await ort.InferenceSession.create(await (await fetch("/onnx-runtime/model.onnx")).arrayBuffer(), {
        executionProviders: ["wasm"], graphOptimizationLevel: "all",
    });
    const image = new Float32Array(pixels.length);
    pixels.forEach((value, i) => (image[(i % 3) * side * side + Math.floor(i / 3)] = value / 255));
    window.onnx = () => session.run({ image: new ort.Tensor("float32", image, [1, 3, side, side]) });
    const said = await onnx();
    const { masks } = await own();
    return Math.max(...said.log_masks.data.map((value, i) => Math.abs(Math.exp(value) - masks[i])));
}"""
TIME = "async (name) => { const start = performance.now(); await window[name](); return performance.now() - start; }"


WHOLE = ["log_masks", "log_scopes", "latent_mean", "latent_log_std", "components", "mask_logits"]


class Whole(nn.Module):
    """A model as a function of the image, with a fixed number of slots."""

    def __init__(self, model: MONet, slots: int):
        super().__init__()
        self.model, self.slots = model, slots

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        d = self.model(image, self.slots)
        return d.log_masks, d.log_scopes, d.latent_mean, d.latent_log_std, d.components, d.mask_logits


def live(settings: Settings) -> list[Row]:
    """Measures a whole picture, alternating: the page's worker, PyTorch, ONNX Runtime Web, on one thread."""
    with app(settings) as address, Chromium() as browser:
        if browser is None:
            return [missing("a whole picture in the page", NO_CHROMIUM)]
        page = browser.new_page()
        page.set_default_timeout(1000 * PATIENCE)
        page.goto(f"{address}/")
        page.wait_for_function(READY)
        return [row for case in CASES for row in rows(page, case, settings)]


def rows(page: Page, case: Case, settings: Settings) -> list[Row]:
    """Measures a model."""
    model = monet.load(case.model)
    slots, side = model.config.num_slots, model.config.resolution
    scene = samples.read(case.data, 0)
    pixels = prepare(scene, model.config).image.ravel().tolist()
    note = page.evaluate(OPEN, [case.model, pixels, slots])
    onnx = RUNTIME.is_dir() and importlib.util.find_spec("onnx") is not None
    if onnx:
        whole = Whole(model, slots).eval()
        with tempfile.TemporaryDirectory() as folder:
            page.route(
                "**/onnx-runtime/*", serve(export(whole, (1, 3, side, side), WHOLE, Path(folder) / "model.onnx"))
            )
            difference = page.evaluate(OPEN_ONNX, [pixels, side])
            page.unroute("**/onnx-runtime/*")
    samples_of: dict[str, list[float]] = {name: [] for name in (PAGE, PYTORCH, *([ONNX] if onnx else []))}
    for number in range(settings.rounds(60) + 1):
        measured = {PAGE: page.evaluate(TIME, "own") / 1000}
        start = time.perf_counter()
        monet.decompose(model, scene.image)
        measured[PYTORCH] = time.perf_counter() - start
        if onnx:
            measured[ONNX] = page.evaluate(TIME, "onnx") / 1000
        for name, seconds in measured.items():
            if number:
                samples_of[name].append(seconds)
    what = f"a whole picture in the page, {case.model}, {side}x{side}, K = {slots}, one thread"
    median = float(np.median(samples_of[PAGE]))
    against = f"{what}, against {ONNX}"
    return [
        Row(what, quantity(median, "s"), wanted=f"{case.wanted:g} ms", met=median <= case.wanted / 1000, note=note),
        versus(f"{what}, against {PYTORCH} with {settings.threads}", samples_of, PAGE, PYTORCH, None, "s"),
        versus(against, samples_of, PAGE, ONNX, 2, "s", f"their masks differ by at most {difference:.0e}")
        if onnx
        else missing(against, NO_RUNTIME),
    ]


def export(part: nn.Module, shape: tuple[int, ...], outputs: list[str], file: Path) -> Path:
    """Exports a part of a model with one input as ONNX, with a finite log-sigmoid instead of log(sigmoid(x))."""
    finite = patch.object(F, "logsigmoid", lambda x: -F.softplus(-x))
    with warnings.catch_warnings(), torch.inference_mode(), finite:
        warnings.simplefilter("ignore")
        torch.onnx.export(
            part, (torch.rand(shape),), str(file), input_names=["image"], output_names=outputs, dynamo=False
        )
    return file


def serve(file: Path) -> Callable[[Route], None]:
    """Returns a route handler for the files of the runtime and the model."""
    kinds = {".mjs": "text/javascript", ".wasm": "application/wasm"}

    def answer(route: Route) -> None:
        name = route.request.url.rpartition("/")[2].partition("?")[0]
        path = file if name == file.name else RUNTIME / name
        route.fulfill(body=path.read_bytes(), content_type=kinds.get(path.suffix, "application/octet-stream"))

    return answer
