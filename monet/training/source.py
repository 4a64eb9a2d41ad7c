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

RULE = "by number: the first to learn from, then those held out, then the test split; see monet.data.batches.sizes"
SEEDS = "by seed: no generated scene of one split is in another"


@dataclass(frozen=True)
class Source:
    """The data of a run.

    Attributes:
        data: a generated data set's name; a stored one's; or an absolute path.
        content: SHA-256 of the values of the stored pictures, hexadecimal; "" of generated ones, which have no end.
        background: the labels that are not objects.
        counted: whether the objects of its scenes can be counted.
        size: height and width of its pictures, pixels.
        split: how many scenes each split has, and by which rule; of generated scenes the rule alone.
    """

    data: str
    content: str
    background: tuple[int, ...]
    counted: bool
    size: tuple[int, int]
    split: dict[str, Any]

    @classmethod
    def of(cls, data: str) -> Source:
        """The source of a name or path.

        Raises:
            ValueError: there is no such data, or too little of it.
        """
        if data in DATASETS:
            return cls(data, "", DATASETS[data].background, True, (DATASETS[data].size,) * 2, {"rule": SEEDS})
        store = stored(data)
        name = data if data in stores() else str(Path(data).resolve())
        # Of a store it is in the manifest; of any other file it is counted in the same way.
        content = store.checksums.get(IMAGES) or hashlib.sha256(store.images.tobytes()).hexdigest()
        counts = {name: batches.size(data, split) for name, split in _SPLITS.items()}
        split = {"rule": RULE, **counts}
        height, width = store.images.shape[1:3]
        return cls(name, content, store.about.background, store.labels is not None, (height, width), split)

    def check(self, recipe: Recipe) -> None:
        """Looks whether there are scenes for every stage of a recipe.

        Raises:
            ValueError: there are none for one of them.
        """
        for stage in recipe.stages if self.data not in DATASETS else ():
            batches.numbers(self.data, TRAIN, range(1), stage.objects if self.counted else None)

    def record(self) -> dict[str, Any]:
        """As a run's record holds it, for JSON."""
        return {
            "data": self.data, "content": self.content, "background": list(self.background), "split": dict(self.split),
        }  # fmt: skip

    def differs(self, record: dict[str, Any]) -> str:
        """In what it is not the data that a record tells of, in words; "" where it is the same.

        Pictures that were moved are the same. A record from before contents were noted is taken at its name.
        """
        if "content" not in record:
            before = record["data"] if record["data"] in (*DATASETS, *stores()) else str(Path(record["data"]).resolve())
            return "" if before == self.data else "data"
        if record["content"] != self.content or (not self.content and record["data"] != self.data):
            return "data" if record["data"] != self.data else "content of the data"
        return "" if tuple(record["background"]) == self.background else "background of the data"


_SPLITS = {"train": TRAIN, "validate": VALIDATE, "test": TEST}
