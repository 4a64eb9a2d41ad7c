"""Devices by their names."""

from __future__ import annotations

import torch


def device_of(name: str | None) -> torch.device:
    """A device by its name; a card, or the processor where there is none, if None.

    Raises:
        ValueError: there is none of that name here.
    """
    try:
        device = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"there is no device {name!r} here: {str(error).splitlines()[0]}") from error
    return device
