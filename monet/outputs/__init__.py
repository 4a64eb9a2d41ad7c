"""Decompositions of many pictures as files: masks, latents, reconstructions and slots, in batches, resumable.

``python -m monet.decompose`` is the command; :func:`decompose_set` is what it calls."""

from monet.outputs.files import KINDS
from monet.outputs.inputs import Input, inputs
from monet.outputs.job import Done, Options, decompose_set

__all__ = ["KINDS", "Done", "Input", "Options", "decompose_set", "inputs"]
