"""Fits pictures and label maps to a model's square input: crop, pad or stretch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
from PIL import Image

How = Literal["crop", "pad", "stretch"]


def fit(picture: np.ndarray, size: int, how: How = "crop", fill: tuple[int, int, int] = (0, 0, 0)) -> np.ndarray:
    """Fit a picture to a square.

    Shrinking averages areas and enlarging repeats pixels, so flat colours stay flat and edges do not overshoot.
    A side that already has the right length is not resampled.

    Args:
        picture: uint8 of shape H,W,3.
        size: side of the result in pixels.
        how: "crop" keeps the largest centred square, "pad" keeps everything and centres it on `fill`, "stretch"
            keeps everything and changes the proportions.
        fill: RGB in 0..255.

    Returns:
        uint8 of shape size,size,3, a copy.

    Raises:
        ValueError: `how` is unknown.
    """

    def resize(array: np.ndarray, height: int, width: int) -> np.ndarray:
        return np.asarray(Image.fromarray(array).resize((width, height), Image.Resampling.BOX))

    return _fit(picture, size, how, fill, resize)


def fit_labels(segmentation: np.ndarray, size: int, how: How = "crop") -> np.ndarray:
    """Fit a label map as `fit` fits its picture, by nearest neighbour and with label 0 as padding.

    Args:
        segmentation: integers of shape H,W.
        size: side of the result in pixels.
        how: as in `fit`.

    Returns:
        integers of the same type and shape size,size, a copy.

    Raises:
        ValueError: `how` is unknown.
    """

    def resize(array: np.ndarray, height: int, width: int) -> np.ndarray:
        # The old pixel at each new pixel's centre: floor((new + 1/2) * old_length / new_length).
        rows = (2 * np.arange(height) + 1) * array.shape[0] // (2 * height)
        columns = (2 * np.arange(width) + 1) * array.shape[1] // (2 * width)
        return array[np.ix_(rows, columns)]

    return _fit(segmentation, size, how, 0, resize)


def embed(picture: np.ndarray, size: int, fill: int | tuple[int, ...] = 0) -> np.ndarray:
    """Centre a smaller picture in a square without scaling; an odd pixel of border goes below and to the right.

    Args:
        picture: shape H,W or H,W,C with H and W at most `size`.
        size: side of the result in pixels.
        fill: value of the border, one for all channels or one per channel.

    Returns:
        array of the same type and shape size,size or size,size,C.

    Raises:
        ValueError: the picture is larger than `size`.
    """
    height, width = picture.shape[:2]
    canvas = np.empty((size, size, *picture.shape[2:]), picture.dtype)
    canvas[:] = fill
    canvas[_centred(size, height), _centred(size, width)] = picture
    return canvas


def extract(array: np.ndarray, size: int, axes: tuple[int, int] = (0, 1)) -> np.ndarray:
    """Cut the centred square out of an array: the inverse of `embed`.

    Args:
        array: any shape whose two spatial axes are at least `size` long.
        size: side of the square in pixels.
        axes: the spatial axes; (0, 1) for pictures and label maps, (-2, -1) for masks of shape K,H,W.

    Returns:
        a view of `array` with both spatial axes `size` long.

    Raises:
        ValueError: the array is smaller than `size`.
    """
    window = [slice(None)] * array.ndim
    for axis in axes:
        window[axis] = _centred(array.shape[axis], size)
    return array[tuple(window)]


def _fit(
    array: np.ndarray,
    size: int,
    how: How,
    fill: int | tuple[int, ...],
    resize: Callable[[np.ndarray, int, int], np.ndarray],
) -> np.ndarray:
    # ImageOps.fit crops at half pixels when the excess is odd, which blurs pictures that need no resampling;
    # ImageOps.pad fails on very thin pictures because it rounds their short side to 0.
    if how not in get_args(How):
        raise ValueError(f"how must be crop, pad or stretch, not {how!r}.")
    if how == "stretch":
        return np.array(resize(array, size, size))
    if how == "crop":
        array = extract(array, min(array.shape[:2]))
    height, width = (max(1, round(side * size / max(array.shape[:2]))) for side in array.shape[:2])
    return embed(resize(array, height, width), size, fill)


def _centred(outer: int, inner: int) -> slice:
    if inner > outer:
        raise ValueError(f"{inner} pixels do not fit into {outer}")
    start = (outer - inner) // 2
    return slice(start, start + inner)
