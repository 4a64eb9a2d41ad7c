"""The gallery's scenes: ``monet/assets/samples/DATASET/NN.png`` with ``NN.labels.png``, all made by this project.

``python -m monet.data.samples`` writes them anew, the same every time.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from monet.data import DATASETS
from monet.data.scene import Scene

FOLDER = Path(__file__).parents[1] / "assets" / "samples"
COUNT = 24
SEED = 2030


def write(folder: Path = FOLDER, count: int = COUNT) -> None:
    """Writes ``count`` scenes of every generated data set; label maps are PNGs of the labels themselves."""
    for dataset in DATASETS.values():
        target = folder / dataset.name
        target.mkdir(parents=True, exist_ok=True)
        for index in range(count):
            scene = dataset.scene((SEED, index))
            assert scene.segmentation is not None  # every generator knows its objects
            Image.fromarray(scene.image).save(target / f"{index:02d}.png", optimize=True)
            Image.fromarray(scene.segmentation).save(target / f"{index:02d}.labels.png", optimize=True)


def count(dataset: str, folder: Path = FOLDER) -> int:
    """How many samples of a data set there are."""
    return len(list((folder / dataset).glob("[0-9][0-9].png")))


def read(dataset: str, index: int, folder: Path = FOLDER) -> Scene:
    """A sample by data set and number.

    Raises:
        ValueError: there is none.
    """
    if dataset not in DATASETS or not 0 <= index < count(dataset, folder):
        raise ValueError(f"there is no sample {index} of {dataset!r}")
    path = folder / dataset / f"{index:02d}"
    with Image.open(path.with_suffix(".png")) as image, Image.open(path.with_suffix(".labels.png")) as labels:
        known = DATASETS[dataset]
        title = f"{known.title}, sample {index + 1}"
        return Scene(np.asarray(image.convert("RGB")), np.asarray(labels), title, known.background)


if __name__ == "__main__":
    write()
