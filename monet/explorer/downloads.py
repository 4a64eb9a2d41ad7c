"""NPZ and GIF exports, made from the data that the page sends."""

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
    """Encodes a scene and its edits as NPZ.

    Args:
        model: no other thread uses it meanwhile.
        body: JSON with ``image`` (H*W*3 values 0..255, the model's input), ``slots`` (K), ``latents`` (N lists of Z,
            the edited slots) and ``steps`` (N: the step whose attention mask a slot keeps, null for a slot with the
            decoder's mask).

    Returns:
        NPZ with the attributes of :class:`monet.inference.DecomposedScene` under their names, and of the edited scene
        ``edited_latents`` N,Z, ``edited_components`` N,3,H,W, ``edited_masks`` N,H,W (:func:`monet.compose_masks`) and
        ``edited_image`` 3,H,W.

    Raises:
        ValueError: the body is invalid; the message says what is valid.
    """
    side = model.config.resolution
    try:
        table = json.loads(body)
        image = np.array(table["image"], np.uint8).reshape(side, side, 3)
        slots = int(table["slots"])
        latents = np.array(table["latents"], np.float32)
        steps = [None if step is None else int(step) for step in table["steps"]]
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"a scene needs image ({side} x {side} x 3 values), slots, latents and steps") from error
    if not 1 <= slots <= MAX_SLOTS or not 1 <= len(latents) <= MAX_SLOTS:
        raise ValueError(f"a scene must have 1 to {MAX_SLOTS} slots and latents")
    if len(steps) != len(latents) or not all(step is None or 0 <= step < slots for step in steps):
        raise ValueError("steps must hold a slot's number or null for each of the latents")
    scene = inference.describe(*inference.forward(model, image, slots))
    return npz(**vars(scene), **edited(model, scene, latents, steps))


def edited(
    model: MONet, scene: DecomposedScene, latents: np.ndarray, steps: Sequence[int | None]
) -> dict[str, np.ndarray]:
    """Decodes and composes edited latents N,Z: the ``edited_`` arrays of :func:`scene_npz`."""
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
    """Encodes named arrays as NPZ."""
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def film(body: bytes, width: int, height: int, milliseconds: int) -> bytes:
    """Encodes frames of ``width`` x ``height`` RGB bytes as an endless GIF, enlarged three times.

    Raises:
        ValueError: a size is out of range, or the body is not a whole number of frames.
    """
    frame = width * height * 3
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE and 20 <= milliseconds <= 10_000):
        raise ValueError(f"sides must be 1 to {MAX_SIDE} pixels, and a frame must last 20 to 10000 milliseconds")
    if not body or len(body) % frame or len(body) // frame > MAX_FRAMES:
        raise ValueError(f"a film must have 1 to {MAX_FRAMES} frames of {frame} bytes")
    pixels = np.frombuffer(body, np.uint8).reshape(-1, height, width, 3)
    size = (FILM_SCALE * width, FILM_SCALE * height)
    first, *rest = (Image.fromarray(p).resize(size, Image.Resampling.NEAREST) for p in pixels)
    file = io.BytesIO()
    first.save(file, format="GIF", save_all=True, append_images=rest, duration=milliseconds, loop=0)
    return file.getvalue()
