"""Tests of uploaded ZIP files: only pictures are extracted, only into their folder."""

import io
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from monet.data.stored.own import AddError, ZipError, add, open_zip, zips
from tests.test_pictures import png as png_file

PICTURE = np.full((8, 8, 3), (9, 99, 199), np.uint8)


def png(picture: np.ndarray = PICTURE) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


def packed(members: dict[str | zipfile.ZipInfo, bytes], **options: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **({"compression": zipfile.ZIP_DEFLATED} | options)) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def refusal(content: bytes, folder: Path) -> str:
    with pytest.raises(ZipError) as caught:
        open_zip(content, folder)
    message = str(caught.value)
    assert message.endswith(".") and "\n" not in message
    assert not folder.exists() or not [path for path in folder.parent.rglob("*") if path.is_file()]
    return message


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "a" / "unpacked"


def test_pictures_come_out_with_their_folders(folder: Path, tmp_path: Path) -> None:
    content = packed({
        "set/": b"", "set/1.png": png(), "set/deep/er/2.png": png(), "./3.png": png(), "set/notes.txt": b"Tuesday",
        "__MACOSX/set/1.png": png(), "set/.hidden.png": png(), "empty.png": b"", "x" * 201 + ".png": png(),
    })  # fmt: skip
    left_out = dict(open_zip(content, folder))
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert files == {"set/1.png": png(), "set/deep/er/2.png": png(), "3.png": png()}
    assert set(left_out) == {"set/notes.txt", "empty.png", "x" * 50}
    (tmp_path / "some.zip").write_bytes(content)
    assert open_zip(tmp_path / "some.zip", tmp_path / "again") == list(left_out.items())


@pytest.mark.parametrize(
    "name", ["../1.png", "a/../../1.png", "/tmp/1.png", "C:/1.png", "..\\1.png", "\\\\host\\1.png", "a/.."]
)
def test_names_that_lead_out_are_refused(name: str, folder: Path) -> None:
    assert "outside" in refusal(packed({"1.png": png(), name: png()}), folder)


def test_links_and_passwords_are_refused(folder: Path) -> None:
    link = zipfile.ZipInfo("1.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    assert "link" in refusal(packed({link: b"/etc/passwd"}), folder)
    content = bytearray(packed({"1.png": png()}))
    for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(signature) + offset] |= 1
    assert "encrypted" in refusal(bytes(content), folder)


@pytest.mark.slow
def test_bombs_are_refused_unread(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tight = packed({"1.bmp": bytes(2**26)})
    large = packed({f"{n}.png": bytes(2**16) for n in range(17)})
    many = packed({f"{n}.png": png() for n in range(10)})
    monkeypatch.setattr(zipfile.ZipFile, "open", None)  # would be called
    assert "compressed too much" in refusal(tight, folder)
    monkeypatch.setattr(zips, "MAX_BYTES", 2**20)
    assert "GB" in refusal(large, folder)
    monkeypatch.setattr(zips, "MAX_FILES", 9)
    assert "10 files" in refusal(many, folder)
    monkeypatch.setattr(zips, "_DIRECTORY", 99)
    assert "too many files" in refusal(many, folder)


def test_files_that_overlap_or_are_longer_than_they_say(folder: Path) -> None:
    content = packed({f"{n}.png": png() for n in range(4)}, compression=zipfile.ZIP_STORED)
    directory = content.index(b"PK\1\2")
    entry = content[directory : content.index(b"PK\1\2", directory + 1)]
    end, many = content[content.index(b"PK\5\6") :], 200
    end = end[:8] + many.to_bytes(2, "little") * 2 + (len(entry) * many).to_bytes(4, "little") + end[16:]
    assert "compressed too much" in refusal(
        content[:directory] + entry * many + end, folder
    )  # all of them are the first file
    at = content.index(b"PK\1\2") + 24
    refusal(content[:at] + (9).to_bytes(4, "little") + content[at + 4 :], folder)


def test_pixels_are_counted_before_they_are_decoded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zips, "MAX_PIXELS", 8 * 8 * 3 - 1)
    with pytest.raises(ZipError, match="megapixels"):
        open_zip(packed({f"{n}.png": png() for n in range(3)}), folder)
    bomb = packed({"bomb.png": png_file(20_000, 20_000, 8, 2, bytes(30))})
    ((_, reason),) = open_zip(bomb, folder)
    assert "megapixels" in reason


def test_names_twice_and_files_in_the_way_of_folders(folder: Path) -> None:
    with pytest.warns(UserWarning):
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            for name in ("1.png", "1.png", "1.png/2.png", "b/3.png", "b"):
                archive.writestr(name, png())
    left_out = open_zip(content.getvalue(), folder)
    assert [name for name, _ in left_out] == ["1.png", "1.png/2.png", "b"]


def test_what_is_no_zip_file_is_refused(folder: Path) -> None:
    whole = packed({"1.png": png()})
    for content in (b"", b"PK\3\4", whole[:-10], whole[:50], png(), b"PK\5\6" + bytes(10)):
        refusal(content, folder)
    damaged = bytearray(whole)
    damaged[60] ^= 255
    refusal(bytes(damaged), folder)


def test_a_zip_file_is_added_and_its_copy_goes(tmp_path: Path) -> None:
    labels = np.zeros((8, 8), np.uint8)
    labels[2:5, 2:5] = 1
    content = packed({"images/1.png": png(), "masks/1.png": png(labels), "notes.txt": b"Tuesday"})
    (tmp_path / "some.zip").write_bytes(content)
    report = add(tmp_path / "some.zip", "mine", folder=tmp_path / "data", size=8)
    np.testing.assert_array_equal(report.stored.images, PICTURE[None])
    np.testing.assert_array_equal(report.stored.labels, labels[None])
    assert [name for name, _ in report.left_out] == ["notes.txt"]
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["mine"]
    (tmp_path / "bad.zip").write_bytes(packed({"../1.png": png()}))
    with pytest.raises(AddError, match="outside"):
        add(tmp_path / "bad.zip", "other", folder=tmp_path / "data")
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["mine"]
