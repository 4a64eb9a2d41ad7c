"""Sample scenes of the gallery: ``monet/assets/samples/DATASET/NN.png`` with ``NN.labels.png``, all generated.

``python -m monet.data.samples [NAME ...]`` writes those of all data sets, or of the named ones. The files are the same
every time.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from monet.data import DATASETS
from monet.data.scene import Scene
from monet.errors import exit_on_error

FOLDER = Path(__file__).parents[1] / "assets" / "samples"
COUNT = 24
SEED = 2030


def write(folder: Path = FOLDER, count: int = COUNT, names: Iterable[str] = DATASETS) -> None:
    """Writes ``count`` scenes of each named data set. The pixel values of a label map PNG are the labels.

    Raises:
        ValueError: no data set of that name.
    """
    names = list(names)
    if unknown := [name for name in names if name not in DATASETS]:
        raise ValueError(f"no data set {unknown[0]!r}; there are {', '.join(DATASETS)}")
    for dataset in (DATASETS[name] for name in names):
        target = folder / dataset.name
        target.mkdir(parents=True, exist_ok=True)
        for index in range(count):
            scene = dataset.scene((SEED, index))
            assert scene.segmentation is not None  # every generator knows its objects
            Image.fromarray(scene.image).save(target / f"{index:02d}.png", optimize=True)
            Image.fromarray(scene.segmentation).save(target / f"{index:02d}.labels.png", optimize=True)


def count(dataset: str, folder: Path = FOLDER) -> int:
    """Counts the samples of a data set."""
    return len(list((folder / dataset).glob("[0-9][0-9].png")))


def read(dataset: str, index: int, folder: Path = FOLDER) -> Scene:
    """Reads a sample by data set and number.

    Raises:
        ValueError: no such sample.
    """
    if dataset not in DATASETS or not 0 <= index < count(dataset, folder):
        raise ValueError(f"there is no sample {index} of {dataset!r}")
    path = folder / dataset / f"{index:02d}"
    with Image.open(path.with_suffix(".png")) as image, Image.open(path.with_suffix(".labels.png")) as labels:
        known = DATASETS[dataset]
        title = f"{known.title}, sample {index + 1}"
        return Scene(np.asarray(image.convert("RGB")), np.asarray(labels), title, known.background)


if __name__ == "__main__":
    with exit_on_error():
        write(names=sys.argv[1:] or DATASETS)
