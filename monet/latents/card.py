"""What was measured of the latents, as Markdown for the terminal and the model card."""

from __future__ import annotations

import re
from collections.abc import Sequence

from monet.checkpoints import HISTORY
from monet.evaluation import markdown
from monet.latents.features import FEATURES
from monet.latents.knowledge import Known
from monet.latents.record import CONSISTENT, FEWEST, UNUSED, Effect, Latents

HEADING = "## What the latents do"
MEASURED = """\
The generator tells no factors: these are mean place, number and mean colour of the object's visible pixels.
"""


def insert(card: str, section: str) -> str:
    """A card with this section instead of the one of the same heading, else before what was tried, else at the end.

    Args:
        card: Markdown.
        section: Markdown that begins with ``HEADING`` and has no other heading of its level.
    """
    place = re.search(rf"^{re.escape(HEADING)}$.*?(?=^## |\Z)", card, re.MULTILINE | re.DOTALL)
    if place is None:
        place = re.search(rf"(?=^{re.escape(HISTORY)}$)|\Z", card, re.MULTILINE)
    assert place is not None  # the end is always there
    before, after = card[: place.start()].rstrip("\n"), card[place.end() :]
    return f"{before}\n\n{section.strip()}\n" + (f"\n{after}" if after else "")


def section(latents: Latents, name: str, known: str) -> str:
    """The section of a checkpoint's card.

    Args:
        latents: what they do.
        name: of the checkpoint.
        known: Markdown on what they know, "" where that was not measured.
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
    return f"""{HEADING}

{latents.slots} object slots of validation scenes; one latent at a time goes from {low:+g} to {high:+g} sigma of its
prior. `python -m monet.latents {name}` measures it. A slot survives while its decoded area stays within a factor
of four. A cell is the median change over the part in which it survives, from left to right on the slider, and the share
of slots that change noticeably and alike (hue: in either direction); empty where at most half do, bold from
{CONSISTENT:.0%} on.

Objects survive {latents.survival:.0%} of the sweeps of the {len(used)} latents that are used.
Unused (mean KL below {UNUSED} nats): {", ".join(unused) or "none"}.

{markdown(("latent", "name", "KL", "survive", *FEATURES), rows)}

{known}"""


def _cell(name: str, effect: Effect) -> str:
    if effect.of < FEWEST or 2 * effect.consistent <= effect.of:
        return ""
    text = f"{FEATURES[name].amount(effect.change)} ({effect.consistent / effect.of:.0%})"
    return f"**{text}**" if effect.consistent >= CONSISTENT * effect.of else text


def knowledge(known: Sequence[Known], fitted: int, matched: float, measured: bool) -> str:
    """What the latents know, for the section.

    Args:
        known: by factor.
        fitted: slots that the predictors were fitted on.
        matched: share of the test scenes' objects that have a slot.
        measured: the factors are measured on the true segmentation instead of told by a generator.
    """
    rows = [
        (k.factor, f"{k.slots}", "R2" if k.chance is None else f"accuracy, chance {k.chance:.2f}",
         f"{k.linear:.2f}", f"{k.boosted:.2f}")
        for k in known
    ]  # fmt: skip
    return f"""\
How well a slot's latents tell the true factors of its object: predictors fitted on {fitted} slots of validation scenes
and scored on test scenes, in which {matched:.0%} of the visible objects have a slot (IoU above 0.5).
{MEASURED if measured else ""}
{markdown(("factor", "slots", "measure", "ridge", "boosted trees"), rows)}
"""
