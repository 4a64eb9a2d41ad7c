"""Estimates the memory of a training step, and the batch size that fits."""

from __future__ import annotations

import os
import sys

import torch

PER_PIXEL = 2.4e3
"""Bytes that a step holds for a pixel of a picture and slot. Measured with bfloat16: 1.2e3, 236 MB for eight
pictures of 64 x 64 and six slots; float32 takes twice as much."""
SLOTS = 7
SHARE = 0.5
"""Of the free memory that a step may take."""


def free(device: torch.device | None = None) -> int | None:
    """Bytes of memory that are free, of a card or of the machine; None where the system does not tell."""
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
    """The most bytes that this process has held so far, on a card or at all; None where the system does not tell."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    if sys.platform == "win32":
        return None
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def batch(resolution: int, most: int, pictures: int | None) -> int:
    """The largest batch of 1, 2, 4, ... up to ``most`` whose step fits into half of the free memory, and that is not
    larger than the number of pictures."""
    there = free()
    fits = most if there is None else int(SHARE * there / (PER_PIXEL * SLOTS * resolution**2))
    best = 1
    while 2 * best <= min(fits, most, pictures or most):
        best *= 2
    return best
