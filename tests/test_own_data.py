"""Tests of adding own pictures to a store: every kind of input, and the messages."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from monet.data import __main__
from monet.data.stored import store
from monet.data.stored.own import Report, add
from monet.data.stored.own.folders import find

SIDE = 16
COLOURS = [0, 0, 0, 230, 159, 0, 86, 180, 233, 0, 158, 115]


def scene(seed: int, width: int = SIDE) -> tuple[np.ndarray, np.ndarray]:
    """A picture of colours that are multiples of 8, and its labels: 0 is the ground, 1 and 2 are boxes."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((SIDE, width), np.uint8)
    labels[2:7, 3:9], labels[9:14, width - 10 : width - 3] = 1, 2
    return (rng.integers(0, 32, (3, 3), np.uint8) * 8)[labels], labels


def save(image: np.ndarray | Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(path)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "pictures"


def taken(tmp_path: Path, source: Path, name: str = "mine", **options) -> Report:  # type: ignore[no-untyped-def]
    return add(source, name, folder=tmp_path / "data", **({"size": SIDE} | options))


def same(report: Report, count: int = 3) -> None:
    """Whether the scenes 0, 1, ... were stored with their labels."""
    images, labels = zip(*(scene(n) for n in range(count)), strict=True)
    np.testing.assert_array_equal(report.stored.images, np.stack(images))
    np.testing.assert_array_equal(report.stored.labels, np.stack(labels))
    report.stored.verify()


# --- kinds of input


def test_a_folder_of_pictures_of_many_kinds(tmp_path: Path, source: Path) -> None:
    image, _ = scene(0)
    grey, exif = image[..., 0], Image.Exif()
    exif[0x0112] = 6
    source.mkdir()
    for name, picture, options in (
        ("1.png", Image.fromarray(image), {}),
        ("2.bmp", Image.fromarray(image), {}),
        ("10.webp", Image.fromarray(image), {"lossless": True}),
        ("grey.png", Image.fromarray(grey), {}),
        ("deep.png", Image.fromarray(grey.astype(np.uint16) * 257), {}),
        ("palette.gif", Image.fromarray(image).quantize(8), {}),
        ("turned.png", Image.fromarray(np.rot90(image)), {"exif": exif}),
        ("under/clear.png", Image.fromarray(np.dstack([image, np.zeros_like(grey)])), {}),
    ):
        (source / name).parent.mkdir(exist_ok=True)
        picture.save(source / name, **options)
    (source / "notes.txt").write_text("Tuesday")
    (source / ".hidden.png").write_text("nothing")
    report = taken(tmp_path, source, ground=(9, 8, 7))
    three = np.repeat(grey[..., None], 3, 2)
    expected = {
        "1.png": image, "2.bmp": image, "10.webp": image, "deep.png": three, "grey.png": three, "palette.gif": image,
        "turned.png": image, "under/clear.png": np.full_like(image, (9, 8, 7)),
    }  # fmt: skip
    assert [found.name for found in find(source)[0] if found.name != "notes.txt"] == list(expected)
    np.testing.assert_array_equal(report.stored.images, np.stack(list(expected.values())))
    assert report.stored.labels is None and report.stored.scene(0).segmentation is None
    assert [name for name, _ in report.left_out] == ["notes.txt"]
    assert "8 scenes of mine, without labels" in str(report) and "not a readable PNG" in str(report)


def layout(kind: str, source: Path) -> dict[str, Path]:
    """Saves three scenes; returns the options for their labels."""
    for n in range(3):
        image, labels = scene(n)
        palette = Image.fromarray(labels)
        palette.putpalette(COLOURS)
        each = [(labels == label) * np.uint8(255) for label in (1, 2)]
        if kind == "two folders":
            save(image, source / f"{n}.jpg.png")
            save(palette, source.parent / "truth" / f"{n}.jpg.png")
        elif kind == "images and masks":
            save(image, source / "images" / f"{n}.png")
            save(palette, source / "masks" / f"{n}.png")
        elif kind == "in one folder":
            save(image, source / f"scene_{n:06d}.png")
            save(palette, source / f"scene_{n:06d}_flat.png")
            save(image, source / f"scene_{n:06d}_depth.png")
        elif kind == "NAME_image":
            save(image, source / f"{n}_image.png")
            save(palette, source / f"{n}_segmentation.png")
        elif kind == "a folder of masks for each":
            save(image, source / f"a_{n}.png")
            for k, mask in enumerate(each):
                save(mask, source.parent / "truth" / f"a_{n}" / f"{k}.png")
        elif kind == "numbered masks":
            save(image, source / f"{n}.png")
            for k, mask in enumerate(each):
                save(mask, source.parent / "truth" / f"{n}_{k}.png")
        elif kind == "a folder for each":
            save(image, source / f"cell{n}" / "images" / f"cell{n}.png")
            for k, mask in enumerate(each):
                save(mask, source / f"cell{n}" / "masks" / f"{'ab'[k] * 9}.png")
    return {"masks": source.parent / "truth"} if (source.parent / "truth").exists() else {}


@pytest.mark.parametrize(
    "kind",
    [
        "two folders", "images and masks", "in one folder", "NAME_image", "a folder of masks for each",
        "numbered masks", "a folder for each",
    ],
)  # fmt: skip
def test_pictures_and_masks(kind: str, tmp_path: Path, source: Path) -> None:
    options = layout(kind, source)
    report = taken(tmp_path, source, **options)
    same(report)
    depths = 3 if kind == "in one folder" else 0
    assert len(report.left_out) == depths and "with labels" in str(report)
    assert report.stored.about.background == (0,)


def test_pictures_without_labels_among_others_are_left_out_or_all_are_taken(tmp_path: Path, source: Path) -> None:
    layout("NAME_image", source)
    save(scene(0)[0], source / "other.png")
    report = taken(tmp_path, source)
    same(report)
    assert report.left_out == (("other.png", "has no labels"),)
    for n in range(5):
        save(scene(0)[0], source / f"more{n}.png")
    report = taken(tmp_path, source, "more")
    assert len(report.stored) == 9 and report.stored.labels is None
    assert {reason for _, reason in report.left_out} == {"looks like labels, but most pictures have none"}


def test_masks_that_are_wrong_are_told(tmp_path: Path, source: Path) -> None:
    masks = layout("two folders", source)["masks"]
    for n in range(3, 7):
        save(scene(n)[0], source / f"{n}.png")
    save(scene(3)[1], masks / "3.jpg")
    save(scene(4)[1][:9], masks / "4.png")
    (masks / "5.png").write_text("nothing")
    save(scene(0)[1], masks / "of nobody.png")
    report = taken(tmp_path, source, masks=masks)
    same(report)
    reasons = {Path(name).name: reason for name, reason in report.left_out}
    assert set(reasons) == {"3.png", "4.png", "5.png", "6.png", "of nobody.png"}
    assert "lossy" in reasons["3.png"] and "16 x 9 pixels" in reasons["4.png"] and "no labels" in reasons["6.png"]


@pytest.mark.parametrize("suffix", ["npz", "npy"])
def test_a_file_of_arrays(suffix: str, tmp_path: Path) -> None:
    images, labels = map(np.stack, zip(*(scene(n) for n in range(3)), strict=True))
    path, options = tmp_path / f"some.{suffix}", {}
    if suffix == "npz":
        np.savez_compressed(path, image=images.transpose(0, 3, 1, 2) / 255, entity=labels, extra=labels)
    else:
        np.save(path, images)
        np.save(tmp_path / "truth.npy", labels)
        options = {"masks": tmp_path / "truth.npy"}
    report = taken(tmp_path, path, **options)
    same(report)
    assert suffix == "npy" or "Not read: extra." in report.notes


@pytest.mark.parametrize(("ground", "background"), [(255, (255,)), (7, (9, 7))])
def test_another_background(ground: int, background: tuple[int, ...], tmp_path: Path) -> None:
    images, labels = map(np.stack, zip(*(scene(n) for n in range(3)), strict=True))
    np.savez(tmp_path / "some.npz", image=images, entity=np.where(labels == 0, ground, 100_000 * labels.astype(int)))
    report = taken(tmp_path, tmp_path / "some.npz", background=background)
    assert report.stored.about.background == tuple(range(len(background)))
    expected = np.array([background.index(ground), len(background), len(background) + 1])[labels]
    np.testing.assert_array_equal(report.stored.labels, expected)
    assert f"--background {ground}" in str(taken(tmp_path, tmp_path / "some.npz", "hinted"))


def test_what_a_crop_cuts_away_is_told(tmp_path: Path, source: Path) -> None:
    images, labels = map(np.stack, zip(*(scene(n, 48) for n in range(3)), strict=True))
    np.savez(tmp_path / "wide.npz", image=images, entity=labels)
    report = taken(tmp_path, tmp_path / "wide.npz", "cropped")
    assert "3 of 3 pictures are not square: the crop cuts away 67 % of them" in report.notes[0]
    assert "6 of 6 objects" in report.notes[1]
    for fit in ("pad", "stretch"):
        report = taken(tmp_path, tmp_path / "wide.npz", fit, fit=fit)
        assert report.notes == () and set(np.unique(report.stored.labels)) == {0, 1, 2}


# --- the command line


def test_the_command(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    masks = layout("two folders", source)["masks"]
    to = ("--to", str(tmp_path / "data"))

    def run(*arguments: str | Path) -> None:
        monkeypatch.setattr(sys, "argv", ["monet.data", "add", *map(str, arguments), *to])
        __main__.main()

    run(source, "mine", "--masks", masks, "--size", "8", "--fit", "stretch", "--background", "0,0x2", "--ground", "red")
    out, err = capsys.readouterr()
    assert "3 scenes of mine, with labels" in out and "3/3" in err
    mine = store.stored("mine", tmp_path / "data")
    assert mine.images.shape == (3, 8, 8, 3) and mine.about.background == (0, 1) and "fit stretch" in mine.about.note
    for wrong in ("--background=none", "--fit=cut", "--size=0", "--ground=nowhere"):
        with pytest.raises(SystemExit) as stopped:
            run(source, "other", wrong)
        assert stopped.value.code == 2
    capsys.readouterr()
    for arguments in ((source / "nowhere", "other"), (source, "mine")):
        with pytest.raises(SystemExit) as stopped:
            run(*arguments)
        assert stopped.value.code == 1 and capsys.readouterr().err.count("\n") == 1
