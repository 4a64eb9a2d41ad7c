"""Measures the effect of each latent: sweeps it over the prior's range and measures the changes of decoded objects."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
from tqdm import tqdm

from monet.grasp import Grasp, turns
from monet.inference import decode, decode_pixels
from monet.latents.features import FEATURES, OUTLINE, difference, measure, outline, steps
from monet.latents.record import Effect, Latent, Latents
from monet.latents.slots import Slots, are_objects, masks
from monet.model import MONet
from monet.pictures import extract

SWEEP = (-2.0, -1.0, 0.0, 1.0, 2.0)
"""Values that a latent is set to, in sigma of the prior; the slot's other latents are unchanged."""
SURVIVES = 2.0
"""Largest change of the area of a surviving object, in doublings: a factor of four."""


def effects(model: MONet, slots: Slots, data: str, weights: str) -> Latents:
    """Measures every latent of a model on object slots, whether draws from the prior are objects, and objects turn.

    The mask of an edited slot is the softmax of its mask logits against those of the scene's other slots, which are
    unchanged.

    Args:
        model: model in eval mode.
        slots: N object slots.
        data: name of their data set.
        weights: the model's :func:`~monet.latents.record.fingerprint`.
    """
    before, _ = _features(model, slots, slots.latents)
    latents = []
    for z in tqdm(range(slots.latents.shape[1]), "latents", leave=False):
        sweep = [_features(model, slots, _with(slots.latents, z, value)) for value in SWEEP]
        swept, outlines = (np.stack(part) for part in zip(*sweep, strict=True))  # V,N,F and V,N,SIDE,SIDE
        latents.append(describe(before, swept, outlines, float(slots.kl[:, z].mean())))
    drawn = np.random.default_rng(0).standard_normal(slots.latents.shape).astype(slots.latents.dtype)
    objects = int(are_objects(_decoded(model, slots, drawn)[0]).sum())
    succeeded = [turn.succeeded for turn in turns(tqdm(_held(model, slots), "turns", len(slots.latents), leave=False))]
    angled, turned = len(succeeded), sum(succeeded)
    return Latents(data, weights, len(slots.latents), objects, angled, turned, SWEEP, tuple(latents))


def describe(before: np.ndarray, swept: np.ndarray, outlines: np.ndarray, kl: float) -> Latent:
    """Summarises the effect of one latent.

    Args:
        before: features before the edit N,F.
        swept: features over the sweep V,N,F.
        outlines: outlines over the sweep V,N,SIDE,SIDE.
        kl: mean KL divergence from the prior, nats.
    """
    area = list(FEATURES).index("area")
    alive = np.abs(swept[..., area] - before[:, area]) <= SURVIVES  # V,N
    counted = longest_run(alive)
    measured = counted.any(0)
    first, last = counted.argmax(0), len(counted) - counted[::-1].argmax(0)
    slots = np.arange(len(before))
    changes = {
        name: np.where(counted, steps(values, feature.period), 0).sum(0)[measured]
        for (name, feature), values in zip(FEATURES.items(), swept.transpose(2, 0, 1), strict=False)
    }
    changes[OUTLINE] = difference(outlines[first, slots], outlines[last, slots])[measured]
    found = {}
    for name, feature in FEATURES.items():
        change = changes[name][np.isfinite(changes[name])]
        if not feature.directed:
            change = np.abs(change)
        consistent = max(int((sign * change >= feature.noticeable).sum()) for sign in (1, -1))
        median = float(np.median(change)) if len(change) else 0.0
        found[name] = Effect(round(median, 3) + 0.0, consistent, len(change))  # + 0.0 turns -0.0 into 0.0
    return Latent(round(kl, 3), int(alive.all(0).sum()), tuple(alive.mean(1).round(3).tolist()), found)


def _held(model: MONet, slots: Slots) -> Iterator[Grasp]:
    """Holds every slot among the scene's other slots, which it needs for nothing but their mask logits."""
    for latent, rivals in zip(slots.latents, slots.rivals, strict=True):
        others = np.zeros((1, *rivals.shape, 4), rivals.dtype)
        others[..., 3] = rivals
        yield Grasp(partial(decode_pixels, model), latent, others)


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


def _features(model: MONet, slots: Slots, latents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Decodes the slots with other latents and measures their features N,F and outlines N,SIDE,SIDE."""
    masks, components = _decoded(model, slots, latents)
    return measure(masks, components), outline(masks)


def _decoded(model: MONet, slots: Slots, latents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Decodes the slots with other latents: masks N,H,W among the scene's other slots, components N,3,H,W."""
    size = model.config.picture_size or model.config.resolution
    components, logits = decode(model, latents)
    decoded = masks(logits, slots.rivals)
    return extract(decoded, size, axes=(-2, -1)), extract(components, size, axes=(-2, -1))
