"""Galleries of scenes: samples of every data set, stored data, and scenes unlike a model's training data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monet.checkpoints import Checkpoint
from monet.data import DATASETS, Stored, StoreError, samples, stores
from monet.data.stored import store

SHOWN = 24
"""Scenes in a gallery of stored data; later ones open by a link."""
_MANY = {"tetrominoes": 5, "clevr6": 10}
"""Objects of a crowded scene, limited by the generator; other data sets add three to their training maximum."""
_SEED = 7


def open_stores(folder: Path | None = None) -> tuple[dict[str, Stored], list[str]]:
    """The stored data of a folder by name (see :func:`monet.data.stores`), and messages about damaged data."""
    found, problems = {}, []
    for name, path in stores(folder).items():
        try:
            found[name] = store.load(path)
        except StoreError as error:
            problems.append(str(error))
    return found, problems


def galleries(stored: Mapping[str, Stored]) -> list[dict[str, Any]]:
    """``kind``, ``name``, ``title`` and number of ``samples`` of every gallery."""
    generated = [
        {"kind": "sample", "name": d.name, "title": d.title, "samples": samples.count(d.name)}
        for d in DATASETS.values()
    ]
    return generated + [
        {"kind": "stored", "name": name, "title": data.about.title, "samples": min(SHOWN, len(data))}
        for name, data in stored.items()
    ]


def unusual(checkpoint: Checkpoint) -> list[dict[str, Any]]:
    """Scenes unlike a model's training data: ``title``, what to ``expect``, and the ``origin``, a scene reference."""
    home = DATASETS.get(checkpoint.data)
    if home is None:
        return []
    slots, most = checkpoint.config.num_slots, home.objects[1]
    many = _MANY.get(home.name, most + 3)
    empty: dict[str, Any] = {"kind": "seed", "data": home.name, "seed": _SEED, "objects": 0}
    crowd = empty | {"objects": many}
    alike, foreign = None, "objects_room"
    if home.name.startswith("objects_room"):
        # These scenes ship as samples, because generating them needs MuJoCo.
        empty, crowd, alike = (
            _sample(f"objects_room_{test_set}") for test_set in ("empty_room", "six_objects", "identical_color")
        )
        foreign, many = "multi_dsprites", 6
    elif home.name.startswith("multi_dsprites"):
        alike = _sample("multi_dsprites_binarized")
    scenes = [
        (
            "Nothing in it",
            "There is no object: check whether one slot takes the whole picture and the others stay empty.",
            empty,
        ),
        (
            f"{many} objects",
            f"The model was trained on at most {most} objects and has {slots} slots: expect objects that share a slot.",
            crowd,
        ),
        (
            "Identical colours",
            "Only place and shape distinguish the objects: check whether each still has its own slot.",
            alike,
        ),
        (
            "Another data set's picture",
            "The model has never seen such shapes and colours: expect masks by colour, blurred components and a large "
            "error.",
            _sample(foreign),
        ),
    ]
    return [{"title": title, "expect": expect, "origin": origin} for title, expect, origin in scenes if origin]


def _sample(data: str) -> dict[str, Any]:
    return {"kind": "sample", "data": data, "index": 0}
