"""The app's models: finds and loads checkpoints, and gives one thread at a time access to them."""

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
"""Models from training runs that are kept; each has one to five megabytes of weights."""


class Models:
    """Checkpoints of a folder by name, and models that are added later.

    Args:
        folder: of checkpoints.
        names: of the checkpoints to load; all if None.

    Attributes:
        checkpoints: usable checkpoints by name.
        added: names of models that were added later, oldest first.
        problems: messages about checkpoints that cannot be loaded.
        turns: queue for all requests that use a model.
    """

    def __init__(self, folder: Path, names: Collection[str] | None = None):
        found, problems = checkpoints.find(folder)
        self.checkpoints: dict[str, Checkpoint] = {}
        self.problems = [str(problem) for problem in problems]
        self.added: list[str] = []
        self.turns = Turns()
        self._models: dict[str, MONet] = {}
        # torch parallelizes one request over all cores, so two requests at once would not be faster.
        self._lock = threading.Lock()
        for checkpoint in found:
            if names is not None and checkpoint.name not in names:
                continue
            # Loading takes milliseconds, and loading now reports damaged files at the start instead of to a visitor.
            try:
                self._models[checkpoint.name] = checkpoints.load(checkpoint)
                self.checkpoints[checkpoint.name] = checkpoint
            except checkpoints.CheckpointError as error:
                self.problems.append(str(error))

    def add(self, checkpoint: Checkpoint, model: MONet) -> None:
        """Adds a model; the oldest added one goes when there are more than `MOST_ADDED`."""
        self._models[checkpoint.name] = model
        self.checkpoints[checkpoint.name] = checkpoint
        self.added = [*(name for name in self.added if name != checkpoint.name), checkpoint.name]
        for name in self.added[:-MOST_ADDED]:
            del self.checkpoints[name], self._models[name]
        self.added = self.added[-MOST_ADDED:]

    @contextmanager
    def use(self, name: str) -> Iterator[MONet]:
        """Locks the models and yields one.

        Raises:
            KeyError: there is no such model.
        """
        model = self._models[name]
        with self._lock:
            yield model
