"""Moments of a training run: slots and figures at several steps.

A run saves a strip of pictures per moment in ``moments/``. A checkpoint holds up to twelve: ``training.webp`` stacks
the strips, ``training.json`` has their steps and the run's figures.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from monet import checkpoints, evaluation
from monet.checkpoints import CheckpointError
from monet.data import DATASETS, Scene, batches, samples
from monet.figures import to_uint8
from monet.model import MONet
from monet.pictures import How
from monet.training.tables import EVALUATION, rows

STRIPS, SHEET, FIGURES = "moments", "training.webp", "training.json"
SCENES = 3
"""Scenes in a strip."""
KEPT = 12
"""Largest number of moments of a checkpoint."""
VALUES = ("loss", "mse", "ari_fg", "ari_fg_decoded")
MAX_BYTES = 2**20
PAPER = 0.5
"""Weight of both KL terms in the displayed loss: the paper's beta and gamma, because a recipe's own weights vary."""

Row = Mapping[str, float]
"""A row of ``evaluation.csv``."""


@dataclass(frozen=True)
class Course:
    """Contents of ``training.json``.

    Attributes:
        size: side of a picture in the sheet, in pixels.
        slots: K. A strip has a row per scene: the picture, then K slots, component as colour and mask as alpha.
        scenes: titles of the scenes.
        samples: numbers of the scenes in the gallery of ``data``; empty if they are not gallery scenes.
        data: the data set's name.
        moments: steps of the strips, ascending.
        steps: steps of the figures, ascending.
        figures: by name, one value per step, None if unknown: ``loss`` in nats, ``mse``, ``ari_fg`` of the attention's
            masks and ``ari_fg_decoded`` of the decoder's, means over held-out scenes.
        note: origin of the moments, if they are not all from one run; else "".
    """

    size: int
    slots: int
    scenes: tuple[str, ...]
    samples: tuple[int, ...]
    data: str
    moments: tuple[int, ...]
    steps: tuple[int, ...]
    figures: Mapping[str, Sequence[float | None]]
    note: str = ""

    def __post_init__(self) -> None:
        counts = (self.size, self.slots, *self.moments, *self.steps, *self.samples)
        if not all(isinstance(number, int) and number >= 0 for number in counts) or not self.size or not self.slots:
            raise ValueError("its counts are not positive integers")
        if not self.moments or list(self.moments) != sorted(set(self.moments)):
            raise ValueError("its moments do not ascend")
        if not self.scenes or len(self.samples) not in (0, len(self.scenes)):
            raise ValueError("it has not one sample for each scene")
        if not all(isinstance(text, str) for text in (*self.scenes, self.data, self.note)):
            raise ValueError("its names are not strings")
        if any(len(self.figures[name]) != len(self.steps) for name in VALUES):
            raise ValueError("it has not one figure for each step")
        for value in (value for name in VALUES for value in self.figures[name]):
            if value is not None and not math.isfinite(value):
                raise ValueError("its figures are not finite")

    @property
    def pixels(self) -> tuple[int, int]:
        """Width and height of the sheet."""
        return (1 + self.slots) * self.size, len(self.moments) * len(self.scenes) * self.size


def chosen(data: str) -> tuple[list[Scene], tuple[int, ...]]:
    """Returns the scenes of a strip and their gallery numbers: the first gallery scenes, or validation scenes."""
    if data in DATASETS:
        numbers = tuple(range(SCENES))
        return [samples.read(data, number) for number in numbers], numbers
    count = min(SCENES, batches.size(data, batches.VALIDATE) or SCENES)
    return batches.scenes(data, batches.VALIDATE, range(count)), ()


@torch.inference_mode()
def strip(model: MONet, scenes: Sequence[Scene], num_slots: int | None = None, how: How = "crop") -> Image.Image:
    """Decomposes scenes into an RGBA strip: a row per scene with its picture and its K slots.

    A slot has its component as colour and its attention mask as alpha. So a slot drawn over black is m_k x_k, and the
    sum of the slots is the reconstruction.
    """
    rows = []
    device = next(model.parameters()).device
    for scene in scenes:
        prepared = batches.prepare(scene, model.config, how)
        d = model(batches.to_tensor([prepared]).to(device), num_slots)
        masks = to_uint8(d.log_masks[0].exp().cpu().numpy())
        colors = to_uint8(d.components[0].permute(0, 2, 3, 1).cpu().numpy()) * (masks > 0)[..., None]
        slots = np.concatenate([colors, masks[..., None]], -1)
        picture = np.dstack([prepared.image, np.full(prepared.image.shape[:2], 255, np.uint8)])
        rows.append(np.concatenate([picture, *slots], 1))
    return Image.fromarray(np.concatenate(rows))


def keep(model: MONet, data: str, how: How, run: Path, step: int) -> None:
    """Saves a strip of the model at a step to a run's folder."""
    folder = run / STRIPS
    folder.mkdir(parents=True, exist_ok=True)
    strip(model, chosen(data)[0], how=how).save(folder / f"{step:07d}.webp", lossless=True)


def any_kept(run: Path) -> bool:
    return (run / STRIPS).is_dir()


def export(run: Path, data: str, folder: Path) -> None:
    """Writes the moments of a run, if it has any, to a checkpoint's folder."""
    strips = kept(run)
    if strips:
        figures = [{name: float(value) for name, value in row.items()} for row in rows(run / EVALUATION)]
        write(folder, strips, figures, *chosen(data), data)


def kept(run: Path) -> dict[int, Image.Image]:
    """Loads up to ``KEPT`` strips of a run by step, denser at the beginning, where most changes."""
    paths = {int(path.stem): path for path in (run / STRIPS).glob("*.webp") if path.stem.isdecimal()}
    return {step: Image.open(paths[step]) for step in thinned(sorted(paths))}


def thinned(steps: Sequence[int]) -> list[int]:
    """Selects at most :data:`KEPT` steps, including first and last, evenly spaced on a cube-root scale."""
    if len(steps) <= KEPT:
        return list(steps)
    places = np.cbrt(np.array(steps, float) - steps[0])
    left = [0, *range(1, len(steps) - 1), len(steps) - 1]
    while len(left) > KEPT:  # drops the step with the closest neighbours
        gaps = [places[left[i + 1]] - places[left[i - 1]] for i in range(1, len(left) - 1)]
        del left[1 + int(np.argmin(gaps))]
    return [steps[i] for i in left]


def write(
    folder: Path,
    strips: Mapping[int, Image.Image],
    figures: Sequence[Row],
    scenes: Sequence[Scene],
    numbers: tuple[int, ...],
    data: str,
    note: str = "",
) -> Course:
    """Writes moments to a checkpoint's folder.

    Args:
        folder: folder of the checkpoint.
        strips: strips by step, all of the same scenes and K.
        figures: rows of ``evaluation.csv``.
        scenes: scenes of the strips.
        numbers: their numbers in the gallery, or empty.
        data: the data set's name.
        note: see :class:`Course`.
    """
    steps = sorted(strips)
    images = [strips[step].convert("RGBA") for step in steps]
    size = images[0].height // len(scenes)
    titles = tuple(scene.source for scene in scenes)
    course = Course(
        size, images[0].width // size - 1, titles, numbers, data, tuple(steps),
        tuple(int(row["step"]) for row in figures), {name: [_value(row, name) for row in figures] for name in VALUES},
        note,
    )  # fmt: skip
    sheet = np.concatenate([np.asarray(image) for image in images])
    part = folder / f"{SHEET}.part"
    Image.fromarray(sheet).save(part, "WEBP", lossless=True, exact=True, quality=100, method=6)
    part.replace(folder / SHEET)
    checkpoints.write(folder / FIGURES, json.dumps(asdict(course)) + "\n")
    return course


def read(folder: Path) -> Course | None:
    """Reads the moments in a checkpoint's folder; None if there are none.

    Raises:
        CheckpointError: the files are damaged or do not match each other.
    """
    file = folder / FIGURES
    if not file.is_file():
        return None
    try:
        with file.open("rb") as stream:
            table: dict[str, Any] = json.loads(stream.read(MAX_BYTES))
        table |= {name: tuple(table[name]) for name in ("scenes", "samples", "moments", "steps")}
        course = Course(**table)
        with Image.open(folder / SHEET, formats=["WEBP"]) as sheet:
            if sheet.size != course.pixels:
                raise ValueError(f"{SHEET} has {sheet.size} pixels instead of {course.pixels}")
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{folder.name}: {FIGURES} or {SHEET} is damaged: {error}") from error
    return course


def from_weights(folder: Path, weights: Mapping[int, Path], count: int, note: str = "") -> Course:
    """Writes moments of a checkpoint from kept weights, measured on ``count`` validation scenes each."""
    checkpoint = checkpoints.read(folder)
    scenes, numbers = chosen(checkpoint.data)
    held_out = batches.scenes(checkpoint.data, batches.VALIDATE, range(count))
    strips, figures = {}, []
    for step in sorted(weights):
        model = checkpoints.load(weights[step])
        strips[step] = strip(model, scenes, checkpoint.config.num_slots)
        figures.append({"step": step, **evaluation.evaluate(model, held_out, "joint").means})
    return write(checkpoint.folder, strips, figures, scenes, numbers, checkpoint.data, note)


def _value(row: Row, name: str) -> float | None:
    """Returns a figure of a row, rounded to five digits; None if unknown."""
    if name == "loss":
        value = row["reconstruction"] + PAPER * (row["latent_kl"] + row["mask_kl"])
    else:
        value = row.get(name, float("nan"))
    return float(f"{value:.5g}") if math.isfinite(value) else None
