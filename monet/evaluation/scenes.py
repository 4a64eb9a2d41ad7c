"""Selects scenes for evaluation and writes notes on the limits of their figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from monet.data import DATASETS, Scene, Stored, StoreError, batches, stored
from monet.data.batches import TEST
from monet.evaluation.scoring import Result
from monet.pictures import How, extract

FRAME = 0.5
"""Share of the scenes' outermost pixels above which a label may be the background."""


def find_scenes(data: str, count: int, trained_on: str = "") -> tuple[str, list[Scene]]:
    """Returns title and scenes of a data set: generated test scenes, or the last stored scenes.

    Args:
        data: name of a generated data set; or name or path of a stored one, see :func:`monet.data.stored`.
        count: number of scenes, at least 1; fewer if fewer are stored.
        trained_on: the model's training data, if known. Of that data only the test split is used.

    Raises:
        ValueError: no such data, damaged data, or the generator needs something that is not installed.
    """
    if count < 1:
        raise ValueError(f"A count of {count} scenes is less than one.")
    if data in DATASETS:
        return DATASETS[data].title, batches.scenes(data, TEST, tqdm(range(count), "scenes", leave=False))
    try:
        source = stored(data)
    except StoreError as error:
        if Path(data).exists():
            raise
        raise ValueError(f"{error} Generated data sets: {', '.join(DATASETS)}.") from error
    if same(source, trained_on):
        held_out = range(min(count, batches.size(data, TEST) or count))
        return f"{source.about.title}, test split", batches.scenes(data, TEST, held_out)
    return source.about.title, [source.scene(index) for index in range(max(0, len(source) - count), len(source))]


def same(source: Stored, trained_on: str) -> bool:
    """Compares stored data with a model's training data by name; a path may be from another machine."""
    return (
        bool(trained_on)
        and trained_on not in DATASETS
        and source.about.name in (trained_on, Path(trained_on).name, Path(trained_on).stem)
    )


def with_background(scene: Scene, background: tuple[int, ...] | None) -> Scene:
    """Sets a scene's background labels, its own if None, and makes 0 one of them, because padding has label 0."""
    labels = scene.background if background is None else background
    if scene.segmentation is None or not labels or 0 in labels:
        return replace(scene, background=labels)
    ground, true = labels[0], scene.segmentation
    swapped = np.where(true == ground, 0, np.where(true == 0, ground, true)).astype(true.dtype)
    return replace(scene, segmentation=swapped, background=(0, *labels[1:]))


def notes(scenes: Sequence[Scene], result: Result, how: How) -> Iterator[str]:
    """Yields notes on the limits of the figures, one sentence each.

    Args:
        scenes: the evaluated scenes before fitting.
        result: result of these scenes.
        how: how pictures were made square.
    """
    if unknown := sum(scene.segmentation is None for scene in scenes):
        yield f"{unknown} of the scenes have no segmentation: they count in mse and the loss terms only."
    if any(scene.segmentation is not None and not scene.background for scene in scenes):
        yield "The background labels are not known, so objects were not scored: give them with --background LABELS."
    if empty := without_objects(scenes, result):
        yield f"{empty} of the {len(scenes)} scenes show no object: the object metrics leave them out."
    if how == "crop" and any(scene.image.shape[0] != scene.image.shape[1] for scene in scenes):
        yield _cropped(scenes)
    if (label := _ground(scenes)) is not None:
        yield (
            f"Label {label} fills the edge of the scenes and counts as an object: if it is the background, use "
            f"--background {label}."
        )


def without_objects(scenes: Sequence[Scene], result: Result) -> int:
    """Counts the scenes with a segmentation that show no object after fitting."""
    if "ari_fg" not in result.values:
        return 0
    known = np.array([scene.segmentation is not None and bool(scene.background) for scene in scenes])
    return int((known & ~np.isfinite(result.values["ari_fg"])).sum())


def _cropped(scenes: Sequence[Scene]) -> str:
    """Writes a note on pixels and objects outside the central square."""
    objects = lost = 0
    pixels = np.array([scene.image.shape[:2] for scene in scenes])
    share = 1 - (pixels.min(1) ** 2).sum() / pixels.prod(1).sum()
    for scene in scenes:
        if scene.segmentation is not None and scene.background:
            labels = np.setdiff1d(scene.segmentation, scene.background)
            kept = extract(scene.segmentation, min(scene.segmentation.shape))
            objects, lost = objects + len(labels), lost + len(np.setdiff1d(labels, kept))
    lost_objects = f" and {lost} of {objects} objects" if objects else ""
    return f"The crop to squares cuts away {share:.0%} of the pixels{lost_objects}: --fit pad keeps everything."


def _ground(scenes: Sequence[Scene]) -> int | None:
    """Returns the label of most of the scenes' outermost pixels if it counts as an object, else None."""
    counts = np.zeros(0, np.int64)
    for scene in scenes:
        if scene.segmentation is not None and scene.background:
            true = scene.segmentation
            frame = np.concatenate((true[0], true[-1], true[1:-1, 0], true[1:-1, -1])).astype(np.int64)
            frame = np.where(np.isin(frame, scene.background), 0, frame)
            found = np.bincount(frame, minlength=len(counts))
            found[: len(counts)] += counts
            counts = found
    label = int(counts.argmax()) if len(counts) else 0
    return label if label and counts[label] > FRAME * counts.sum() else None
