"""Formats latent measurements as Markdown: the card's section, and the full tables in ``latents.md``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from monet.checkpoints import LIMITS
from monet.evaluation import markdown
from monet.latents.features import FEATURES
from monet.latents.knowledge import Known
from monet.latents.record import CONSISTENT, FEWEST, UNUSED, Effect, Latents

HEADING = "## Latents"
TABLES = "latents.md"
"""File with the full tables, in the checkpoint's folder."""
ROWS = 8
"""Most rows of the table in the model card."""
MEASURED = """\
The generator gives no factors: these are centroid, number and mean colour of the object's visible pixels.
"""


def insert(card: str, section: str) -> str:
    """Replaces the section of the same heading, or inserts a new one before "Limits", else at the end.

    Args:
        card: Markdown.
        section: Markdown that begins with ``HEADING`` and has no other heading of its level.
    """
    place = re.search(rf"^{re.escape(HEADING)}$.*?(?=^## |\Z)", card, re.MULTILINE | re.DOTALL)
    if place is None:
        place = re.search(rf"(?=^{re.escape(LIMITS)}$)|\Z", card, re.MULTILINE)
    assert place is not None  # the pattern matches at least the end
    before, after = card[: place.start()].rstrip("\n"), card[place.end() :]
    return f"{before}\n\n{section.strip()}\n" + (f"\n{after}" if after else "")


def section(latents: Latents, name: str) -> str:
    """Writes the section of the model card, with rows for the ``ROWS`` most used latents that have a named effect.

    Args:
        latents: the measurements.
        name: name of the checkpoint, for the command.
    """
    rows, others = [], dict[str, list[str]]()
    named = [latent for latent in latents.latents if latent.kl >= UNUSED and latent.named_by(latents.slots)]
    shown = sorted(named, key=lambda latent: -latent.kl)[:ROWS]
    for z, latent in enumerate(latents.latents):
        word = latents.name(latent)
        if latent in shown:
            features = latent.named_by(latents.slots)
            main = (FEATURES[feature].amount(latent.effects[feature].change) for feature in features)
            rows.append((f"z{z}", word, f"{latent.kl:.2f}", f"{latent.survived / latents.slots:.0%}", ", ".join(main)))
        else:
            others.setdefault(word, []).append(f"z{z}")
    rest = "".join(f" {', '.join(numbers)}: {word}." for word, numbers in others.items())
    span = f"{latents.sweep[0]:+g} to {latents.sweep[-1]:+g} sigma"
    drawn = f"Of draws of all latents from the prior, {latents.drawn / latents.slots:.0%} are an object"
    source = f"Measured by `python -m monet.latents {name}`; all features and the true factors: [{TABLES}]({TABLES})."
    return f"""{HEADING}

Median change of {latents.slots} object slots (validation split) as one latent goes from {span} of the prior, while the
slot survives (decoded area within a factor of four). Slots survive {latents.survival:.0%} of the used latents' sweeps.
{drawn} (0.5 to 25 % of the picture). {turning(latents)} {source}{rest}

{markdown(("latent", "name", "KL (nats)", "survive", "main effect"), rows)}
"""


def turning(latents: Latents) -> str:
    """Writes how many objects can be turned, a sentence."""
    if latents.angled < FEWEST:
        return f"Only {latents.angled} slots look different after a turn."
    share = f"{latents.turned / latents.angled:.0%} of the {latents.angled} objects that have an angle"
    return f"{share} can be turned by 20 to 60 degrees (`monet.grasp`)."


def tables(latents: Latents, title: str, name: str, known: str) -> str:
    """Writes the text of ``TABLES``: all effects of every used latent, and the prediction of the true factors.

    Args:
        latents: the measurements.
        title: display name of the checkpoint.
        name: name of the checkpoint, for the command.
        known: Markdown from :func:`knowledge`, or a sentence that says why there is none.
    """
    used = [(z, latent) for z, latent in enumerate(latents.latents) if latent.kl >= UNUSED]
    unused = [f"z{z}" for z, latent in enumerate(latents.latents) if latent.kl < UNUSED]
    rows = [
        (
            f"z{z}", latents.name(latent), f"{latent.kl:.2f}", f"{latent.survived / latents.slots:.0%}",
            *(_cell(name, effect) for name, effect in latent.effects.items()),
        )
        for z, latent in used
    ]  # fmt: skip
    low, high = latents.sweep[0], latents.sweep[-1]
    return f"""# Latents of MONet, {title}

Written by `python -m monet.latents {name}`.

## Effects

Each latent of {latents.slots} object slots (validation split) goes from {low:+g} to {high:+g} sigma of the prior;
the others stay. A slot survives while its decoded area stays within a factor of four. A cell holds the median change
over the part of the sweep in which the slot survives, and the share of slots that change noticeably in the same
direction (hue: in either). It is empty if at most half of them do, and bold from {CONSISTENT:.0%}.

Objects survive {latents.survival:.0%} of the sweeps of the {len(used)} used latents. With all latents drawn from the
prior, {latents.drawn / latents.slots:.0%} of the slots are an object: decoded masks of 0.5 to 25 % of the picture.
{turning(latents)}
Unused (mean KL below {UNUSED} nats): {", ".join(unused) or "none"}.

{markdown(("latent", "name", "KL", "survive", *FEATURES), rows)}

## True factors

{known}"""


def _cell(name: str, effect: Effect) -> str:
    if effect.of < FEWEST or 2 * effect.consistent <= effect.of:
        return ""
    text = f"{FEATURES[name].amount(effect.change)} ({effect.consistent / effect.of:.0%})"
    return f"**{text}**" if effect.consistent >= CONSISTENT * effect.of else text


def knowledge(known: Sequence[Known], fitted: int, matched: float, measured: bool) -> str:
    """Writes how well the latents predict the true factors, a sentence and a table.

    Args:
        known: results by factor.
        fitted: number of slots that the predictors were fitted on.
        matched: share of the test scenes' objects that have a slot.
        measured: whether the factors were measured on the true segmentation instead of given by a generator.
    """
    rows = [
        (k.factor, f"{k.slots}", "R2" if k.chance is None else f"accuracy, chance {k.chance:.2f}",
         f"{k.linear:.2f}", f"{k.boosted:.2f}",
         f"{k.single:.2f} ({', '.join(f'z{z}' for z in dict.fromkeys(k.best))})")
        for k in known
    ]  # fmt: skip
    return f"""\
Predictors of an object's factors from its slot's latents, fitted on {fitted} slots of validation scenes and scored on
test scenes, in which {matched:.0%} of the visible objects have a slot (IoU above 0.5). The last column has trees on one
latent only, the best one for each of a factor's numbers.
{MEASURED if measured else ""}
{markdown(("factor", "slots", "measure", "ridge", "boosted trees", "one latent"), rows)}
"""
