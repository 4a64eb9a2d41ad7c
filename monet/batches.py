"""Scenes to tensors: what the network is fed, in training and evaluation alike."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from monet.data import DATASETS, Scene
from monet.data.seeds import TEST as TEST
from monet.data.seeds import TRAIN as TRAIN
from monet.data.seeds import VALIDATE as VALIDATE
from monet.model import MONetConfig
from monet.pictures import How, embed, fit, fit_labels


def scenes(data: str, split: int, indices: Iterable[int], objects: tuple[int, int] | None = None) -> list[Scene]:
    """The scenes of a split by their index."""
    dataset = DATASETS[data]
    return [dataset.scene((split, index), objects) for index in indices]


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
