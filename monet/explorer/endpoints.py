"""API endpoints and MCP tools: list models, decompose a picture, edit a scene, decode latents.

Gradio builds its page "Use via API" and the descriptions of the MCP tools from the docstrings and types here: one line
per parameter and one per returned value.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import gradio as gr
import numpy as np
from gradio.utils import get_function_description

from monet import inference
from monet.data import Stored
from monet.explorer import scenes
from monet.explorer.answers import About, Parts, Reference, describe, sheet
from monet.explorer.downloads import edited, npz
from monet.explorer.edits import Edit, apply
from monet.explorer.models import Models
from monet.explorer.payload import evidence_payload
from monet.explorer.scenes import MAX_LATENTS, SceneError
from monet.explorer.turns import Busy
from monet.explorer.uploads import Uploads
from monet.figures import segmentation_colors
from monet.model import MONet
from monet.pictures import How

T = TypeVar("T")


class Endpoints:
    """The named endpoints of a page.

    Args:
        models: used by one endpoint or route at a time.
        stored: data sets of this machine by name.
        uploads: stores the files of the responses and deletes them like uploads.
        first: name of the default model.
    """

    def __init__(self, models: Models, stored: Mapping[str, Stored], uploads: Uploads, first: str):
        self._models, self._stored, self._uploads, self._first = models, stored, uploads, first

    def offer(self, page: gr.Blocks) -> None:
        """Adds the endpoints to the page that is being built."""
        for function in (self.list_models, self.decompose, self.edit, self.decode):
            description, parameters, returned = get_function_description(function)
            # Gradio's MCP server calls a queued function through a client of its own, which cannot sign in. Turns
            # serializes the requests without the queue too.
            gr.api(
                function, api_name=function.__name__, queue=False, concurrency_id="model",
                api_description=f"{description} Returns {'; '.join(returned)}.",
            )  # fmt: skip
            added = page.fns[max(page.fns)]
            # gr.api names parameters and values "1st", "2nd", ..., without descriptions.
            for component, (name, description) in zip(added.inputs, parameters.items(), strict=False):
                component.label = name  # type: ignore[union-attr]
                component._api_info["additional_description"] = description  # type: ignore[union-attr]
            for component, line in zip(added.outputs, returned, strict=True):
                component.label, _, description = line.partition(": ")  # type: ignore[union-attr]
                component._api_info["description"] = description  # type: ignore[union-attr]

    async def list_models(self) -> list[About]:
        """Lists the models.

        Returns:
            models: name, number of slots, side in pixels, a scene of its data set, and the effect of each latent
        """
        return [
            {
                "name": checkpoint.name,
                "title": checkpoint.title,
                "slots": checkpoint.config.num_slots,
                "size": checkpoint.config.resolution,
                "data": checkpoint.data,
                "scene": scenes.first_scene(checkpoint, self._stored),  # type: ignore[typeddict-item]
                "latents": [
                    {"index": index, "name": name, "evidence": evidence}
                    for index, (name, evidence) in enumerate(self._latents(checkpoint.name))
                ],
            }
            for checkpoint in self._models.checkpoints.values()
        ]

    async def decompose(
        self, picture: str = "", scene: Reference | None = None, model: str = "", slots: int = 0, how: How = "crop",
        request: gr.Request | None = None,
    ) -> tuple[Parts, gr.FileData, gr.FileData]:  # fmt: skip
        """Decomposes a picture into slots, one for each object and for the background.

        Args:
            picture: A file (in Python: handle_file("FILE")), up to 20 MB; or "data:image/png;base64,...", up to 700 kB.
            scene: In place of a picture, {"kind": "sample", "data": SET, "index": 0 to 23} or {"kind": "seed", "data": SET, "seed": 0 to 999999}.
            model: Name from list_models; by default ("") the model that the page opens with.
            slots: Number of slots K, 1 to 12; by default (0) the model's own.
            how: How to make the picture square: "crop" (default) cuts it, "pad" adds black bars, "stretch" distorts it.

        Returns:
            parts: for each slot its share of the picture (0 to 1), centre x, y (px from top left), latent means and deviations
            sheet: PNG; top row: picture, reconstruction, areas of the slots; bottom row: slots 0 to K-1 on white
            arrays: NPZ, float32: image, masks, components, latent_mean, latent_std, mask_logits and more; K slots first
        """  # noqa: E501
        return await self._respond(request, picture, scene, model, slots, how)

    async def edit(
        self, edits: list[Edit], picture: str = "", scene: Reference | None = None, model: str = "", slots: int = 0,
        how: How = "crop", request: gr.Request | None = None,
    ) -> tuple[Parts, gr.FileData, gr.FileData]:  # fmt: skip
        """Decomposes a picture, moves or changes objects, and composes it again. The server keeps no state: to add an
        edit, send all edits again. An edited slot takes its mask from the decoder, the others share the rest.

        Args:
            edits: 1 to 12, in order: {"slot": 2, "right": 8, "down": -3} moves by pixels of the model's picture (an object may stop short); {"slot": 2, "latent": NUMBER or NAME from list_models, "by": 1.5 or "to": 0} changes a latent, by or to -10 to 10 (1 is the prior's deviation).
            picture: A file (in Python: handle_file("FILE")), up to 20 MB; or "data:image/png;base64,...", up to 700 kB.
            scene: In place of a picture, {"kind": "sample", "data": SET, "index": 0 to 23} or {"kind": "seed", "data": SET, "seed": 0 to 999999}.
            model: Name from list_models; by default ("") the model that the page opens with.
            slots: Number of slots K, 1 to 12; by default (0) the model's own.
            how: How to make the picture square: "crop" (default) cuts it, "pad" adds black bars, "stretch" distorts it.

        Returns:
            parts: as from decompose, after the edits; deviations are those before the edits
            sheet: PNG; top row: picture, edited picture, areas of the slots; bottom row: slots 0 to K-1 on white
            arrays: NPZ, float32, as from decompose, and edited_latents, edited_components, edited_masks and edited_image
        """  # noqa: E501
        return await self._respond(request, picture, scene, model, slots, how, [edits])

    async def decode(
        self, latents: list[list[float]], model: str = "", request: gr.Request | None = None
    ) -> tuple[gr.FileData, gr.FileData]:
        """Decodes latents to pictures of objects.

        Args:
            latents: 1 to 64 lists of finite numbers, one number per latent of the model (usually 16); the prior is N(0, 1).
            model: Name from list_models; by default ("") the model that the page opens with.

        Returns:
            sheet: PNG with the component of each of the N lists, in order
            arrays: NPZ, float32: components N,3,H,W (about 0 to 1) and mask_logits N,H,W
        """  # noqa: E501
        name = self._resolve(model)[0]
        width = self._models.checkpoints[name].config.latent_dim
        try:
            array = np.array(latents, np.float32)
        except (ValueError, TypeError, OverflowError):
            array = np.empty(0, np.float32)
        if array.shape != (len(array), width) or not 1 <= len(array) <= MAX_LATENTS or not np.isfinite(array).all():
            raise SceneError(f"Latents of this model are 1 to {MAX_LATENTS} lists of {width} finite numbers.")

        def work() -> tuple[bytes, bytes]:
            with self._models.use(name) as network:
                components, mask_logits = inference.decode(network, array)
            rows = [components[at : at + 8] for at in range(0, len(components), 8)]
            return sheet(*rows), npz(components=components, mask_logits=mask_logits)

        picture, arrays = await self._in_turn(work)
        return self._file(picture, "components.png", request), self._file(arrays, "decoded.npz", request)

    async def _respond(
        self, request: gr.Request | None, picture: Any, scene: Any, model: Any, slots: Any, how: Any,
        edits: list[Any] | None = None,
    ) -> tuple[Parts, gr.FileData, gr.FileData]:  # fmt: skip
        name, num_slots = self._resolve(model, slots, how)
        if bool(picture) == bool(scene):
            raise SceneError("Give either a picture or a scene.")
        source = self._picture(picture, request) if picture else None

        def work() -> tuple[Parts, bytes, bytes]:
            opened = scenes.open_picture(source) if source else scenes.find_scene(scene, self._stored)
            with self._models.use(name) as network:
                decomposed = inference.decompose(network, opened.scene.image, num_slots=num_slots, how=how)
                arrays, result = vars(decomposed), decomposed.reconstruction
                masks, components, latents = decomposed.masks, decomposed.components, decomposed.latent_mean
                if edits:
                    added = self._edited(network, decomposed, name, *edits)
                    arrays, result = arrays | added, added["edited_image"]
                    masks, components, latents = (added[f"edited_{k}"] for k in ("masks", "components", "latents"))
            areas = segmentation_colors(masks.argmax(0)).transpose(2, 0, 1) / 255
            on_white = masks[:, None] * components + 1 - masks[:, None]
            parts: Parts = {
                "model": name,
                "title": opened.scene.source,
                "size": len(areas[0]),
                "slots": describe(masks, latents, decomposed.latent_std),
            }
            return parts, sheet([decomposed.image, result, areas], on_white), npz(**arrays)

        parts, panels, arrays = await self._in_turn(work)
        return parts, self._file(panels, "slots.png", request), self._file(arrays, "scene.npz", request)

    def _edited(self, network: MONet, scene: inference.DecomposedScene, name: str, edits: Any) -> dict[str, np.ndarray]:
        names = [latent for latent, _ in self._latents(name)]
        latents, changed = apply(network, scene, names, edits)
        return edited(network, scene, latents, [None if k in changed else k for k in range(len(latents))])

    def _latents(self, name: str) -> list[tuple[str, str]]:
        """Name of each latent of a model and the evidence for it; empty strings if nothing was measured."""
        checkpoint = self._models.checkpoints[name]
        found = evidence_payload(checkpoint)
        if found is None:
            return [("", "")] * checkpoint.config.latent_dim
        return [(latent["name"], latent["evidence"]) for latent in found["latents"]]

    def _resolve(self, model: Any, slots: Any = 0, how: Any = "crop") -> tuple[str, int]:
        """Fills in the default model and number of slots, and checks the choices."""
        name = model or self._first
        if slots == 0 and isinstance(name, str) and name in self._models.checkpoints:
            slots = self._models.checkpoints[name].config.num_slots
        scenes.check_choice(self._models, name, slots, how)
        return name, slots

    def _picture(self, picture: Any, request: gr.Request | None) -> bytes | str:
        """The bytes of a picture in a data URL, or the path of an uploaded picture."""
        if isinstance(picture, str) and picture.startswith("data:"):
            try:
                return base64.b64decode(picture.partition(";base64,")[2], validate=True)
            except (binascii.Error, ValueError) as error:
                raise SceneError("The picture is not base64; send data:image/png;base64,... or a file.") from error
        path = picture.get("path") if isinstance(picture, dict) else None
        if not isinstance(path, str) or not Path(path).resolve().is_relative_to(self._uploads.folder.resolve()):
            raise SceneError("A picture must be an uploaded file (handle_file) or data:image/png;base64,... .")
        self._assign(path, request)
        return path

    def _file(self, content: bytes, name: str, request: gr.Request | None) -> gr.FileData:
        path = self._uploads.keep(content, name)
        self._assign(path, request)
        return gr.FileData(path=path, orig_name=name, size=len(content))

    def _assign(self, path: str, request: gr.Request | None) -> None:
        """Assigns a file to the visitor's session, so that it is deleted with it."""
        session = getattr(request, "session_hash", None)
        if session:
            self._uploads.opened(session, path)

    async def _in_turn(self, work: Callable[[], T]) -> T:
        try:
            return await self._models.turns.run(work)
        except Busy as busy:
            raise SceneError(f"{str(busy).capitalize()}.") from busy
