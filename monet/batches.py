"""Scenes to tensors: what the network is fed, in training and evaluation alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache, lru_cache

import numpy as np
import torch
from torch import Tensor

from monet.data import DATASETS, Scene, Stored, stored
from monet.data.seeds import TEST as TEST
from monet.data.seeds import TRAIN as TRAIN
from monet.data.seeds import VALIDATE as VALIDATE
from monet.model import MONetConfig
from monet.pictures import How, embed, fit, fit_labels


def scenes(data: str, split: int, indices: Iterable[int], objects: tuple[int, int] | None = None) -> list[Scene]:
    """The scenes of a split by their index; no scene of one split is in another.

    Of stored scenes, the last 500 (at most a fifth) are the test split and a fifth as many before them the validation
    split; each has at least one scene.

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


@cache
def _store(data: str) -> Stored:
    return stored(data)


@cache
def _members(store: Stored, split: int, objects: tuple[int, int] | None) -> np.ndarray:
    """Numbers of the scenes of a split that hold so many objects."""
    end = len(store)
    test = max(min(500, end // 5), 1)
    validate = max(test // 5, 1)
    bounds = {TRAIN: (0, end - test - validate), VALIDATE: (end - test - validate, end - test), TEST: (end - test, end)}
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


def prepare(scene: Scene, config: MONetConfig, how: How = "crop") -> Scene:
    """The scene as the network sees it: cropped, resized and embedded in the border that the configuration asks."""
    size = config.picture_size or config.resolution
    image = embed(fit(scene.image, size, how), config.resolution)
    labels = scene.segmentation
    if labels is not None:
        labels = embed(fit_labels(labels, size, how), config.resolution)
    return replace(scene, image=image, segmentation=labels)


def to_tensor(prepared: Iterable[Scene]) -> Tensor:
    """B,3,H,W float32 in [0, 1] from scenes that :func:`prepare` made."""
    return torch.from_numpy(np.stack([s.image for s in prepared])).permute(0, 3, 1, 2).float().div_(255)
