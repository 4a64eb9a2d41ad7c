"""Batch decomposition of many pictures to files: masks, latents, reconstructions and slots; resumable.

``python -m monet.decompose`` calls :func:`decompose_set`.
"""

from monet.outputs.files import KINDS
from monet.outputs.inputs import Input, inputs
from monet.outputs.job import Done, Options, decompose_set

__all__ = ["KINDS", "Done", "Input", "Options", "decompose_set", "inputs"]
