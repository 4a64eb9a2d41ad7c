"""The data sets: scenes with ground truth, by name: generated without end (``DATASETS``), or stored on disk
(``stored``), where genuine data lands (``python -m monet.data download``)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from monet.data import multi_dsprites, objects_room, tetrominoes
from monet.data.scene import Scene, Unavailable
from monet.data.store import Stored, StoreError, stored, stores

__all__ = ["DATASETS", "Dataset", "Scene", "StoreError", "Stored", "Unavailable", "stored", "stores"]


@dataclass(frozen=True)
class Dataset:
    """A source of scenes without end.

    Attributes:
        name: as command lines and files spell it.
        title: as people read it.
        size: side of its square pictures in pixels.
        objects: fewest and most objects in a scene.
        generate: ``generate(seed, objects)`` gives the scene of that seed.
        background: the labels in its scenes that are not objects.
    """

    name: str
    title: str
    size: int
    objects: tuple[int, int]
    generate: Callable[[int | Sequence[int], tuple[int, int]], Scene]
    background: tuple[int, ...] = (0,)

    def scene(self, seed: int | Sequence[int], objects: tuple[int, int] | None = None) -> Scene:
        """The scene of a seed, with ``objects`` fewest and most objects, or the data set's own.

        Raises:
            ValueError: the generator does not make so many objects.
            Unavailable: the generator misses something on this machine.
        """
        return self.generate(seed, objects or self.objects)


def _multi_dsprites(variant: multi_dsprites.Variant, title: str) -> Dataset:
    suffix = "" if variant == "colored_on_grayscale" else f"_{variant}"
    return Dataset(
        name=f"multi_dsprites{suffix}",
        title=f"Multi-dSprites, {title}",
        size=multi_dsprites.SIZE,
        objects=multi_dsprites.OBJECTS[variant],
        generate=partial(multi_dsprites.generate, variant=variant),
    )


def _objects_room(variant: objects_room.Variant, title: str) -> Dataset:
    suffix = "" if variant == "train" else f"_{variant}"
    return Dataset(
        name=f"objects_room{suffix}",
        title=f"Objects Room{title}",
        size=objects_room.SIZE,
        objects=objects_room.OBJECTS[variant],
        generate=partial(objects_room.generate, variant=variant),
        background=objects_room.BACKGROUND,
    )


DATASETS: dict[str, Dataset] = {
    dataset.name: dataset
    for dataset in (
        Dataset("tetrominoes", "Tetrominoes", tetrominoes.SIZE, tetrominoes.OBJECTS, tetrominoes.generate),
        _multi_dsprites("colored_on_grayscale", "coloured on grey"),
        _multi_dsprites("colored_on_colored", "coloured on coloured"),
        _multi_dsprites("binarized", "binarised"),
        _objects_room("train", ""),
        _objects_room("empty_room", ", empty room"),
        _objects_room("six_objects", ", six objects"),
        _objects_room("identical_color", ", identical colours"),
    )
}
