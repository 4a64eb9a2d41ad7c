"""Tests of label maps: read exactly in every format, refused if they hold no labels, renumbered for a store."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from monet.data.stored import labels
from monet.data.stored.labels import LabelError

DRAWN = np.zeros((24, 32), np.uint8)
DRAWN[3:12, 4:14], DRAWN[10:20, 12:28] = 1, 2
GREY = DRAWN * 100


def encoded(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def palette() -> Image.Image:
    image = Image.fromarray(DRAWN, "P")
    image.putpalette([0, 0, 0, 0, 0, 0, 9, 99, 199])  # two indices of one colour are two labels
    return image


def test_a_palettes_labels_are_its_indices() -> None:
    np.testing.assert_array_equal(labels.read(encoded(palette())), DRAWN)
    np.testing.assert_array_equal(labels.read(encoded(Image.fromarray(DRAWN > 0))), DRAWN > 0)


@pytest.mark.parametrize(("format", "options"), [("PNG", {}), ("BMP", {}), ("WEBP", {"lossless": True})])
def test_greys_labels_are_its_values(format: str, options: dict[str, object]) -> None:
    np.testing.assert_array_equal(labels.read(encoded(Image.fromarray(GREY), format, **options)), GREY)
    three = Image.fromarray(np.dstack([GREY] * 3))
    np.testing.assert_array_equal(labels.read(encoded(three, format, **options)), GREY)


def test_16_bits_and_colours() -> None:
    deep = DRAWN.astype(np.uint16) * 20_000 + 3
    np.testing.assert_array_equal(labels.read(encoded(Image.fromarray(deep))), deep)
    colours = np.array([[0, 0, 0], [1, 2, 3], [255, 0, 128]], np.uint8)
    expected = np.array([0, 0x010203, 0xFF0080])[DRAWN]
    np.testing.assert_array_equal(labels.read(encoded(Image.fromarray(colours[DRAWN]))), expected)


def test_transparent_pixels_are_0() -> None:
    image = np.dstack([np.full_like(DRAWN, 7), np.full_like(DRAWN, 9), DRAWN, np.where(DRAWN, 255, 0).astype(np.uint8)])
    expected = np.where(DRAWN, 0x070900 + DRAWN.astype(int), 0)
    np.testing.assert_array_equal(labels.read(encoded(Image.fromarray(image))), expected)


def test_label_maps_are_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = labels.read(encoded(Image.fromarray(GREY), exif=exif))
    np.testing.assert_array_equal(turned, np.rot90(GREY, -1))


@pytest.mark.parametrize(("format", "options"), [("JPEG", {}), ("WEBP", {}), ("WEBP", {"exif": b"Exif\0\0MM\0*"})])
def test_lossy_files_are_refused(format: str, options: dict[str, object]) -> None:
    content = encoded(Image.fromarray(np.dstack([GREY] * 3)), format, **options)
    with pytest.raises(LabelError, match="lossy"):
        labels.read(content)


def test_smoothed_label_maps_are_refused_and_those_of_many_objects_are_not() -> None:
    smoothed = Image.fromarray(GREY).resize((96, 72), Image.Resampling.BILINEAR)
    jpeg = Image.open(io.BytesIO(encoded(Image.fromarray(GREY), "JPEG", quality=50)))
    for image in (smoothed, jpeg):
        with pytest.raises(LabelError, match="nearest neighbour"):
            labels.read(encoded(image))
    crowd = Image.new("I;16", (160, 160))
    draw = ImageDraw.Draw(crowd)
    for n in range(225):  # cells that touch each other
        draw.ellipse((n % 15 * 10, n // 15 * 10, n % 15 * 10 + 10, n // 15 * 10 + 10), fill=n + 1)
    assert len(np.unique(labels.read(encoded(crowd)))) == 226


def test_one_mask_file_per_object(tmp_path) -> None:
    for n in (1, 2):
        Image.fromarray((n == DRAWN) * np.uint8(255)).save(tmp_path / f"{n}.png")
    masks = [tmp_path / "1.png", tmp_path / "2.png"]
    np.testing.assert_array_equal(labels.read_masks(masks), DRAWN)
    Image.fromarray(DRAWN[:5]).save(tmp_path / "3.png")
    with pytest.raises(LabelError, match="size"):
        labels.read_masks([*masks, tmp_path / "3.png"])
    Image.fromarray(DRAWN).save(tmp_path / "4.jpg")
    with pytest.raises(LabelError, match="lossy"):
        labels.read_masks([tmp_path / "4.jpg"])


@pytest.mark.parametrize("full", [True, 1.0, np.uint8(255)])
def test_masks_become_a_label_map(full: object) -> None:
    masks = (np.arange(3)[:, None, None] == DRAWN) * np.asarray(full)
    np.testing.assert_array_equal(labels.from_masks(masks, cover=True), DRAWN)
    np.testing.assert_array_equal(labels.from_masks(masks[1:], cover=False), DRAWN)
    assert not labels.from_masks(masks * 0, cover=False).any()


def test_numbers_of_a_store() -> None:
    one = np.array([[255, 7, 3], [-1, 70_000, 3]])
    np.testing.assert_array_equal(labels.number(one, (255, 3)), [[0, 3, 1], [2, 4, 1]])
    np.testing.assert_array_equal(labels.number(one, (9,)), [[4, 3, 2], [1, 5, 2]])  # 0 is kept for the background
    assert labels.number(one, ()).dtype == np.uint8
    many = np.arange(257).reshape(1, -1)
    assert labels.number(many[:, :256], (0,)).max() == 255
    with pytest.raises(LabelError, match="256 objects"):
        labels.number(many, (0,))


def test_a_label_that_frames_the_scenes_is_pointed_out() -> None:
    framed = np.where(DRAWN == 0, 255, DRAWN - 1)
    assert labels.frame_label(framed) == 255 and labels.frame_label(np.arange(12).reshape(3, 4)) is None
    framing = [255, 255, None, 0]
    assert labels.background_hint(framing, (255,)) is None and labels.background_hint(framing, (0,)) is None
    hint = labels.background_hint([255, *framing], (0,))
    assert hint is not None and "--background 255" in hint and "3 of 5" in hint
