"""Splits CPU batches into cache-sized chunks."""

from __future__ import annotations

import torch
from torch import Tensor


def chunks(x: Tensor, size: int) -> tuple[Tensor, ...]:
    """N,... in runs of at most ``size`` on a CPU, where the layers of a few stay in the cache and those of a batch of
    any size in bounded memory; whole elsewhere, and in an exported graph, which serves batches of every size."""
    whole = x.device.type != "cpu" or torch.compiler.is_exporting()
    return (x,) if whole else x.split(size)
