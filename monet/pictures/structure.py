"""Checks the structure of picture files before a decoder reads them: number of parts, EXIF size, JPEG scans.

Pillow walks through the parts of a file in Python, joins comments one by one and copies an EXIF value once for every
tag that points to it: a file of a few megabytes can take minutes or gigabytes. This module only counts and skips parts.
It leaves files that are not pictures to the decoder.
"""

from __future__ import annotations

import contextlib
import re
import struct

MAX_PARTS = 20_000  # chunks, segments or blocks; an ordinary file of 20 MB has fewer than 3,000
MAX_EXIF = 2**16  # the capacity of one JPEG segment
MAX_SCAN_PIXELS = 260_000_000  # over all scans of a progressive JPEG; encoders make ten, of 25 megapixels at most
RUN_LENGTH = (1, 2)  # run-length values of a BMP's compression field
MAX_TILE = 12_000  # pixels a side
MAX_TAGS = 1000  # in a TIFF file's first directory
TIFF_COMPRESSIONS = (1, 5, 8, 32773, 32946)  # none, LZW, deflate, run lengths, deflate's older number

_MARKER_IN_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


class StructureError(ValueError):
    """The file's structure is abnormal, or its format variant cannot be read quickly."""


def check(content: bytes) -> None:
    """Checks the parts of a PNG, JPEG, GIF, WebP, BMP or TIFF file; other content passes.

    Raises:
        StructureError: more parts, metadata or passes over the pixels than can be read in a second.
    """
    for signature, walk in _WALKS.items():
        if content.startswith(signature):
            with contextlib.suppress(struct.error, IndexError):  # a truncated file; the decoder reports it
                walk(content)


def is_lossy(content: bytes) -> bool:
    """Whether a file is compressed with loss: a JPEG, or a WebP that is not one lossless picture."""
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
        if content[at] != 0xFF or content[at + 1] in (0x00, 0xFF):  # padding, or junk that a decoder skips
            at += 1
            continue
        marker = content[at + 1]
        if marker == 0x01 or 0xD0 <= marker <= 0xD9:  # a marker without a segment
            at += 2
            continue
        (length,) = struct.unpack_from(">H", content, at + 2)
        if marker == 0xE1:
            exif += length
            _limit_exif(exif)
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # frame header
            height, width = struct.unpack_from(">HH", content, at + 5)
        if marker == 0xDA:
            break
        at += 2 + length
    scans = sum(1 for found in _MARKER_IN_SCAN.finditer(content, at) if found.group() == b"\xff\xda")
    if scans > 1 and scans * height * width > MAX_SCAN_PIXELS:  # the pixel limit alone bounds a single scan
        raise StructureError("The picture is a JPEG with too many scans; save it again as PNG or baseline JPEG.")


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
        raise StructureError("The picture is a run-length BMP, which is not supported; save it as PNG or JPEG.")


def _tiff(content: bytes) -> None:
    if content[2:4] in (b"*\0", b"\0*", b"+\0", b"\0+") and content[:4] not in (b"II*\0", b"MM\0*"):
        raise StructureError(_OTHER_TIFF)
    if content[2:4] not in (b"*\0", b"\0*"):
        return
    order = "<" if content[:2] == b"II" else ">"
    size, tags = _tiff_tags(content, order, *struct.unpack_from(f"{order}I", content, 4))
    if size > len(content):
        raise StructureError("The picture has too much metadata; save it again as PNG.")
    for offsets in (273, 324):  # of strips, of tiles
        _count(tags.get(offsets, (0, 0))[0] - 1)
    if tags.get(259, (1, 1))[1] not in TIFF_COMPRESSIONS or any(
        tags.get(side, (0, 0))[1] > MAX_TILE for side in (322, 323)
    ):
        raise StructureError(_OTHER_TIFF)
    for pointer in (34665, 34853, 40965):  # EXIF, GPS, interoperability
        if pointer in tags:
            _limit_exif(_tiff_tags(content, order, tags[pointer][1])[0])


def _tiff_tags(content: bytes, order: str, at: int) -> tuple[int, dict[int, tuple[int, int]]]:
    """Size in bytes of all values of a directory; by tag, the number of values and the value if it is a single one."""
    size, tags = 0, {}
    try:
        (count,) = struct.unpack_from(f"{order}H", content, at)
        if count > MAX_TAGS:
            raise StructureError("The picture has too many tags; save it again as PNG.")
        for entry in range(count):
            tag, kind, number = struct.unpack_from(f"{order}HHI", content, at + 2 + 12 * entry)
            short = kind == 3
            (value,) = struct.unpack_from(order + ("H" if short else "I"), content, at + 10 + 12 * entry)
            size += number * _TIFF_SIZES.get(kind, 0)
            tags[tag] = number, value
    except struct.error as error:  # Pillow would read the remaining part
        raise StructureError("The picture is damaged or incomplete; save it again as PNG or JPEG.") from error
    return size, tags


def _count(parts: int) -> int:
    if parts >= MAX_PARTS:
        raise StructureError("The picture file has too many parts; save it again as PNG or JPEG.")
    return parts + 1


def _limit_exif(length: int) -> None:
    if length > MAX_EXIF:
        raise StructureError("The picture has too much EXIF data; save it again without it.")


_OTHER_TIFF = "The picture is a TIFF of a kind that is not supported; save it as PNG, or without compression."
_TIFF_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_WALKS = {
    b"\x89PNG": _png, b"\xff\xd8": _jpeg, b"GIF8": _gif, b"RIFF": _webp, b"BM": _bmp, b"II": _tiff, b"MM": _tiff,
}  # fmt: skip
