"""The page: what stands where, and what happens when a person asks for a scene."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, get_args

import gradio as gr
from gradio_client.utils import is_file_obj_with_meta, is_http_url_like, traverse

from monet.checkpoints import Checkpoint
from monet.data import DATASETS, Stored
from monet.errors import sentence
from monet.explorer import panels, scenes
from monet.explorer.endpoints import Endpoints
from monet.explorer.galleries import galleries, unusual
from monet.explorer.models import Models
from monet.explorer.scenes import MAX_SLOTS, SceneError
from monet.explorer.uploads import Uploads
from monet.pictures import MAX_BYTES, How, PictureError

TITLE = "MONet Explorer"

log = logging.getLogger(__name__)


class Told(gr.Error):
    """One sentence for whoever asked. Gradio's own error puts it in quotation marks where a tool of MCP answers."""

    def __init__(self, words: str):
        super().__init__(words, duration=None, print_exception=False)  # stays until the visitor closes it

    def __str__(self) -> str:
        return str(self.message)


class Page(gr.Blocks):
    """Blocks that forget uploads, and whose every failure is one sentence for the visitor and one line for the log."""

    def __init__(self, **options: Any):
        self.uploads = Uploads()
        super().__init__(title=TITLE, analytics_enabled=False, **options)

    async def process_api(self, block_fn: Any, inputs: list[Any], *arguments: Any, **options: Any) -> dict[str, Any]:
        try:
            traverse(inputs, _refuse_address, is_file_obj_with_meta)
            return await super().process_api(block_fn, inputs, *arguments, **options)
        except gr.Error as error:
            error.duration = None  # stays until the visitor has read it and closes it
            raise
        except (SceneError, PictureError) as error:
            raise Told(str(error)) from error
        except OSError as error:
            log.warning("%s", error)
            raise Told(sentence(OSError(error.errno, error.strerror))) from error
        except Exception as error:
            log.warning("%s: %s", type(error).__name__, error)
            raise Told("The server failed to answer; its log says why.") from error


def build(models: Models, stored: Mapping[str, Stored] | None = None) -> Page:
    """The app for a set of models and stored data by name; without models, a page that says how to get one."""
    stored = stored or {}
    if not models.checkpoints:
        return _without_models(models)
    first = opening_model(models.checkpoints)
    with Page(fill_width=True) as demo:
        bridge = panels.bridge(
            {
                "models": {name: scenes.about(checkpoint, stored) for name, checkpoint in models.checkpoints.items()},
                "model": first,
                "data": list(DATASETS),
                "most": MAX_SLOTS,
            }
        )
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
                    },
                )
                upload = gr.Image(
                    type="filepath",
                    image_mode=None,
                    sources=["upload", "clipboard", "webcam"],
                    label="Or your own picture",
                    placeholder=f"Drop it here, or click to choose: up to {MAX_BYTES // 2**20} MB",
                    height=150,
                    elem_id="mx-upload",
                )
                # gr.Image would open the file by itself before anybody could say what is wrong with it
                upload.preprocess = lambda data: data and data.path  # type: ignore
                panels.panel("own")
                how = gr.Radio(list(get_args(How)), value="crop", label="Make it square", elem_id="mx-how")
                slots = gr.Slider(
                    1, MAX_SLOTS, value=models.checkpoints[first].config.num_slots, step=1, label="Slots K", buttons=[]
                )
            with gr.Column(elem_id="mx-middle"):
                panels.panel("scene")
            with gr.Column(elem_id="mx-hold"):
                panels.panel("latents")
        panels.panel("compose")
        panels.panel("attention")
        panels.panel("moments")
        with gr.Row(elem_id="mx-lower"):
            panels.panel("slots")
            panels.panel("pad")
        panels.panel("traversals")
        panels.panel("charts")
        panels.panel("map")
        panels.panel("train")
        panels.panel("export")

        def claim(path: str | None, asked: gr.Request) -> None:
            """Notes whose a file is, so that it goes when its visitor does."""
            if path is not None:
                demo.uploads.opened(asked.session_hash, path)

        def leave(asked: gr.Request) -> None:
            """The visitor closed the page."""
            demo.uploads.forget(asked.session_hash)

        # The page asks the routes of the server itself. Gradio tells it of a choice or a file, and shows what it chose.
        private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        model.input(None, model, js=panels.call("choose", "model"), **private)
        gr.on([slots.input, slots.release], None, slots, js=panels.call("choose", "slots"), **private)
        how.input(None, how, js=panels.call("choose", "how"), **private)
        upload.upload(None, upload, js=panels.call("openFile"), **private)
        upload.upload(claim, upload, **private)
        bridge.input(None, [bridge, upload], [model, slots, how, upload], js=panels.SHOW_CHOICES, **private)

        Endpoints(models, stored, demo.uploads, first).offer(demo)
        demo.unload(leave)
    return demo


def _refuse_address(file: dict[str, Any]) -> None:
    """Gradio would fetch a file that is named by its address on the web."""
    if is_http_url_like(file["path"]):
        raise SceneError("This server fetches nothing from elsewhere: send the file itself.")


def opening_model(found: Mapping[str, Checkpoint]) -> str:
    """The model that the page opens with: the one whose latents paint the truest masks on test scenes (ARI-FG of the
    decoder's masks), the first by name where nothing was measured."""
    return max(found, key=lambda name: found[name].measured.get("ari_fg_decoded", -1.0))


def _without_models(models: Models) -> Page:
    with Page() as demo:
        gr.Markdown(
            f"# {TITLE}\n\nThere is no checkpoint to show. Train one with\n\n"
            "    python -m monet.training --config tetrominoes\n"
            "    python -m monet.training export runs/tetrominoes checkpoints/tetrominoes\n\n"
            "or name a folder of checkpoints: `monet-explorer --checkpoints FOLDER`."
        )
        for problem in models.problems:
            gr.Textbox(problem, label="Skipped", interactive=False)
    return demo
