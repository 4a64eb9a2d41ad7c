"""Estimates the memory of a training step, and the batch size that fits."""

from __future__ import annotations

import os
import sys

import torch

PER_PIXEL = 2.4e3
"""Bytes that a step needs per pixel, picture and slot in float32. Measured in bfloat16: half of it, 236 MB for eight
pictures of 64 x 64 and six slots."""
SLOTS = 7
SHARE = 0.5
"""Share of the free memory that a step may take."""


def free(device: torch.device | None = None) -> int | None:
    """Returns the free memory of a GPU or of the machine in bytes; None if unknown."""
    if device is not None and device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError):
        try:
            return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        except (OSError, ValueError, AttributeError):
            return None


def peak(device: torch.device) -> int | None:
    """Returns the peak memory of this process so far in bytes, on a GPU or in total; None if unknown."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    if sys.platform == "win32":
        return None
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def batch(resolution: int, most: int, pictures: int | None) -> int:
    """Returns the largest batch of 1, 2, 4, ... up to ``most`` and the number of pictures that fits into memory."""
    available = free()
    fits = most if available is None else int(SHARE * available / (PER_PIXEL * SLOTS * resolution**2))
    best = 1
    while 2 * best <= min(fits, most, pictures or most):
        best *= 2
    return best
