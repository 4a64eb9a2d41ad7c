"""Opens and decomposes the scene of a request: a scene reference or a picture file, validated on entry."""

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
"""Most latents in one decode request."""


class SceneError(ValueError):
    """The request is refused. The message is one sentence for the visitor."""


@dataclass(frozen=True)
class Opened:
    """A scene and its origin, the scene reference for permalinks."""

    scene: Scene
    origin: dict[str, Any]


def decompose(models: Models, opened: Opened, model: str, slots: int, how: str) -> dict[str, Any]:
    """Decomposes a scene for the page.

    Args:
        models: locked meanwhile.
        opened: the scene.
        model: name of a checkpoint.
        slots: K, 1 to ``MAX_SLOTS``.
        how: "crop", "pad" or "stretch".

    Returns:
        :func:`monet.explorer.payload.scene_payload` of it.

    Raises:
        SceneError: a choice is invalid.
    """
    check_choice(models, model, slots, how)
    with models.use(model) as network:
        return scene_payload(network, models.checkpoints[model], opened.scene, opened.origin, num_slots=slots, how=how)  # type: ignore[arg-type]


def check_choice(models: Models, model: Any, slots: Any, how: Any) -> None:
    """Validates the choices of a request.

    Raises:
        SceneError: a choice is invalid.
    """
    if not isinstance(model, str) or model not in models.checkpoints:
        raise SceneError(f"There is no model {model!r}.")
    if not isinstance(slots, int) or not 1 <= slots <= MAX_SLOTS:
        raise SceneError(f"Choose between 1 and {MAX_SLOTS} slots.")
    if how not in get_args(How):
        raise SceneError("A picture is made square by “crop”, “pad” or “stretch”.")


def open_reference(request: str | bytes, models: Models, stored: Mapping[str, Stored]) -> Opened:
    """Opens the scene of a JSON reference; see :func:`find_scene`.

    A page that no longer has a visitor's file sends the input of the model NAME instead:
    ``{"kind": "picture", "image": [H*W*3 values 0..255], "of": NAME}``.

    Raises:
        SceneError: there is no such scene.
    """
    table = read_request(request)
    if table.get("kind") != "picture":
        return find_scene(table, stored)
    name = table.get("of")
    if not isinstance(name, str) or name not in models.checkpoints:
        raise SceneError("The picture is damaged; choose it again.")
    return kept_picture(table, models.checkpoints[name].config)


def open_picture(file: bytes | str) -> Opened:
    """Opens a visitor's picture from the bytes or the path of a file.

    Raises:
        monet.pictures.PictureError: the file is not a readable picture.
    """
    return Opened(Scene(read(file), None, "your picture"), {"kind": "picture"})


def kept_picture(table: dict[str, Any], config: MONetConfig) -> Opened:
    """Opens a visitor's picture from ``image``, the model input of this configuration as H*W*3 values 0..255.

    Raises:
        SceneError: the values are invalid.
    """
    side = config.resolution
    try:
        pixels = np.array(table["image"], np.uint8).reshape(side, side, 3)
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise SceneError("The picture is damaged; choose it again.") from error
    return Opened(Scene(extract(pixels, config.picture_size or side), None, "your picture"), {"kind": "picture"})


def find_scene(table: dict[str, Any], stored: Mapping[str, Stored] | None = None) -> Opened:
    """Opens a sample, a generated scene or a stored scene by reference.

    Args:
        table: ``{"kind": "sample", "data": NAME, "index": N}``; ``{"kind": "seed", "data": NAME, "seed": N}``, with
            ``"objects": N`` for a number of objects; or ``{"kind": "stored", "data": NAME, "index": N}``.
        stored: data sets of this machine by name.

    Raises:
        SceneError: there is no such scene, or this machine cannot generate it.
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
                raise ValueError(f"a seed must lie between 0 and {MAX_SEED}")
            origin = {"kind": kind, "data": data, "seed": seed}
            if "objects" not in table:
                return Opened(dataset.scene(seed), origin)
            objects = int(table["objects"])
            scene = dataset.scene(seed, (objects, objects))
            content = f"{objects} objects" if objects else "nothing in it"
            title = f"{dataset.title}, {content}, seed {seed}"
            return Opened(replace(scene, source=title), origin | {"objects": objects})
        raise ValueError("kind must be sample, seed or stored")
    except Unavailable as error:
        raise SceneError(str(error)) from error
    except (ValueError, LookupError, TypeError, OverflowError) as error:
        raise _no_such_scene() from error


def read_request(request: str | bytes) -> dict[str, Any]:
    """Parses a JSON object without validating its content.

    Raises:
        SceneError: the request is not a JSON object.
    """
    try:
        table = json.loads(request)
    except (ValueError, TypeError, RecursionError) as error:
        raise _no_such_scene() from error
    if not isinstance(table, dict):
        raise _no_such_scene()
    return table


def first_scene(checkpoint: Checkpoint, stored: Mapping[str, Stored]) -> dict[str, Any]:
    """Reference to the first scene of the model's data set, or of the first data set if that is not here."""
    if checkpoint.data in stored and checkpoint.data not in DATASETS:
        return {"kind": "stored", "data": checkpoint.data, "index": 0}
    return {"kind": "sample", "data": samples_of(checkpoint.data), "index": 0}


def about(checkpoint: Checkpoint, stored: Mapping[str, Stored]) -> dict[str, Any]:
    """Description of a model for the page: title, sizes, data set, first scene, and effects of its latents."""
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
