"""Training runs in the app: each a process of its own in a folder of its own, which needs no app to go on."""

from monet.explorer.training.runs import RunError, Runs

__all__ = ["RunError", "Runs"]
