"""Reads label maps (integers H,W) and mask files of other programs, and renumbers them for a store."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image, ImageOps

from monet import pictures
from monet.pictures import structure

MOST = 256
"""Largest number of labels of a stored scene."""
_THIN = 8
"""Labels without a 2x2 block of pixels that a drawn map may have: objects behind others, or far away."""


class LabelError(ValueError):
    """A label map was rejected. The message is one sentence for the user."""


def read(source: str | os.PathLike[str] | bytes) -> np.ndarray:
    """Reads the label map of a picture file and turns it upright.

    The labels of a palette picture are its indices, of a grey one its values (8 or 16 bits), of a coloured one
    ``0xRRGGBB``, or the grey value if all colours are grey. Fully transparent pixels are 0.

    Args:
        source: path or bytes of a PNG, GIF, BMP or lossless WebP.

    Returns:
        int32 H,W, not negative.

    Raises:
        monet.pictures.PictureError: not a readable picture.
        LabelError: a lossy file, or one with smoothed edges: its values are not the labels that were drawn.
    """
    content = pictures.read_bytes(source)
    if structure.is_lossy(content):
        raise LabelError("The label map is a lossy file (JPEG or WebP), which changes labels: save it as PNG.")
    with pictures.open_safely(content, pictures.OWN_FORMATS) as image:
        labels = _values(ImageOps.exif_transpose(image))
    if _looks_smoothed(labels):
        raise LabelError(
            f"The label map has {len(np.unique(labels))} labels, most of them only on edges: it was smoothed or saved "
            "as JPEG; resize label maps with the nearest neighbour."
        )
    return labels


def read_masks(sources: Iterable[str | os.PathLike[str]]) -> np.ndarray:
    """Reads one mask file per object into a label map: labels from 1 in the order of the files, 0 outside all masks.

    A mask covers the pixels that exceed half of its largest value. Where masks overlap, the first one wins.

    Returns:
        int32 H,W.

    Raises:
        monet.pictures.PictureError: not a readable picture.
        LabelError: a lossy file, no file, or masks of different sizes.
    """
    labels: np.ndarray | None = None
    for number, source in enumerate(sources, 1):
        content = pictures.read_bytes(source)
        if structure.is_lossy(content):
            raise LabelError("A mask is a lossy file (JPEG or WebP), which changes its edges: save it as PNG.")
        with pictures.open_safely(content, pictures.OWN_FORMATS) as image:
            values = _values(ImageOps.exif_transpose(image))
        labels = np.zeros_like(values) if labels is None else labels
        if labels.shape != values.shape:
            raise LabelError("The masks of one picture differ in size.")
        labels[(2 * values > values.max()) & (labels == 0)] = number
    if labels is None:
        raise LabelError("There is no mask.")
    return labels


def from_masks(masks: np.ndarray, cover: bool) -> np.ndarray:
    """Converts masks to a label map: the label of the largest mask at each pixel.

    Args:
        masks: K,H,W, any numbers; see `claimed`.
        cover: whether the masks cover the whole frame. If so, mask k has label k, otherwise k + 1. Pixels that no mask
            claims are 0.

    Returns:
        int32 H,W.
    """
    return np.where(claimed(masks), masks.argmax(0) + (0 if cover else 1), 0).astype(np.int32)


def claimed(masks: np.ndarray) -> np.ndarray:
    """Tests which pixels exceed half of the masks' largest value in any of the masks K,H,W, bool H,W."""
    return masks.max(0) > masks.max() / 2


def number(labels: np.ndarray, background: Sequence[int]) -> np.ndarray:
    """Renumbers labels for a store.

    Args:
        labels: integers H,W.
        background: labels that are not objects. They become 0, 1, ... in this order; the labels of the scene's objects
            follow in ascending order.

    Returns:
        uint8 H,W.

    Raises:
        LabelError: more than `MOST` labels.
    """
    found, inverse = np.unique(labels, return_inverse=True)
    objects = [label for label in found.tolist() if label not in background]
    if len(background) + len(objects) > MOST:
        raise LabelError(f"The label map has {len(objects)} objects: {MOST - len(background)} can be stored.")
    numbers = {label: n for n, label in enumerate([*background, *objects])}
    return np.array([numbers[label] for label in found.tolist()], np.uint8)[inverse].reshape(labels.shape)


def frame_label(labels: np.ndarray) -> int | None:
    """Returns the label that fills more than half of the edge of a label map H,W, or None."""
    edge = np.concatenate((labels[0], labels[-1], labels[1:-1, 0], labels[1:-1, -1]))
    values, counts = np.unique(edge, return_counts=True)
    return int(values[counts.argmax()]) if 2 * counts.max() > len(edge) else None


def background_hint(framing: Sequence[int | None], background: Sequence[int]) -> str | None:
    """Returns a warning if in most scenes a label outside ``background`` fills the frame's edge, else None.

    Args:
        framing: `frame_label` of every scene.
        background: the labels used as background.
    """
    for label in dict.fromkeys(framing):
        count = framing.count(label)
        if label is not None and label not in background and 2 * count > len(framing):
            used = ", ".join(map(str, background)) or "none"
            return (
                f"Label {label} fills the frame's edge in {count} of {len(framing)} scenes, but the background is set "
                f"to {used}: if {label} is the background, use --background {label}."
            )
    return None


def _values(image: Image.Image) -> np.ndarray:
    if image.mode in ("1", "L", "P") or image.mode.startswith("I"):
        return np.asarray(image).astype(np.int32)
    rgba = np.asarray(image.convert("RGBA")).astype(np.int32)
    red, green, blue, alpha = (rgba[..., channel] for channel in range(4))
    grey = (red == green).all() and (green == blue).all()
    return np.where(alpha > 0, red if grey else red << 16 | green << 8 | blue, 0)


def _looks_smoothed(labels: np.ndarray) -> bool:
    """Tests whether most labels have no 2x2 block: drawn labels have one, interpolated values on edges do not."""
    corner = labels[:-1, :-1]
    block = (corner == labels[1:, :-1]) & (corner == labels[:-1, 1:]) & (corner == labels[1:, 1:])
    count = len(np.unique(labels))
    thin = count - len(np.unique(corner[block]))
    return thin > _THIN and 2 * thin > count
