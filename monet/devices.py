"""Devices by name, and what they are fast at."""

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


def fast_bfloat16(device: torch.device) -> bool:
    """Returns whether bfloat16 is faster than float32 on a device.

    A CPU needs AMX or AVX-512 bfloat16 instructions: with the latter the decoder's convolutions were 2.5 times as fast
    as in float32, forward and backward; without either they are up to ten times slower.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
