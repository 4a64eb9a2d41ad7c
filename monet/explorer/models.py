"""The models that the app offers: found once, loaded when first asked for, entered by one thread at a time."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from monet import checkpoints
from monet.checkpoints import Checkpoint
from monet.explorer.turns import Turns
from monet.model import MONet

MOST_ADDED = 8
"""Models that were added later and are kept; a megabyte of weights each, or five."""


class Models:
    """Checkpoints of a folder by name, and models that came later.

    Args:
        folder: of checkpoints.
        names: of those that are wanted; all where None.

    Attributes:
        checkpoints: those that can be used, by name.
        added: names of those that came later, oldest first.
        problems: sentences about those that cannot.
        turns: for work that uses them, whoever asks: the page or a program.
    """

    def __init__(self, folder: Path, names: Collection[str] | None = None):
        found, problems = checkpoints.find(folder)
        self.checkpoints: dict[str, Checkpoint] = {}
        self.problems = [str(problem) for problem in problems]
        self.added: list[str] = []
        self.turns = Turns()
        self._models: dict[str, MONet] = {}
        # torch's own threads do the parallel work; two requests inside at once would only share the same cores.
        self._lock = threading.Lock()
        for checkpoint in found:
            if names is not None and checkpoint.name not in names:
                continue
            # Loading takes milliseconds, and a damaged file should be named at the start and not to a visitor.
            try:
                self._models[checkpoint.name] = checkpoints.load(checkpoint)
                self.checkpoints[checkpoint.name] = checkpoint
            except checkpoints.CheckpointError as error:
                self.problems.append(str(error))

    def add(self, checkpoint: Checkpoint, model: MONet) -> None:
        """Offers a model from now on, until `MOST_ADDED` others have come."""
        self._models[checkpoint.name] = model
        self.checkpoints[checkpoint.name] = checkpoint
        self.added = [*(name for name in self.added if name != checkpoint.name), checkpoint.name]
        for name in self.added[:-MOST_ADDED]:
            del self.checkpoints[name], self._models[name]
        self.added = self.added[-MOST_ADDED:]

    @contextmanager
    def use(self, name: str) -> Iterator[MONet]:
        """The model, for the caller alone.

        Raises:
            KeyError: no such model.
        """
        model = self._models[name]
        with self._lock:
            yield model
