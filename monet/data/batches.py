"""Scenes to tensors: what the network is fed, in training and evaluation alike."""

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
    """The scenes of a split by their index; no scene of one split is in another.

    Of stored scenes, see :func:`sizes`: training has the first, then comes validation, then the test split.

    Args:
        data: a generated data set's name, or the name or path of stored scenes.
        split: ``TRAIN``, ``VALIDATE`` or ``TEST``.
        indices: any numbers from 0 on. Stored scenes are shuffled for training, again each time they are used up;
            the others come in their order and then once more.
        objects: fewest and most objects per scene; any number where None.

    Raises:
        ValueError: there is no such data, or none of it has so many objects.
    """
    if data in DATASETS:
        dataset = DATASETS[data]
        return [dataset.scene((split, index), objects) for index in indices]
    store = _store(data)
    return [store.scene(int(number)) for number in numbers(data, split, indices, objects)]


def sizes(count: int) -> tuple[int, int, int]:
    """How many of ``count`` stored scenes are for training, validation and test, at least one each.

    A fifth, at most 500, are the test split, and a fifth as many the validation split; of fewer than 200 scenes up to
    eight, so that a curve of their means is more than noise, and at most half as many as for the test.

    Raises:
        ValueError: there are fewer than three.
    """
    if count < 3:
        raise ValueError(f"{count} scenes are too few: one is learned from, one held out, one kept for the test")
    test = max(min(500, count // 5), 1)
    validate = max(test // 5, min(test // 2, 8), 1)
    return count - test - validate, validate, test


def numbers(data: str, split: int, indices: Iterable[int], objects: tuple[int, int] | None = None) -> np.ndarray:
    """The numbers of stored scenes, as :func:`scenes` has them.

    Raises:
        ValueError: there is no such data, or none of it has so many objects.
    """
    store = _store(data)
    members = _members(store, split, objects)
    count = len(members)
    if not count:
        having = "" if objects is None else f" with {objects[0]} to {objects[1]} objects"
        raise ValueError(f"{store.about.title} holds no scene{having} in this split")
    return np.array([members[_order(count, split, index // count)[index % count]] for index in indices])


def size(data: str, split: int) -> int | None:
    """How many different scenes a split has; None where a generator makes them without end.

    Raises:
        ValueError: there is no such data.
    """
    return None if data in DATASETS else len(_members(_store(data), split, None))


def labelled(data: str) -> bool:
    """Whether the objects of stored scenes are known.

    Raises:
        ValueError: there is no such data.
    """
    return _store(data).labels is not None


def everything(data: str) -> Iterator[Scene]:
    """All stored scenes in their order."""
    store = _store(data)
    return (store.scene(number) for number in range(len(store)))


def _store(data: str) -> Stored:
    path = stores().get(data, Path(data))
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        return stored(data)  # says itself what is wrong
    return _opened(path.resolve(), changed)


@lru_cache(maxsize=8)
def _opened(path: Path, changed: int) -> Stored:
    return stored(path)


@lru_cache(maxsize=64)
def _members(store: Stored, split: int, objects: tuple[int, int] | None) -> np.ndarray:
    """Numbers of the scenes of a split that hold so many objects."""
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
    """The order in which a split is gone through for the ``epoch``-th time."""
    return np.random.default_rng(epoch).permutation(count) if split == TRAIN else np.arange(count)


def squared(scene: Scene, size: int, how: How = "crop") -> Scene:
    """The scene as a square of ``size`` pixels a side.

    What pads it is background: where 0 is the label of an object, it and the first label of the background swap.
    """
    labels, background = scene.segmentation, scene.background
    if labels is not None and how == "pad" and background and 0 not in background:
        ground = background[0]
        labels = np.where(labels == ground, 0, np.where(labels == 0, ground, labels)).astype(labels.dtype)
        background = (0, *background[1:])
    labels = None if labels is None else fit_labels(labels, size, how)
    return replace(scene, image=fit(scene.image, size, how), segmentation=labels, background=background)


def prepare(scene: Scene, config: MONetConfig, how: How = "crop") -> Scene:
    """The scene as the network sees it: made square, resized and embedded in the border that the configuration asks."""
    scene = squared(scene, config.picture_size or config.resolution, how)
    labels = scene.segmentation
    return replace(
        scene,
        image=embed(scene.image, config.resolution),
        segmentation=None if labels is None else embed(labels, config.resolution),
    )


def to_tensor(prepared: Iterable[Scene]) -> Tensor:
    """B,3,H,W float32 in [0, 1] from scenes that :func:`prepare` made."""
    return torch.from_numpy(np.stack([s.image for s in prepared])).permute(0, 3, 1, 2).float().div_(255)
