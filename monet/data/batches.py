"""Splits of the data sets, and preprocessing of scenes to tensors for training and evaluation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from monet.data import DATASETS, Scene, Stored, stored, stores
from monet.data.seeds import TEST as TEST
from monet.data.seeds import TRAIN as TRAIN
from monet.data.seeds import VALIDATE as VALIDATE
from monet.model import MONetConfig
from monet.pictures import How, embed, fit, fit_labels


def scenes(data: str, split: int, indices: Iterable[int], objects: tuple[int, int] | None = None) -> list[Scene]:
    """Returns the scenes of a split by index. Splits share no scene.

    Stored scenes are split in their order: training first, then validation, then test (:func:`sizes`).

    Args:
        data: a generated data set's name, or the name or path of stored scenes.
        split: ``TRAIN``, ``VALIDATE`` or ``TEST``.
        indices: any numbers from 0. Stored training scenes are reshuffled every epoch; validation and test scenes
            keep their order and repeat.
        objects: fewest and most objects per scene; any number if None.

    Raises:
        ValueError: no such data, or no scene of it has that many objects.
    """
    if data in DATASETS:
        dataset = DATASETS[data]
        return [dataset.scene((split, index), objects) for index in indices]
    store = _store(data)
    return [store.scene(int(number)) for number in numbers(data, split, indices, objects)]


def sizes(count: int) -> tuple[int, int, int]:
    """Returns the sizes of the training, validation and test split of ``count`` stored scenes, at least one each.

    The test split is a fifth of the scenes, at most 500. The validation split is a fifth of the test split. Below 200
    scenes it has up to eight, at most half of the test split, so that the curve of their mean is less noisy.

    Raises:
        ValueError: fewer than three scenes.
    """
    if count < 3:
        raise ValueError(f"{count} scenes are too few: training, validation and test need at least one each")
    test = max(min(500, count // 5), 1)
    validate = max(test // 5, min(test // 2, 8), 1)
    return count - test - validate, validate, test


def numbers(data: str, split: int, indices: Iterable[int], objects: tuple[int, int] | None = None) -> np.ndarray:
    """Returns the numbers of the stored scenes that :func:`scenes` returns.

    Raises:
        ValueError: no such data, or no scene of it has that many objects.
    """
    store = _store(data)
    members = _members(store, split, objects)
    count = len(members)
    if not count:
        wanted = "" if objects is None else f" with {objects[0]} to {objects[1]} objects"
        raise ValueError(f"{store.about.title} holds no scene{wanted} in this split")
    return np.array([members[_order(count, split, index // count)[index % count]] for index in indices])


def size(data: str, split: int) -> int | None:
    """Returns the number of different scenes in a split; None for generated data, which is unlimited.

    Raises:
        ValueError: no such data.
    """
    return None if data in DATASETS else len(_members(_store(data), split, None))


def labelled(data: str) -> bool:
    """Returns whether stored scenes have labels.

    Raises:
        ValueError: no such data.
    """
    return _store(data).labels is not None


def everything(data: str) -> Iterator[Scene]:
    """Iterates over all stored scenes in their order."""
    store = _store(data)
    return (store.scene(number) for number in range(len(store)))


def _store(data: str) -> Stored:
    path = stores().get(data, Path(data))
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        return stored(data)  # raises an error that says what is wrong
    return _opened(path.resolve(), changed)


@lru_cache(maxsize=8)
def _opened(path: Path, changed: int) -> Stored:
    return stored(path)


@lru_cache(maxsize=64)
def _members(store: Stored, split: int, objects: tuple[int, int] | None) -> np.ndarray:
    """Returns the numbers of the scenes of a split that have fewest to most objects."""
    train, validate, _ = sizes(len(store))
    bounds = {TRAIN: (0, train), VALIDATE: (train, train + validate), TEST: (train + validate, len(store))}
    numbers = np.arange(*bounds[split])
    if objects is None:
        return numbers
    if store.labels is None:
        raise ValueError(f"{store.about.title} has no labels to count objects by")
    counts = [len(np.setdiff1d(store.labels[n], store.about.background)) for n in numbers]
    return numbers[(np.array(counts) >= objects[0]) & (np.array(counts) <= objects[1])]


@lru_cache(maxsize=8)
def _order(count: int, split: int, epoch: int) -> np.ndarray:
    """Returns the order of a split's scenes in an epoch."""
    return np.random.default_rng(epoch).permutation(count) if split == TRAIN else np.arange(count)


def squared(scene: Scene, size: int, how: How = "crop") -> Scene:
    """Makes the scene a square of ``size`` pixels a side.

    Padding has label 0 and must be background: if 0 is an object's label, it and the first background label swap.
    """
    labels, background = scene.segmentation, scene.background
    if labels is not None and how == "pad" and background and 0 not in background:
        ground = background[0]
        labels = np.where(labels == ground, 0, np.where(labels == 0, ground, labels)).astype(labels.dtype)
        background = (0, *background[1:])
    labels = None if labels is None else fit_labels(labels, size, how)
    return replace(scene, image=fit(scene.image, size, how), segmentation=labels, background=background)


def prepare(scene: Scene, config: MONetConfig, how: How = "crop") -> Scene:
    """Preprocesses a scene for the network: makes it square, resizes it and adds the border of the configuration."""
    scene = squared(scene, config.picture_size or config.resolution, how)
    labels = scene.segmentation
    return replace(
        scene,
        image=embed(scene.image, config.resolution),
        segmentation=None if labels is None else embed(labels, config.resolution),
    )


def to_tensor(prepared: Iterable[Scene]) -> Tensor:
    """Converts scenes from :func:`prepare` to a tensor B,3,H,W, float32 in [0, 1]."""
    return torch.from_numpy(np.stack([s.image for s in prepared])).permute(0, 3, 1, 2).float().div_(255)
