"""What there is to open: samples of every data set, the first scenes of what is stored on this machine, and scenes of a
kind that a model was not trained on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monet.checkpoints import Checkpoint
from monet.data import DATASETS, Stored, StoreError, samples, stores
from monet.data.stored import store

SHOWN = 24
"""Scenes of a gallery; those of stored data that come after them open by a link."""
_MANY = {"tetrominoes": 5, "clevr6": 10}
"""More objects than in training, as many as the generator makes; three more elsewhere."""
_SEED = 7


def open_stores(folder: Path | None = None) -> tuple[dict[str, Stored], list[str]]:
    """The stored data of a folder by name (see :func:`monet.data.stores`), and what is wrong with the rest."""
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
    """Scenes unlike those that a model was trained on: ``title``, what to ``expect``, and the ``origin`` to ask for."""
    home = DATASETS.get(checkpoint.data)
    if home is None:
        return []
    slots, most = checkpoint.config.num_slots, home.objects[1]
    many = _MANY.get(home.name, most + 3)
    empty: dict[str, Any] = {"kind": "seed", "data": home.name, "seed": _SEED, "objects": 0}
    crowd = empty | {"objects": many}
    alike, foreign = None, "objects_room"
    if home.name.startswith("objects_room"):
        # They ship as samples, so that nobody needs MuJoCo to see them.
        empty, crowd, alike = (
            _sample(f"objects_room_{test_set}") for test_set in ("empty_room", "six_objects", "identical_color")
        )
        foreign, many = "multi_dsprites", 6
    elif home.name.startswith("multi_dsprites"):
        alike = _sample("multi_dsprites_binarized")
    scenes = [
        (
            "Nothing in it",
            "No object to find: look whether one slot takes it all and the others stay empty.",
            empty,
        ),
        (
            f"{many} objects",
            f"It was trained on at most {most}, and {slots} slots are all it has: expect objects that share one.",
            crowd,
        ),
        (
            "Identical colours",
            "Colour cannot tell the objects apart, only place and shape: look whether each keeps a slot of its own.",
            alike,
        ),
        (
            "Another data set's picture",
            "Its shapes and colours were never seen: expect masks by colour, blurred components and a large error.",
            _sample(foreign),
        ),
    ]
    return [{"title": title, "expect": expect, "origin": origin} for title, expect, origin in scenes if origin]


def _sample(data: str) -> dict[str, Any]:
    return {"kind": "sample", "data": data, "index": 0}
