"""Scene edits of the API: set or change a latent, move an object."""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, TypedDict

import numpy as np

from monet.explorer.scenes import SceneError
from monet.grasp import Grasp, carry
from monet.inference import DecomposedScene, decode_pixels
from monet.model import MONet

MAX_EDITS = 12
FARTHEST = 10.0
"""Largest value or change of a latent; the prior's standard deviation is 1."""


class Edit(TypedDict, total=False):
    """An edit of ``slot``: either ``latent`` with ``by`` or ``to``, or ``right`` and ``down`` in pixels."""

    slot: int
    latent: int | str
    by: float
    to: float
    right: float
    down: float


def apply(model: MONet, scene: DecomposedScene, names: Sequence[str], edits: Any) -> tuple[np.ndarray, set[int]]:
    """Applies edits to a scene in order.

    Args:
        model: no other thread uses it meanwhile.
        scene: the model's decomposition.
        names: of the latents, Z; "" for a latent without a name.
        edits: a list of :class:`Edit`, not yet validated.

    Returns:
        Latents K,Z, and the edited slots.

    Raises:
        SceneError: an edit is invalid; the message says what is valid.
    """
    if not isinstance(edits, list) or not 1 <= len(edits) <= MAX_EDITS:
        raise SceneError(f"Give a list of 1 to {MAX_EDITS} edits.")
    latents = scene.latent_mean.copy()
    changed: set[int] = set()
    for edit in edits:
        if not isinstance(edit, dict) or not edit.keys() <= Edit.__annotations__.keys():
            raise SceneError(f"An edit has the keys {', '.join(Edit.__annotations__)}, and no others.")
        slot: Any = edit.get("slot")
        if not _is_index(slot, len(latents)):
            raise SceneError(f"An edit's slot is a whole number from 0 to {len(latents) - 1}.")
        if "latent" in edit and not edit.keys() & {"right", "down"}:
            index = _find(edit["latent"], names)
            if ("by" in edit) == ("to" in edit):
                raise SceneError("Give either the latent's change (by) or its new value (to).")
            value = _number(edit.get("by", edit.get("to")), FARTHEST, "A latent's by or to")
            latents[slot, index] = value + (latents[slot, index] if "by" in edit else 0)
        elif edit.keys() & {"right", "down"} and not edit.keys() & {"latent", "by", "to"}:
            side = float(model.config.resolution)
            across, down = (_number(edit.get(key, 0), side, f"The distance {key}") for key in ("right", "down"))
            decode = partial(decode_pixels, model)
            others = decode(np.delete(latents, slot, 0)) if len(latents) > 1 else np.empty((0, int(side), int(side), 4))
            latents[slot] = carry(Grasp(decode, latents[slot], others), across, down).latent
        else:
            raise SceneError("An edit has a latent with by or to, or right and down in pixels.")
        changed.add(slot)
    return latents, changed


def _find(latent: Any, names: Sequence[str]) -> int:
    """Resolves a latent's index or name to its index."""
    if _is_index(latent, len(names)):
        return latent
    found = [index for index, name in enumerate(names) if name and name == latent]
    if len(found) > 1:
        raise SceneError(
            f"The latents {', '.join(map(str, found))} are all called {latent!r}; give one of the numbers."
        )
    if not found:
        raise SceneError(f"A latent is a whole number from 0 to {len(names) - 1}, or its name as list_models has it.")
    return found[0]


def _is_index(value: Any, count: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < count


def _number(value: Any, most: float, what: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) <= most or math.isnan(value):
        raise SceneError(f"{what} is a number from {-most:g} to {most:g}.")
    return float(value)
