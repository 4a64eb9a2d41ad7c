"""Selects a torch device by name."""

from __future__ import annotations

import torch


def device_of(name: str | None) -> torch.device:
    """The device of this name; if None, the GPU, or the CPU where there is no GPU.

    Raises:
        ValueError: this machine has no such device.
    """
    try:
        device = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"this machine has no device {name!r}: {str(error).splitlines()[0]}") from error
    return device
