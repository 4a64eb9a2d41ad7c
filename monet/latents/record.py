"""The evidence of a checkpoint's latents in a file beside its weights, ``latents.json``, and in its model card.

The file holds ``weights`` (SHA-256 of the weights that were measured), ``slots``, ``survival``, ``sweep``, ``latents``
(each with ``kl``, ``name``, ``alive`` at each value of the sweep, and ``effects`` of ``feature``, ``change``, ``slots``
and ``of``), and ``knows``, a figure by factor.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from typing import Any

from monet.checkpoints import CARD, WEIGHTS, Checkpoint, CheckpointError
from monet.latents.effects import NOTICEABLE, SWEEP, Effect, Latent, Measured, name

FILE = "latents.json"
MAX_BYTES = 64 * 2**10
HEADING = "## What the latents do"
SHOWN = 3
"""Effects of a latent that its row of the card lists."""


@dataclass(frozen=True)
class Record:
    """What was measured of a checkpoint's latents.

    Attributes:
        weights: SHA-256 of the file of weights, hexadecimal.
        measured: what each does.
        knows: by factor, how much they tell of it; at most 1.
    """

    weights: str
    measured: Measured
    knows: dict[str, float]


def fingerprint(checkpoint: Checkpoint) -> str:
    """SHA-256 of a checkpoint's weights."""
    with (checkpoint.folder / WEIGHTS).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def to_table(record: Record) -> dict[str, Any]:
    """A record as ``latents.json`` has it."""
    measured = record.measured
    return {
        "weights": record.weights,
        "slots": measured.slots,
        "survival": round(measured.survival, 3),
        "sweep": list(SWEEP),
        "latents": [
            {
                "kl": round(latent.kl, 3),
                "name": name(latent),
                "alive": [round(share, 3) for share in latent.alive],
                "effects": [
                    {"feature": e.feature, "change": round(e.change, 2), "slots": e.slots, "of": e.of}
                    for e in latent.effects
                ],
            }
            for latent in measured.latents
        ],
        "knows": {factor: round(value, 3) for factor, value in record.knows.items()},
    }


def write(checkpoint: Checkpoint, record: Record) -> None:
    """Writes the record beside the weights, and its table into the card, in place of an older one."""
    table = to_table(record)
    rows = [json.dumps(latent) for latent in table.pop("latents")]
    body = json.dumps(table, indent=1)[:-2] + ',\n "latents": [\n  ' + ",\n  ".join(rows) + "\n ]\n}\n"
    (checkpoint.folder / FILE).write_text(body, encoding="utf-8")
    card = checkpoint.folder / CARD
    if card.is_file():
        card.write_text(insert(card.read_text(encoding="utf-8"), section(checkpoint.name, record)), encoding="utf-8")


def read(checkpoint: Checkpoint) -> Record | None:
    """The record beside a checkpoint's weights, None if there is none.

    Raises:
        CheckpointError: it is damaged, or too large to be one.
    """
    path = checkpoint.folder / FILE
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ValueError(f"it is larger than {MAX_BYTES // 2**10} kB")
        table = json.loads(content)
        latents = tuple(_latent(row) for row in table["latents"])
        if len(latents) != checkpoint.config.latent_dim:
            raise ValueError(f"{len(latents)} latents, the model has {checkpoint.config.latent_dim}")
        if tuple(table["sweep"]) != SWEEP:
            raise ValueError(f"another sweep than {SWEEP}")
        knows = {str(factor): _number(value) for factor, value in table["knows"].items()}
        measured = Measured(_count(table["slots"]), _number(table["survival"]), latents)
        return Record(str(table["weights"]), measured, knows)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{checkpoint.name}: {FILE} is damaged: {error}") from error


def _latent(row: dict[str, Any]) -> Latent:
    alive = tuple(_number(share) for share in row["alive"])
    if len(alive) != len(SWEEP):
        raise ValueError(f"{len(alive)} shares for {len(SWEEP)} values")
    return Latent(_number(row["kl"]), alive, tuple(_effect(effect) for effect in row["effects"]))


def _effect(row: dict[str, Any]) -> Effect:
    if row["feature"] not in NOTICEABLE:
        raise ValueError(f"an effect on {row['feature']!r}")
    return Effect(row["feature"], _number(row["change"]), _count(row["slots"]), _count(row["of"]))


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} in place of a number")
    return float(value)


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r} in place of a count")
    return value


def in_words(effect: Effect) -> str:
    """An effect's change with its unit: "28 px", "x 1.8", "40 degrees"."""
    if effect.feature in ("size", "length"):
        return f"× {math.exp(effect.change):.2f}"
    if effect.feature in ("angle", "hue"):
        return f"{abs(effect.change):.0f}°"
    return f"{effect.change:+.0f} px" if effect.feature in ("x", "y") else f"{effect.change:+.2f}"


def phrase(latent: Latent) -> str:
    """The strongest effect of a latent that has a name by it: "28 px in 44 of 44 slots", "" for another."""
    if not latent.effects or not latent.effects[0].strength:
        return ""
    strongest = latent.effects[0]
    return f"{in_words(strongest).lstrip('+-')} in {strongest.slots} of {strongest.of} slots"


def section(checkpoint: str, record: Record) -> str:
    """The part of a model card on the latents, Markdown."""
    measured = record.measured
    rows = [
        f"| z{d} | {name(latent)} | {latent.kl:.2f} | "
        + "; ".join(f"{e.feature} {in_words(e)} in {e.slots} of {e.of}" for e in latent.effects[:SHOWN])
        + f" | {min(latent.alive):.0%} |"
        for d, latent in sorted(enumerate(measured.latents), key=lambda item: -item[1].kl)
    ]
    knows = ", ".join(f"{factor} {value:.2f}" for factor, value in record.knows.items())
    told = (
        "\nWhat the latents tell of the true factors (R2 for numbers, accuracy for shape and material, correlation for "
        f"the angle; test scenes): {knows}.\n"
        if knows
        else ""
    )
    return f"""{HEADING}

`python -m monet.latents {checkpoint}`: each latent of {measured.slots} objects of validation scenes moved from -2 to 2
sigmas of the prior. The object stays one in {measured.survival:.0%} of these sweeps.

| latent | name | KL, nats | changes from the lowest to the highest value | survives its worst value |
|---|---|---|---|---|
{chr(10).join(rows)}
{told}
"""


def insert(card: str, section: str) -> str:
    """A card with a section in place of the one under the same heading, or before the card's last."""
    if HEADING in card:
        start = card.index(HEADING)
        end = card.find("\n## ", start + 1)
        return card[:start] + section + (card[end + 1 :] if end >= 0 else "")
    last = card.rfind("\n## ") + 1
    return card[:last] + section + card[last:] if last else f"{card}\n{section}"
