"""Keeps the memory that tensors free in the process."""

from __future__ import annotations

import torch


def keep_freed_memory() -> None:
    """Makes glibc reuse freed blocks of up to 31 MiB, process-wide, rather than hand them back to the system.

    Pages that come back from the system must be cleared first, which takes longer than many a layer. Freeing one large
    block raises glibc's threshold to its size, which is the last below the limit of 32 MiB; it is never written to.
    """
    torch.empty(31 << 20, dtype=torch.uint8, device="cpu")
