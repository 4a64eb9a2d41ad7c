"""Diagnoses a run from its figures: symptom, cause, and what to change.

python -m monet.training check runs/tetrominoes
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.ndimage import label
from torch import Tensor

from monet.data import batches
from monet.data.batches import VALIDATE
from monet.model import Decomposition, MONet
from monet.objective import latent_kl
from monet.training import state as states
from monet.training.recipe import Recipe
from monet.training.state import StateError
from monet.training.tables import rows

HOLDS = 0.004
"""Least share of the pixels of a used slot; sixteen of 64 x 64."""
ALIVE = 0.05
"""Least divergence from the prior, in nats, of an informative latent."""
SCATTERED = 1.8
"""Least mean number of pieces of a slot that holds several things. The shipped weights: 1.02 to 1.5 on their data."""
FOLLOWS = 0.15
"""Least share of the colour variance that slots must explain. The shipped weights explain 0.43 to 0.99."""
EARLY = 0.1
"""Share of a recipe until which a symptom may disappear by itself."""
PICTURES = 32
"""Held-out pictures that a run is checked on."""
ROWS = 3
"""Evaluations in a row without a better held-out loss that count as overfitting."""


@dataclass(frozen=True)
class Signs:
    """Measurements of a run.

    Attributes:
        used: used slots, mean over pictures.
        pieces: connected pieces of a used slot, mean; without the largest slot of each picture.
        by_colour: share of the colour variance within a picture that its slots explain.
        painted: spread of the components' colours over slots and pictures, relative to that of the pictures' own.
        alive: informative latents of the used slots.
        latents: Z.
        skipped: share of the run's steps that were not finite.
        halvings: number of times the learning rate was halved after a divergence.
        finite: whether masks, components and latents are finite.
        overfits: evaluations since the best held-out loss, while the training loss kept falling.
        progress: completed share of the recipe.
    """

    used: float
    pieces: float
    by_colour: float
    painted: float
    alive: int
    latents: int
    skipped: float = 0.0
    halvings: int = 0
    finite: bool = True
    overfits: int = 0
    progress: float = 1.0


@dataclass(frozen=True)
class Diagnosis:
    """A fault of a run: name, symptom, cause and what to change."""

    name: str
    shows: str
    cause: str
    change: str

    def __str__(self) -> str:
        return f"{self.name}: {self.shows}\n  cause: {self.cause}\n  change: {self.change}"


def diagnose(signs: Signs) -> list[Diagnosis]:
    """Diagnoses a run: its faults, worst first; empty if none is found."""
    if not signs.finite:
        return [_nan("masks, components or latents are not finite")]
    found = []
    if signs.halvings or signs.skipped > 0.01:
        found.append(
            _nan(
                f"{signs.skipped:.1%} of the steps were not finite, the learning rate was halved {signs.halvings} times"
            )
        )
    if signs.used < 1.5:
        found.append(Diagnosis(
            "everything in one slot",
            f"{signs.used:.1f} slots are used",
            "the component scales are so wide that one slot explains a picture well enough, or the attention has not "
            "begun to learn",
            "smaller background_scale and foreground_scale in [model], in proportion to the contrast of the pictures, "
            "and scale_factor from 2 down to 1; or start from pretrained weights (weights = \"multi_dsprites\")",
        ))  # fmt: skip
    elif signs.by_colour < FOLLOWS:
        found.append(Diagnosis(
            "slots ignore the picture",
            f"they explain {signs.by_colour:.0%} of the colour variance",
            "the attention has not begun to learn",
            "wait for the first thousand steps; then try fewer slots and scale_factor from 2 to 1 at first, a learning "
            "rate of 1e-3, or start from pretrained weights",
        ))  # fmt: skip
    if signs.painted < 0.3:
        found.append(Diagnosis(
            "grey components",
            f"the components' colours spread {signs.painted:.0%} as far as the pictures' own",
            "with PyTorch's initial weights the latent's signal is lost in its noise, and components stay grey for "
            "thousands of steps",
            "he_initialisation = true; if it is set, scale_factor = [[0, 2.0], ...] and a learning rate of 1e-3 at "
            "first",
        ))  # fmt: skip
    if signs.alive <= signs.latents // 5:
        found.append(Diagnosis(
            "dead latents",
            f"{signs.alive} of {signs.latents} latents are informative",
            "beta outweighs what the latents gain in likelihood, or the scales are so wide that they gain nothing",
            "a smaller beta in [model] (0.5 in the paper; shapes were learned with 0.01, then 0.5; 15 is for a trained "
            "VAE), or smaller scales",
        ))  # fmt: skip
    if signs.used >= 1.5 and signs.pieces >= SCATTERED and signs.by_colour >= 0.6:
        found.append(Diagnosis(
            "colour clusters",
            f"a slot has {signs.pieces:.1f} pieces, and the slots explain {signs.by_colour:.0%} of the colour variance",
            "objects of one colour share a slot: with likelihood \"masked\" or \"per_channel\", or with all slots "
            "from the first step, colours are learned first",
            "likelihood = \"joint\"; fewer slots and wide scales first (slots = 2, 3, ... in [[stages]], scale_factor "
            "from 2 to 1); detach_masks = false; or start from weights that separate objects",
        ))  # fmt: skip
    if signs.overfits >= ROWS:
        found.append(Diagnosis(
            "overfitting",
            f"the held-out loss was best {signs.overfits} evaluations ago, but the training loss keeps falling",
            "there are too few pictures for this many steps",
            "more pictures; symmetric = true if rotated and mirrored pictures are plausible; fewer steps",
        ))  # fmt: skip
    return found


def _nan(shows: str) -> Diagnosis:
    return Diagnosis(
        "not finite (NaN)",
        shows,
        "the learning rate is too high for a rare gradient hundreds of times the usual",
        "set clip in the recipe to about the median of gradient_norm in log.csv (2500 in our recipes), or halve the "
        "learning_rate",
    )


def line(signs: Signs) -> str:
    """Summarises the diagnosis in one line."""
    found = diagnose(signs)
    figures = f"{signs.used:.1f} slots used, {signs.alive} of {signs.latents} latents informative"
    if not found:
        return f"check: nothing wrong found ({figures})"
    early = "; it is early, this may disappear" if signs.progress < EARLY else ""
    return f"check: {', '.join(f'{d.name} ({d.shows})' for d in found)}{early}"


# ---------------------------------------------------------------------- figures


def signs(
    model: MONet,
    images: Tensor,
    record: Mapping[str, Any],
    evaluations: Sequence[Mapping[str, str]] = (),
    steps: int | None = None,
) -> Signs:
    """Measures a run.

    Args:
        model: the run's averaged weights, in eval mode.
        images: B,3,H,W in [0, 1], prepared held-out pictures.
        record: record of the run.
        evaluations: rows of ``evaluation.csv``.
        steps: number of steps of the recipe.
    """
    device = next(model.parameters()).device
    with torch.inference_mode():
        d = model(images.to(device))
    d = Decomposition(**{name: value.float().cpu() for name, value in vars(d).items()})
    rest: dict[str, Any] = {
        "skipped": record["skipped"] / max(record["step"], 1),
        "halvings": record["halvings"],
        "overfits": overfits(evaluations),
        "progress": record["position"] / steps if steps else 1.0,
    }
    if not all(bool(torch.isfinite(value).all()) for value in vars(d).values()):
        return Signs(0, 0, 0, 0, 0, model.config.latent_dim, **{**rest, "finite": False})
    hard, slots = d.log_masks.argmax(1), d.log_masks.shape[1]
    share = torch.nn.functional.one_hot(hard, slots).float().mean((1, 2))  # B,H,W,K to B,K
    holds = share > HOLDS
    divergence = latent_kl(d.latent_mean, d.latent_log_std)[holds].mean(0)
    return Signs(
        used=float(holds.sum(1).float().mean()),
        pieces=_pieces(hard.numpy(), holds.numpy(), share.argmax(1).numpy()),
        by_colour=_by_colour(images.cpu(), hard, slots),
        painted=_painted(images.cpu(), d),
        alive=int((divergence > ALIVE).sum()),
        latents=model.config.latent_dim,
        **rest,
    )


def look(folder: Path, recipe: Recipe) -> Signs:
    """Measures the last state of the run in a folder; writes nothing there.

    Raises:
        StateError: there is no state, or its network is not the recipe's.
        ValueError: its data is missing.
    """
    state, _ = states.read(folder / states.FOLDER, torch.device("cpu"))
    if state is None:
        raise StateError(f"{folder} holds no state of a run: there is nothing to check yet.")
    model = MONet(recipe.model).eval()
    prefix = "average."
    weights = {name.removeprefix(prefix): x for name, x in state.weights.items() if name.startswith(prefix)}
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise StateError(f"{folder} holds another network than the recipe's [model] describes.") from error
    data = state.record["data"]
    count = min(PICTURES, batches.size(data, VALIDATE) or PICTURES)
    how = state.record.get("fit", recipe.fit)
    scenes = batches.scenes(data, VALIDATE, range(count))
    images = batches.to_tensor([batches.prepare(scene, recipe.model, how) for scene in scenes])
    return signs(model, images, state.record, rows(folder / "evaluation.csv"), recipe.steps)


def overfits(evaluations: Sequence[Mapping[str, str]]) -> int:
    """Counts evaluations since the best held-out loss if the training loss is lower now than then; otherwise 0."""
    rows = [(float(r["held_out_loss"]), float(r["training_loss"])) for r in evaluations if r.get("training_loss")]
    rows = [row for row in rows if all(map(math.isfinite, row))]
    if not rows:
        return 0
    best = min(range(len(rows)), key=lambda number: rows[number][0])
    return len(rows) - 1 - best if rows[-1][1] < rows[best][1] else 0


def _pieces(hard: np.ndarray, holds: np.ndarray, largest: np.ndarray) -> float:
    """Computes the mean number of pieces of used slots, without each picture's largest slot; 1 if none is left."""
    least = HOLDS / 2 * hard[0].size
    counts = [
        int((np.bincount(label(picture == slot)[0].ravel())[1:] >= least).sum())
        for number, picture in enumerate(hard)
        for slot in np.flatnonzero(holds[number])
        if slot != largest[number]
    ]
    return float(np.mean(counts)) if counts else 1.0


def _by_colour(images: Tensor, hard: Tensor, slots: int) -> float:
    member = torch.nn.functional.one_hot(hard, slots).permute(0, 3, 1, 2).float()  # B,K,H,W
    means = torch.einsum("bkhw,bchw->bkc", member, images) / member.sum((2, 3)).clamp(min=1)[..., None]
    left = (images - torch.einsum("bkhw,bkc->bchw", member, means)).square().sum()
    return float(1 - left / (images - images.mean((2, 3), keepdim=True)).square().sum().clamp(min=1e-9))


def _painted(images: Tensor, d: Decomposition) -> float:
    masks = d.log_masks.exp()
    area = masks.sum((2, 3))
    colours = torch.einsum("bkhw,bkchw->bkc", masks, d.components) / area.clamp(min=1e-6)[..., None]
    own = torch.einsum("bkhw,bchw->bkc", masks, images) / area.clamp(min=1e-6)[..., None]

    def spread(values: Tensor) -> Tensor:
        weight = (area / area.sum()).sqrt()  # a compromise: with weight per pixel the background alone would decide
        weight = weight / weight.sum()
        mean = (weight[..., None] * values).sum((0, 1))
        return (weight[..., None] * (values - mean).square()).sum().sqrt()

    return float(spread(colours) / spread(own).clamp(min=1e-6))
