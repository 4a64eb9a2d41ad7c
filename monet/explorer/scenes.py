"""What a page or a program may ask to be taken apart: a reference to a scene, or a picture, checked where it enters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np

from monet.checkpoints import Checkpoint
from monet.data import DATASETS, Scene, Stored, Unavailable, samples
from monet.explorer.models import Models
from monet.explorer.payload import evidence_payload, scene_payload
from monet.explorer.slotmap import samples_of
from monet.model import MONetConfig
from monet.pictures import How, extract, read

MAX_SEED = 999_999
MAX_SLOTS = 12
MAX_LATENTS = 64
"""Latents that are decoded at once."""


class SceneError(ValueError):
    """A request that is refused. The message is one sentence for the person who made it."""


@dataclass(frozen=True)
class Opened:
    """A scene to be taken apart, and where it comes from as the page gives it back in a link."""

    scene: Scene
    origin: dict[str, Any]


def decompose(models: Models, opened: Opened, model: str, slots: int, how: str) -> dict[str, Any]:
    """Takes a scene apart for the page.

    Args:
        models: entered here, one thread at a time.
        opened: the scene.
        model: name of a checkpoint.
        slots: K, 1 to ``MAX_SLOTS``.
        how: "crop", "pad" or "stretch".

    Returns:
        :func:`monet.explorer.payload.scene_payload` of it.

    Raises:
        SceneError: a choice that is not offered.
    """
    check_choice(models, model, slots, how)
    with models.use(model) as network:
        return scene_payload(network, models.checkpoints[model], opened.scene, opened.origin, num_slots=slots, how=how)  # type: ignore[arg-type]


def check_choice(models: Models, model: Any, slots: Any, how: Any) -> None:
    """Checks what the page and programs choose.

    Raises:
        SceneError: a choice that is not offered.
    """
    if not isinstance(model, str) or model not in models.checkpoints:
        raise SceneError(f"There is no model {model!r}.")
    if not isinstance(slots, int) or not 1 <= slots <= MAX_SLOTS:
        raise SceneError(f"Choose between 1 and {MAX_SLOTS} slots.")
    if how not in get_args(How):
        raise SceneError("A picture is made square by “crop”, “pad” or “stretch”.")


def open_reference(request: str | bytes, models: Models, stored: Mapping[str, Stored]) -> Opened:
    """The scene that a reference names; see :func:`find_scene`. A page that no longer has a visitor's file sends what a
    model was fed of it: ``{"kind": "picture", "image": [H*W*3 values 0..255], "of": NAME}``.

    Raises:
        SceneError: it names none.
    """
    table = read_request(request)
    if table.get("kind") != "picture":
        return find_scene(table, stored)
    fed_to = table.get("of")
    if not isinstance(fed_to, str) or fed_to not in models.checkpoints:
        raise SceneError("The picture is damaged; choose it again.")
    return kept_picture(table, models.checkpoints[fed_to].config)


def open_picture(file: bytes | str) -> Opened:
    """A visitor's picture from a file, its bytes or its path.

    Raises:
        monet.pictures.PictureError: it is no picture that can be shown.
    """
    return Opened(Scene(read(file), None, "your picture"), {"kind": "picture"})


def kept_picture(table: dict[str, Any], config: MONetConfig) -> Opened:
    """A visitor's picture from ``image``, the H*W*3 values 0..255 that a model of this configuration was fed.

    Raises:
        SceneError: other values.
    """
    side = config.resolution
    try:
        fed = np.array(table["image"], np.uint8).reshape(side, side, 3)
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise SceneError("The picture is damaged; choose it again.") from error
    return Opened(Scene(extract(fed, config.picture_size or side), None, "your picture"), {"kind": "picture"})


def find_scene(table: dict[str, Any], stored: Mapping[str, Stored] | None = None) -> Opened:
    """The scene that a request names, among generated ones and what is stored.

    Args:
        table: ``{"kind": "sample", "data": NAME, "index": N}``; ``{"kind": "seed", "data": NAME, "seed": N}``, with
            ``"objects": N`` for a number of objects; or ``{"kind": "stored", "data": NAME, "index": N}``.
        stored: data sets of this machine by name.

    Raises:
        SceneError: it names none, or one that cannot be made here; the visitor reads why.
    """
    try:
        kind, data = table["kind"], table["data"]
        if kind == "stored":
            index = int(table["index"])
            return Opened((stored or {})[data].scene(index), {"kind": kind, "data": data, "index": index})
        dataset = DATASETS[data]
        if kind == "sample":
            index = int(table["index"])
            return Opened(samples.read(data, index), {"kind": kind, "data": data, "index": index})
        if kind == "seed":
            seed = int(table["seed"])
            if not 0 <= seed <= MAX_SEED:
                raise ValueError(f"a seed lies between 0 and {MAX_SEED}")
            origin = {"kind": kind, "data": data, "seed": seed}
            if "objects" not in table:
                return Opened(dataset.scene(seed), origin)
            objects = int(table["objects"])
            scene = dataset.scene(seed, (objects, objects))
            content = f"{objects} objects" if objects else "nothing in it"
            title = f"{dataset.title}, {content}, seed {seed}"
            return Opened(replace(scene, source=title), origin | {"objects": objects})
        raise ValueError("a scene is a sample, a seed or stored")
    except Unavailable as error:
        raise SceneError(str(error)) from error
    except (ValueError, LookupError, TypeError, OverflowError) as error:
        raise _no_such_scene() from error


def read_request(request: str | bytes) -> dict[str, Any]:
    """What is asked for, as it stands.

    Raises:
        SceneError: it is no JSON object; the visitor reads why.
    """
    try:
        table = json.loads(request)
    except (ValueError, TypeError, RecursionError) as error:
        raise _no_such_scene() from error
    if not isinstance(table, dict):
        raise _no_such_scene()
    return table


def first_scene(checkpoint: Checkpoint, stored: Mapping[str, Stored]) -> dict[str, Any]:
    """The reference to the first scene of the data set that a model knows, or of any."""
    if checkpoint.data in stored and checkpoint.data not in DATASETS:
        return {"kind": "stored", "data": checkpoint.data, "index": 0}
    return {"kind": "sample", "data": samples_of(checkpoint.data), "index": 0}


def about(checkpoint: Checkpoint, stored: Mapping[str, Stored]) -> dict[str, Any]:
    """What the page knows of a model before it has asked anything of it."""
    return {
        "title": checkpoint.title,
        "slots": checkpoint.config.num_slots,
        "picture": checkpoint.config.picture_size or checkpoint.config.resolution,
        "data": checkpoint.data,
        "first": first_scene(checkpoint, stored),
        "latents": evidence_payload(checkpoint),
    }


def _no_such_scene() -> SceneError:
    return SceneError("There is no such scene: choose a sample or a seed from the gallery.")
