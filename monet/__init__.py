"""MONet (Burgess et al. 2019, arXiv:1901.11390): unsupervised scene decomposition and representation."""

from monet.checkpoints import load
from monet.inference import DecomposedScene, compose, compose_masks, decode, decompose, traverse
from monet.model import Decomposition, MONet, MONetConfig

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
