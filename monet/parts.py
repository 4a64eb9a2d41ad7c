"""Batches in parts that a processor likes."""

from __future__ import annotations

from torch import Tensor


def parts(x: Tensor, size: int) -> tuple[Tensor, ...]:
    """N,... in runs of at most ``size`` on a CPU, where the layers of a few stay in the cache and those of a batch of
    any size in bounded memory; whole elsewhere."""
    return x.split(size if x.device.type == "cpu" else len(x))
