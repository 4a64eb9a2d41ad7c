"""Training pictures: generated on the training device if the generator has batches, else by worker processes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from monet.data import DATASETS, batches
from monet.data.batches import TRAIN, prepare
from monet.model import MONetConfig
from monet.pictures import How

AHEAD = 4
"""Batches that a worker prepares ahead of the step."""


class Request(NamedTuple):
    """Request for the pictures of a step.

    Attributes:
        step: number of the step, from 0.
        position: position of the step in the recipe, in the recipe's steps.
        objects: fewest and most objects per scene; any number if None.
        slots: K.
        parts: seed of each chunk of the batch.
        each: pictures in each chunk.
        first: number of the batch's first scene.
    """

    step: int
    position: float
    objects: tuple[int, int] | None
    slots: int
    parts: tuple[tuple[int, ...], ...]
    each: int
    first: int


class Pictures(Dataset[tuple[Request, Tensor]]):
    """Prepared training pictures of a data set, uint8 B,3,H,W, for a network of this configuration.

    Args:
        data: a generated data set's name, or the name or path of stored scenes.
        config: configuration of the network.
        device: where scenes are generated if the data set has a batch generator; others come from the host.
        how: how pictures are made square.
        symmetric: whether to rotate and mirror stored pictures at random.
    """

    def __init__(
        self, data: str, config: MONetConfig, device: torch.device, how: How = "crop", symmetric: bool = False
    ):
        self.data, self.config, self.device, self.how = data, config, device, how
        self.symmetric = symmetric and data not in DATASETS
        dataset = DATASETS.get(data)
        self.side = config.picture_size or config.resolution
        self.batch = dataset.batch if dataset and dataset.size == self.side else None
        self._held: Tensor | None = None

    def __getitem__(self, request: Request) -> tuple[Request, Tensor]:
        return request, self.of(request)

    def of(self, request: Request) -> Tensor:
        """Returns the pictures of a request, chunk after chunk."""
        if not request.each:
            return torch.empty(0, dtype=torch.uint8)
        if self.batch is None:
            numbers = range(request.first, request.first + request.each * len(request.parts))
            images = self._stored(numbers, request.objects)
            if not self.symmetric:
                return images
            parts = zip(images.split(request.each), request.parts, strict=True)
            return torch.cat([augment(part, hash((seed, 3))) for part, seed in parts])
        objects = request.objects or DATASETS[self.data].objects
        made = []
        for seed in request.parts:
            generator = torch.Generator(self.device).manual_seed(hash(seed))
            made.append(self.batch(request.each, objects, generator).images)
        border = self.config.resolution - self.side
        left = border // 2  # as in `monet.pictures.embed`
        return F.pad(torch.cat(made), (left, border - left, left, border - left))

    def _stored(self, numbers: range, objects: tuple[int, int] | None) -> Tensor:
        if self.device.type == "cpu" or self.data in DATASETS:
            scenes = batches.scenes(self.data, TRAIN, numbers, objects)
            return _tensor(np.stack([prepare(scene, self.config, self.how).image for scene in scenes]))
        if self._held is None:  # the GPU holds the whole store in memory
            every = batches.everything(self.data)
            self._held = _tensor(np.stack([prepare(scene, self.config, self.how).image for scene in every])).to(
                self.device
            )
        members = torch.from_numpy(batches.numbers(self.data, TRAIN, numbers, objects)).pin_memory()
        return self._held[members.to(self.device, non_blocking=True)]

    def ahead(self, plan: Iterable[Request], workers: int) -> Iterator[tuple[Request, Tensor]]:
        """Yields the requests of a plan with their pictures, prefetched by ``workers`` processes if there are any."""
        loader: DataLoader[Any] = DataLoader(
            self, batch_size=None, sampler=plan, num_workers=workers, prefetch_factor=AHEAD if workers else None,
            collate_fn=_identity, pin_memory=workers > 0 and self.device.type == "cuda", worker_init_fn=_silence,
        )  # fmt: skip
        return iter(loader)


def augment(images: Tensor, seed: int) -> Tensor:
    """Rotates square pictures B,3,H,W by random quarter turns and mirrors them at random: eight equally likely ways."""
    symmetries = torch.randint(8, (len(images),), generator=torch.Generator().manual_seed(seed)).tolist()
    rotated = [torch.rot90(image, k % 4, (-2, -1)) for image, k in zip(images, symmetries, strict=True)]
    return torch.stack([image.flip(-1) if k > 3 else image for image, k in zip(rotated, symmetries, strict=True)])


def _silence(worker: int) -> None:
    """Silences a worker's stderr: its errors are raised in the run, and if the run is killed, its traceback would be
    the last lines of the output."""
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - open until the process ends


def _identity(item: Any) -> Any:
    return item


def _tensor(images: np.ndarray) -> Tensor:
    return torch.from_numpy(images).permute(0, 3, 1, 2)
