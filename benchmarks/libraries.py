"""Benchmark of the forward pass in other libraries: PyTorch as in the app, compiled PyTorch, ONNX Runtime, OpenVINO.

Libraries that are not installed are skipped: ``pip install onnx onnxscript onnxruntime openvino``.
"""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks.live import WHOLE, Whole, export
from benchmarks.measure import Row, Settings, in_turns, missing, quantity, ratio
from benchmarks.network import SLOTS
from monet.checkpoints.onnx import Decoder
from monet.model import MONet, MONetConfig

PYTORCH, COMPILED, ONNX, OPENVINO = "PyTorch", "PyTorch compiled", "ONNX Runtime", "OpenVINO"
ENOUGH = 1.5
"""Least speed-up that would justify another dependency."""
TOLERANCE = 1e-3

Function = Callable[[np.ndarray], list[np.ndarray]]


def libraries(settings: Settings) -> list[Row]:
    """Measures one picture, a batch of 64 and one slot, float32, the same number of threads."""
    if importlib.util.find_spec("onnx") is None:
        return [missing("the forward pass by other libraries", "Python's onnx is missing: see benchmarks/libraries.py")]
    model = MONet(MONetConfig(num_slots=SLOTS)).eval()
    side, latents = model.config.resolution, model.config.latent_dim
    generator = np.random.default_rng(0)
    image, decoder = Whole(model, SLOTS).eval(), Decoder(model).eval()
    cases = (
        ("one 64x64 picture, K = 7", image, WHOLE, generator.random((1, 3, side, side), np.float32), 50),
        ("a batch of 64", image, WHOLE, generator.random((64, 3, side, side), np.float32), 6),
        ("one slot", decoder, ["component", "mask_logits"], generator.standard_normal((1, latents), np.float32), 200),
    )
    return [case(what, part, outputs, given, rounds, settings) for what, part, outputs, given, rounds in cases]


def case(
    what: str, part: torch.nn.Module, outputs: list[str], given: np.ndarray, rounds: int, settings: Settings
) -> Row:
    """Measures all libraries on one input, after checking that they agree with PyTorch."""
    compiled = torch.compile(part)
    functions: dict[str, Function] = {PYTORCH: partial(by_torch, part), COMPILED: partial(by_torch, compiled)}
    with tempfile.TemporaryDirectory() as folder:
        file = export(part, given.shape, outputs, Path(folder) / "part.onnx")
        for name, opened in ((ONNX, by_onnx_runtime), (OPENVINO, by_openvino)):
            if importlib.util.find_spec(name.replace(" ", "").lower()):
                functions[name] = opened(file, settings.threads)
        expected = functions[PYTORCH](given)
        differences = {
            name: max(float(np.abs(a - b).max()) for a, b in zip(expected, function(given), strict=True))
            for name, function in functions.items()
        }
        samples = in_turns(
            {name: partial(function, given) for name, function in functions.items()}, settings.rounds(rounds)
        )
    wrong = {name: error for name, error in differences.items() if not error <= TOLERANCE}
    if wrong:
        raise RuntimeError(f"{what}: these differ from PyTorch: {wrong}")
    ratios = {name: ratio(samples[PYTORCH], values) for name, values in samples.items() if name != PYTORCH}
    best = max(ratios, key=ratios.__getitem__)
    return Row(
        f"{what}, the fastest other library against PyTorch",
        f"{best} {quantity(float(np.median(samples[best])), 's')}",
        quantity(float(np.median(samples[PYTORCH])), "s"),
        ratios[best],
        note=", ".join(f"{name} {value:.2g} times PyTorch" for name, value in ratios.items())
        + f"; worth its size from {ENOUGH:g} times on",
        samples=samples,
    )


def by_torch(part: Callable[..., tuple[torch.Tensor, ...]], given: np.ndarray) -> list[np.ndarray]:
    with torch.inference_mode():
        return [value.numpy() for value in part(torch.from_numpy(given))]


def by_onnx_runtime(file: Path, threads: int) -> Function:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda given: session.run(None, {name: given})


def by_openvino(file: Path, threads: int) -> Function:
    import openvino

    settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    compiled = openvino.Core().compile_model(file, "CPU", settings)
    return lambda given: list(compiled([given]).to_tuple())
