"""Seeds of scenes: a number, or (split, index); and the three splits."""

from __future__ import annotations

from collections.abc import Sequence

Seed = int | Sequence[int]
"""An integer, or (split, index)."""
TRAIN, VALIDATE, TEST = 0, 1, 2
"""First number of the seeds of the training, validation and test scenes. Splits share no scene."""


def split(seed: Seed) -> int | None:
    """Returns the split of a seed, or None if the seed belongs to no split and any scene may be used."""
    first = seed[0] if isinstance(seed, Sequence) else None
    return first if first in (TRAIN, VALIDATE, TEST) else None
