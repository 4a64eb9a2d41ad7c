"""Optional third-party loggers (TensorBoard, Trackio) for the figures of a run; all of them log to local files."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

LOGGERS = ("trackio", "tensorboard")
ELSEWHERE = ("TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL", "TRACKIO_DATASET_ID", "TRACKIO_BUCKET_ID")
"""Environment variables with which trackio would send figures to another machine."""


class Logger(Protocol):
    """Takes the figures of a step by their names."""

    def log(self, figures: Mapping[str, float], step: int) -> None: ...

    def close(self) -> None: ...


def check_installed(name: str) -> None:
    """Looks whether a logger is installed; nothing is begun.

    Raises:
        ValueError: it is not.
    """
    # Not by importing it: trackio reads at that where its files are to lie.
    there = sys.modules[name] if name in sys.modules else importlib.util.find_spec(name)
    if not there:
        raise ValueError(f"--log {name} needs {name}, which is not installed: pip install {name}")


def open_logger(name: str, folder: Path, config: Mapping[str, Any]) -> Logger:
    """The logger of a name for the run in a folder.

    Args:
        name: one of ``LOGGERS``.
        folder: of the run; what the logger stores lies in it, in a folder of the logger's name.
        config: what to note about the run.
    """
    return _Trackio(folder, config) if name == "trackio" else _TensorBoard(folder)


class _Trackio:
    def __init__(self, folder: Path, config: Mapping[str, Any]):
        for variable in ELSEWHERE:
            os.environ.pop(variable, None)
        os.environ["TRACKIO_DIR"] = str((folder / "trackio").resolve())  # which is read at the import
        import trackio

        self._run = trackio.init(project="monet", name=folder.name, config=dict(config), resume="allow")

    def log(self, figures: Mapping[str, float], step: int) -> None:
        self._run.log(dict(figures), step=step)

    def close(self) -> None:
        self._run.finish()


class _TensorBoard:
    def __init__(self, folder: Path):
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder / "tensorboard"))

    def log(self, figures: Mapping[str, float], step: int) -> None:
        for name, value in figures.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        self._writer.close()
