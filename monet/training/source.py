"""Identity of a run's data: name, content hash, background labels and split."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monet.data import DATASETS, batches, stored, stores
from monet.data.batches import TEST, TRAIN, VALIDATE
from monet.data.stored.store import IMAGES
from monet.training.recipe import Recipe

RULE = "by number: training first, then validation, then test; see monet.data.batches.sizes"
SEEDS = "by seed: splits share no scene"


@dataclass(frozen=True)
class Source:
    """The data of a run.

    Attributes:
        data: name of generated or stored data, or an absolute path.
        content: SHA-256 of the values of the stored pictures, hexadecimal; "" for generated data.
        background: the labels that are not objects.
        counted: whether the number of objects of its scenes is known.
        size: height and width of its pictures in pixels.
        split: number of scenes of each split, and the rule; only the rule for generated data.
    """

    data: str
    content: str
    background: tuple[int, ...]
    counted: bool
    size: tuple[int, int]
    split: dict[str, Any]

    @classmethod
    def of(cls, data: str) -> Source:
        """Opens data by name or path.

        Raises:
            ValueError: no such data, or too few scenes.
        """
        if data in DATASETS:
            return cls(data, "", DATASETS[data].background, True, (DATASETS[data].size,) * 2, {"rule": SEEDS})
        store = stored(data)
        name = data if data in stores() else str(Path(data).resolve())
        # A store's manifest has the checksum; for a file it is computed in the same way.
        content = store.checksums.get(IMAGES) or hashlib.sha256(store.images.tobytes()).hexdigest()
        counts = {name: batches.size(data, split) for name, split in _SPLITS.items()}
        split = {"rule": RULE, **counts}
        height, width = store.images.shape[1:3]
        return cls(name, content, store.about.background, store.labels is not None, (height, width), split)

    def check(self, recipe: Recipe) -> None:
        """Checks that there are scenes for every stage of a recipe.

        Raises:
            ValueError: there are none for a stage.
        """
        for stage in recipe.stages if self.data not in DATASETS else ():
            batches.numbers(self.data, TRAIN, range(1), stage.objects if self.counted else None)

    def record(self) -> dict[str, Any]:
        """Returns the fields of a run's record, for JSON."""
        return {
            "data": self.data, "content": self.content, "background": list(self.background), "split": dict(self.split),
        }  # fmt: skip

    def differs(self, record: dict[str, Any]) -> str:
        """Names what differs from the data of a record; "" if nothing does.

        Moved pictures count as the same. An old record without a checksum is compared by name.
        """
        if "content" not in record:
            before = record["data"] if record["data"] in (*DATASETS, *stores()) else str(Path(record["data"]).resolve())
            return "" if before == self.data else "data"
        if record["content"] != self.content or (not self.content and record["data"] != self.data):
            return "data" if record["data"] != self.data else "content of the data"
        return "" if tuple(record["background"]) == self.background else "background of the data"


_SPLITS = {"train": TRAIN, "validate": VALIDATE, "test": TEST}
