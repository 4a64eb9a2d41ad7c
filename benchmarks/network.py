"""Benchmarks of the network on a picture, a batch and a slot, against the notebook's with the same weights.

As a command it measures the memory of one batch: ``python -m benchmarks.network ALTERNATIVE BATCH THREADS``.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

import monet
from benchmarks.measure import Row, Settings, in_turns, missing, module, peak, quantity, resident, versus
from monet.model import MONet, MONetConfig
from tests import reference

OURS, NOTEBOOK = "MONet Explorer", "notebook"
NO_NOTEBOOK = "the reference notebook is not beside the project"
SLOTS = 7
SLOT_MULTIPLIES = 120e6
"""Necessary multiply-adds of the decoder's three 3x3 convolutions of 32 to 32 channels."""


def both(batch: int) -> tuple[MONet, Any]:
    """Builds our model and the notebook's for a batch, in eval mode, with the same weights."""
    theirs, ours = reference.build(SLOTS, batch), MONet(MONetConfig(num_slots=SLOTS)).eval()
    reference.copy_weights(theirs, ours)
    return ours, theirs


def picture(settings: Settings) -> list[Row]:
    """Measures one picture from uint8 to arrays, as in the app."""
    what = "decompose one 64x64 picture, K = 7, uint8 to arrays"
    if not reference.NOTEBOOK.is_file():
        return [missing(what, NO_NOTEBOOK)]
    ours, theirs = both(1)
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)

    @torch.no_grad()
    def notebook() -> list[np.ndarray]:
        return [x.numpy() for x in theirs(torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255)]

    samples = in_turns(
        {OURS: lambda: monet.decompose(ours, pixels), NOTEBOOK: notebook},
        settings.rounds(50),
    )
    return [versus(what, samples, OURS, NOTEBOOK, 4, "s", profile(ours, 1, settings))]


def profile(ours: MONet, count: int, settings: Settings) -> str:
    """Describes the time of each part for ``count`` pictures, and the least time of the decoder's convolutions."""
    images, latents = torch.rand(count, 3, 64, 64), torch.zeros(count * SLOTS, 16)
    every_image, log_masks = images.repeat_interleave(SLOTS, 0), torch.zeros(count * SLOTS, 1, 64, 64)
    parts: dict[str, Callable[[], object]] = {
        "attention": lambda: ours.attention(images, SLOTS),
        "encoder": lambda: ours.vae.encoder(every_image, log_masks),
        "decoder": lambda: ours.decode(latents),
    }
    with torch.inference_mode():
        samples = in_turns(parts, settings.rounds(20 if count == 1 else 5))
    listed = ", ".join(f"{name} {quantity(statistics.median(values), 's')}" for name, values in samples.items())
    rate = convolution_rate(settings)
    least = count * SLOTS * 2 * SLOT_MULTIPLIES / rate
    return (
        f"{listed}, of which its convolutions need {quantity(least, 's')} at the machine's best rate, "
        f"{rate / 1e9:.0f} GFLOP/s"
    )


def batch(settings: Settings) -> list[Row]:
    """Measures a batch of 64: time, and memory above what the process held before."""
    what = ("batch of 64, forward", "its memory")
    if not reference.NOTEBOOK.is_file():
        return [missing(w, NO_NOTEBOOK) for w in what]
    ours, theirs = both(64)
    images = torch.rand(64, 3, 64, 64)
    with torch.inference_mode():
        samples = in_turns({OURS: lambda: ours(images), NOTEBOOK: lambda: theirs(images)}, settings.rounds(10))
    memory: dict[str, list[float]] = {OURS: [], NOTEBOOK: []}
    for _ in range(settings.rounds(10)):
        for alternative, values in memory.items():
            values.append(module("network", alternative, 64, settings.threads)["megabytes"])
    return [
        versus(what[0], samples, OURS, NOTEBOOK, 3, "s", profile(ours, 64, settings)),
        versus(what[1], memory, OURS, NOTEBOOK, 1, "MB", "peak above what the process held before"),
    ]


def slot(settings: Settings) -> list[Row]:
    """Measures decoding one slot after an edit."""
    config = MONetConfig()
    ours, z = MONet(config).eval(), torch.randn(1, 16)
    latent = z.numpy()
    alternatives: dict[str, Callable[[], object]] = {OURS: lambda: monet.decode(ours, latent)}
    if reference.NOTEBOOK.is_file():
        ours, theirs = both(1)
        alternatives[NOTEBOOK] = notebook_decoder(theirs, z)
    samples = in_turns(alternatives, settings.rounds(200))
    row = "re-decode one edited slot"
    rows = [versus(row, samples, OURS, NOTEBOOK, 4, "s")] if NOTEBOOK in samples else [missing(row, NO_NOTEBOOK)]

    threads = {}
    for count in (1, 2):
        torch.set_num_threads(count)
        threads[str(count)] = in_turns({OURS: lambda: monet.decode(ours, latent)}, settings.rounds(100))[OURS]
    torch.set_num_threads(settings.threads)
    seconds = statistics.median(samples[OURS])
    rate = convolution_rate(settings)
    allowed = 2 * SLOT_MULTIPLIES / rate
    return [
        *rows,
        Row(
            "the same against 120 M multiply-adds at the machine's best convolution rate",
            quantity(seconds, "s"),
            quantity(allowed, "s"),
            allowed / seconds,
            "0.5",
            seconds <= 2 * allowed,
            f"best rate {rate / 1e9:.0f} GFLOP/s; with one thread {quantity(statistics.median(threads['1']), 's')}, "
            f"with two {quantity(statistics.median(threads['2']), 's')}",
            {"threads": threads, "rate": rate},
        ),
    ]


def operators(settings: Settings) -> list[Row]:
    """Profiles a picture, a batch and a slot by PyTorch operator."""
    model, pixels = MONet(MONetConfig(num_slots=SLOTS)).eval(), np.zeros((64, 64, 3), np.uint8)
    images, latent = torch.rand(64, 3, 64, 64), np.zeros((1, 16), np.float32)
    attention = partial(model.attention, images[:1], SLOTS)
    cases: dict[str, tuple[Callable[[], object], int]] = {
        "one picture": (lambda: monet.decompose(model, pixels), 20),
        "its attention": (attention, 20),
        "a batch of 64": (lambda: model(images), 2),
        "one slot": (lambda: monet.decode(model, latent), 100),
    }
    with torch.inference_mode():
        return [operators_of(what, call, settings.rounds(count)) for what, (call, count) in cases.items()]


def operators_of(what: str, call: Callable[[], object], rounds: int) -> Row:
    """Lists the operators that take most of a call's time, by PyTorch's profiler."""
    call()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiler:
        for _ in range(rounds):
            call()
    spent = {event.key.removeprefix("aten::"): event.self_cpu_time_total for event in profiler.key_averages()}
    total = sum(spent.values())
    most = sorted(spent, key=spent.__getitem__, reverse=True)[:6]
    return Row(
        f"where the time of {what} goes, by operator",
        "",
        note=", ".join(f"{name} {100 * spent[name] / total:.0f} %" for name in most),
        samples={"share": {name: value / total for name, value in spent.items()}},
    )


def notebook_decoder(theirs: Any, z: Tensor) -> Callable[[], tuple[Tensor, Tensor]]:
    """Returns the notebook's decoder of a latent 1,Z: its VAE with a fixed result of the encoder."""
    theirs.vae.encode = lambda image, log_mask: (z, z)
    theirs.vae.reparameterize = lambda mean, log_std: mean

    @torch.no_grad()
    def decode() -> tuple[Tensor, Tensor]:
        _, _, means, logits = theirs.vae(None, None)
        return means, logits

    return decode


def convolution_rate(settings: Settings) -> float:
    """Measures the machine's best rate of 3x3 convolutions with the current threads, in FLOP/s."""
    best = 0.0
    for channels, side, count in ((32, 66, 1), (32, 66, 8), (64, 64, 1), (64, 64, 4), (128, 32, 4), (256, 32, 1)):
        x = torch.rand(count, channels, side, side).contiguous(memory_format=torch.channels_last)
        weight = torch.rand(channels, channels, 3, 3).contiguous(memory_format=torch.channels_last)
        operations = 2 * 9 * channels**2 * count * (side - 2) ** 2
        with torch.inference_mode():
            seconds = in_turns({"": partial(F.conv2d, x, weight)}, settings.rounds(30))[""]
        best = max(best, operations / min(seconds))
    return best


def main(alternative: str, count: str, threads: str) -> None:
    torch.set_num_threads(int(threads))
    network = both(int(count))[alternative == NOTEBOOK]
    images = torch.rand(int(count), 3, 64, 64)
    before = resident()
    with torch.inference_mode():
        network(images)
    print(json.dumps({"megabytes": peak() - before}))


if __name__ == "__main__":
    main(*sys.argv[1:])
