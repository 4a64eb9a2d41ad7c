"""Measures the effect of each latent: sweeps it over the prior's range and measures the changes of decoded objects."""

from __future__ import annotations

import numpy as np
from tqdm import tqdm

from monet.inference import decode
from monet.latents.features import FEATURES, measure, steps
from monet.latents.record import Effect, Latent, Latents
from monet.latents.slots import Slots, are_objects, masks
from monet.model import MONet
from monet.pictures import extract

SWEEP = (-2.0, -1.0, 0.0, 1.0, 2.0)
"""Values that a latent is set to, in sigma of the prior; the slot's other latents are unchanged."""
SURVIVES = 2.0
"""Largest change of the area of a surviving object, in doublings: a factor of four."""


def effects(model: MONet, slots: Slots, data: str, weights: str) -> Latents:
    """Measures every latent of a model on object slots, and whether draws from the prior are objects.

    The mask of an edited slot is the softmax of its mask logits against those of the scene's other slots, which are
    unchanged.

    Args:
        model: model in eval mode.
        slots: N object slots.
        data: name of their data set.
        weights: the model's :func:`~monet.latents.record.fingerprint`.
    """
    before = _features(model, slots, slots.latents)
    latents = []
    for z in tqdm(range(slots.latents.shape[1]), "latents", leave=False):
        swept = np.stack([_features(model, slots, _with(slots.latents, z, value)) for value in SWEEP])  # V,N,F
        latents.append(describe(before, swept, float(slots.kl[:, z].mean())))
    drawn = np.random.default_rng(0).standard_normal(slots.latents.shape).astype(slots.latents.dtype)
    objects = int(are_objects(_decoded(model, slots, drawn)[0]).sum())
    return Latents(data, weights, len(slots.latents), objects, SWEEP, tuple(latents))


def describe(before: np.ndarray, swept: np.ndarray, kl: float) -> Latent:
    """Summarises the effect of one latent from features before the edit N,F and over the sweep V,N,F."""
    area = list(FEATURES).index("area")
    alive = np.abs(swept[..., area] - before[:, area]) <= SURVIVES  # V,N
    counted = longest_run(alive)
    found = {}
    for values, (name, feature) in zip(swept.transpose(2, 0, 1), FEATURES.items(), strict=True):
        changes = np.where(counted, steps(values, feature.period), 0).sum(0)
        changes = changes[counted.any(0) & np.isfinite(changes)]
        if not feature.directed:
            changes = np.abs(changes)
        consistent = max(int((sign * changes >= feature.noticeable).sum()) for sign in (1, -1))
        median = float(np.median(changes)) if len(changes) else 0.0
        found[name] = Effect(round(median, 3) + 0.0, consistent, len(changes))  # + 0.0 turns -0.0 into 0.0
    return Latent(round(kl, 3), int(alive.all(0).sum()), tuple(alive.mean(1).round(3).tolist()), found)


def longest_run(alive: np.ndarray) -> np.ndarray:
    """Marks the steps of the longest stretch of a sweep in which an object survives, V,N to V-1,N.

    The first of several equally long ones; no step if no two neighbouring values survive.
    """
    counted = np.zeros((len(alive) - 1, alive.shape[1]), bool)
    for length in range(len(counted), 0, -1):
        for start in range(len(counted) - length + 1):
            here = alive[start : start + length + 1].all(0) & ~counted.any(0)
            counted[start : start + length, here] = True
    return counted


def _with(latents: np.ndarray, z: int, value: float) -> np.ndarray:
    edited = latents.copy()
    edited[:, z] = value
    return edited


def _features(model: MONet, slots: Slots, latents: np.ndarray) -> np.ndarray:
    """Decodes the slots with other latents and measures their features N,F."""
    return measure(*_decoded(model, slots, latents))


def _decoded(model: MONet, slots: Slots, latents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Decodes the slots with other latents: masks N,H,W among the scene's other slots, components N,3,H,W."""
    size = model.config.picture_size or model.config.resolution
    components, logits = decode(model, latents)
    decoded = masks(logits, slots.rivals)
    return extract(decoded, size, axes=(-2, -1)), extract(components, size, axes=(-2, -1))
