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
"""Environment variables that would make trackio send figures to another machine."""


class Logger(Protocol):
    """Logs the figures of a step by name."""

    def log(self, figures: Mapping[str, float], step: int) -> None: ...

    def close(self) -> None: ...


def check_installed(name: str) -> None:
    """Checks that a logger is installed, without starting it.

    Raises:
        ValueError: it is not installed.
    """
    # Not by importing it, because trackio fixes its folder at import.
    installed = sys.modules[name] if name in sys.modules else importlib.util.find_spec(name)
    if not installed:
        raise ValueError(f"--log {name} needs {name}, which is not installed: pip install {name}")


def open_logger(name: str, folder: Path, config: Mapping[str, Any]) -> Logger:
    """Opens a logger for the run in a folder.

    Args:
        name: one of ``LOGGERS``.
        folder: folder of the run; the logger writes to a subfolder of its name.
        config: settings of the run to log.
    """
    return _Trackio(folder, config) if name == "trackio" else _TensorBoard(folder)


class _Trackio:
    def __init__(self, folder: Path, config: Mapping[str, Any]):
        for variable in ELSEWHERE:
            os.environ.pop(variable, None)
        os.environ["TRACKIO_DIR"] = str((folder / "trackio").resolve())  # read at import
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
