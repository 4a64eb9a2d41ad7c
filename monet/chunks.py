"""Splits CPU batches into cache-sized chunks."""

from __future__ import annotations

import torch
from torch import Tensor


def chunks(x: Tensor, size: int) -> tuple[Tensor, ...]:
    """Splits N,... into chunks of at most ``size`` on a CPU, so that activations fit the cache and memory is bounded.

    Other devices get one chunk, and so does an exported graph, which must accept batches of any size.
    """
    unsplit = x.device.type != "cpu" or torch.compiler.is_exporting()
    return (x,) if unsplit else x.split(size)
