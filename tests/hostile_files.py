"""Hostile picture files: truncated, altered, or expensive to decode."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

SVG = b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><script>alert(1)</script></svg>"
HTML = b"<!doctype html><img src=x onerror=alert(1)>"
LARGE = 20 * 2**20 - 4096


def encoded(image: Image.Image, format: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)  # every writer passes over the options of the others
    return file.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, depth: int, colour: int, pixels: bytes, before: bytes = b"", lace: int = 0) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, lace)
    end = chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + before + end


def exif(tags: int, size: int) -> bytes:
    """EXIF of many tags that all point to the same value."""
    entries = b"".join(struct.pack(">HHLL", 1000 + tag, 7, size, 8) for tag in range(tags))
    return b"MM\0*\0\0\0\x08" + struct.pack(">H", tags) + entries + bytes(4 + size)


def ordinary() -> dict[str, bytes]:
    """Returns small valid files of every supported kind; broken ones are made from them."""
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8))
    more = {"save_all": True, "append_images": [Image.new("RGB", image.size)] * 3}
    turned = Image.Exif()
    turned[0x0112] = 6
    grey16 = Image.fromarray(np.arange(768, dtype=np.uint16).reshape(24, 32) * 85)
    alpha = image.copy()
    alpha.putalpha(120)
    return {
        "png": encoded(image, "PNG", exif=turned),
        "png palette alpha": encoded(image.quantize(16), "PNG", transparency=bytes(range(0, 256, 16))),
        "png 16 bit": encoded(grey16, "PNG"),
        "png alpha": encoded(alpha, "PNG"),
        "png animated": encoded(image, "PNG", **more),
        "jpeg turned": encoded(image, "JPEG", exif=turned),
        "jpeg progressive": encoded(image, "JPEG", progressive=True),
        "jpeg cmyk": encoded(image.convert("CMYK"), "JPEG"),
        "webp": encoded(image, "WEBP", exif=turned),
        "webp animated": encoded(alpha, "WEBP", lossless=True, **more),
        "gif animated": encoded(image, "GIF", **more),
        "bmp": encoded(image, "BMP"),
        "bmp palette": encoded(image.quantize(16), "BMP"),
        "tiff": encoded(image, "TIFF", exif=turned),
        "tiff packed": encoded(image, "TIFF", compression="tiff_lzw", **more),
        "tiff 16 bit": encoded(grey16, "TIFF", compression="tiff_adobe_deflate"),
    }


def broken(seed: int) -> Iterator[tuple[str, bytes]]:
    """Yields each valid file truncated, with flipped bits, with huge numbers, and with another file appended."""
    rng = random.Random(seed)
    files = ordinary()
    for name, content in files.items():
        for _ in range(8):
            yield f"{name} cut off", content[: rng.randrange(len(content))]
        for _ in range(12):
            bits = bytearray(content)
            for _ in range(rng.choice((1, 3, 30))):
                bits[rng.randrange(min(len(bits), rng.choice((64, 10**6))))] ^= 1 << rng.randrange(8)
            yield f"{name} with bits flipped", bytes(bits)
        for _ in range(4):
            at = rng.randrange(4, 60)
            yield (
                f"{name} with a lie",
                content[:at] + rng.choice((b"\xff" * 4, b"\x7f\xff\xff\xff")) + content[at + 4 :],
            )
        yield f"{name} and html", content + HTML
        yield f"html and {name}", HTML + content
        yield f"{name} twice", content + content
        yield f"{name} and nothing", content + bytes(100_000)


def no_pictures() -> Iterator[tuple[str, bytes]]:
    starts = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"GIF89a", b"RIFF\xff\xff\xff\xffWEBP", b"BM")
    contents = (b"", b"\0", SVG, HTML, b"%PDF-1.7", b"%!PS-Adobe", b"II*\0", b"P6 9 9 255 ", b"MZ", b"#!/bin/sh", b"PK")
    for content in contents:
        yield f"{content[:9]!r}", content
    for start in starts:
        for rest in (b"", SVG, bytes(10_000), b"\xff" * 10_000, bytes(LARGE), b"\xff" * LARGE):
            yield f"{start!r} and {rest[:4]!r} x {len(rest)}", start + rest


def bombs() -> Iterator[tuple[str, bytes]]:
    """Yields small files of many pixels, large files of few, and metadata that expands."""
    black = Image.new("RGB", (64, 64))
    jpeg, gif = encoded(black, "JPEG"), encoded(black.convert("P"), "GIF")
    palette = 13 + 3 * (2 << (gif[10] & 7))
    many = LARGE // 12
    one = zlib.compress(bytes(4))
    swollen = zlib.compress(bytes(300 * 2**20), 9)
    deep = zlib.compress(bytes(5000 * 40_001), 1)
    yield "png of empty chunks", png(1, 1, 8, 2, one, chunk(b"teSt", b"") * many)
    yield "png of empty pixels", png(1, 1, 8, 2, b"", chunk(b"IDAT", b"") * many)
    yield "png iCCP bomb", png(1, 1, 8, 2, one, chunk(b"iCCP", b"a\0\0" + swollen))
    yield "png zTXt bomb", png(1, 1, 8, 2, one, chunk(b"zTXt", b"a\0\0" + swollen))
    yield "png many zTXt bombs", png(1, 1, 8, 2, one, chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2**20 - 1))) * 3000)
    yield "png iTXt bomb", png(1, 1, 8, 2, one, chunk(b"iTXt", b"a\0\1\0\0\0" + swollen))
    yield "png exif bomb", png(1, 1, 8, 2, one, chunk(b"eXIf", exif(60_000, 2**20)))
    text = b"Raw profile type exif\0\nexif\n 9\n" + exif(5000, 200_000).hex().encode()
    yield "png exif as text", png(1, 1, 8, 2, one, chunk(b"tEXt", text))
    yield "png pixel bomb", png(1, 1, 8, 2, swollen)
    for width, height in ((20_000, 20_000), (2**31 - 1, 1), (5000, 5000), (12_000, 2083), (1, 12_001), (0, 5)):
        yield f"png {width} x {height}, no pixel", png(width, height, 8, 6, one)
    for depth, colour in ((8, 2), (8, 6), (16, 6), (16, 0), (1, 0), (8, 4)):
        for lace in (0, 1):
            yield (
                f"png 25 Mpx, {depth} bit, kind {colour}, laced {lace}",
                png(5000, 5000, depth, colour, deep, lace=lace),
            )
    yield "jpeg of empty comments", jpeg[:2] + b"\xff\xfe\0\2" * (LARGE // 4) + jpeg[2:]
    yield "jpeg of empty profiles", jpeg[:2] + b"\xff\xe2\0\2" * (LARGE // 4) + jpeg[2:]
    yield "jpeg with junk", jpeg[:20] + bytes(LARGE - 2000) + jpeg[20:]
    tags = exif(100, 3_000_000)
    pieces = [tags[i : i + 65_000] for i in range(0, len(tags), 65_000)]
    segments = b"".join(b"\xff\xe1" + struct.pack(">H", len(p) + 8) + b"Exif\0\0" + p for p in pieces)
    yield "jpeg exif bomb", jpeg[:2] + segments + jpeg[2:]
    tags = b"Exif\0\0" + exif(2700, 32_000)[:65_500]
    yield "jpeg exif, as much as allowed", jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(tags) + 2) + tags + jpeg[2:]
    noise = Image.effect_noise((2500, 2500), 90).resize((5000, 5000), Image.Resampling.NEAREST)
    for mode in ("RGB", "CMYK", "L"):
        for progressive in (False, True):
            content = encoded(noise.convert(mode), "JPEG", quality=20, subsampling=0, progressive=progressive)
            yield f"jpeg 25 Mpx noise, {mode}, progressive {progressive}", content
    scan = content[content.rindex(b"\xff\xda") : -2]
    for count in (1, 5, 200):
        yield f"jpeg 25 Mpx, {count} more scans", content[:-2] + (scan * count)[: LARGE - len(content)] + content[-2:]
    yield "gif of comments", gif[:palette] + b"!\xfe\1a\0" * (LARGE // 5) + gif[palette:]
    yield "gif of one comment", gif[:palette] + b"!\xfe" + b"\1a" * (LARGE // 2) + b"\0" + gif[palette:]
    yield "gif of pictures", gif[:-1] + gif[palette:-1] * (LARGE // len(gif)) + b";"
    yield "gif 25 Mpx", encoded(noise.convert("P"), "GIF")[:LARGE]
    yield "gif 25 Mpx black", encoded(Image.new("P", (5000, 5000)), "GIF", transparency=0)
    for mode in ("RGB", "RGBA"):
        yield f"webp 16 Mpx {mode}", encoded(Image.new(mode, (4000, 4000), "red"), "WEBP", lossless=True, method=0)
        yield f"webp 25 Mpx {mode}", encoded(Image.new(mode, (5000, 5000), "red"), "WEBP", lossless=True, method=0)
    yield "webp 16 Mpx noise", encoded(noise.resize((4000, 4000)).convert("RGB"), "WEBP", quality=10, method=0)
    head = struct.pack("<IiiHHIIiiII", 40, 5000, 5000, 1, 8, 1, 0, 0, 0, 256, 0)
    yield (
        "bmp in run lengths",
        b"BM" + struct.pack("<IHHI", 0, 0, 0, 1078) + head + bytes(1024) + b"\1\1" * (LARGE // 2),
    )
    for mode, size in (("RGB", 4000), ("RGB", 5000), ("I;16", 4000)):
        black = Image.new(mode, (size, size))
        yield f"tiff {size} x {size} {mode}", encoded(black, "TIFF", compression="tiff_adobe_deflate", strip_size=2**30)
    head = struct.pack("<IiiHHIIiiII", 40, 2600, 2600, 1, 24, 0, 0, 0, 0, 0, 0)
    yield "bmp 20 MB", b"BM" + struct.pack("<IHHI", 0, 0, 0, 54) + head + bytes(2600 * 7800)


def everything(seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """Yields more than 300 files with their descriptions."""
    yield from ordinary().items()
    yield from broken(seed)
    yield from no_pictures()
    yield from bombs()
