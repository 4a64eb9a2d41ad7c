"""Reads untrusted picture files as uint8 RGB. No other code opens pictures from outside."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from monet.pictures import structure

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
OWN_FORMATS = (*FORMATS, "TIFF")
"""Formats for the user's own folders. Uploads exclude TIFF, whose large decoder is a risk with untrusted files."""
MAX_BYTES = 20 * 2**20
MAX_PIXELS = 25_000_000  # a phone's "24 megapixels" are 5712 x 4284, a little more than 24 million
MAX_WEBP_PIXELS = 16_000_000  # also for TIFF: the WebP decoder holds four copies, that of TIFF the unpacked data
MAX_SIDE = 12_000

Source = str | os.PathLike[str] | bytes | BinaryIO | Image.Image | np.ndarray

_TOO_LARGE = (
    f"The picture has too many pixels: at most {MAX_PIXELS // 10**6} megapixels ({MAX_WEBP_PIXELS // 10**6} as WebP) "
    f"and {MAX_SIDE} pixels a side are read, so make it smaller first."
)
_TOO_DEEP = "The picture's values exceed 16 bits; save it with 8 bits per channel."
_STRIP = 256  # rows
_PNG_EXIF = "Raw profile type exif"  # where ImageMagick stores EXIF data in a PNG


class PictureError(ValueError):
    """The picture is refused. The message is one sentence for the user."""


def read(
    source: Source, background: tuple[int, int, int] = (255, 255, 255), formats: tuple[str, ...] = FORMATS
) -> np.ndarray:
    """Read a picture as 8-bit RGB: upright, opaque, and the first frame of an animation.

    Args:
        source: a path, the bytes of a file or a binary file object (of one of `formats`, detected by content and not
            by name); or a Pillow image of any format; or a uint8 array of shape H,W or H,W,1 (grey), H,W,3 (RGB) or
            H,W,4 (RGB and alpha).
        background: RGB in 0..255 behind transparent pixels.
        formats: `FORMATS`, or `OWN_FORMATS` for the user's own files.

    Returns:
        uint8 of shape H,W,3 in 0..255, writable and never sharing memory with `source`.

    Raises:
        PictureError: the file is missing, empty, damaged, of another format or larger than MAX_BYTES; decoding it
            would take too long (see `structure`); the header, read before any pixel is decoded, announces no pixels,
            or more than MAX_PIXELS (MAX_WEBP_PIXELS as WebP or TIFF) or MAX_SIDE; or the array has another shape or
            type.
    """
    with open_safely(source, formats) as image:
        return _to_rgb(image, background)


@contextmanager
def open_safely(source: Source, formats: tuple[str, ...] = FORMATS) -> Iterator[Image.Image]:
    """Open a picture without decoding it; decoding errors in the body of the ``with`` become the same exceptions.

    Args:
        source, formats: as in `read`.

    Yields:
        a Pillow image of an accepted size with harmless metadata and structure, not yet turned upright; the body may
        change it.

    Raises:
        PictureError: as in `read`.
    """
    try:
        if isinstance(source, np.ndarray):
            yield _checked(_from_array(source))
        elif isinstance(source, Image.Image):
            yield ImageOps.exif_transpose(_checked(source))  # a copy, so the caller's image does not change
        else:
            content = read_bytes(source)
            structure.check(content)
            with Image.open(io.BytesIO(content), formats=formats) as image:
                yield _checked(image)
    except PictureError:
        raise
    except structure.StructureError as error:
        raise PictureError(str(error)) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError(_TOO_LARGE) from error
    except UnidentifiedImageError as error:
        known = "PNG, JPEG, WebP, BMP or GIF" if formats == FORMATS else "PNG, JPEG, WebP, BMP, GIF or TIFF"
        raise PictureError(f"The file is not a readable {known} picture.") from error
    except Exception as error:
        # Decoders raise errors of many types on hostile bytes (OSError, SyntaxError, struct.error, MemoryError, ...).
        # No list would be complete, and they all mean the same to the user.
        raise PictureError("The picture is damaged or incomplete; save it again as PNG or JPEG.") from error


def read_bytes(source: str | os.PathLike[str] | bytes | BinaryIO) -> bytes:
    """Read the bytes of a picture file, at most MAX_BYTES.

    Raises:
        PictureError: the file cannot be opened, is empty or is larger.
    """
    if isinstance(source, bytes):
        content = source
    elif isinstance(source, str | os.PathLike):
        try:
            with open(source, "rb") as file:
                content = file.read(MAX_BYTES + 1)
        except (OSError, ValueError) as error:  # ValueError: a null character in the path
            raise PictureError("The file cannot be opened; choose it again.") from error
    else:
        content = source.read(MAX_BYTES + 1)
    if not content:
        raise PictureError("The file is empty; choose a PNG, JPEG, WebP, BMP or GIF picture.")
    if len(content) > MAX_BYTES:
        raise PictureError(f"The file is too large: at most {MAX_BYTES // 2**20} MB are read.")
    return content


def _from_array(array: np.ndarray) -> Image.Image:
    if array.dtype != np.uint8:
        raise PictureError(f"The array holds {array.dtype} values; give whole numbers from 0 to 255 as uint8.")
    if array.ndim not in (2, 3) or array.shape[2:] not in ((), (1,), (3,), (4,)) or array.size == 0:
        raise PictureError(f"The array has shape {array.shape}; give H,W or H,W,1 or H,W,3 or H,W,4.")
    return Image.fromarray(array[..., 0] if array.shape[2:] == (1,) else array)


def _to_rgb(image: Image.Image, background: tuple[int, int, int]) -> np.ndarray:
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode == "F":
        raise PictureError(_TOO_DEEP)
    rgb = np.empty((image.height, image.width, 3), np.uint8)
    # Converting in strips holds two copies of a large picture instead of five.
    for top in range(0, image.height, _STRIP):
        strip = image.crop((0, top, image.width, min(top + _STRIP, image.height)))
        rgb[top : top + _STRIP] = _strip_to_rgb(strip, background)
    return rgb


def _checked(image: Image.Image) -> Image.Image:
    limit = MAX_WEBP_PIXELS if image.format in ("WEBP", "TIFF") else MAX_PIXELS
    if image.width * image.height > limit or max(image.size) > MAX_SIDE:
        raise PictureError(_TOO_LARGE)
    if 0 in image.size:
        raise PictureError("The picture has no pixels; choose another one.")
    if len(image.info.get(_PNG_EXIF, "")) > 2 * structure.MAX_EXIF:  # two hex digits per byte
        raise PictureError("The picture has too much EXIF data; save it again without it.")
    return image


def _strip_to_rgb(image: Image.Image, background: tuple[int, int, int]) -> np.ndarray:
    if image.mode.startswith("I"):
        image = _to_8_bits(image)
    if image.has_transparency_data:
        canvas = Image.new("RGBA", image.size, (*background, 255))
        canvas.alpha_composite(image.convert("RGBA"))
        image = canvas
    return np.asarray(image.convert("RGB"))


def _to_8_bits(image: Image.Image) -> Image.Image:
    # Pillow's conversion clips 16-bit grey at 255, which makes such pictures white.
    values = np.asarray(image)
    if values.min() < 0 or values.max() > 65535:
        raise PictureError(_TOO_DEEP)
    grey = Image.fromarray(((values.astype(np.uint32) + 128) // 257).astype(np.uint8))  # 65535 / 257 = 255
    if "transparency" in image.info:
        grey.putalpha(Image.fromarray(values != image.info["transparency"]))
    return grey
