"""The data sets: scenes with ground truth, by name: generated without end (``DATASETS``), or stored on disk
(``stored``), where genuine data lands (``python -m monet.data download``)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from monet.data import multi_dsprites, tetrominoes
from monet.data.scene import Scene
from monet.data.store import Stored, StoreError, stored, stores

__all__ = ["DATASETS", "Dataset", "Scene", "StoreError", "Stored", "stored", "stores"]


@dataclass(frozen=True)
class Dataset:
    """A source of scenes without end.

    Attributes:
        name: as command lines and files spell it.
        title: as people read it.
        size: side of its square pictures in pixels.
        objects: fewest and most objects in a scene.
        generate: ``generate(seed, objects)`` gives the scene of that seed.
    """

    name: str
    title: str
    size: int
    objects: tuple[int, int]
    generate: Callable[[int | Sequence[int], tuple[int, int]], Scene]

    def scene(self, seed: int | Sequence[int], objects: tuple[int, int] | None = None) -> Scene:
        """The scene of a seed, with ``objects`` fewest and most objects, or the data set's own."""
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


DATASETS: dict[str, Dataset] = {
    dataset.name: dataset
    for dataset in (
        Dataset("tetrominoes", "Tetrominoes", tetrominoes.SIZE, tetrominoes.OBJECTS, tetrominoes.generate),
        _multi_dsprites("colored_on_grayscale", "coloured on grey"),
        _multi_dsprites("colored_on_colored", "coloured on coloured"),
        _multi_dsprites("binarized", "binarised"),
    )
}
