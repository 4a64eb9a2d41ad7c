"""Edits that a program asks for: a latent set or changed, an object carried to another place."""

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
"""Latents are set or changed by at most so much; the prior's standard deviation is 1."""


class Edit(TypedDict, total=False):
    """One edit: of ``slot``, either ``latent`` with ``by`` or ``to``, or ``right`` and ``down``."""

    slot: int
    latent: int | str
    by: float
    to: float
    right: float
    down: float


def apply(model: MONet, scene: DecomposedScene, names: Sequence[str], edits: Any) -> tuple[np.ndarray, set[int]]:
    """Edits a scene, one edit after the other.

    Args:
        model: entered by nobody else meanwhile.
        scene: as the model took it apart.
        names: of its latents, Z; "" for one without.
        edits: a list of :class:`Edit`, from outside.

    Returns:
        Latents K,Z, and the slots that were edited.

    Raises:
        SceneError: an edit that cannot be made, in words.
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
                raise SceneError("Say either by how much the latent changes (by) or what it becomes (to).")
            value = _number(edit.get("by", edit.get("to")), FARTHEST, "A latent's by or to")
            latents[slot, index] = value + (latents[slot, index] if "by" in edit else 0)
        elif edit.keys() & {"right", "down"} and not edit.keys() & {"latent", "by", "to"}:
            side = float(model.config.resolution)
            across, down = (_number(edit.get(way, 0), side, f"The way {way}") for way in ("right", "down"))
            decode = partial(decode_pixels, model)
            others = decode(np.delete(latents, slot, 0)) if len(latents) > 1 else np.empty((0, int(side), int(side), 4))
            latents[slot] = carry(Grasp(decode, latents[slot], others), across, down).latent
        else:
            raise SceneError("An edit has a latent with by or to, or right and down in pixels.")
        changed.add(slot)
    return latents, changed


def _find(latent: Any, names: Sequence[str]) -> int:
    """The index of a latent given by index or name."""
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
