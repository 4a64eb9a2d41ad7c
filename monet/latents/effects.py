"""What each latent does: it is moved through the prior, and what changes of the decoded object is measured."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from monet import evaluation
from monet.data import Scene
from monet.grasp import FEATURES, features
from monet.inference import decode_pixels
from monet.model import MONet

SWEEP = (-2.0, -1.0, 1.0, 2.0)
"""Values that a latent is set to, in sigmas of the prior."""
SMALLEST, LARGEST = 0.25, 4.0
"""An object whose area is another multiple of what it was has dissolved."""
LEAST_SHARE, MOST_SHARE = 0.008, 0.25
"""Shares of the picture between which a decoded mask is an object's: below lies nothing, above lies a ground."""
UNUSED = 0.05
"""Nats below which a latent says nothing, in the mean over the slots."""
AGREEING = 0.8
"""The share of the slots in which an effect must show, in the same direction, to be a name."""
ENOUGH = 0.25
"""The share of the slots in which an effect must be measurable: a turn is not in what is round."""
BESIDE = 0.5
"""An effect that is at least so strong beside the strongest is named with it."""

NOTICEABLE = {
    "x": 2.0, "y": 2.0, "size": np.log(1.2), "length": np.log(1.2), "angle": 15.0, "hue": 20.0, "saturation": 0.1,
    "brightness": 0.1,
}  # fmt: skip
"""What a person sees of each: pixels at 64x64, logs of ratios, degrees, shares."""
TURNING = {"angle": 180.0, "hue": 360.0}
"""Those that come round again, after so many degrees."""
LONG, COLOURFUL = 1.25, 0.2
"""A direction has only what is longer than wide, and a hue only what is no grey."""


@dataclass(frozen=True)
class Effect:
    """What a latent changes from the lowest to the highest value of the sweep at which the object is one.

    Attributes:
        feature: one of ``NOTICEABLE``.
        change: median; pixels, degrees, shares, and for size and length the natural log of the ratio.
        slots: in which the change is noticeable and in the median's direction.
        of: slots in which it could be measured.
    """

    feature: str
    change: float
    slots: int
    of: int

    @property
    def strength(self) -> float:
        """How many times a noticeable change it is; 0 where too few slots agree."""
        agreeing = self.slots >= AGREEING * self.of
        return float(abs(self.change) / NOTICEABLE[self.feature]) if agreeing else 0.0


@dataclass(frozen=True)
class Latent:
    """One latent.

    Attributes:
        kl: mean divergence from the prior over the slots, nats.
        alive: share of the slots whose object is one still at each value of ``SWEEP``.
        effects: strongest first; of those that are noticeable in the median.
    """

    kl: float
    alive: tuple[float, ...]
    effects: tuple[Effect, ...]


@dataclass(frozen=True)
class Measured:
    """All latents of a checkpoint.

    Attributes:
        slots: objects that they were measured on.
        survival: share of the sweeps, slots times latents, that the object survives at every value.
        latents: in their order.
    """

    slots: int
    survival: float
    latents: tuple[Latent, ...]


def measure(model: MONet, scenes: Iterable[Scene], slots: int = 300) -> Measured:
    """Sweeps every latent of the objects of some scenes.

    An object's mask is the softmax of its mask logits over the slots of its scene, of which the others rest.

    Args:
        model: in eval mode.
        scenes: at least as many as hold the slots.
        slots: objects to measure.

    Raises:
        ValueError: no scene has an object.
    """
    before, swept, divergences = [], [], []
    for latents, pixels, divergence in _objects(model, scenes):
        for k in _chosen(pixels):
            rivals = _rivals(pixels, k)
            moved = np.repeat(latents[k : k + 1], len(latents[k]) * len(SWEEP), 0)
            for i, d in enumerate(np.repeat(np.arange(len(latents[k])), len(SWEEP))):
                moved[i, d] = SWEEP[i % len(SWEEP)]
            before.append(features(pixels[k : k + 1], rivals)[0])
            swept.append(features(decode_pixels(model, moved), rivals).reshape(len(latents[k]), len(SWEEP), -1))
            divergences.append(divergence[k])
            if len(before) == slots:
                break
        if len(before) == slots:
            break
    if not before:
        raise ValueError("no scene has a slot that is an object")
    area = np.stack(swept)[..., 2] ** 2 / np.stack(before)[:, None, None, 2] ** 2
    alive = (area >= SMALLEST) & (area <= LARGEST)  # slot, latent, value
    seen = appearance(np.stack(swept), 64 / model.config.resolution)
    found = tuple(
        Latent(
            float(np.mean(divergences, 0)[d]),
            tuple(alive[:, d].mean(0).tolist()),
            effects({name: np.where(alive[:, d], value[:, d], np.nan) for name, value in seen.items()}),
        )
        for d in range(alive.shape[1])
    )
    return Measured(len(before), float(alive.all(2).mean()), found)


def appearance(measured: np.ndarray, scale: float = 1.0) -> dict[str, np.ndarray]:
    """What a person sees of objects, from their features ...,9, each of shape ...: by the names of ``NOTICEABLE``.

    Angle and hue are NaN where there is none. ``scale`` makes pixels those of a 64x64 picture.
    """
    table = dict(zip(FEATURES, np.moveaxis(measured, -1, 0), strict=True))
    mean, spread = (table["xx"] + table["yy"]) / 2, np.hypot((table["xx"] - table["yy"]) / 2, table["xy"])
    ratio = np.sqrt((mean + spread) / np.maximum(mean - spread, 1e-4))
    angle = np.degrees(np.arctan2(2 * table["xy"], table["xx"] - table["yy"])) / 2
    rgb = np.clip(np.stack([table[name] for name in ("red", "green", "blue")]), 0, 1)
    brightness, chroma = rgb.max(0), rgb.max(0) - rgb.min(0)
    hue = np.degrees(np.arctan2(np.sqrt(3) * (rgb[1] - rgb[2]), 2 * rgb[0] - rgb[1] - rgb[2]))
    saturation = chroma / np.maximum(brightness, 0.05)
    return {
        "x": scale * table["x"],
        "y": scale * table["y"],
        "size": np.log(np.maximum(table["size"], 1e-3)),
        "length": np.log(ratio),
        "angle": np.where(ratio >= LONG, angle, np.nan),
        "hue": np.where(chroma >= COLOURFUL, hue, np.nan),
        "saturation": saturation,
        "brightness": brightness,
    }


def effects(seen: dict[str, np.ndarray]) -> tuple[Effect, ...]:
    """The effects of one latent from what was seen of slots, each N,V over the V values of its sweep, or NaN."""
    found = []
    for name, values in seen.items():
        steps = np.diff(values, axis=1)
        if name in TURNING:
            steps = (steps + TURNING[name] / 2) % TURNING[name] - TURNING[name] / 2
        change = np.nansum(steps, 1)[np.isfinite(steps).any(1)]
        if len(change) < max(1, ENOUGH * len(values)):
            continue
        middle = float(np.median(change))
        # Which way round is no matter of more or less: a turn is one in either direction.
        if name in TURNING:
            noticed = np.abs(change) >= NOTICEABLE[name]
            middle = float(np.median(np.abs(change))) * (1 if middle >= 0 else -1)
        else:
            noticed = change * np.sign(middle) >= NOTICEABLE[name]
        if abs(middle) >= NOTICEABLE[name]:
            found.append(Effect(name, middle, int(noticed.sum()), len(change)))
    return tuple(sorted(found, key=lambda effect: -effect.strength))


WORDS = {
    "x": ("moves right", "moves left"), "y": ("moves down", "moves up"), "size": ("larger", "smaller"),
    "length": ("longer", "rounder"), "angle": ("turns", "turns"), "hue": ("hue", "hue"),
    "saturation": ("more colourful", "greyer"), "brightness": ("brighter", "darker"),
}  # fmt: skip
"""What an effect is called that goes up with the latent, and one that goes down."""


def name(latent: Latent) -> str:
    """A latent by its evidence: its strongest effect, or its two strongest, "mixed" with more or none that agrees."""
    strongest = latent.effects[0].strength if latent.effects else 0.0
    beside = [effect for effect in latent.effects if strongest and effect.strength >= BESIDE * strongest]
    if len(beside) in (1, 2):
        return ", ".join(WORDS[effect.feature][effect.change < 0] for effect in beside)
    return (
        "mixed" if latent.effects or min(latent.alive) < 1 - AGREEING else "little" if latent.kl >= UNUSED else "unused"
    )


def _objects(model: MONet, scenes: Iterable[Scene]) -> Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Of each scene: latents K,Z, decoded pixels K,H,W,4 and divergences K,Z."""
    for _, _, all_of in evaluation.decompositions(model, list(scenes)):
        for mean, log_std in zip(all_of.latent_mean.numpy(), all_of.latent_log_std.numpy(), strict=True):
            divergence = 0.5 * (mean**2 + np.exp(2 * log_std) - 1) - log_std
            yield mean, decode_pixels(model, mean), divergence


def _chosen(pixels: np.ndarray) -> list[int]:
    """The slots of a scene, K,H,W,4, whose decoded mask is an object's."""
    logits = pixels[..., 3].astype(float)
    share = np.exp(logits - np.logaddexp.reduce(logits, 0)).mean((1, 2))
    return [int(k) for k in np.flatnonzero((share >= LEAST_SHARE) & (share <= MOST_SHARE))]


def _rivals(pixels: np.ndarray, k: int) -> np.ndarray:
    others = np.delete(pixels[..., 3].astype(float), k, 0)
    return np.logaddexp.reduce(others, 0) if len(others) else np.full(pixels.shape[1:3], -np.inf)
