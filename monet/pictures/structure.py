"""What a picture file is made of, told from its bytes before a decoder sees any of them.

Pillow walks through the parts of a file in Python, joins comments one by one and copies an EXIF value once for every
tag that points to it: a file of a few megabytes can keep it busy for minutes or ask for gigabytes. Here parts are only
counted and stepped over. What is no picture at all is left to the decoder to say.
"""

from __future__ import annotations

import contextlib
import re
import struct

MAX_PARTS = 20_000  # chunks, segments or blocks; an ordinary file of 20 MB has fewer than 3,000
MAX_EXIF = 2**16  # as much as one JPEG segment can hold
MAX_SCAN_PIXELS = 260_000_000  # over all scans of a progressive JPEG; encoders make ten, of 25 megapixels at most
RUN_LENGTH = (1, 2)  # values of a BMP's field for its compression
MAX_TILE = 12_000  # pixels a side
MAX_TAGS = 1000  # of a TIFF file's first picture
TIFF_PACKINGS = (1, 5, 8, 32773, 32946)  # none, LZW, deflate, run lengths, deflate's older number

_MARKER_IN_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


class StructureError(ValueError):
    """A file that no camera and no program writes, or one of the few kinds that cannot be read quickly."""


def check(content: bytes) -> None:
    """Steps through the parts of a PNG, JPEG, GIF, WebP, BMP or TIFF file; anything else passes.

    Raises:
        StructureError: more parts, metadata or passes over the pixels than can be read in a second, in words.
    """
    for start, walk in _WALKS.items():
        if content.startswith(start):
            with contextlib.suppress(struct.error, IndexError):  # cut off in the middle; the decoder says so
                walk(content)


def is_lossy(content: bytes) -> bool:
    """Whether a file is a JPEG, or a WebP that is not one lossless picture: it changes the pixels that it saves."""
    if content.startswith(b"RIFF"):
        at = 30 if content[12:16] == b"VP8X" else 12
        while content[at : at + 4] not in (b"VP8L", b""):
            at += 8 + int.from_bytes(content[at + 4 : at + 8], "little")
            at += at % 2
        return content[at : at + 4] != b"VP8L"
    return content.startswith(b"\xff\xd8")


def _png(content: bytes) -> None:
    at, parts, name = 8, 0, b""
    while name != b"IEND":
        length, name = struct.unpack_from(">I4s", content, at)
        if name == b"eXIf":
            _limit_exif(length)
        parts = _count(parts)
        at += 12 + length


def _jpeg(content: bytes) -> None:
    at, parts, exif = 2, 0, 0
    while True:
        parts = _count(parts)
        if content[at] != 0xFF or content[at + 1] in (0x00, 0xFF):  # filling, or junk that a decoder skips
            at += 1
            continue
        marker = content[at + 1]
        if marker == 0x01 or 0xD0 <= marker <= 0xD9:  # stands alone
            at += 2
            continue
        (length,) = struct.unpack_from(">H", content, at + 2)
        if marker == 0xE1:
            exif += length
            _limit_exif(exif)
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # the frame
            height, width = struct.unpack_from(">HH", content, at + 5)
        if marker == 0xDA:
            break
        at += 2 + length
    scans = sum(1 for found in _MARKER_IN_SCAN.finditer(content, at) if found.group() == b"\xff\xda")
    if scans > 1 and scans * height * width > MAX_SCAN_PIXELS:  # of one pass, the pixels themselves are the limit
        raise StructureError("The picture is a JPEG of too many passes; save it again as PNG or JPEG.")


def _gif(content: bytes) -> None:
    at, parts = 13, 0
    if content[10] & 0x80:
        at += 3 * (2 << (content[10] & 7))
    while content[at] not in b",;":  # the first picture, the end
        parts = _count(parts)
        if content[at] != ord("!"):
            at += 1
            continue
        at += 2
        while content[at]:
            parts = _count(parts)
            at += 1 + content[at]
        at += 1


def _webp(content: bytes) -> None:
    at, parts = 12, 0
    (end,) = struct.unpack_from("<I", content, 4)
    while at < 8 + end:
        name, length = struct.unpack_from("<4sI", content, at)
        if name == b"EXIF":
            _limit_exif(length)
        parts = _count(parts)
        at += 8 + length + length % 2


def _bmp(content: bytes) -> None:
    header, *_, compression = struct.unpack_from("<IiiHHI", content, 14)
    if header >= 40 and compression in RUN_LENGTH:
        raise StructureError("The picture is a run-length BMP, a kind that is not read; save it as PNG or JPEG.")


def _tiff(content: bytes) -> None:
    if content[2:4] in (b"*\0", b"\0*", b"+\0", b"\0+") and content[:4] not in (b"II*\0", b"MM\0*"):
        raise StructureError(_OTHER_TIFF)
    if content[2:4] not in (b"*\0", b"\0*"):
        return
    order = "<" if content[:2] == b"II" else ">"
    size, tags = _tiff_tags(content, order, *struct.unpack_from(f"{order}I", content, 4))
    if size > len(content):
        raise StructureError("The picture carries too much about itself; save it again as PNG.")
    for begins in (273, 324):  # of strips, of tiles
        _count(tags.get(begins, (0, 0))[0] - 1)
    if tags.get(259, (1, 1))[1] not in TIFF_PACKINGS or any(
        tags.get(side, (0, 0))[1] > MAX_TILE for side in (322, 323)
    ):
        raise StructureError(_OTHER_TIFF)
    for pointer in (34665, 34853, 40965):  # EXIF, GPS, interoperability
        if pointer in tags:
            _limit_exif(_tiff_tags(content, order, tags[pointer][1])[0])


def _tiff_tags(content: bytes, order: str, at: int) -> tuple[int, dict[int, tuple[int, int]]]:
    """Bytes of all values of a directory, and each tag's number of values and its value where that is one number."""
    size, tags = 0, {}
    try:
        (count,) = struct.unpack_from(f"{order}H", content, at)
        if count > MAX_TAGS:
            raise StructureError("The picture is in too many pieces; save it again as PNG.")
        for entry in range(count):
            tag, kind, number = struct.unpack_from(f"{order}HHI", content, at + 2 + 12 * entry)
            short = kind == 3
            (value,) = struct.unpack_from(order + ("H" if short else "I"), content, at + 10 + 12 * entry)
            size += number * _TIFF_SIZES.get(kind, 0)
            tags[tag] = number, value
    except struct.error as error:  # Pillow would read what there is
        raise StructureError("The picture is damaged or incomplete; save it again as PNG or JPEG.") from error
    return size, tags


def _count(parts: int) -> int:
    if parts >= MAX_PARTS:
        raise StructureError("The picture is in too many pieces; save it again as PNG or JPEG.")
    return parts + 1


def _limit_exif(length: int) -> None:
    if length > MAX_EXIF:
        raise StructureError("The picture carries too much about itself; save it again without its EXIF data.")


_OTHER_TIFF = "The picture is a TIFF of a kind that is not read; save it as PNG, or without compression."
_TIFF_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_WALKS = {
    b"\x89PNG": _png, b"\xff\xd8": _jpeg, b"GIF8": _gif, b"RIFF": _webp, b"BM": _bmp, b"II": _tiff, b"MM": _tiff,
}  # fmt: skip
