"""Training runs in the app: each is a background process with its own folder, independent of the app."""

from monet.explorer.training.runs import RunError, Runs

__all__ = ["RunError", "Runs"]
