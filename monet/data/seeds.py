"""What a seed of a scene says: a number of its own, or a split of the project's and an index in it."""

from __future__ import annotations

from collections.abc import Sequence

Seed = int | Sequence[int]
"""A whole number, or (split, index)."""
TRAIN, VALIDATE, TEST = 0, 1, 2
"""First number of the scenes' seeds that networks are trained on, watched on meanwhile, and measured on in the end: no
scene of one split is in another."""


def split(seed: Seed) -> int | None:
    """The split that a seed belongs to; None where it belongs to none, so that any scene will do."""
    first = seed[0] if isinstance(seed, Sequence) else None
    return first if first in (TRAIN, VALIDATE, TEST) else None
