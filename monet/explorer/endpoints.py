"""What programs and agents call by name: take a picture apart, decode latents, edit a scene.

Gradio makes its page "Use via API" and the descriptions of the MCP tools from the docstrings and types here: a line for
each parameter, and a line for each value that is returned.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from functools import partial
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
        models: entered by one endpoint, or one route of the page, at a time.
        stored: data of this machine by name.
        uploads: takes the files of the answers, which go as uploads do.
        first: name of the model that is meant where none is named.
    """

    def __init__(self, models: Models, stored: Mapping[str, Stored], uploads: Uploads, first: str):
        self._models, self._stored, self._uploads, self._first = models, stored, uploads, first

    def offer(self, page: gr.Blocks) -> None:
        """Adds the endpoints to the page that is being built."""
        for function in (self.list_models, self.decompose, self.edit, self.decode):
            words, parameters, returned = get_function_description(function)
            # Of a queued function Gradio's MCP server becomes its own client, which cannot sign in. Without the queue
            # everybody takes turns in the model as well.
            gr.api(
                function, api_name=function.__name__, queue=False, concurrency_id="model",
                api_description=f"{words} Returns {'; '.join(returned)}.",
            )  # fmt: skip
            added = page.fns[max(page.fns)]
            # gr.api calls parameters and values "1st", "2nd", ..., and says nothing of them.
            for component, (name, words) in zip(added.inputs, parameters.items(), strict=False):
                component.label = name  # type: ignore[union-attr]
                component._api_info["additional_description"] = words  # type: ignore[union-attr]
            for component, line in zip(added.outputs, returned, strict=True):
                component.label, _, words = line.partition(": ")  # type: ignore[union-attr]
                component._api_info["description"] = words  # type: ignore[union-attr]

    async def list_models(self) -> list[About]:
        """Lists the models that take pictures apart.

        Returns:
            models: of each its name, number of slots, side in pixels, a scene it knows, and what each latent does
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
        asked: gr.Request | None = None,
    ) -> tuple[Parts, gr.FileData, gr.FileData]:  # fmt: skip
        """Takes a picture apart into slots, one for each object and for the background.

        Args:
            picture: A file (in Python: handle_file("FILE")), up to 20 MB; or "data:image/png;base64,...", up to 700 kB.
            scene: In place of a picture, {"kind": "sample", "data": SET, "index": 0 to 23} or {"kind": "seed", "data": SET, "seed": 0 to 999999}.
            model: Name from list_models; by default ("") the one that the page opens with.
            slots: Number of slots K, 1 to 12; by default (0) the model's own.
            how: Makes a picture square: "crop" (default) cuts it, "pad" adds black bars, "stretch" distorts it.

        Returns:
            parts: of each slot its share of the picture (0 to 1), centre x, y (px from top left), latent means and deviations
            sheet: PNG; above the picture, its reconstruction and the slots' areas, below slots 0 to K-1 on white
            arrays: NPZ, float32: image, masks, components, latent_mean, latent_std, mask_logits and more; K slots first
        """  # noqa: E501
        return await self._answer(asked, picture, scene, model, slots, how)

    async def edit(
        self, edits: list[Edit], picture: str = "", scene: Reference | None = None, model: str = "", slots: int = 0,
        how: How = "crop", asked: gr.Request | None = None,
    ) -> tuple[Parts, gr.FileData, gr.FileData]:  # fmt: skip
        """Takes a picture apart, moves or changes objects, and composes it again. Nothing is kept: to go on, give all
        edits again. An edited slot takes its mask from the decoder, the others share the rest.

        Args:
            edits: 1 to 12, in order: {"slot": 2, "right": 8, "down": -3} moves by pixels of the model's picture (an object may stop short); {"slot": 2, "latent": NUMBER or NAME from list_models, "by": 1.5 or "to": 0} changes a latent, by or to -10 to 10 (1 is the prior's deviation).
            picture: A file (in Python: handle_file("FILE")), up to 20 MB; or "data:image/png;base64,...", up to 700 kB.
            scene: In place of a picture, {"kind": "sample", "data": SET, "index": 0 to 23} or {"kind": "seed", "data": SET, "seed": 0 to 999999}.
            model: Name from list_models; by default ("") the one that the page opens with.
            slots: Number of slots K, 1 to 12; by default (0) the model's own.
            how: Makes a picture square: "crop" (default) cuts it, "pad" adds black bars, "stretch" distorts it.

        Returns:
            parts: as of decompose, after the edits; deviations are those of the picture
            sheet: PNG; above the picture, the edited picture and the slots' areas, below slots 0 to K-1 on white
            arrays: NPZ, float32, as of decompose, and edited_latents, edited_components, edited_masks and edited_image
        """  # noqa: E501
        return await self._answer(asked, picture, scene, model, slots, how, [edits])

    async def decode(
        self, latents: list[list[float]], model: str = "", asked: gr.Request | None = None
    ) -> tuple[gr.FileData, gr.FileData]:
        """Decodes latents to pictures of objects.

        Args:
            latents: 1 to 64 lists of finite numbers, one for each latent of the model (16 as a rule); the prior is N(0, 1).
            model: Name from list_models; by default ("") the one that the page opens with.

        Returns:
            sheet: PNG with the component of each of the N lists, in order
            arrays: NPZ, float32: components N,3,H,W (0 to 1, nearly) and mask_logits N,H,W
        """  # noqa: E501
        name = self._checked(model)[0]
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
        return self._file(picture, "components.png", asked), self._file(arrays, "decoded.npz", asked)

    async def _answer(
        self, asked: gr.Request | None, picture: Any, scene: Any, model: Any, slots: Any, how: Any,
        edits: list[Any] | None = None,
    ) -> tuple[Parts, gr.FileData, gr.FileData]:  # fmt: skip
        name, number = self._checked(model, slots, how)
        if bool(picture) == bool(scene):
            raise SceneError("Give a picture or a scene, one of the two.")
        source = self._picture(picture, asked) if picture else None

        def work() -> tuple[Parts, bytes, bytes]:
            opened = scenes.open_picture(source) if source else scenes.find_scene(scene, self._stored)
            with self._models.use(name) as network:
                taken = inference.decompose(network, opened.scene.image, num_slots=number, how=how)
                arrays, after = vars(taken), taken.reconstruction
                masks, components, latents = taken.masks, taken.components, taken.latent_mean
                if edits:
                    more = self._edited(network, taken, name, *edits)
                    arrays, after = arrays | more, more["edited_image"]
                    masks, components, latents = (more[f"edited_{k}"] for k in ("masks", "components", "latents"))
            areas = segmentation_colors(masks.argmax(0)).transpose(2, 0, 1) / 255
            lifted = masks[:, None] * components + 1 - masks[:, None]  # on white
            parts: Parts = {
                "model": name,
                "title": opened.scene.source,
                "size": len(areas[0]),
                "slots": describe(masks, latents, taken.latent_std),
            }
            return parts, sheet([taken.image, after, areas], lifted), npz(**arrays)

        parts, panels, arrays = await self._in_turn(work)
        return parts, self._file(panels, "slots.png", asked), self._file(arrays, "scene.npz", asked)

    def _edited(self, network: MONet, taken: inference.DecomposedScene, name: str, edits: Any) -> dict[str, np.ndarray]:
        names = [latent for latent, _ in self._latents(name)]
        latents, changed = apply(network, taken, names, edits)
        return edited(network, taken, latents, [None if k in changed else k for k in range(len(latents))])

    def _latents(self, name: str) -> list[tuple[str, str]]:
        """Of each latent of a model its name and the evidence for it, empty where nothing was measured."""
        checkpoint = self._models.checkpoints[name]
        found = evidence_payload(checkpoint)
        if found is None:
            return [("", "")] * checkpoint.config.latent_dim
        return [(latent["name"], latent["evidence"]) for latent in found["latents"]]

    def _checked(self, model: Any, slots: Any = 0, how: Any = "crop") -> tuple[str, int]:
        """The model and the number of slots that are meant."""
        name = model or self._first
        if slots == 0 and isinstance(name, str) and name in self._models.checkpoints:
            slots = self._models.checkpoints[name].config.num_slots
        scenes.check_choice(self._models, name, slots, how)
        return name, slots

    def _picture(self, picture: Any, asked: gr.Request | None) -> bytes | str:
        """The bytes of a picture in a data URL, or the path of one that was uploaded."""
        if isinstance(picture, str) and picture.startswith("data:"):
            try:
                return base64.b64decode(picture.partition(";base64,")[2], validate=True)
            except (binascii.Error, ValueError) as error:
                raise SceneError("The picture is no base64; send data:image/png;base64,... or a file.") from error
        path = picture.get("path") if isinstance(picture, dict) else None
        if not isinstance(path, str) or not Path(path).resolve().is_relative_to(self._uploads.folder.resolve()):
            raise SceneError(
                "A picture is a file that is sent (handle_file), or data:image/png;base64,... and its bytes."
            )
        self._note(path, asked)
        return path

    def _file(self, content: bytes, name: str, asked: gr.Request | None) -> gr.FileData:
        path = self._uploads.keep(content, name)
        self._note(path, asked)
        return gr.FileData(path=path, orig_name=name, size=len(content))

    def _note(self, path: str, asked: gr.Request | None) -> None:
        session = getattr(asked, "session_hash", None)
        if session:
            self._uploads.opened(session, path)

    async def _in_turn(self, work: Callable[[], T]) -> T:
        try:
            return await self._models.turns.take(partial(work))
        except Busy as busy:
            raise SceneError(f"{str(busy).capitalize()}.") from busy
