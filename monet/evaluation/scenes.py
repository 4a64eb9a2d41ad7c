"""Selects the scenes to evaluate on, and notes what limits their figures."""

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
"""A label that holds more of the scenes' outermost pixels may be the ground."""


def find_scenes(data: str, count: int, learned: str = "") -> tuple[str, list[Scene]]:
    """Title and scenes of a data set: fresh ones of a generated one, or the last of stored ones, or all of fewer.

    Args:
        data: name of a generated data set; or name or path of a stored one, see :func:`monet.data.stored`.
        count: scenes, at least 1.
        learned: what a model has learned from, if it is known. Of that data only the test split is taken.

    Raises:
        ValueError: neither exists, what is stored is damaged, or the generator misses something on this machine.
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
        raise ValueError(f"{error} Generated are {', '.join(DATASETS)}.") from error
    if same(source, learned):
        held_out = range(min(count, batches.size(data, TEST) or count))
        return f"{source.about.title}, test split", batches.scenes(data, TEST, held_out)
    return source.about.title, [source.scene(index) for index in range(max(0, len(source) - count), len(source))]


def same(source: Stored, learned: str) -> bool:
    """Whether a model has learned from stored data, by the name of it; a path may be that of another machine."""
    return (
        bool(learned)
        and learned not in DATASETS
        and source.about.name in (learned, Path(learned).name, Path(learned).stem)
    )


def with_background(scene: Scene, background: tuple[int, ...] | None) -> Scene:
    """A scene with other background labels, or with its own, of which 0 is one: a picture is padded with label 0."""
    labels = scene.background if background is None else background
    if scene.segmentation is None or not labels or 0 in labels:
        return replace(scene, background=labels)
    ground, true = labels[0], scene.segmentation
    swapped = np.where(true == ground, 0, np.where(true == 0, ground, true)).astype(true.dtype)
    return replace(scene, segmentation=swapped, background=(0, *labels[1:]))


def notes(scenes: Sequence[Scene], result: Result, how: How) -> Iterator[str]:
    """What is to be known of figures, one sentence each.

    Args:
        scenes: as they were measured, before they were fitted.
        result: of these scenes.
        how: they were fitted.
    """
    if unknown := sum(scene.segmentation is None for scene in scenes):
        yield f"{unknown} of the scenes have no segmentation: they count in mse and the loss terms only."
    if any(scene.segmentation is not None and not scene.background for scene in scenes):
        yield "Which labels are no objects is not known, so objects were not scored: --background LABELS tells it."
    if empty := without_objects(scenes, result):
        yield f"{empty} of the {len(scenes)} scenes show no object: they count in no metric of objects."
    if how == "crop" and any(scene.image.shape[0] != scene.image.shape[1] for scene in scenes):
        yield _cropped(scenes)
    if (label := _ground(scenes)) is not None:
        yield (
            f"Label {label} fills the frame of the scenes and counts as an object: if it is the ground, say "
            f"--background {label}."
        )


def without_objects(scenes: Sequence[Scene], result: Result) -> int:
    """How many scenes have a segmentation that shows no object once they are fitted."""
    if "ari_fg" not in result.values:
        return 0
    known = np.array([scene.segmentation is not None and bool(scene.background) for scene in scenes])
    return int((known & ~np.isfinite(result.values["ari_fg"])).sum())


def _cropped(scenes: Sequence[Scene]) -> str:
    """What the square in the middle leaves out."""
    objects = lost = 0
    pixels = np.array([scene.image.shape[:2] for scene in scenes])
    share = 1 - (pixels.min(1) ** 2).sum() / pixels.prod(1).sum()
    for scene in scenes:
        if scene.segmentation is not None and scene.background:
            there = np.setdiff1d(scene.segmentation, scene.background)
            left = extract(scene.segmentation, min(scene.segmentation.shape))
            objects, lost = objects + len(there), lost + len(np.setdiff1d(there, left))
    words = f" and {lost} of {objects} objects" if objects else ""
    return f"The crop to squares leaves {share:.0%} of the pixels{words} out: --fit pad keeps everything."


def _ground(scenes: Sequence[Scene]) -> int | None:
    """The label that most of the outermost pixels of scenes bear, if it counts as an object."""
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
