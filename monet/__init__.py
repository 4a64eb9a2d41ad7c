"""Python API of MONet (Burgess et al. 2019, arXiv:1901.11390): load a model, decompose, decode and compose scenes."""

from typing import TYPE_CHECKING, Any

from monet.inference import DecomposedScene, compose, compose_masks, decode, decompose, traverse
from monet.model import Decomposition, MONetConfig

if TYPE_CHECKING:
    from monet.checkpoints.hub import MONet, load

__version__ = "0.1.0"
__all__ = [
    "DecomposedScene",
    "Decomposition",
    "MONet",
    "MONetConfig",
    "compose",
    "compose_masks",
    "decode",
    "decompose",
    "load",
    "traverse",
]


def __getattr__(name: str) -> Any:
    # Lazy: huggingface_hub takes a sixth of the import time, and training and worker processes do not use it.
    if name in ("MONet", "load"):
        from monet.checkpoints import hub

        return getattr(hub, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
