"""Runs the page's WebAssembly kernels under wasmtime, with the calls of its JavaScript."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import torch

from monet.explorer.kernel import build

wasmtime = pytest.importorskip("wasmtime")


def binaries(kernel: str) -> list[str]:
    return [name for name in build.INSTRUCTIONS if name.startswith(f"{kernel}/")]


@functools.cache
def compiled(binary: str) -> tuple[Any, Any]:
    engine = wasmtime.Engine()
    return engine, wasmtime.Module.from_file(engine, str(build.BINARIES / binary))


class Instance:
    """An instance of a WebAssembly binary."""

    def __init__(self, binary: str):
        engine, module = compiled(binary)
        self.store = wasmtime.Store(engine)
        self.exports = wasmtime.Instance(self.store, module, []).exports(self.store)

    def call(self, name: str, *arguments: int) -> Any:
        return self.exports[name](self.store, *arguments)

    def write(self, name: str, numbers: np.ndarray) -> None:
        self.exports["memory"].write(self.store, numbers.tobytes(), self.call(name))

    def read(self, name: str, *shape: int) -> np.ndarray:
        start = self.call(name)
        raw = self.exports["memory"].read(self.store, start, start + 4 * int(np.prod(shape)))
        return np.frombuffer(bytes(raw), "<f4").reshape(shape)


class Decoder(Instance):
    def allocate(self, height: int, width: int, latent_dim: int) -> int:
        """Returns the number of parameters that the kernel expects, 0 for an invalid configuration."""
        self.height, self.width = height, width
        return self.call("allocate", height, width, latent_dim)

    def load(self, parameters: list[torch.Tensor]) -> None:
        self.write("weights", torch.cat([parameter.detach().flatten() for parameter in parameters]).numpy())
        self.call("prepare")

    def decode(self, latent: np.ndarray) -> np.ndarray:
        """Decodes a latent of Z numbers to H,W,4."""
        self.write("latent", latent)
        self.call("decode")
        return self.read("output", self.height, self.width, 4)


class Network(Instance):
    """The attention and the encoder."""

    MOST_LEVELS = 8

    def allocate(self, config: dict[str, Any]) -> int:
        """Returns the number of parameters that the kernel expects, 0 for an invalid configuration of the page."""
        self.side, self.latents = config["side"], config["latents"]
        floor, attention, encoder = config["logMaskFloor"], config["attentionChannels"], config["encoderChannels"]
        settings = [self.side, config["slots"], self.latents, -np.inf if floor is None else floor]
        settings += [config[name] for name in ("attentionHidden", "encoderHidden", "encoderActivation")]
        settings += [config["encoderResiduals"], len(attention), len(encoder)]
        for widths in (attention, encoder):
            settings += (list(widths) + [0] * self.MOST_LEVELS)[: self.MOST_LEVELS]
        self.write("settings", np.array(settings, "<f4"))
        return self.call("allocate")

    def load(self, weights: np.ndarray) -> None:
        self.write("weights", weights)
        self.call("prepare")

    def decompose(self, pixels: np.ndarray, slots: int, scope: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """Pixels uint8 H,W,3 to masks, scopes and shares K,H,W and the posterior's mean and deviation K,Z; the scope
        H,W in (0, 1] is what the first step is given."""
        self.write("pixels", np.ascontiguousarray(pixels))
        self.write("scope", np.zeros((self.side, self.side), "<f4") if scope is None else np.log(scope).astype("<f4"))
        self.call("decompose", slots)
        images, rows = (slots, self.side, self.side), (slots, self.latents)
        return {
            "masks": self.read("masks", *images),
            "scopes": self.read("scopes", *images),
            "shares": self.read("shares", *images),
            "latent_mean": self.read("means", *rows),
            "latent_std": self.read("deviations", *rows),
        }
