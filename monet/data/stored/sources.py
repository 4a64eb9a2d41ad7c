"""DeepMind's Multi-Object Datasets (Kabra et al. 2019): address, record format and decoding of each file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from monet.data.stored.tfrecord import Feature
from monet.pictures import fit, fit_labels

BUCKET = "https://storage.googleapis.com/multi-object-datasets/"


@dataclass(frozen=True)
class Source:
    """A genuine data set.

    Attributes:
        name: identifier in command lines and files, the same as that of the generated data set, if there is one.
        title: display name.
        path: path of its file under ``BUCKET``.
        features: features of every record; masks are H,W,K,1 if ``masks_last``, else K,H,W,1.
        records: number of records in the file.
        bytes_per_scene: approximate bytes of the compressed file per scene.
        size: side of the stored pictures in pixels.
        background: mask rows that are not objects.
        masks_last: the layout of the masks.
        crop: rows and columns of the square that is averaged down to ``size``; the whole picture if None.
        most_objects: largest number of objects; records with more are left out; no limit if None.
        note: what to know before quoting figures.
        licence: licence text.
        citation: what to cite.
    """

    name: str
    title: str
    path: str
    features: Mapping[str, Feature]
    records: int
    bytes_per_scene: int
    size: int
    background: tuple[int, ...] = (0,)
    masks_last: bool = False
    crop: tuple[slice, slice] | None = None
    most_objects: int | None = None
    note: str = ""
    licence: str = "provided by DeepMind, repository Apache-2.0, no licence for the data stated: do not redistribute"
    citation: str = (
        "R. Kabra, C. Burgess, L. Matthey, R. L. Kaufman, K. Greff, M. Reynolds, A. Lerchner: "
        "Multi-Object Datasets, 2019, https://github.com/deepmind/multi-object-datasets/"
    )

    @property
    def url(self) -> str:
        return BUCKET + self.path

    def keeps(self, record: Mapping[str, np.ndarray]) -> bool:
        """Returns whether the record has few enough objects for the data set.

        The first row of ``visibility`` is the background's, which is visible but not an object.
        """
        return self.most_objects is None or bool(record["visibility"][1:].sum() <= self.most_objects)

    def decode(self, record: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Returns image uint8 size,size,3 and label map uint8 size,size; a label is the number of a mask row."""
        image, masks = record["image"], record["mask"][..., 0]
        if self.crop:
            masks = masks[:, *self.crop]
            image = image[self.crop]
        labels = masks.argmax(2 if self.masks_last else 0).astype(np.uint8)
        if image.shape[2] == 1:
            image = image.repeat(3, axis=2)
        if self.crop:
            return fit(image, self.size), fit_labels(labels, self.size)
        return image, labels


def _multi_dsprites(suffix: str, variant: str, title: str, rows: int, channels: int) -> Source:
    per_row = ("x", "y", "shape", "visibility", "orientation", "scale")
    return Source(
        name=f"multi_dsprites{suffix}",
        title=f"Multi-dSprites, {title}",
        path=f"multi_dsprites/multi_dsprites_{variant}.tfrecords",
        features={
            "image": Feature((64, 64, channels)),
            "mask": Feature((64, 64, rows, 1)),
            "color": Feature((rows, channels), "float32"),
            **{name: Feature((rows,), "float32") for name in per_row},
        },
        records=1_000_000,
        bytes_per_scene=1_100,
        size=64,
        masks_last=True,
    )


def _objects_room(suffix: str, file: str, title: str, rows: int, records: int) -> Source:
    return Source(
        name=f"objects_room{suffix}",
        title=f"Objects Room{title}",
        path=f"objects_room/objects_room_{file}.tfrecords",
        features={"image": Feature((64, 64, 3)), "mask": Feature((rows, 64, 64, 1))},
        records=records,
        bytes_per_scene=8_000,
        size=64,
        background=(0, 1, 2, 3),  # sky, floor, the two visible walls
        note="If only one wall is visible, the first object has label 3 and so counts as background.",
    )


_CLEVR = Source(
    name="clevr",
    title="CLEVR",
    path="clevr_with_masks/clevr_with_masks_train.tfrecords",
    features={
        "image": Feature((240, 320, 3)),
        "mask": Feature((11, 240, 320, 1)),
        "pixel_coords": Feature((11, 3), "float32"),
        **{name: Feature((11,), "float32") for name in ("x", "y", "z", "rotation", "visibility")},
        **{name: Feature((11,)) for name in ("size", "material", "shape", "color")},
    },
    records=100_000,
    bytes_per_scene=105_000,
    size=64,
    crop=(slice(29, 221), slice(64, 256)),
    note="Rows 29:221 and columns 64:256 of the 240x320 picture, averaged down; labels by the nearest pixel.",
    citation=(
        "J. Johnson, B. Hariharan, L. van der Maaten, L. Fei-Fei, C. L. Zitnick, R. Girshick: CLEVR, a diagnostic "
        f"dataset for compositional language and elementary visual reasoning, CVPR 2017; with masks: {Source.citation}"
    ),
)

SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        Source(
            name="tetrominoes",
            title="Tetrominoes",
            path="tetrominoes/tetrominoes_train.tfrecords",
            features={
                "image": Feature((35, 35, 3)),
                "mask": Feature((4, 35, 35, 1)),
                "color": Feature((4, 3), "float32"),
                **{name: Feature((4,), "float32") for name in ("x", "y", "shape", "visibility")},
            },
            records=1_000_000,
            bytes_per_scene=380,
            size=35,
        ),
        _multi_dsprites("", "colored_on_grayscale", "coloured on grey", rows=6, channels=3),
        _multi_dsprites("_colored_on_colored", "colored_on_colored", "coloured on coloured", rows=5, channels=3),
        _multi_dsprites("_binarized", "binarized", "binarised", rows=4, channels=1),
        _objects_room("", "train", "", rows=7, records=1_000_000),
        _objects_room("_empty_room", "test_empty_room", ", empty room", rows=4, records=922),
        _objects_room("_six_objects", "test_six_objects", ", six objects", rows=10, records=922),
        _objects_room("_identical_color", "test_identical_color", ", identical colours", rows=10, records=922),
        _CLEVR,
        replace(
            _CLEVR,
            name="clevr6",
            title="CLEVR6",
            bytes_per_scene=210_000,  # about every second record shows at most six objects
            most_objects=6,
            note=f"{_CLEVR.note} Records with at most 6 objects.",
        ),
    )
}
