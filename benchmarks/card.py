"""Benchmark of training on a GPU: pictures a second, against the notebook's step and the GPU's limits."""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.measure import Row, Settings, missing, quantity
from monet.data import DATASETS
from monet.model import MONetConfig
from monet.training.recipe import Recipe, Stage
from monet.training.run import Run
from monet.training.sprint import pictures_a_second
from monet.vae import HALO
from tests import reference

SLOTS, BATCHES, SHOWN = 6, (64, 128, 256, 512), 256
BANDWIDTH = 3e12
"""Largest memory bandwidth of the GPU in bytes a second."""
CONFIG = MONetConfig(num_slots=SLOTS)
STAGE = Stage(10**6, objects=(2, 5), slots=SLOTS)
GOAL, TIMES, SHARE, DATA_SHARE = 5000, 8, 0.5, 0.05
SCENES = {"clevr6": 5000}
"""Goals in scenes a second of the generators; 20,000 for the others."""


@dataclass(frozen=True)
class Convolution:
    """One layer of a step: input N,C,H,W, output channels, side of the kernel, and how often it runs in a step."""

    inputs: tuple[int, int, int, int]
    outputs: int
    kernel: int
    times: int = 1


def card(settings: Settings) -> list[Row]:
    """Measures all rows that need a GPU; without one, returns a single row that says so."""
    if not torch.cuda.is_available():
        return [missing("training on a GPU", "there is no GPU here")]
    return rows(torch.device("cuda"), BATCHES, settings.rounds(50))


def rows(device: torch.device, batches: tuple[int, ...], steps: int) -> list[Row]:
    """Measures the rows for a device; a CPU is for testing only."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "processor"
    found = {batch: pace(device, batch, steps) for batch in batches}
    first, best = batches[0], max(found, key=lambda batch: found[batch])
    what = f"training on one {name}, K = {SLOTS}, every pixel, bfloat16, pictures a second"
    listed = ", ".join(f"batch {batch}: {rate:.0f}" for batch, rate in found.items())
    result = [
        Row(f"{what}, batch {first}", f"{found[first]:.0f}", wanted=f"{GOAL}", met=found[first] >= GOAL, note=listed),
        Row(f"{what}, batch {best}", f"{found[best]:.0f}", wanted=f"{GOAL}", met=found[best] >= GOAL),
        against_the_notebook(device, first, steps, found[first]),
    ]
    convolving, moving = limits(device, best)
    share = max(convolving, moving) * found[best] / best
    result.append(
        Row(
            "the same as a share of the limit", f"{share:.2f}", wanted=f"{SHARE}", met=share >= SHARE,
            note=f"convolutions alone {quantity(convolving, 's')}, memory traffic {quantity(moving, 's')} a step",
        )
    )  # fmt: skip
    return [*result, *data(device, best, found[best], steps), memory(device, min(SHOWN, best))]


def pace(device: torch.device, batch: int, steps: int) -> float:
    """Measures pictures a second of a step on pictures in memory."""
    recipe = Recipe("multi_dsprites", CONFIG, (STAGE,), {"learning_rate": ((0, 1e-4),)}, batch_size=batch)
    run = Run(recipe, Path("runs"), device=device)
    if device.type == "cuda":
        run.compile()
    return pictures_a_second(run, steps)


def against_the_notebook(device: torch.device, batch: int, steps: int, ours: float) -> Row:
    """Compares with the notebook's own training step under its automatic mixed precision."""
    what = f"the same against the notebook's own step, batch {batch}"
    if not reference.NOTEBOOK.is_file():
        return missing(what, "the reference notebook is not beside the project")
    theirs = reference.notebook(as_it_stands=True, device=str(device))
    network: Any = theirs.MONet(SLOTS, batch, 1e-4).to(device)
    images = 255 * torch.rand(batch, 3, CONFIG.resolution, CONFIG.resolution, device=device)

    def learn(times: int) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            theirs.learn(network, [[{"image": images}] * times], 1, "unused")

    learn(2)
    rate = steps * batch / seconds(device, lambda: learn(steps))
    return Row(what, f"{ours:.0f}", f"{rate:.0f}", ours / rate, str(TIMES), ours / rate >= TIMES)


def limits(device: torch.device, batch: int) -> tuple[float, float]:
    """Computes two lower bounds of a step's duration in seconds.

    The first is the time of its convolutions alone, forward and twice backward, each at its own best rate. The second
    is the time to write and read its activations once, forward and backward, at full bandwidth.
    """
    convolving, moved = 0.0, 0.0
    for layer in layers(batch):
        x = torch.randn(layer.inputs, device=device, dtype=torch.bfloat16).to(memory_format=torch.channels_last)
        weight = torch.randn(layer.outputs, layer.inputs[1], layer.kernel, layer.kernel, device=device)
        weight = weight.bfloat16().to(memory_format=torch.channels_last)

        def forward(x: Tensor = x, weight: Tensor = weight) -> Tensor:
            return torch.nn.functional.conv2d(x, weight)

        y = forward()
        alone = min(seconds(device, forward) for _ in range(5))
        convolving += 3 * layer.times * alone
        moved += 4 * layer.times * (x.numel() + y.numel())  # two bytes each; forward, and back with the gradient
    return convolving, moved / BANDWIDTH


def layers(batch: int) -> list[Convolution]:
    """Lists the costly convolutions of a step: the decoder's for every slot, the U-Net's for every pass."""
    side, widths = CONFIG.resolution, CONFIG.decoder_channels
    found = []
    for number, (channels, outputs) in enumerate(pairwise(widths)):
        size = side + 2 * HALO - 2 * (number + 1)
        found.append(Convolution((batch * SLOTS, channels, size, size), outputs, 3))
    found.append(Convolution((batch * SLOTS, widths[-1], side, side), 4, 1))
    attention, below = CONFIG.attention_channels, CONFIG.attention_channels[-1]
    for level, (channels, outputs) in enumerate(zip((4, *attention), attention, strict=False)):
        size = side // 2**level
        found.append(Convolution((batch, channels, size + 2, size + 2), outputs, 3, SLOTS - 1))
    for level in reversed(range(len(attention))):
        size = side // 2**level
        found.append(
            Convolution((batch, below + attention[level], size + 2, size + 2), attention[level] // 2, 3, SLOTS - 1)
        )
        below = attention[level] // 2
    return found


def data(device: torch.device, batch: int, rate: float, steps: int) -> list[Row]:
    """Measures scenes a second of every batch generator on the device, and its share of a step's time."""
    found = []
    for name, dataset in DATASETS.items():
        make = dataset.batch
        if make is None:
            continue
        generator = torch.Generator(device).manual_seed(0)

        def batches(times: int, make: Any = make, dataset: Any = dataset, generator: Any = generator) -> None:
            for _ in range(times):
                make(batch, dataset.objects, generator)

        batches(2)
        made = batch * steps / seconds(device, lambda batches=batches: batches(steps))  # type: ignore[misc]
        wanted, share = SCENES.get(name, 20000), rate / made
        found.append(
            Row(
                f"{dataset.title}: scenes a second on the device", f"{made:.0f}", wanted=str(wanted),
                met=made >= wanted, note=f"{100 * share:.1f} % of a step, at most {100 * DATA_SHARE:.0f} % wanted",
            )
        )  # fmt: skip
    return found


def memory(device: torch.device, batch: int) -> Row:
    """Measures the peak memory of a step of this batch."""
    what = f"memory of the GPU at batch {batch}"
    if device.type != "cuda":
        return missing(what, "there is no GPU here")
    torch.cuda.reset_peak_memory_stats(device)
    pace(device, batch, 2)
    return Row(what, quantity(torch.cuda.max_memory_allocated(device) / 1e9, "GB"))


def seconds(device: torch.device, call: Callable[[], object]) -> float:
    """Measures the seconds of a call, including its work on the device."""
    synchronise(device)
    start = time.perf_counter()
    call()
    synchronise(device)
    return time.perf_counter() - start


def synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
