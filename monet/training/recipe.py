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
"""File name of a recipe that was made from a run's data, in the run's folder."""

VAE = (
    "encoder_channels",
    "encoder_hidden",
    "encoder_activation",
    "encoder_residuals",
    "decoder_channels",
    "latent_dim",
)
"""Fields of a configuration that determine the shapes of the VAE's weights."""

Learner = Literal["everything", "attention", "vae", "slots"]

Schedule = tuple[tuple[int, float], ...]
"""(step, value) points, interpolated linearly and constant beyond the ends."""


@dataclass(frozen=True)
class Stage:
    """A stage of the curriculum. Weights are shared over slots, so slots and objects may change at any step.

    Attributes:
        until: the first step after the stage.
        objects: fewest and most objects per scene; None: as many as the data set has.
        slots: K. None with ``objects``: every step draws a number of objects, all its scenes have exactly that many,
            and K is that number plus ``background``. The attention does not know K, so it cannot spend two slots on one
            object. None without ``objects``: the configuration's K.
        background: number of slots for the background.
        stride: decode and score every stride-th pixel only, at a random offset (see ``monet.vae.Lattice``).
        window: decode and score one random tile of this side per picture; the tiles cover the picture. With
            ``learn = "slots"``, the side of the window around each slot.
        detach_masks: cut the gradient from the encoder to the attention's masks. The attention then learns only from
            how well each slot explains each pixel. The gradient through the encoder is the larger part, and nearly all
            noise.
        vae_every: train the VAE in every n-th step only. The other steps train the attention alone, on every pixel
            instead of ``window``; this takes no longer, because nothing is backpropagated through the decoder.
        learn: what is trained. ``vae``: the attention is frozen. ``attention``: the VAE is frozen, every pixel is
            scored. ``slots``: the VAE alone, on single slots: the frozen attention's masks are soft targets of
            :func:`monet.objective.slot_loss` (see :mod:`monet.training.pool`).
        new_vae: reinitialise the VAE and its optimiser state when the stage begins. A VAE that was trained together
            with an untrained attention is stuck: its latents hold place and colour, and no shape.
        recycle: give new weights to the VAE's dead units and unused latents, and reset its optimiser state, when the
            stage begins; nothing drawn changes (see :func:`monet.training.recycle.recycle`).
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
    recycle: bool = False

    def draw(self, seed: tuple[int, int], num_slots: int) -> tuple[tuple[int, int] | None, int]:
        """Draws fewest and most objects per scene of a step, and K; ``num_slots`` is the configuration's."""
        if self.slots is not None or self.objects is None:
            return self.objects, self.slots or num_slots
        count = int(np.random.default_rng(seed).integers(self.objects[0], self.objects[1], endpoint=True))
        return (count, count), count + self.background


@dataclass(frozen=True)
class Recipe:
    """A training run.

    Attributes:
        data: name of a generated data set, or name or path of stored scenes; a path is relative to the recipe's file.
        model: configuration of the network.
        stages: the curriculum, in order; the last one's ``until`` is the number of steps.
        schedules: ``learning_rate``, and, if not constant, ``scale_factor`` (multiplies the component scales),
            ``vae_factor`` (multiplies the VAE's learning rate), ``others_factor`` (multiplies beta for slots without an
            object), ``average``, ``clip``, ``beta`` and ``gamma``.
        likelihood: see ``monet.objective``.
        batch_size: pictures per step and process.
        at_once: pictures per forward and backward pass (None: the whole batch); less memory, the same step.
        he_initialisation: He weights for the VAE and a narrow posterior, instead of PyTorch's default.
        average: decay of the exponential moving average of the weights, unless scheduled. The average is evaluated and
            exported.
        clip: largest norm of the gradient of the attention and of the VAE, unless scheduled.
        bfloat16: convolutions in bfloat16 if the device is faster with it; otherwise float32.
        evaluate_every: steps between evaluations on held-out scenes.
        save_every: steps between saves of the state.
        fit: how to make pictures square; see :func:`monet.pictures.fit`.
        weights: name or folder of a checkpoint to start from; random weights if None.
        symmetric: rotate stored scenes, and single slots, by quarter turns and mirror them at random.
        slot_batch: slots per step and process in stages with ``learn = "slots"``.
        slot_pool: pictures in a pool of single slots.
        slot_reuse: average number of times that a pool's slot is used before the pool is replaced.
        seed: seed of weights, scenes and noise.
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
            raise ValueError("there must be at least one stage, and `until` must increase from above 0")
        for stage in self.stages:
            self._check(stage)
        for name in ("batch_size", "evaluate_every", "save_every", "slot_batch", "slot_pool", "slot_reuse"):
            if not isinstance(value := getattr(self, name), int) or value < 1:
                raise ValueError(f"{name} {value!r} must be an integer of at least 1")
        if self.at_once is not None and (self.at_once < 1 or self.batch_size % self.at_once):
            raise ValueError(f"at_once {self.at_once} must divide the batch_size {self.batch_size}")
        defaults = dict.fromkeys(("scale_factor", "vae_factor", "others_factor"), 1.0)
        defaults |= {"average": self.average, "clip": self.clip, "beta": self.model.beta, "gamma": self.model.gamma}
        object.__setattr__(self, "defaults", defaults)
        unknown = set(self.schedules) - {"learning_rate", *defaults}
        if unknown or "learning_rate" not in self.schedules:
            reason = f"unknown {', '.join(sorted(unknown))}" if unknown else "learning_rate is missing"
            raise ValueError(f"schedules: {reason}; learning_rate is required, {', '.join(defaults)} are optional")
        for name, points in self.schedules.items():
            if not points or any(a >= b for (a, _), (b, _) in pairwise(points)):
                raise ValueError(f"schedule {name} must be points with increasing steps")
            if not all(math.isfinite(value) and value >= 0 for _, value in points):
                raise ValueError(f"schedule {name} must hold finite numbers of at least 0")
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
            DATASETS[self.data].scene(0, stage.objects)  # raises an error if it cannot generate that many

    @property
    def steps(self) -> int:
        return self.stages[-1].until

    def entry(self, trained: MONetConfig) -> int:
        """Returns the step at which to continue with trained weights.

        The first step of the last stage, or, if the VAE has another shape, of the last stage with ``new_vae``.

        Raises:
            ValueError: there is no such stage.
        """
        starts = [0, *(stage.until for stage in self.stages)]
        if all(getattr(trained, name) == getattr(self.model, name) for name in VAE):
            return starts[-2]
        new = [start for start, stage in zip(starts, self.stages, strict=False) if stage.new_vae]
        if not new:
            raise ValueError("the VAE of these weights has another shape than the recipe's, and no stage has new_vae")
        return new[-1]

    def stage(self, step: float) -> Stage:
        """Returns the stage of a step; the last one beyond the end."""
        return self.stages[self.stage_number(step)]

    def stage_number(self, step: float) -> int:
        """Returns the number of the stage of a step, from 0."""
        ends = (number for number, stage in enumerate(self.stages) if step < stage.until)
        return next(ends, len(self.stages) - 1)

    def value(self, name: str, step: float) -> float:
        """Returns a schedule's value at a step."""
        if name not in self.schedules:
            return self.defaults[name]
        steps, values = zip(*self.schedules[name], strict=True)
        return float(np.interp(step, steps, values))


def load(name_or_path: str, *, check_data: bool = True) -> Recipe:
    """Loads a recipe by its name under ``recipes/`` or by the path of a TOML file.

    Args:
        name_or_path: name or path of the recipe.
        check_data: whether its data must exist; False if the run has other data, or its data elsewhere.

    Raises:
        ValueError: no such file, or not a recipe; the message says which part is wrong.
    """
    path = FOLDER / f"{name_or_path}.toml"
    if not path.is_file():
        path = Path(name_or_path)
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in FOLDER.glob("*.toml")))
        raise ValueError(f"no recipe {name_or_path!r}; there are {known}, or give the path of a TOML file")
    return parse(path.read_text(encoding="utf-8-sig"), path.parent, path.name, check_data=check_data)


def parse(text: str, folder: Path = FOLDER, name: str = OF_RUN, *, check_data: bool = True) -> Recipe:
    """Parses a recipe from the text of a TOML file.

    Args:
        text: text of the file.
        folder: folder of the file; paths in it are relative to this folder.
        name: name of the file for error messages.
        check_data: see :func:`load`.

    Raises:
        ValueError: not a recipe; the message says which part is wrong.
    """
    try:
        return from_table(tomllib.loads(text), folder, check_data=check_data)
    except (tomllib.TOMLDecodeError, TypeError, KeyError, ValueError) as error:
        raise ValueError(f"recipe {name}: {error}") from error


def of_run(folder: Path, config: str | None = None) -> Recipe:
    """Loads the recipe of a run: the given one, else the one in its folder, else the one named like the folder.

    Raises:
        ValueError: no such recipe.
    """
    own = folder / OF_RUN
    return load(config or (str(own) if own.is_file() else folder.name), check_data=False)


def from_table(table: dict[str, Any], folder: Path = FOLDER, *, check_data: bool = True) -> Recipe:
    """Builds a recipe from the nested dictionary of a TOML file.

    Args:
        table: contents of the file.
        folder: folder of the file; paths in it are relative to this folder.
        check_data: see :func:`load`.
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
        if check_data and data not in stores() and not (folder / data).exists():
            raise ValueError(f"data {data!r} is none of {', '.join(DATASETS)}, no stored data set and no file")
        data = data if data in stores() else str((folder / data).resolve())
    return Recipe(data=data, model=MONetConfig(**table.pop("model", {})), stages=stages, schedules=schedules, **table)
