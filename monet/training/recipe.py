"""Recipes: the settings of a training run, read from the TOML files in ``recipes/``."""

from __future__ import annotations

import math
import os
import tomllib
from dataclasses import dataclass, field, fields
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from monet.data import DATASETS, stores
from monet.model import MONetConfig
from monet.objective import LIKELIHOODS, Likelihood
from monet.pictures import How

FOLDER = Path(os.environ.get("MONET_RECIPES", Path(__file__).parent / "recipes"))
OF_RUN = "recipe.toml"
"""In a run's folder: the recipe that was made from its data."""

VAE = (
    "encoder_channels",
    "encoder_hidden",
    "encoder_activation",
    "encoder_residuals",
    "decoder_channels",
    "latent_dim",
)
"""What in a configuration the VAE's shape depends on."""

Learner = Literal["everything", "attention", "vae", "slots"]

Schedule = tuple[tuple[int, float], ...]
"""(step, value) points with straight lines between them and constant ends."""


@dataclass(frozen=True)
class Stage:
    """A part of the curriculum: the weights are shared over slots, so slots and objects may change at any step.

    Attributes:
        until: the first step that no longer belongs to the stage.
        objects: fewest and most objects per scene. None: as many as the data set has; nobody counts them.
        slots: K. None: every step draws a number of objects, its scenes hold exactly so many, and K is a slot for each
            and ``background`` more, none to spare. The attention does not know K, so it cannot spend two slots on one
            object. Without ``objects`` either, the configuration's K.
        background: slots that the background has.
        stride: decode and score every stride-th pixel only, at a random offset (see ``monet.vae.Lattice``).
        window: decode and score one random tile of this side only, another of each picture; the tiles make up the
            picture. Where slots learn alone, the side of the window around each slot.
        detach_masks: the attention learns from how well each slot explains each pixel as it is, and not from what the
            encoder would have made of another mask. That gradient is the greater part, and nearly all noise.
        vae_every: the VAE learns in every n-th step only. In the others the attention learns alone, from every pixel
            and not from ``window``, which takes no longer, as nothing is carried back through the decoder.
        learn: what learns. ``vae``: the attention rests. ``attention``: the VAE rests, every pixel is scored.
            ``slots``: the VAE alone, slot by slot: the resting attention's masks are soft targets of
            :func:`monet.objective.slot_loss` (see :mod:`monet.training.pool`).
        new_vae: the VAE and what the optimiser remembers of it begin anew with the stage. A VAE that has learned from
            an attention that was still learning is in a corner: place and colour fill its latents, and no shape.
    """

    until: int
    objects: tuple[int, int] | None = None
    slots: int | None = None
    background: int = 1
    stride: int = 1
    window: int | None = None
    detach_masks: bool = False
    vae_every: int = 1
    learn: Learner = "everything"
    new_vae: bool = False

    def draw(self, seed: tuple[int, int], num_slots: int) -> tuple[tuple[int, int] | None, int]:
        """Fewest and most objects per scene of a step, and K; ``num_slots`` is the configuration's."""
        if self.slots is not None or self.objects is None:
            return self.objects, self.slots or num_slots
        count = int(np.random.default_rng(seed).integers(self.objects[0], self.objects[1], endpoint=True))
        return (count, count), count + self.background


@dataclass(frozen=True)
class Recipe:
    """A training run.

    Attributes:
        data: name of a generated data set, or name or path of stored scenes; a path is seen from the recipe's file.
        model: configuration of the network.
        stages: the curriculum, in order; the last one's ``until`` is the number of steps.
        schedules: ``learning_rate``, and where they differ from the constant, ``scale_factor`` (times the component
            scales), ``vae_factor`` (times the learning rate, for the VAE alone), ``average``, ``clip``, ``beta`` and
            ``gamma``.
        likelihood: see ``monet.objective``.
        batch_size: pictures per step and process.
        at_once: pictures per forward and backward pass (None: all of the batch); the step is the same, its memory less.
        he_initialisation: He weights for the VAE with a small posterior instead of PyTorch's default.
        average: decay of the exponential moving average of the weights, which is what is evaluated and shipped, where
            no schedule gives it.
        clip: largest norm of the gradient, of the attention's and of the VAE's, where no schedule gives it.
        bfloat16: convolutions in bfloat16 where the processor is quicker so; float32 everywhere otherwise.
        evaluate_every: steps between evaluations on held-out scenes.
        save_every: steps between saves of the state.
        fit: how pictures that are not square become so; see :func:`monet.pictures.fit`.
        weights: name or folder of a checkpoint that a run begins with; None: with random weights.
        symmetric: a scene that is turned by quarters or mirrored may be one of the data set's, so stored scenes come
            turned and mirrored too, and so do slots that learn alone.
        slot_batch: slots per step and process where slots learn alone.
        slot_pool: pictures that the resting attention takes apart at once.
        slot_reuse: how many times, on average, one of their slots is learned from before others are handed out.
        seed: of weights, scenes and noise.
    """

    data: str
    model: MONetConfig
    stages: tuple[Stage, ...]
    schedules: dict[str, Schedule]
    likelihood: Likelihood = "joint"
    batch_size: int = 16
    at_once: int | None = None
    he_initialisation: bool = True
    average: float = 0.998
    clip: float = float("inf")
    bfloat16: bool = True
    evaluate_every: int = 500
    save_every: int = 200
    fit: How = "crop"
    weights: str | None = None
    symmetric: bool = False
    slot_batch: int = 32
    slot_pool: int = 1024
    slot_reuse: int = 8
    seed: int = 0
    defaults: dict[str, float] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.likelihood not in LIKELIHOODS:
            raise ValueError(f"likelihood {self.likelihood!r} is none of {', '.join(LIKELIHOODS)}")
        if self.fit not in get_args(How):
            raise ValueError(f"fit {self.fit!r} is none of {', '.join(get_args(How))}")
        ends = [0, *(stage.until for stage in self.stages)]
        if not self.stages or any(a >= b for a, b in pairwise(ends)):
            raise ValueError("stages must be at least one and their `until` must rise from above 0")
        for stage in self.stages:
            self._check(stage)
        for name in ("batch_size", "evaluate_every", "save_every", "slot_batch", "slot_pool", "slot_reuse"):
            if not isinstance(value := getattr(self, name), int) or value < 1:
                raise ValueError(f"{name} {value!r} must be a whole number from 1 on")
        if self.at_once is not None and (self.at_once < 1 or self.batch_size % self.at_once):
            raise ValueError(f"at_once {self.at_once} must divide the batch_size {self.batch_size}")
        defaults = {"scale_factor": 1.0, "vae_factor": 1.0, "average": self.average, "clip": self.clip}
        defaults |= {"beta": self.model.beta, "gamma": self.model.gamma}
        object.__setattr__(self, "defaults", defaults)
        unknown = set(self.schedules) - {"learning_rate", *defaults}
        if unknown or "learning_rate" not in self.schedules:
            raise ValueError(f"schedules must hold learning_rate and know no {', '.join(sorted(unknown)) or 'other'}")
        for name, points in self.schedules.items():
            if not points or any(a >= b for (a, _), (b, _) in pairwise(points)):
                raise ValueError(f"schedule {name} must be points whose steps rise")
            if not all(math.isfinite(value) and value >= 0 for _, value in points):
                raise ValueError(f"schedule {name} must hold numbers that are not negative")
        for average in (self.average, *(value for _, value in self.schedules.get("average", ()))):
            if not 0 <= average < 1:
                raise ValueError(f"average {average} must lie in [0, 1)")
        if not self.clip > 0:
            raise ValueError(f"clip {self.clip} must be above 0")

    def _check(self, stage: Stage) -> None:
        if stage.learn not in get_args(Learner):
            raise ValueError(f"learn {stage.learn!r} is none of {', '.join(get_args(Learner))}")
        if min(stage.stride, stage.background, stage.vae_every, 1 if stage.slots is None else stage.slots) < 1:
            raise ValueError("slots, background, vae_every and stride must be at least 1")
        side = self.model.resolution
        window = side if stage.window is None else stage.window
        if window < 1 or window % stage.stride or (side % window if stage.learn != "slots" else window > side):
            raise ValueError(f"window {window} must divide the resolution {side} and be a multiple of the stride")
        if stage.objects is None:
            return
        if len(stage.objects) != 2 or not 0 <= stage.objects[0] <= stage.objects[1]:
            raise ValueError(f"objects {stage.objects} must be the fewest and the most per scene")
        if self.data in DATASETS:
            DATASETS[self.data].scene(0, stage.objects)  # says itself what it cannot generate

    @property
    def steps(self) -> int:
        return self.stages[-1].until

    def entry(self, trained: MONetConfig) -> int:
        """The step at which trained weights go on: that of the last stage, or where their VAE is of another shape, of
        the last stage that begins with a new one.

        Raises:
            ValueError: there is no such stage.
        """
        starts = [0, *(stage.until for stage in self.stages)]
        if all(getattr(trained, name) == getattr(self.model, name) for name in VAE):
            return starts[-2]
        new = [start for start, stage in zip(starts, self.stages, strict=False) if stage.new_vae]
        if not new:
            raise ValueError("the VAE of these weights is of another shape than the recipe's, and no stage begins anew")
        return new[-1]

    def stage(self, step: float) -> Stage:
        """The stage that a step belongs to; the last one's from its end on."""
        return self.stages[self.stage_number(step)]

    def stage_number(self, step: float) -> int:
        """The number of that stage, from 0 on."""
        ends = (number for number, stage in enumerate(self.stages) if step < stage.until)
        return next(ends, len(self.stages) - 1)

    def value(self, name: str, step: float) -> float:
        """A schedule's value at a step."""
        if name not in self.schedules:
            return self.defaults[name]
        steps, values = zip(*self.schedules[name], strict=True)
        return float(np.interp(step, steps, values))


def load(name_or_path: str, *, data_there: bool = True) -> Recipe:
    """A recipe by its name under ``recipes/`` or by the path of a TOML file.

    Args:
        name_or_path: of the recipe.
        data_there: whether its data has to be there; not where a run has other data, or the same elsewhere.

    Raises:
        ValueError: there is none, or it is not a recipe; the message says which part is wrong.
    """
    path = FOLDER / f"{name_or_path}.toml"
    if not path.is_file():
        path = Path(name_or_path)
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in FOLDER.glob("*.toml")))
        raise ValueError(f"no recipe {name_or_path!r}; there are {known}, or give the path of a TOML file")
    return parse(path.read_text(encoding="utf-8-sig"), path.parent, path.name, data_there=data_there)


def parse(text: str, folder: Path = FOLDER, name: str = OF_RUN, *, data_there: bool = True) -> Recipe:
    """A recipe from the text of a TOML file.

    Args:
        text: of the file.
        folder: of the file, from which paths in it are seen.
        name: of the file, for the message.
        data_there: see :func:`load`.

    Raises:
        ValueError: it is not a recipe; the message says which part is wrong.
    """
    try:
        return from_table(tomllib.loads(text), folder, data_there=data_there)
    except (tomllib.TOMLDecodeError, TypeError, KeyError, ValueError) as error:
        raise ValueError(f"recipe {name}: {error}") from error


def of_run(folder: Path, config: str | None = None) -> Recipe:
    """The recipe of a run: the one that is asked for, or the one in its folder, or that of the folder's name.

    Raises:
        ValueError: there is none.
    """
    own = folder / OF_RUN
    return load(config or (str(own) if own.is_file() else folder.name), data_there=False)


def from_table(table: dict[str, Any], folder: Path = FOLDER, *, data_there: bool = True) -> Recipe:
    """A recipe from the nested dictionary that a TOML file holds.

    Args:
        table: of the file.
        folder: of the file, from which paths in it are seen.
        data_there: see :func:`load`.
    """
    table = dict(table)
    if missing := {"data", "stages", "schedules"} - set(table):
        raise ValueError(f"missing key {', '.join(sorted(missing))}")
    stages = tuple(
        Stage(**{**stage, **({"objects": tuple(stage["objects"])} if "objects" in stage else {})})
        for stage in table.pop("stages")
    )
    schedules = {
        name: tuple((int(step), float(value)) for step, value in points)
        for name, points in table.pop("schedules").items()
    }
    known = {f.name for f in fields(Recipe) if f.init}
    if unknown := set(table) - known:
        raise ValueError(f"unknown key {', '.join(sorted(unknown))}")
    data = table.pop("data")
    if data not in DATASETS:
        if data_there and data not in stores() and not (folder / data).exists():
            raise ValueError(f"data {data!r} is none of {', '.join(DATASETS)}, no stored data set and no file")
        data = data if data in stores() else str((folder / data).resolve())
    return Recipe(data=data, model=MONetConfig(**table.pop("model", {})), stages=stages, schedules=schedules, **table)
