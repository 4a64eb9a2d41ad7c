"""Data sets by name: generators of endless scenes (``DATASETS``) and scenes stored on disk (``stored``).

``python -m monet.data download`` stores genuine data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch

from monet.data.generators import arc, arc_batch, clevr, clevr_batch, multi_dsprites, objects_room, tetrominoes
from monet.data.scene import Scene, SceneBatch, Unavailable
from monet.data.seeds import Seed
from monet.data.stored.store import Stored, StoreError, stored, stores

__all__ = ["DATASETS", "Dataset", "Scene", "SceneBatch", "StoreError", "Stored", "Unavailable", "stored", "stores"]


@dataclass(frozen=True)
class Dataset:
    """A data set whose scenes are generated, as many as wanted.

    Attributes:
        name: identifier in command lines and files.
        title: display name.
        size: side of its square pictures in pixels.
        objects: fewest and most objects in a scene.
        generate: ``generate(seed, objects)`` returns the scene of that seed; a seed (split, index) gives a scene of
            that split.
        batch: ``batch(count, objects, generator)`` returns that many scenes of the training split with the same
            distribution, drawn from a ``torch.Generator`` and made on its device; None if there is no batch generator.
        background: the labels in its scenes that are not objects.
        licence: licence text of its scenes.
        citation: what else to cite.
    """

    name: str
    title: str
    size: int
    objects: tuple[int, int]
    generate: Callable[[Seed, tuple[int, int]], Scene]
    batch: Callable[[int, tuple[int, int], torch.Generator], SceneBatch] | None = None
    background: tuple[int, ...] = (0,)
    licence: str = "made by this program, free to use"
    citation: str = ""

    def scene(self, seed: Seed, objects: tuple[int, int] | None = None) -> Scene:
        """Generates the scene of a seed.

        Args:
            seed: a number, or (split, index).
            objects: fewest and most objects; the data set's own range if None.

        Raises:
            ValueError: the data set has no scenes with that many objects.
            Unavailable: the generator needs something that is not installed.
        """
        return self.generate(seed, objects or self.objects)


def _multi_dsprites(variant: multi_dsprites.Variant) -> Dataset:
    suffix = "" if variant == "colored_on_grayscale" else f"_{variant}"
    return Dataset(
        name=f"multi_dsprites{suffix}",
        title=multi_dsprites.TITLES[variant],
        size=multi_dsprites.SIZE,
        objects=multi_dsprites.OBJECTS[variant],
        generate=partial(multi_dsprites.generate, variant=variant),
        batch=partial(multi_dsprites.batch, variant=variant),
    )


def _objects_room(variant: objects_room.Variant) -> Dataset:
    suffix = "" if variant == "train" else f"_{variant}"
    return Dataset(
        name=f"objects_room{suffix}",
        title=objects_room.TITLES[variant],
        size=objects_room.SIZE,
        objects=objects_room.OBJECTS[variant],
        generate=partial(objects_room.generate, variant=variant),
        background=objects_room.BACKGROUND,
    )


def _arc(name: str, version: arc.Version, manner: arc.Manner) -> Dataset:
    return Dataset(
        name=name,
        title=f"{arc.TITLES[version]}, {manner}",
        size=arc.SIZE,
        objects=arc.OBJECTS,
        generate=partial(arc.generate, version=version, manner=manner),
        batch=partial(arc_batch.batch, version=version, manner=manner),
        licence="grids of ARC-AGI, Apache-2.0",
        citation="F. Chollet: On the Measure of Intelligence, 2019, arXiv:1911.01547",
    )


DATASETS: dict[str, Dataset] = {
    dataset.name: dataset
    for dataset in (
        Dataset(
            "tetrominoes",
            "Tetrominoes",
            tetrominoes.SIZE,
            tetrominoes.OBJECTS,
            tetrominoes.generate,
            tetrominoes.batch,
        ),
        _multi_dsprites("colored_on_grayscale"),
        _multi_dsprites("colored_on_colored"),
        _multi_dsprites("binarized"),
        _objects_room("train"),
        _objects_room("empty_room"),
        _objects_room("six_objects"),
        _objects_room("identical_color"),
        Dataset("clevr6", "CLEVR6", clevr.SIZE, clevr.OBJECTS, clevr.generate, clevr_batch.batch),
        _arc("arc", "arcagi", "zoomed"),
        _arc("arc_centred", "arcagi", "centred"),
        _arc("arc_padded", "arcagi", "padded"),
        _arc("arc2", "arcagi2", "zoomed"),
    )
}
