"""What a visitor takes home: arrays and films, made from what the page sends."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence

import numpy as np
from PIL import Image

from monet import inference
from monet.inference import DecomposedScene
from monet.model import MONet

MAX_SLOTS = 64
MAX_FRAMES = 64
MAX_SIDE = 1024
FILM_SCALE = 3


def scene_npz(model: MONet, body: bytes) -> bytes:
    """A scene and its edits as NPZ.

    Args:
        model: entered by nobody else meanwhile.
        body: JSON with ``image`` (H*W*3 values 0..255 as the model is fed them), ``slots`` (K), ``latents``
            (N lists of Z, the slots as edited) and ``steps`` (N: the step whose attention mask a slot keeps, null for
            one that is composed as decoded).

    Returns:
        NPZ with the attributes of :class:`monet.inference.DecomposedScene` under their names, and of the scene as
        edited ``edited_latents`` N,Z, ``edited_components`` N,3,H,W, ``edited_masks`` N,H,W
        (:func:`monet.compose_masks`) and ``edited_image`` 3,H,W.

    Raises:
        ValueError: a body of another form, in words.
    """
    side = model.config.resolution
    try:
        table = json.loads(body)
        image = np.array(table["image"], np.uint8).reshape(side, side, 3)
        slots = int(table["slots"])
        latents = np.array(table["latents"], np.float32)
        steps = [None if step is None else int(step) for step in table["steps"]]
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"a scene is an image of {side} x {side}, slots, latents and steps") from error
    if not 1 <= slots <= MAX_SLOTS or not 1 <= len(latents) <= MAX_SLOTS:
        raise ValueError(f"between 1 and {MAX_SLOTS} slots")
    if len(steps) != len(latents) or not all(step is None or 0 <= step < slots for step in steps):
        raise ValueError("a step of the attention, or null, for each of the latents")
    scene = inference.describe(*inference.forward(model, image, slots))
    return npz(**vars(scene), **edited(model, scene, latents, steps))


def edited(
    model: MONet, scene: DecomposedScene, latents: np.ndarray, steps: Sequence[int | None]
) -> dict[str, np.ndarray]:
    """A scene with other latents N,Z: the arrays of :func:`scene_npz` whose names begin with ``edited_``."""
    components, mask_logits = inference.decode(model, latents)
    attention = scene.masks[[step or 0 for step in steps]]
    masks = inference.compose_masks(attention, mask_logits, np.array([step is None for step in steps]))
    return {
        "edited_latents": latents,
        "edited_components": components,
        "edited_masks": masks,
        "edited_image": inference.compose(components, masks),
    }


def npz(**arrays: np.ndarray) -> bytes:
    """Arrays by name as the bytes of an NPZ."""
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def film(body: bytes, width: int, height: int, milliseconds: int) -> bytes:
    """Frames of ``width`` x ``height`` RGB bytes to a GIF that repeats, three times as large.

    Raises:
        ValueError: sizes out of range, or bytes that are no whole number of frames.
    """
    frame = width * height * 3
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE and 20 <= milliseconds <= 10_000):
        raise ValueError("a film's size or pace is out of range")
    if not body or len(body) % frame or len(body) // frame > MAX_FRAMES:
        raise ValueError(f"1 to {MAX_FRAMES} frames of {frame} bytes")
    pixels = np.frombuffer(body, np.uint8).reshape(-1, height, width, 3)
    size = (FILM_SCALE * width, FILM_SCALE * height)
    first, *rest = (Image.fromarray(p).resize(size, Image.Resampling.NEAREST) for p in pixels)
    file = io.BytesIO()
    first.save(file, format="GIF", save_all=True, append_images=rest, duration=milliseconds, loop=0)
    return file.getvalue()
