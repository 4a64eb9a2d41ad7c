"""Label maps: which object each pixel belongs to, as other programs write it down.

A label map here is H,W of integers, any of them; `number` turns it into what a store holds.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image, ImageOps

from monet import pictures
from monet.pictures import structure

MOST = 256
"""Labels that a stored scene can have."""
_THIN = 8
"""Labels without any 2x2 pixels of their own that a drawn map may have: objects behind others, or far away."""


class LabelError(ValueError):
    """A label map was refused. The message is one sentence for the person whose data it is."""


def read(source: str | os.PathLike[str] | bytes) -> np.ndarray:
    """The label map of a picture file, upright.

    A palette's labels are its indices, grey's are its values (8 or 16 bits), a colour's are ``0xRRGGBB``; where all
    colours are grey, their grey. Pixels that are wholly transparent are 0.

    Args:
        source: path or bytes of a PNG, GIF, BMP or lossless WebP.

    Returns:
        int32 H,W, not negative.

    Raises:
        monet.pictures.PictureError: no picture that is read.
        LabelError: a lossy file, or one whose edges were smoothed: its values are not the labels that were drawn.
    """
    content = pictures.read_bytes(source)
    if structure.is_lossy(content):
        raise LabelError("The label map is a lossy file (JPEG or WebP), which changes labels: save it as PNG.")
    with pictures.open_safely(content, pictures.OWN_FORMATS) as image:
        labels = _values(ImageOps.exif_transpose(image))
    if _looks_smoothed(labels):
        raise LabelError(
            f"The label map has {len(np.unique(labels))} labels, most of them mere edges: it was smoothed or saved as "
            "JPEG once; resize label maps with the nearest neighbour."
        )
    return labels


def read_masks(sources: Iterable[str | os.PathLike[str]]) -> np.ndarray:
    """The label map of one mask file per object: label n + 1 for the n-th, 0 where none is.

    A mask is there where it has more than half of its largest value; the first one wins where two are.

    Returns:
        int32 H,W.

    Raises:
        monet.pictures.PictureError: no picture that is read.
        LabelError: a lossy file, none, or masks of different sizes.
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
    """The label map of masks: that of the largest one at each pixel.

    Args:
        masks: K,H,W, any numbers; a pixel is claimed where its largest mask exceeds half of the largest value.
        cover: whether the masks cover the whole frame, see `claimed`. Then mask k has label k and pixels that none
            claims have 0; otherwise it has k + 1 and 0 is what none claims.

    Returns:
        int32 H,W.
    """
    return np.where(claimed(masks), masks.argmax(0) + (0 if cover else 1), 0).astype(np.int32)


def claimed(masks: np.ndarray) -> np.ndarray:
    """Where any of the masks K,H,W is, bool H,W."""
    return masks.max(0) > masks.max() / 2


def number(labels: np.ndarray, background: Sequence[int]) -> np.ndarray:
    """The labels as a store holds them.

    Args:
        labels: integers H,W.
        background: labels that are no objects. They become 0, 1, ... in this order; the others are numbered on from
            there in ascending order, for every scene anew.

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
    """The label that fills more than half of the frame's edge, of a label map H,W; None where none does."""
    edge = np.concatenate((labels[0], labels[-1], labels[1:-1, 0], labels[1:-1, -1]))
    values, counts = np.unique(edge, return_counts=True)
    return int(values[counts.argmax()]) if 2 * counts.max() > len(edge) else None


def background_hint(framing: Sequence[int | None], background: Sequence[int]) -> str | None:
    """A sentence where another label than the background's is in most scenes the one that fills the frame's edge.

    Args:
        framing: `frame_label` of every scene.
        background: the labels that are taken for it.
    """
    for label in dict.fromkeys(framing):
        count = framing.count(label)
        if label is not None and label not in background and 2 * count > len(framing):
            taken = ", ".join(map(str, background)) or "none"
            return (
                f"Label {label} fills the frame's edge in {count} of {len(framing)} scenes, and the background is "
                f"taken to be {taken}: if {label} is the ground, say --background {label}."
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
    """Whether most labels own no 2x2 pixels: what is in between two labels does not, what somebody drew does."""
    corner = labels[:-1, :-1]
    whole = (corner == labels[1:, :-1]) & (corner == labels[:-1, 1:]) & (corner == labels[1:, 1:])
    every = len(np.unique(labels))
    thin = every - len(np.unique(corner[whole]))
    return thin > _THIN and 2 * thin > every
