"""Weights for the page as small files, whose model says the same as the full one to 5e-4.

Rounding all weights alike does not do: with 15 bits of fraction the masks of ``arc`` still differ by 0.03, since its
attention feeds its own decisions back. The fully connected layers hold two thirds of the weights and add hundreds of
inputs up, so they alone are rounded; convolutions, norms and biases keep single precision.
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
"""Largest difference of masks, latents and components that rounding may make; the page's kernels may add as much."""
FEWEST_BITS, ALL_BITS = 9, 23
NUMBERS = ("weights", "latent", "output", "masks", "latentMean", "latentStd", "components")
"""What of a payload is single precision in base64."""
COMPARED = ("masks", "latent_mean", "latent_std", "components", "decoded_masks")


def lightened(model: MONet, pictures: Iterable[np.ndarray]) -> tuple[MONet, list[int], float]:
    """The model with its fully connected weights rounded as far as :data:`TOLERANCE` allows.

    All layers begin with the fewest bits. Where a picture differs too much, the layer whose rounding
    matters most there takes one more.

    Args:
        model: in eval mode; it stays as it is.
        pictures: uint8 H,W,3 as the network is fed them, to compare on.

    Returns:
        the rounded model, the bits of fraction of each fully connected layer, and the largest absolute difference on
        the pictures.
    """
    scenes = [(picture, inference.describe(*inference.forward(model, picture))) for picture in pictures]
    light = copy.deepcopy(model)
    layers = [layer for layer in light.modules() if isinstance(layer, torch.nn.Linear)]
    weights = [layer.weight.detach().numpy() for layer in layers]
    bits = [FEWEST_BITS] * len(layers)

    def use(layer: int, count: int) -> None:
        layers[layer].weight.data = torch.from_numpy(rounded(weights[layer], count))

    def difference(scene: int) -> float:
        picture, expected = scenes[scene]
        found = inference.describe(*inference.forward(light, picture))
        return max(float(np.abs(getattr(found, name) - getattr(expected, name)).max()) for name in COMPARED)

    def without(layer: int, scene: int) -> float:
        """The difference if this layer were not rounded."""
        use(layer, ALL_BITS)
        found = difference(scene)
        use(layer, bits[layer])
        return found

    for layer in range(len(layers)):
        use(layer, FEWEST_BITS)
    scene, passed = 0, deque[float](maxlen=len(scenes))
    while len(passed) < len(scenes):
        if (found := difference(scene)) <= TOLERANCE:
            passed.append(found)
            scene = (scene + 1) % len(scenes)
            continue
        passed.clear()
        rough = [layer for layer, count in enumerate(bits) if count < ALL_BITS]
        worst = max(rough, key=lambda layer: abs(without(layer, scene) - found))
        bits[worst] += 1
        use(worst, bits[worst])
    return light, bits, max(passed)


def rounded(values: np.ndarray, bits: int) -> np.ndarray:
    """float32 to the nearest with so many bits of fraction, 1 to 23; ties go to the even one."""
    drop = np.uint64(ALL_BITS - bits)
    raw = np.ascontiguousarray(values, "<f4").view("<u4").astype(np.uint64)
    if drop:
        odd = (raw >> drop) & np.uint64(1)
        raw = (raw + ((np.uint64(1) << (drop - np.uint64(1))) - np.uint64(1)) + odd) >> drop << drop
    return raw.astype("<u4").view("<f4")


def packed(payload: dict[str, Any], file: str) -> tuple[dict[str, Any], bytes]:
    """A payload for the page with its numbers in a file of their own.

    Args:
        payload: as :func:`monet.explorer.network.network_payload` or ``decoder_payload`` makes it.
        file: name of the file, beside that of the payload.

    Returns:
        the payload with ``[start, end]`` in place of every array of numbers, and the ``file`` where they lie; and the
        file's content: gzip of the float32 in four planes, all lowest bytes first. Signs and exponents repeat and are
        packed well that way, and bits that were rounded off take no room.
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
