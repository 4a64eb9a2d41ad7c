"""Layout of the page in Gradio: inputs, panels, event handlers and error messages."""

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


class Message(gr.Error):
    """Error message for the visitor; unlike ``gr.Error``, MCP responses contain it without quotation marks."""

    def __init__(self, text: str):
        super().__init__(text, duration=None, print_exception=False)  # stays until the visitor closes it

    def __str__(self) -> str:
        return str(self.message)


class Page(gr.Blocks):
    """``gr.Blocks`` that deletes a visitor's uploads on close and reports every error as one sentence."""

    def __init__(self, **options: Any):
        self.uploads = Uploads()
        super().__init__(title=TITLE, analytics_enabled=False, **options)

    async def process_api(self, block_fn: Any, inputs: list[Any], *arguments: Any, **options: Any) -> dict[str, Any]:
        try:
            traverse(inputs, _refuse_address, is_file_obj_with_meta)
            return await super().process_api(block_fn, inputs, *arguments, **options)
        except gr.Error as error:
            error.duration = None  # stays until the visitor closes it
            raise
        except (SceneError, PictureError) as error:
            raise Message(str(error)) from error
        except OSError as error:
            log.warning("%s", error)
            raise Message(sentence(OSError(error.errno, error.strerror))) from error
        except Exception as error:
            log.warning("%s: %s", type(error).__name__, error)
            raise Message("The server failed to answer; its log says why.") from error


def build(models: Models, stored: Mapping[str, Stored] | None = None) -> Page:
    """Builds the page for models and stored data by name; without models, a page that says how to get one."""
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
                # gr.Image would open the file by itself before open_picture could say what is wrong with it
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

        def claim(path: str | None, request: gr.Request) -> None:
            """Assigns a file to its visitor, so that it is deleted when the visitor leaves."""
            if path is not None:
                demo.uploads.opened(request.session_hash, path)

        def leave(request: gr.Request) -> None:
            """Deletes the files of a visitor who closed the page."""
            demo.uploads.forget(request.session_hash)

        # The page calls the server's routes itself. Gradio only passes choices and files to it and shows its choices.
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
    """Refuses a file given by URL, which Gradio would download."""
    if is_http_url_like(file["path"]):
        raise SceneError("This server downloads no files: send the file itself.")


def opening_model(found: Mapping[str, Checkpoint]) -> str:
    """The model that the page opens with: the one with the highest ARI-FG of decoded masks on test scenes.

    The first by name if nothing was measured.
    """
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
