"""Compresses weights for the static export by rounding, with outputs within 5e-4 of the full model's.

Rounding all weights alike is too coarse: with 15 bits of fraction the masks of ``arc`` still differ by 0.03, because
its attention is recurrent. The fully connected layers hold two thirds of the weights and sum hundreds of inputs, so
only they are rounded; convolutions, norms and biases keep single precision.
"""

from __future__ import annotations

import base64
import copy
import gzip
from collections import deque
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch

from monet import inference
from monet.model import MONet

TOLERANCE = 5e-4
"""Largest difference of masks, latents and components from rounding; the page's kernels may add as much again."""
FEWEST_BITS, ALL_BITS = 9, 23
NUMBERS = ("weights", "latent", "output", "masks", "latentMean", "latentStd", "components")
"""Payload fields with single precision numbers in base64."""
COMPARED = ("masks", "latent_mean", "latent_std", "components", "decoded_masks")


def lightened(model: MONet, pictures: Iterable[np.ndarray]) -> tuple[MONet, list[int], float]:
    """Rounds a model's fully connected weights as far as :data:`TOLERANCE` allows.

    All layers begin with the fewest bits. If a picture differs too much, the layer whose rounding matters most for it
    gets one more bit.

    Args:
        model: in eval mode; not modified.
        pictures: model inputs uint8 H,W,3 to compare on.

    Returns:
        the rounded model, the bits of fraction of each fully connected layer, and the largest absolute difference on
        the pictures.
    """
    scenes = [(picture, inference.describe(*inference.forward(model, picture))) for picture in pictures]
    light = copy.deepcopy(model)
    layers = [layer for layer in light.modules() if isinstance(layer, torch.nn.Linear)]
    weights = [layer.weight.detach().numpy() for layer in layers]
    bits = [FEWEST_BITS] * len(layers)

    def apply_bits(layer: int, count: int) -> None:
        layers[layer].weight.data = torch.from_numpy(rounded(weights[layer], count))

    def difference(scene: int) -> float:
        picture, expected = scenes[scene]
        found = inference.describe(*inference.forward(light, picture))
        return max(float(np.abs(getattr(found, name) - getattr(expected, name)).max()) for name in COMPARED)

    def without(layer: int, scene: int) -> float:
        """The difference if this layer were not rounded."""
        apply_bits(layer, ALL_BITS)
        found = difference(scene)
        apply_bits(layer, bits[layer])
        return found

    for layer in range(len(layers)):
        apply_bits(layer, FEWEST_BITS)
    scene, passed = 0, deque[float](maxlen=len(scenes))
    while len(passed) < len(scenes):
        if (found := difference(scene)) <= TOLERANCE:
            passed.append(found)
            scene = (scene + 1) % len(scenes)
            continue
        passed.clear()
        rounded_layers = [layer for layer, count in enumerate(bits) if count < ALL_BITS]
        worst = max(rounded_layers, key=lambda layer: abs(without(layer, scene) - found))
        bits[worst] += 1
        apply_bits(worst, bits[worst])
    return light, bits, max(passed)


def rounded(values: np.ndarray, bits: int) -> np.ndarray:
    """Rounds float32 to this many bits of fraction, 1 to 23; ties to even."""
    drop = np.uint64(ALL_BITS - bits)
    raw = np.ascontiguousarray(values, "<f4").view("<u4").astype(np.uint64)
    if drop:
        odd = (raw >> drop) & np.uint64(1)
        raw = (raw + ((np.uint64(1) << (drop - np.uint64(1))) - np.uint64(1)) + odd) >> drop << drop
    return raw.astype("<u4").view("<f4")


def packed(payload: dict[str, Any], file: str) -> tuple[dict[str, Any], bytes]:
    """Moves the numbers of a payload to a binary file.

    Args:
        payload: from :func:`monet.explorer.network.network_payload` or ``decoder_payload``.
        file: name of the file, in the same folder as the payload.

    Returns:
        the payload with ``[start, end]`` in place of every array of numbers, and the name of the ``file``; and the
        file's content: gzip of the float32 in four byte planes, lowest bytes first. Signs and exponents repeat, so
        their planes compress well, and rounded bits take no space.
    """
    arrays: list[np.ndarray] = []

    def without(table: dict[str, Any]) -> dict[str, Any]:
        return {name: place(name, value) for name, value in table.items()}

    def place(name: str, value: Any) -> Any:
        if isinstance(value, dict):
            return without(value)
        if name not in NUMBERS:
            return value
        start = sum(map(len, arrays))
        arrays.append(np.frombuffer(base64.b64decode(value), "<f4"))
        return [start, start + len(arrays[-1])]

    spec = without(payload) | {"file": file}
    planes = np.concatenate(arrays).view(np.uint8).reshape(-1, 4).T
    return spec, gzip.compress(planes.tobytes(), mtime=0)
