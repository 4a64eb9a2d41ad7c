"""Tests of reading picture files: every format looks as it should, every broken file is refused."""

import functools
import io
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from monet import pictures
from monet.pictures import PictureError, embed, extract, fit, fit_labels, read
from tests.hostile_files import chunk, encoded

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def flat(colour: tuple[int, ...], height: int = 4, width: int = 6) -> np.ndarray:
    return np.full((height, width, 3), colour, np.uint8)


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def png(width: int, height: int, depth: int, colour_type: int, rows: bytes, between: bytes = b"") -> bytes:
    """Builds a PNG: `rows` as stored, each with its filter byte; `between`, the chunks before the pixels."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + between + pixels + chunk(b"IEND", b"")


def bmp(width: int, height: int) -> bytes:
    sizes = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + sizes + bytes(60)


def gif(width: int, height: int) -> bytes:
    screen = b"GIF89a" + struct.pack("<HH", width, height) + b"\x80\0\0" + bytes(6)
    return screen + b"," + struct.pack("<HHHH", 0, 0, width, height) + b"\0\x02\x02\x44\x01\0;"


def webp(width: int, height: int) -> bytes:
    whole = bytearray(encoded(Image.new("RGB", (16, 16)), "WEBP", lossless=True))
    whole[21:25] = struct.pack("<I", (width - 1) | (height - 1) << 14)
    return bytes(whole)


def jpeg(width: int, height: int) -> bytes:
    whole = encoded(Image.new("RGB", (16, 16)), "JPEG")
    at = whole.index(b"\xff\xc0") + 5
    return whole[:at] + struct.pack(">HH", height, width) + whole[at + 4 :]


def refusal(source: object) -> str:
    """Returns the message that refuses `source`, after a check that it is one sentence without paths."""
    with pytest.raises(PictureError) as caught:
        read(source)
    message = str(caught.value)
    assert message.endswith(".") and "\n" not in message and len(message) < 150
    for leak in ("/", "\\", "Error", "object at", "0x", "PIL", "truncated", "secret"):
        assert leak not in message
    return message


# --- files that are read


@pytest.mark.parametrize("format", ["PNG", "WEBP", "BMP"])
def test_a_lossless_file_is_read_exactly(format: str) -> None:
    picture = noise(5, 7)
    result = read(encoded(Image.fromarray(picture), format, lossless=True))
    assert result.dtype == np.uint8 and result.flags.writeable
    np.testing.assert_array_equal(result, picture)


@pytest.mark.parametrize("format", ["JPEG", "GIF"])
def test_a_flat_lossy_file_keeps_its_colour(format: str) -> None:
    np.testing.assert_allclose(read(encoded(Image.new("RGB", (6, 4), RED), format)), flat(RED), atol=2)


def test_content_counts_and_the_name_does_not(tmp_path: Path) -> None:
    picture = noise(5, 7)
    content = encoded(Image.fromarray(picture), "PNG")
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    for source in (path, str(path), content, io.BytesIO(content), Image.open(path), Image.fromarray(picture)):
        np.testing.assert_array_equal(read(source), picture)
    with path.open("rb") as file:
        np.testing.assert_array_equal(read(file), picture)


# How the EXIF standard tells which visible side the stored first row and first column are.
UPRIGHT = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: stored.swapaxes(0, 1)[:, ::-1],
    7: lambda stored: stored.swapaxes(0, 1)[::-1, ::-1],
    8: lambda stored: stored.swapaxes(0, 1)[::-1],
}


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_exif_orientation_is_applied(format: str, orientation: int) -> None:
    stored = np.kron(np.array([[[200, 0, 0], [0, 200, 0], [0, 0, 200]], [[90] * 3, [0] * 3, [250] * 3]]),
                     np.ones((16, 16, 1))).astype(np.uint8)  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if format == "WEBP" else {"quality": 95, "subsampling": 0}
    result = read(encoded(Image.fromarray(stored), format, exif=exif, **options))
    np.testing.assert_allclose(result.astype(int), UPRIGHT[orientation](stored), atol=6)


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG"])
def test_the_first_frame_of_an_animation(format: str) -> None:
    first, *others = (Image.new("RGB", (6, 4), colour) for colour in (RED, GREEN, BLUE))
    content = encoded(first, format, save_all=True, append_images=others, duration=50, lossless=True)
    assert Image.open(io.BytesIO(content)).n_frames == 3
    np.testing.assert_array_equal(read(content), flat(RED))


def test_16_bit_grey_is_rescaled_and_not_clipped() -> None:
    values = np.linspace(0, 65535, 24).round().astype(np.uint16).reshape(4, 6)
    expected = np.repeat(np.rint(values / 257).astype(np.uint8)[..., None], 3, axis=2)
    by_hand = png(6, 4, 16, 0, b"".join(b"\0" + row.astype(">u2").tobytes() for row in values))
    sources = [
        by_hand,
        encoded(Image.fromarray(values), "PNG"),
        Image.fromarray(values),  # I;16
        Image.fromarray(values.astype(np.int32)),  # I
    ]
    for source in sources:
        np.testing.assert_array_equal(read(source), expected)
    assert abs(read(by_hand).mean() - 127.5) < 0.5


def test_16_bit_grey_turned_by_exif() -> None:
    values = (np.arange(24, dtype=np.uint16) * 2570).reshape(4, 6)
    exif = Image.Exif()
    exif[0x0112] = 6
    result = read(encoded(Image.fromarray(values), "PNG", exif=exif))
    np.testing.assert_array_equal(result[..., 0], UPRIGHT[6](values // 257))


def test_16_bit_colour_and_alpha() -> None:
    values = np.array([[[0, 65535, 1000], [30000, 257, 514]]], np.uint16)
    rgb = png(2, 1, 16, 2, b"\0" + values.astype(">u2").tobytes())
    np.testing.assert_allclose(read(rgb).astype(int), values / 257, atol=1)
    grey_and_alpha = png(2, 1, 16, 4, b"\0" + struct.pack(">4H", 25700, 65535, 25700, 0))
    np.testing.assert_array_equal(read(grey_and_alpha), [[[100] * 3, [255] * 3]])


def test_16_bit_grey_with_a_transparent_value() -> None:
    pixels = b"\0" + struct.pack(">3H", 25700, 51400, 25701)
    content = png(3, 1, 16, 0, pixels, chunk(b"tRNS", struct.pack(">H", 25700)))
    np.testing.assert_array_equal(read(content, background=BLUE), [[BLUE, [200] * 3, [100] * 3]])


def test_grey_one_bit_and_palette() -> None:
    bits = np.array([[0, 1, 1], [1, 0, 0]], bool)
    expected = np.repeat(bits[..., None] * np.uint8(255), 3, axis=2)
    for format in ("PNG", "BMP", "GIF"):
        np.testing.assert_array_equal(read(encoded(Image.fromarray(bits), format)), expected)
        np.testing.assert_array_equal(read(encoded(Image.fromarray(expected[..., 0]), format)), expected)
    indices = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8), "L")
    indices.putpalette([*RED, *GREEN, *BLUE])
    for format in ("PNG", "BMP", "GIF"):
        np.testing.assert_array_equal(read(encoded(indices, format)), [[RED, GREEN], [BLUE, GREEN]])


def test_cmyk_and_ycbcr() -> None:
    red_ink = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    np.testing.assert_allclose(read(encoded(red_ink, "JPEG")), flat(RED, 16, 16), atol=2)
    np.testing.assert_array_equal(read(red_ink), flat(RED, 16, 16))
    np.testing.assert_allclose(read(Image.new("YCbCr", (6, 4), (76, 85, 255))), flat((254, 0, 0)), atol=2)
    grey = encoded(Image.new("L", (6, 4), 90), "JPEG")
    np.testing.assert_allclose(read(grey).astype(int), flat((90, 90, 90)), atol=1)


def test_alpha_lies_on_the_background() -> None:
    pixels = np.array([[[255, 0, 0, 0], [255, 0, 0, 255], [255, 0, 0, 51]]], np.uint8)
    for format in ("PNG", "WEBP"):
        content = encoded(Image.fromarray(pixels), format, lossless=True)
        # 51 / 255 = 0.2 red and 0.8 of what lies behind
        np.testing.assert_allclose(read(content).astype(int), [[WHITE, RED, (255, 204, 204)]], atol=1)
        np.testing.assert_allclose(read(content, BLUE).astype(int), [[BLUE, RED, (51, 0, 204)]], atol=1)
    grey = Image.fromarray(np.array([[[100, 0], [100, 255]]], np.uint8), "LA")
    np.testing.assert_array_equal(read(encoded(grey, "PNG")), [[WHITE, (100, 100, 100)]])


def test_transparent_palette_entries_lie_on_the_background() -> None:
    indices = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8), "L")
    indices.putpalette([*RED, *GREEN, *BLUE])
    for format in ("PNG", "GIF"):
        content = encoded(indices, format, transparency=1)
        np.testing.assert_array_equal(read(content), [[RED, WHITE], [BLUE, WHITE]])
    content = encoded(indices, "PNG", transparency=bytes([255, 0, 51]))
    np.testing.assert_allclose(read(content).astype(int), [[RED, WHITE], [(204, 204, 255), WHITE]], atol=1)
    rgb = encoded(Image.new("RGB", (6, 4), GREEN), "PNG", transparency=GREEN)
    np.testing.assert_array_equal(read(rgb, background=RED), flat(RED))


# --- arrays and Pillow images


def test_arrays() -> None:
    picture = noise(5, 7)
    grey = picture[..., 0]
    np.testing.assert_array_equal(read(picture), picture)
    np.testing.assert_array_equal(read(picture[::-1, ::2]), picture[::-1, ::2])
    for array in (grey, grey[..., None]):
        np.testing.assert_array_equal(read(array), np.repeat(grey[..., None], 3, axis=2))
    alpha = np.where(np.arange(7) < 3, 0, 255) * np.ones((5, 1))
    with_alpha = np.concatenate([picture, alpha[..., None].astype(np.uint8)], axis=2)
    expected = np.where(alpha[..., None] == 0, 255, picture)
    np.testing.assert_array_equal(read(with_alpha), expected)
    result = read(picture)
    result[:] = 0
    assert picture.any()


def test_arrays_of_another_type_or_shape_are_refused() -> None:
    assert "float32" in refusal(np.zeros((4, 4, 3), np.float32)) and "uint8" in refusal(np.zeros((4, 4, 3)))
    for dtype in (bool, np.int64, np.uint16, object):
        assert "uint8" in refusal(np.zeros((4, 4, 3), dtype))
    for shape in ((), (4,), (4, 4, 2), (4, 4, 5), (3, 4, 4, 3), (1, 4, 4, 3), (0, 4, 3), (4, 0), (4, 4, 0)):
        assert str(shape) in refusal(np.zeros(shape, np.uint8))
    assert "megapixels" in refusal(np.zeros((pictures.MAX_SIDE + 1, 1), np.uint8))


def test_pillow_images() -> None:
    image = Image.new("RGB", (6, 4), RED)
    image.getexif()[0x0112] = 6
    np.testing.assert_array_equal(read(image), flat(RED, 6, 4))
    assert image.size == (6, 4)  # the caller's image is left as it was
    refusal(Image.new("F", (6, 4)))
    refusal(Image.fromarray(np.array([[70000, 0]], np.int32)))
    refusal(Image.fromarray(np.array([[-1, 0]], np.int32)))
    refusal(Image.new("RGB", (0, 4)))
    assert "megapixels" in refusal(Image.new("1", (6000, 6000)))


# --- files that are refused


@pytest.mark.parametrize("file", [
    lambda width, height: png(width, height, 8, 2, bytes(30)), jpeg, webp, bmp, gif,
], ids=["png", "jpeg", "webp", "bmp", "gif"])  # fmt: skip
@pytest.mark.parametrize("size", [(20_000, 20_000), (10_000, 10_000), (5001, 5000), (12_001, 1)])
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_too_many_pixels_are_refused_before_decoding(file, size, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(self: ImageFile.ImageFile) -> None:
        raise AssertionError("decoded")  # would be reported as a damaged file

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    if file is webp:
        size = (min(size[0], 16_383), min(size[1], 16_383))  # all that the format can say
    assert "megapixels" in refusal(file(*size))


@pytest.mark.filterwarnings("error::PIL.Image.DecompressionBombWarning")
def test_pillows_own_limit_as_an_error_means_the_same() -> None:
    assert "megapixels" in refusal(png(10_000, 10_000, 8, 2, bytes(30)))


def test_a_picture_at_the_limits_is_read() -> None:
    wide = np.zeros((1, pictures.MAX_SIDE), np.uint8)
    assert read(encoded(Image.fromarray(wide), "PNG")).shape == (1, pictures.MAX_SIDE, 3)
    assert read(encoded(Image.new("1", (5000, 5000)), "PNG")).shape == (5000, 5000, 3)


def test_too_many_bytes_are_refused_without_reading_on(tmp_path: Path) -> None:
    class Endless(io.RawIOBase):
        given = 0

        def read(self, count: int = -1) -> bytes:
            assert count > 0
            self.given += count
            return bytes(count)

    endless = Endless()
    assert "20 MB" in refusal(endless)
    assert endless.given == pictures.MAX_BYTES + 1
    content = encoded(Image.new("RGB", (6, 4)), "PNG").ljust(pictures.MAX_BYTES + 1, b"\0")
    assert "20 MB" in refusal(content)
    assert read(content[:-1]).shape == (4, 6, 3)
    path = tmp_path / "large.png"
    with path.open("wb") as file:
        file.truncate(10 * pictures.MAX_BYTES)
    tracemalloc.start()
    assert "20 MB" in refusal(path)
    assert tracemalloc.get_traced_memory()[1] < 3 * pictures.MAX_BYTES
    tracemalloc.stop()


SVG = b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><script>alert(1)</script></svg>"


@pytest.mark.parametrize("content", [
    b"", b"\0", b"just text", SVG, b"<!doctype html><img src=x onerror=alert(1)>", bytes(5000), b"%PDF-1.7",
    b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"BM", b"RIFF\0\0\0\0WEBP",
])  # fmt: skip
def test_what_is_no_picture_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(content)
    for source in (content, io.BytesIO(content), path, str(path)):
        assert "PNG" in refusal(source)


@pytest.mark.parametrize("format", ["TIFF", "PPM", "ICO", "TGA", "PCX", "EPS", "PDF"])
def test_other_formats_are_refused_even_when_pillow_knows_them(format: str) -> None:
    assert "PNG" in refusal(encoded(Image.new("RGB", (16, 16), RED), format))


# --- TIFF, of the user's own files alone


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_an_own_tiff_is_read_exactly(compression: str) -> None:
    picture = noise(5, 7)
    content = encoded(Image.fromarray(picture), "TIFF", compression=compression)
    np.testing.assert_array_equal(read(content, formats=pictures.OWN_FORMATS), picture)
    refusal(content)


def test_an_own_tiff_of_16_bits_and_turned() -> None:
    grey = np.arange(24, dtype=np.uint16).reshape(4, 6) * 257 * 10
    turned = Image.Exif()
    turned[0x0112] = 3
    content = encoded(Image.fromarray(grey), "TIFF", exif=turned, compression="tiff_lzw")
    expected = (grey[::-1, ::-1] // 257).astype(np.uint8)
    np.testing.assert_array_equal(read(content, formats=pictures.OWN_FORMATS)[..., 0], expected)


def tiff(*tags: tuple[int, int, int, int], order: str = "<", magic: int = 42, behind: bytes = b"") -> bytes:
    """Builds a TIFF of 8 x 8 grey pixels; a tag is its number, type, count and value."""
    usual = {
        256: (3, 1, 8),
        257: (3, 1, 8),
        258: (3, 1, 8),
        259: (3, 1, 1),
        262: (3, 1, 1),
        273: (4, 1, 8),
        279: (4, 1, 64),
    }
    entries = sorted((*((tag, *rest) for tag, rest in usual.items() if tag not in {t[0] for t in tags}), *tags))
    listed = struct.pack(f"{order}H", len(entries)) + b"".join(
        struct.pack(f"{order}HHI", tag, kind, count) + struct.pack(f"{order}H2x" if kind == 3 else f"{order}I", value)
        for tag, kind, count, value in entries
    )
    return (
        (b"II" if order == "<" else b"MM")
        + struct.pack(f"{order}HI", magic, 72)
        + bytes(64)
        + listed
        + bytes(4)
        + behind
    )


def test_own_tiffs_that_would_keep_their_reader_busy_are_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(tiff())
    about = struct.pack("<H", 1) + struct.pack("<HHII", 1000, 7, 70_000, 8) + bytes(70_000)
    built = {
        "overlapping values": tiff(*((1000 + i, 7, 60, 8) for i in range(200))),
        "many tags": tiff(*((1000 + i, 3, 1, 0) for i in range(1200))),
        "one tag many times": tiff(*((1000, 7, 60, 8) for _ in range(200))),
        "many strips": tiff((273, 4, 30_000, 8), behind=bytes(200_000)),
        "a large tile": tiff((322, 4, 1, 2**30), (323, 4, 1, 2**30)),
        "JPEG inside": tiff((259, 3, 1, 7)),
        "much EXIF": tiff((34665, 4, 1, size + 12), behind=about),
        "cut off in its tags": tiff()[:-30],
        "BigTIFF": tiff(magic=43),
        "bytes swapped": b"MM" + tiff()[2:],
    }
    for order in "<>":
        assert read(tiff(order=order), formats=pictures.OWN_FORMATS).shape == (8, 8, 3)
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("opened"))
    for name, content in built.items():
        with pytest.raises(PictureError) as caught:
            read(content, formats=pictures.OWN_FORMATS)
        assert "save it" in str(caught.value), name


def test_paths_that_cannot_be_opened(tmp_path: Path) -> None:
    for path in (tmp_path / "secret.png", tmp_path, str(tmp_path) + "/secret\0.png", "/secret" * 1000, ""):
        assert "opened" in refusal(path)


def exif(tags: int, size: int) -> bytes:
    """Returns EXIF data whose tags all point to the same value."""
    entries = b"".join(struct.pack(">HHLL", 1000 + tag, 7, size, 8) for tag in range(tags))
    return b"MM\0*\0\0\0\x08" + struct.pack(">H", tags) + entries + bytes(4 + size)


@functools.cache
def built_to_keep_busy() -> dict[str, bytes]:
    """Returns files of at most half a megabyte; at the largest allowed size, each costs Pillow seconds or gigabytes."""
    black = Image.new("RGB", (16, 16))
    jpeg, many = encoded(black, "JPEG"), 20_001
    gif = encoded(Image.new("P", (16, 16)), "GIF")
    palette = 13 + 3 * (2 << (gif[10] & 7))
    large = encoded(Image.new("RGB", (4000, 4000)), "JPEG", progressive=True)
    scan = large[large.rindex(b"\xff\xda") : -2]
    webp = encoded(black, "WEBP", lossless=True, exif=b"Exif\0\0" + exif(2, 70_000))
    sizes = struct.pack("<IiiHHI", 40, 16, 16, 1, 8, 1)
    hexadecimal = ("\nexif\n     140000\n" + exif(9, 69_000).hex()).encode()
    return {
        "png of many chunks": png(1, 1, 8, 2, bytes(4), chunk(b"teSt", b"") * many),
        "png with exif": png(1, 1, 8, 2, bytes(4), chunk(b"eXIf", exif(9, 66_000))),
        "png with exif as text": png(1, 1, 8, 2, bytes(4), chunk(b"tEXt", b"Raw profile type exif\0" + hexadecimal)),
        "jpeg of many comments": jpeg[:2] + b"\xff\xfe\0\2" * many + jpeg[2:],
        "jpeg with junk": jpeg[:20] + bytes(many) + jpeg[20:],
        "jpeg with exif": jpeg[:2] + 2 * (b"\xff\xe1\xff\xff" + bytes(65_533)) + jpeg[2:],
        "jpeg of many scans": large[:-2] + 25 * scan + large[-2:],
        "gif of many comments": gif[:palette] + b"!\xfe\1a\0" * many + gif[palette:],
        "gif of one long comment": gif[:palette] + b"!\xfe" + b"\1a" * many + b"\0" + gif[palette:],
        "webp with exif": webp,
        "bmp in run lengths": b"BM" + struct.pack("<IHHI", 0, 0, 0, 1078) + sizes + bytes(1044) + b"\1\1" * 300,
    }


@pytest.mark.parametrize("name", built_to_keep_busy())
def test_a_file_that_would_keep_its_reader_busy_is_refused_unread(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def open_(*arguments: object, **options: object) -> Image.Image:
        if name != "png with exif as text":  # hidden in text, it shows only once that has been read
            raise AssertionError("opened")  # would be reported as a damaged file
        return whole(*arguments, **options)

    whole = Image.open
    content = built_to_keep_busy()[name]
    monkeypatch.setattr(Image, "open", open_)
    monkeypatch.setattr(Image.Exif, "load", lambda *_: pytest.fail("the EXIF data was read"))
    message = refusal(content)
    assert "damaged" not in message and "save it" in message


def test_a_picture_of_many_parts_is_still_read() -> None:
    """An ordinary file may have EXIF data, comments, a few scans and hundreds of chunks."""
    picture = noise(24, 32)
    pieces = chunk(b"tEXt", b"Comment\0hello") * 500
    rows = b"".join(b"\0" + row.tobytes() for row in picture)
    np.testing.assert_array_equal(read(png(32, 24, 8, 2, rows, pieces + chunk(b"eXIf", exif(9, 6000)))), picture)
    content = encoded(Image.fromarray(picture), "JPEG", progressive=True, comment=b"\xff\xda" * 500)
    with Image.open(io.BytesIO(content)) as image:
        np.testing.assert_array_equal(read(content), np.asarray(image))


def samples() -> dict[str, bytes]:
    image = Image.fromarray(noise(24, 32))
    exif = Image.Exif()
    exif[0x0112] = 6
    frames = {"save_all": True, "append_images": [Image.new("RGB", image.size)]}
    return {
        "png": encoded(image, "PNG", exif=exif),
        "palette png": encoded(image.quantize(16), "PNG", transparency=3),
        "16-bit png": encoded(Image.fromarray(np.arange(768, dtype=np.uint16).reshape(24, 32)), "PNG"),
        "jpeg": encoded(image, "JPEG", exif=exif),
        "progressive jpeg": encoded(image, "JPEG", progressive=True),
        "cmyk jpeg": encoded(image.convert("CMYK"), "JPEG"),
        "webp": encoded(image, "WEBP", exif=exif),
        "lossless animated webp": encoded(image, "WEBP", lossless=True, **frames),
        "gif": encoded(image, "GIF"),
        "animated gif": encoded(image, "GIF", **frames),
        "bmp": encoded(image, "BMP"),
        "palette bmp": encoded(image.quantize(16), "BMP"),
    }


@pytest.mark.parametrize("name", samples())
def test_a_truncated_file_is_refused(name: str) -> None:
    content = samples()[name]
    whole = read(content)
    for length in np.linspace(0, len(content) - 1, 60).astype(int):
        try:
            result = read(content[:length])
        except PictureError:
            refusal(content[:length])
        else:
            # Only the end (of a PNG: checksums and an empty chunk) or a later frame may be missing.
            assert len(content) - length <= 20 or "animated" in name
            np.testing.assert_array_equal(result, whole)


@pytest.mark.parametrize("name", samples())
@pytest.mark.filterwarnings("ignore")  # Pillow warns of broken EXIF and of large headers
def test_a_flipped_bit_gives_a_picture_or_a_refusal(name: str) -> None:
    content = samples()[name]
    rng = np.random.default_rng(1)
    for trial in range(100):
        broken = bytearray(content)
        # Every second flip hits the first 64 bytes, where the headers are.
        broken[rng.integers(min(64, len(broken)) if trial % 2 else len(broken))] ^= 1 << int(rng.integers(8))
        try:
            result = read(bytes(broken))
        except PictureError:
            refusal(bytes(broken))
        else:
            assert result.dtype == np.uint8 and result.shape[2] == 3
            assert result.shape[0] * result.shape[1] <= pictures.MAX_PIXELS


# --- fitting


@pytest.mark.parametrize("how", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("size", [1, 35, 64])
def test_the_right_size_is_not_resampled(size: int, how: pictures.How) -> None:
    picture = noise(size, size)
    result = fit(picture, size, how)
    np.testing.assert_array_equal(result, picture)
    result[:] = 0
    assert picture.any()
    labels = np.arange(size * size).reshape(size, size)
    np.testing.assert_array_equal(fit_labels(labels, size, how), labels)


def test_an_odd_excess_is_cropped_at_whole_pixels() -> None:
    picture = noise(35, 38)
    np.testing.assert_array_equal(fit(picture, 35), picture[:, 1:36])
    np.testing.assert_array_equal(fit(picture.swapaxes(0, 1), 35), picture.swapaxes(0, 1)[1:36])
    labels = np.arange(35 * 38).reshape(35, 38)
    np.testing.assert_array_equal(fit_labels(labels, 35), labels[:, 1:36])


def test_shrinking_averages_areas() -> None:
    picture = noise(192, 320)
    square = picture[:, 64:256].astype(float)
    expected = square.reshape(64, 3, 64, 3, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(fit(picture, 64).astype(float), expected, atol=1)  # each axis rounds once
    whole = fit(flat((12, 130, 251), 101, 333), 64)
    np.testing.assert_array_equal(whole, flat((12, 130, 251), 64, 64))


def test_enlarging_repeats_pixels() -> None:
    picture = noise(8, 8)
    np.testing.assert_array_equal(fit(picture, 24), picture.repeat(3, axis=0).repeat(3, axis=1))
    labels = picture[..., 0].astype(np.int64)
    np.testing.assert_array_equal(fit_labels(labels, 24), labels.repeat(3, axis=0).repeat(3, axis=1))


def test_padding_keeps_everything_on_the_fill_colour() -> None:
    picture = noise(64, 128)
    result = fit(picture, 64, "pad", fill=(10, 20, 30))
    expected = np.full((64, 64, 3), (10, 20, 30), float)
    expected[16:48] = picture.reshape(32, 2, 64, 2, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(result.astype(float), expected, atol=1)
    labels = np.ones((128, 64), np.uint8)
    expected_labels = np.zeros((64, 64), np.uint8)
    expected_labels[:, 16:48] = 1
    padded = fit_labels(labels, 64, "pad")
    assert padded.dtype == np.uint8
    np.testing.assert_array_equal(padded, expected_labels)


def test_stretching_keeps_everything_and_gives_up_the_proportions() -> None:
    picture = noise(64, 192)
    expected = picture.reshape(32, 2, 32, 6, 3).astype(float).mean(axis=(1, 3))
    np.testing.assert_allclose(fit(picture, 32, "stretch").astype(float), expected, atol=1)  # each axis rounds once
    labels = picture[..., 0].astype(np.int64)
    np.testing.assert_array_equal(fit_labels(labels, 32, "stretch"), labels[1::2, 3::6])  # the pixel under the centre


@pytest.mark.parametrize("how", ["Crop", "", None, 3])
def test_another_way_of_fitting_is_refused(how: object) -> None:
    for call in (fit, fit_labels):
        with pytest.raises(ValueError, match="crop, pad or stretch"):
            call(np.zeros((4, 6, 3), np.uint8), 4, how)  # type: ignore[operator]


@pytest.mark.parametrize("how", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (35, 36), (63, 65), (100, 7), (240, 320)])
def test_labels_follow_their_picture(shape: tuple[int, int], how: pictures.How) -> None:
    for size in (1, 2, 35, 64, 67):
        labels = np.random.default_rng(2).integers(1, 200, shape)
        picture = np.repeat(labels.astype(np.uint8)[..., None], 3, axis=2)
        fitted, fitted_labels = fit(picture, size, how), fit_labels(labels, size, how)
        assert fitted.shape == (size, size, 3) and fitted_labels.shape == (size, size)
        assert set(np.unique(fitted_labels)) <= {0, *labels.flat}
        np.testing.assert_array_equal(fitted.any(axis=2), fitted_labels > 0)  # padded at the same places
        if size >= (min if how == "crop" else max)(shape):
            np.testing.assert_array_equal(fitted[..., 0], fitted_labels)


def test_embed_centres_without_scaling() -> None:
    picture = noise(35, 35)
    result = embed(picture, 40)
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result, np.pad(picture, ((2, 3), (2, 3), (0, 0))))
    labels = np.arange(35 * 35).reshape(35, 35)
    np.testing.assert_array_equal(embed(labels, 40, fill=-1), np.pad(labels, (2, 3), constant_values=-1))
    np.testing.assert_array_equal(embed(picture, 40, fill=RED)[0, 0], RED)
    with pytest.raises(ValueError, match="do not fit"):
        embed(picture, 34)


@pytest.mark.parametrize(("inner", "outer"), [(35, 40), (35, 64), (4, 4), (3, 4), (1, 9)])
def test_extract_inverts_embed(inner: int, outer: int) -> None:
    picture = noise(inner, inner)
    np.testing.assert_array_equal(extract(embed(picture, outer), inner), picture)
    np.testing.assert_array_equal(extract(embed(picture[..., 0], outer), inner), picture[..., 0])
    planes = embed(picture, outer).transpose(2, 0, 1)  # 3,H,W as masks are K,H,W
    np.testing.assert_array_equal(extract(planes, inner, axes=(-2, -1)), picture.transpose(2, 0, 1))
    with pytest.raises(ValueError, match="do not fit"):
        extract(picture, inner + 1)
