"""The page: what stands where, and what happens when a person asks for a scene."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args

import gradio as gr
import numpy as np

from monet.checkpoints import Checkpoint
from monet.data import DATASETS, Scene, Stored, Unavailable, samples
from monet.explorer import panels
from monet.explorer.galleries import galleries, unusual
from monet.explorer.models import Models
from monet.explorer.payload import scene_payload
from monet.explorer.slotmap import samples_of
from monet.explorer.uploads import Uploads
from monet.faults import sentence
from monet.model import MONetConfig
from monet.pictures import How, PictureError, extract
from monet.pictures import read as read_picture

TITLE = "MONet Explorer"
MAX_SEED = 999_999
MAX_SLOTS = 12

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Opened:
    """What a visitor has on screen, to be taken apart again by another model or with more slots."""

    scene: Scene
    origin: dict[str, Any]


class Page(gr.Blocks):
    """Blocks that forget uploads, and whose every failure is one sentence for the visitor and one line for the log."""

    def __init__(self, **options: Any):
        self.uploads = Uploads()
        super().__init__(title=TITLE, analytics_enabled=False, **options)

    async def process_api(self, *arguments: Any, **options: Any) -> dict[str, Any]:
        try:
            return await super().process_api(*arguments, **options)
        except gr.Error as error:
            error.duration = None  # stays until the visitor has read it and closes it
            raise
        except OSError as error:
            log.warning("%s", error)
            raise gr.Error(
                sentence(OSError(error.errno, error.strerror)), duration=None, print_exception=False
            ) from error
        except Exception as error:
            log.warning("%s: %s", type(error).__name__, error)
            raise gr.Error(
                "The server can make nothing of this request.", duration=None, print_exception=False
            ) from error


def build(models: Models, stored: Mapping[str, Stored] | None = None) -> Page:
    """The app for a set of models and stored data by name; without models, a page that says how to get one."""
    stored = stored or {}
    if not models.checkpoints:
        return _without_models(models)
    first = opening_model(models.checkpoints)
    with Page(fill_width=True) as demo:
        opened = gr.State(None)
        request, link = panels.request_carrier("scene"), panels.request_carrier("link")
        answer = panels.scene_carrier()
        with gr.Row(elem_id="mx-page"):
            with gr.Column(elem_id="mx-intake"):
                gr.HTML(
                    f'<h1>{TITLE}</h1><button type="button" id="mx-tour" class="mx-button">Tour</button>',
                    elem_id="mx-title",
                )
                model = gr.Dropdown(
                    [(c.title, name) for name, c in models.checkpoints.items()],
                    value=first,
                    label="Model",
                    filterable=False,
                    elem_id="mx-model",
                )
                panels.panel(
                    "gallery",
                    {
                        "galleries": galleries(stored),
                        "unusual": {name: unusual(c) for name, c in models.checkpoints.items()},
                        "models": [
                            {"name": name, "title": c.title, "data": c.data, "slots": c.config.num_slots}
                            for name, c in models.checkpoints.items()
                        ],
                    },
                )
                upload = gr.Image(
                    type="filepath",
                    image_mode=None,
                    sources=["upload", "clipboard", "webcam"],
                    label="Or your own picture",
                    height=150,
                    elem_id="mx-upload",
                )
                # gr.Image would open the file by itself before open_picture could say what is wrong with it
                upload.preprocess = lambda data: data and data.path  # type: ignore
                how = gr.Radio(
                    [("crop", "crop"), ("pad", "pad")], value="crop", label="Make it square", elem_id="mx-how"
                )
                slots = gr.Slider(
                    1, MAX_SLOTS, value=models.checkpoints[first].config.num_slots, step=1, label="Slots K", buttons=[]
                )
            with gr.Column(elem_id="mx-middle"):
                panels.panel("scene")
                panels.panel("slots")
            with gr.Column(elem_id="mx-hold"):
                panels.panel("latents")
                panels.panel("pad")
        panels.panel("attention")
        panels.panel("traversals")
        panels.panel("charts")
        panels.panel("map")
        panels.panel("take")

        def show(visitor: Opened, model: str, slots: float, how: How) -> str:
            """The payload of what a visitor has opened, by the model and with the slots that they chose."""
            if model not in models.checkpoints:
                raise gr.Error(f"There is no model {model!r}.", print_exception=False)
            with models.use(model) as network:
                payload = scene_payload(
                    network, models.checkpoints[model], visitor.scene, visitor.origin, num_slots=int(slots), how=how
                )
            return json.dumps(payload)

        def open_scene(request: str, model: str, slots: float, how: How) -> tuple[str, Opened]:
            """Opens a sample or a generated scene, as JSON: ``{"kind": "sample", "data": NAME, "index": N}`` or
            ``{"kind": "seed", "data": NAME, "seed": N}``, with ``"objects": N`` for a number of objects; or one of
            stored data, ``{"kind": "stored", "data": NAME, "index": N}``.
            """
            visitor = find_scene(request, stored)
            return show(visitor, model, slots, how), visitor

        def open_link(request: str, before: Opened | None = None) -> tuple[Any, Any, str, int, str]:
            """Opens a scene as :func:`open_scene`, with the ``model``, ``slots`` and ``how`` that the link names.

            The picture of ``{"kind": "picture"}`` is not in the link: the scene ``before`` it stays, and a sentence
            asks for the picture. A page that lost its server sends the picture as well, ``"image": [...]``.
            """
            table: Any = read_request(request)
            picture = table.get("kind") == "picture"
            model, slots, how = table.get("model"), table.get("slots"), table.get("how")
            whole = isinstance(slots, int) and 1 <= slots <= MAX_SLOTS
            if not (isinstance(model, str) and whole and how in get_args(How)):
                raise gr.Error("The link is damaged.", print_exception=False)
            if picture and "image" in table and model in models.checkpoints:
                visitor = kept_picture(table, models.checkpoints[model].config)
                return show(visitor, model, slots, how), visitor, model, slots, how
            if picture:
                gr.Info(
                    "The picture is not in the link: open it here, and the link’s edits are made to it.", duration=None
                )
            opened = before if picture else find_scene(request, stored)
            return again(opened, model, slots, how), opened, model, slots, how

        def open_picture(path: str | None, model: str, slots: float, how: How, asked: gr.Request) -> tuple[Any, Any]:
            """Opens a picture file of any size."""
            if path is None:  # the visitor took the picture away; the scene on screen stays
                return gr.skip(), gr.skip()
            demo.uploads.opened(asked.session_hash, path)
            try:
                visitor = Opened(Scene(read_picture(path), None, "your picture"), {"kind": "picture"})
            except PictureError as error:
                raise gr.Error(str(error), print_exception=False) from error
            return show(visitor, model, slots, how), visitor

        def again(visitor: Opened | None, model: str, slots: float, how: How) -> Any:
            """The scene on screen, taken apart by another model, with other slots or another crop."""
            return gr.skip() if visitor is None else show(visitor, model, slots, how)

        def change_model(visitor: Opened | None, model: str, how: How) -> tuple[Any, Any, Any]:
            """Another model brings its own number of slots, and its own data set in place of another model's."""
            if model not in models.checkpoints:
                raise gr.Error(f"There is no model {model!r}.", print_exception=False)
            checkpoint = models.checkpoints[model]
            count = checkpoint.config.num_slots
            elsewhere = {c.data for c in models.checkpoints.values()} - {checkpoint.data}
            if (visitor is None or visitor.origin.get("data") in elsewhere) and checkpoint.data in DATASETS:
                visitor = find_scene(first_sample(checkpoint))
            if visitor is None:
                return gr.skip(), gr.skip(), count
            return show(visitor, model, count, how), visitor, count

        def leave(asked: gr.Request) -> None:
            """The visitor closed the page."""
            demo.uploads.forget(asked.session_hash)

        choices = [model, slots, how]
        queue: dict[str, Any] = {"concurrency_id": "model", "show_progress": "hidden"}

        def open_first(*chosen: Any) -> tuple[str, Opened]:
            """The scene that a visitor finds on opening the page."""
            return open_scene(first_sample(models.checkpoints[first]), *chosen)

        demo.load(open_first, choices, [answer, opened], api_visibility="private", **queue)
        request.input(open_scene, [request, *choices], [answer, opened], api_name="open_scene", **queue)
        link.input(open_link, [link, opened], [answer, opened, model, slots, how], api_visibility="private", **queue)
        opening = upload.upload(open_picture, [upload, *choices], [answer, opened], api_name="open_picture", **queue)
        # no empty frame where a picture would be
        opening.failure(None, js="() => null", outputs=upload, api_visibility="private")
        model.input(change_model, [opened, model, how], [answer, opened, slots], api_visibility="private", **queue)
        gr.on(
            [slots.input, slots.release, how.input], again, [opened, *choices], answer, api_visibility="private",
            trigger_mode="always_last", **queue,
        )  # fmt: skip
        demo.unload(leave)
    return demo


def opening_model(found: Mapping[str, Checkpoint]) -> str:
    """The model that the page opens with: the one whose latents paint the truest masks on test scenes (ARI-FG of the
    decoder's masks), the first by name where nothing was measured."""
    return max(found, key=lambda name: found[name].measured.get("ari_fg_decoded", -1.0))


def first_sample(checkpoint: Checkpoint) -> str:
    """The request for the first sample of the data set that a model knows, or of any."""
    return json.dumps({"kind": "sample", "data": samples_of(checkpoint.data), "index": 0})


def kept_picture(table: dict[str, Any], config: MONetConfig) -> Opened:
    """A visitor's picture from ``image``, the H*W*3 values 0..255 that a model of this configuration was fed.

    Raises:
        gr.Error: other values.
    """
    side = config.resolution
    try:
        fed = np.array(table["image"], np.uint8).reshape(side, side, 3)
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise gr.Error("The picture is damaged; choose it again.", print_exception=False) from error
    return Opened(Scene(extract(fed, config.picture_size or side), None, "your picture"), {"kind": "picture"})


def find_scene(request: str, stored: Mapping[str, Stored] | None = None) -> Opened:
    """The scene that a request of the page names, among generated ones and what is stored.

    Raises:
        gr.Error: it names none, or one that cannot be made here; the visitor reads why.
    """
    table = read_request(request)
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
        raise gr.Error(str(error), print_exception=False) from error
    except (ValueError, LookupError, TypeError, OverflowError) as error:
        raise _no_such_scene() from error


def read_request(request: str) -> dict[str, Any]:
    """What the page asks for, as it stands.

    Raises:
        gr.Error: it is no JSON object; the visitor reads why.
    """
    try:
        table = json.loads(request)
    except (ValueError, TypeError, RecursionError) as error:
        raise _no_such_scene() from error
    if not isinstance(table, dict):
        raise _no_such_scene()
    return table


def _no_such_scene() -> gr.Error:
    return gr.Error("There is no such scene: choose a sample or a seed from the gallery.", print_exception=False)


def _without_models(models: Models) -> Page:
    with Page() as demo:
        gr.Markdown(
            f"# {TITLE}\n\nThere is no checkpoint to show. Train one with\n\n"
            "    python -m monet.training --config tetrominoes\n"
            "    python -m monet.training export runs/tetrominoes checkpoints/tetrominoes\n\n"
            "or name a folder of checkpoints: `python app.py --checkpoints FOLDER`."
        )
        for problem in models.problems:
            gr.Textbox(problem, label="Skipped", interactive=False)
    return demo
