"""Latent measurements of a checkpoint: the format of ``latents.json``, its reader and writer.

The file, UTF-8 JSON, some 10 kB for 16 latents, numbers rounded::

    {"data": "multi_dsprites",          scenes of its validation split
     "weights": "0f...",                SHA-256 of the model.safetensors that was measured
     "slots": 300,                      N object slots
     "drawn": 240,                      slots that are an object after a draw of all latents from the prior
     "angled": 90,                      slots that look different after a turn (monet.grasp.turns)
     "turned": 85,                      of these, those that the drag solver turns (monet.grasp.Turn.succeeded)
     "sweep": [-2, -1, 0, 1, 2],        values that a latent was set to, in sigma of the prior
     "latents": [                       Z entries
      {"name": "moves across",          see Latents.name
       "kl": 3.21,                      mean KL divergence from the prior, nats
       "survived": 296,                 slots that survive at every value
       "survives": [0.99, 1, 1, ...],   share of slots that survive, at each value
       "effects": {                     every feature of monet.latents.features.FEATURES
        "x": {"change": 28.3,           median change as the latent increases, in the feature's unit (hue: absolute)
              "consistent": 293,        slots that change noticeably, in the more frequent direction
              "of": 296}, ...}}]}       slots that have the feature

An effect is measured from end to end of each slot's longest stretch of the sweep in which it survives. Slots that do
not survive at two neighbouring values are left out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monet import checkpoints
from monet.checkpoints import CheckpointError
from monet.latents.features import FEATURES, OUTLINE

FILE = "latents.json"
MAX_BYTES = 2**20
MAX_SLOTS = 10**6
UNUSED = 0.05
"""Mean KL in nats below which a latent carries no information about the slot."""
CONSISTENT = 0.8
"""Least share of slots that change in the same direction, for a feature to name a latent."""
FEWEST = 10
"""Least number of slots for any conclusion."""
MEASURABLE = 0.2
"""Least share of slots that have a feature (a hue, an angle), for it to name a latent."""
SECOND = 1 / 3
"""Least strength of a second named effect relative to the first, each in units of the noticeable change."""
DEPTH = ("objects_room", "clevr6")
"""Prefixes of the names of data sets whose objects stand on a ground, so that higher means further away."""


@dataclass(frozen=True)
class Effect:
    """Change of a feature over a sweep; the fields are those of the file."""

    change: float
    consistent: int
    of: int


@dataclass(frozen=True)
class Latent:
    """Effects of one latent; the fields are those of the file."""

    kl: float
    survived: int
    survives: tuple[float, ...]
    effects: Mapping[str, Effect]

    def named_by(self, slots: int) -> list[str]:
        """Returns at most two features that name the latent, strongest first; ``slots`` were measured.

        Hue, saturation, brightness and the primary colours change together, so at most one of them names it. The
        outline changes with size and angle too, so it names the latent only if nothing else does.
        """
        strength = {
            name: abs(effect.change) / FEATURES[name].noticeable
            for name, effect in self.effects.items()
            if effect.of >= max(FEWEST, MEASURABLE * slots) and effect.consistent >= CONSISTENT * effect.of
        }
        first, *others = sorted(strength, key=lambda name: (name == OUTLINE, -strength[name])) or [""]
        second = [
            name
            for name in others
            if name != OUTLINE
            and strength[name] >= SECOND * strength[first]
            and not (FEATURES[name].color and FEATURES[first].color)
        ]
        return [first, *second[:1]] if first else []


@dataclass(frozen=True)
class Latents:
    """Effects of all latents of a checkpoint; the fields are those of the file."""

    data: str
    weights: str
    slots: int
    drawn: int
    angled: int
    turned: int
    sweep: tuple[float, ...]
    latents: tuple[Latent, ...]

    def name(self, latent: Latent) -> str:
        """Names a latent after its measured effects.

        One or two features ("moves across, size"): each changes noticeably in the same direction in 80 % of the slots
        that have it. "unused": the mean KL is below 0.05 nats. "dissolves": no object survives even a step of the
        sweep. "mixed": a feature changes in the same direction in a quarter of the slots, but none in 80 %. "no visible
        effect": otherwise.
        """
        if latent.kl < UNUSED:
            return "unused"
        if features := latent.named_by(self.slots):
            return ", ".join(self.word(name) for name in features)
        if not latent.effects["area"].of:
            return "dissolves"
        mixed = any(4 * effect.consistent >= effect.of >= FEWEST for effect in latent.effects.values())
        return "mixed" if mixed else "no visible effect"

    def word(self, feature: str) -> str:
        """Returns the name of a latent that changes a feature."""
        return "moves in depth" if feature == "y" and self.data.startswith(DEPTH) else FEATURES[feature].word

    @property
    def survival(self) -> float:
        """Share of sweeps of the used latents in which the object survives; of all latents if none is used."""
        counted = [latent for latent in self.latents if latent.kl >= UNUSED] or self.latents
        return sum(latent.survived for latent in counted) / (len(counted) * self.slots)

    @property
    def turns(self) -> bool:
        """Whether the model has learned angles: most objects that have one can be turned."""
        return self.angled >= FEWEST and self.turned >= CONSISTENT * self.angled

    @classmethod
    def read(cls, folder: Path) -> Latents | None:
        """Reads the measurements in a checkpoint's folder; None if there are none.

        Raises:
            CheckpointError: the file is damaged, or belongs to other weights.
        """
        if not (folder / FILE).is_file():
            return None
        name = folder.name
        try:
            with (folder / FILE).open("rb") as stream:
                content = stream.read(MAX_BYTES + 1)
            if len(content) > MAX_BYTES:
                raise ValueError(f"more than {MAX_BYTES} bytes")
            latents = _latents(json.loads(content.decode("utf-8")))
            measured = latents.weights == fingerprint(folder)
        except (OSError, ValueError, RecursionError) as error:
            raise CheckpointError(f"{name}: {FILE} is damaged: {error}") from error
        if not measured:
            raise CheckpointError(f"{name}: {FILE} belongs to other weights; renew it: python -m monet.latents {name}")
        return latents

    def json(self) -> str:
        """Formats the text of the file, a line for each latent."""
        head = {name: value for name, value in vars(self).items() if name != "latents"}
        lines = (
            json.dumps({
                "name": self.name(latent),
                "kl": latent.kl,
                "survived": latent.survived,
                "survives": latent.survives,
                "effects": {name: vars(effect) for name, effect in latent.effects.items()},
            })
            for latent in self.latents
        )  # fmt: skip
        return json.dumps(head)[:-1] + ', "latents": [\n' + ",\n".join(lines) + "\n]}\n"


def fingerprint(folder: Path) -> str:
    """Computes the SHA-256 of a checkpoint's weights, 64 hexadecimal digits."""
    with (folder / checkpoints.WEIGHTS).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _latents(table: Any) -> Latents:
    """Parses and checks a table of :meth:`Latents.json`; raises ValueError if it is malformed."""
    _keys("the file", table, ("data", "weights", "slots", "drawn", "angled", "turned", "sweep", "latents"))
    data, weights, entries = table["data"], table["weights"], table["latents"]
    if not (isinstance(data, str) and isinstance(weights, str)):
        raise ValueError("data and weights must be strings")
    slots = _count("slots", table["slots"], 1, MAX_SLOTS)
    drawn = _count("drawn", table["drawn"], 0, slots)
    angled = _count("angled", table["angled"], 0, slots)
    turned = _count("turned", table["turned"], 0, angled)
    sweep = _numbers("sweep", table["sweep"], 2, 101, -10, 10)
    if list(sweep) != sorted(set(sweep)):
        raise ValueError("sweep must increase")
    if not isinstance(entries, list) or not 1 <= len(entries) <= 4096:
        raise ValueError("latents must be a list of at least one")
    found = tuple(_latent(entry, slots, len(sweep)) for entry in entries)
    latents = Latents(data, weights, slots, drawn, angled, turned, sweep, found)
    for number, (entry, latent) in enumerate(zip(entries, latents.latents, strict=True)):
        if entry["name"] != latents.name(latent):
            raise ValueError(
                f"latent {number} is named {entry['name']!r}, but its effects give {latents.name(latent)!r}"
            )
    return latents


def _latent(table: Any, slots: int, values: int) -> Latent:
    _keys("a latent", table, ("name", "kl", "survived", "survives", "effects"))
    _keys("effects", table["effects"], tuple(FEATURES))
    effects = {}
    for name in FEATURES:
        effect = table["effects"][name]
        _keys(name, effect, ("change", "consistent", "of"))
        of = _count("of", effect["of"], 0, slots)
        effects[name] = Effect(
            _number("change", effect["change"], -1e4, 1e4), _count("consistent", effect["consistent"], 0, of), of
        )
    survives = _numbers("survives", table["survives"], values, values, 0, 1)
    survived = _count("survived", table["survived"], 0, slots)
    return Latent(_number("kl", table["kl"], 0, 1e4), survived, survives, effects)


def _keys(what: str, table: Any, keys: tuple[str, ...]) -> None:
    if not isinstance(table, dict) or set(table) != set(keys):
        raise ValueError(f"{what} must have exactly {', '.join(keys)}")


def _count(what: str, value: Any, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError(f"{what} must be an integer from {least} to {most}")
    return value


def _number(what: str, value: Any, least: float, most: float) -> float:
    # NaN fails the comparison, and integers of any length are compared without conversion.
    if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError(f"{what} must be a number from {least:g} to {most:g}")
    return float(value)


def _numbers(what: str, value: Any, fewest: int, most: int, low: float, high: float) -> tuple[float, ...]:
    if not isinstance(value, list) or not fewest <= len(value) <= most:
        raise ValueError(f"{what} must be a list of {fewest} to {most} numbers")
    return tuple(_number(what, x, low, high) for x in value)
