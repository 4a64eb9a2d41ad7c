"""Training runs of a tiny network, for tests of training in the app."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from monet.training import state as states

RECIPE = """
data = "tetrominoes"
batch_size = 4
evaluate_every = 50
save_every = 25

[model]
resolution = 16
num_slots = 3
latent_dim = 4
attention_channels = [4, 8]
attention_hidden = 8
encoder_channels = [4, 4]
encoder_hidden = 8
decoder_channels = [4, 4, 4, 4]

[[stages]]
until = 1000000
slots = 3
objects = [1, 3]

[schedules]
learning_rate = [[0, 1e-3]]
"""
PATIENCE = 180

T = TypeVar("T")


def recipes(folder: Path) -> Path:
    """A folder with the recipe, for the environment variable MONET_RECIPES."""
    folder.mkdir()
    (folder / "tetrominoes.toml").write_text(RECIPE, encoding="utf-8")
    return folder


def until(happens: Callable[[], T | None], patience: float = PATIENCE) -> T:
    """Waits for a true value and returns it."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if found := happens():
            return found
        time.sleep(0.05)
    raise AssertionError("it has not happened")


def end_all(folder: Path) -> None:
    """Stops all runs in a folder."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if process := states.owner(path):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
