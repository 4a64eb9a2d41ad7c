"""Tests of requests that add visitors' pictures: what is written, and where."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

import monet
from monet.data import samples
from monet.explorer.models import Models
from monet.explorer.own import receiving
from monet.explorer.own import routes as own
from monet.explorer.own.receiving import ReceivingError, receive
from monet.explorer.server import routes
from monet.explorer.training import Runs
from monet.pictures import extract, fit

pytestmark = pytest.mark.slow  # serves the routes, decomposes galleries


def request(files: dict[str, bytes]) -> bytes:
    """Returns the request that the page sends."""
    table = {"files": [{"path": path, "size": len(content)} for path, content in files.items()]}
    return json.dumps(table).encode() + b"\n" + b"".join(files.values())


def received(content: bytes, folder: Path, size: int = 7) -> list[Path]:
    async def stream() -> AsyncIterator[bytes]:
        for start in range(0, len(content), size):
            yield content[start : start + size]

    return asyncio.run(receive(stream(), folder))


@pytest.mark.parametrize("size", [1, 7, 64, 10**6])
def test_every_file_is_written_where_its_path_says(tmp_path: Path, size: int) -> None:
    files = {"a.png": b"abc" * 40, "empty": b"", "deep/er/b.png": b"\n{}\n", "ä ö.png": bytes(range(256)), "last": b""}
    paths = received(request(files), tmp_path, size)
    assert [str(path.relative_to(tmp_path)) for path in paths] == list(files)
    assert [path.read_bytes() for path in paths] == list(files.values())


@pytest.mark.parametrize(
    "path",
    ["../x", "a/../../x", "/etc/x", "", "a//b", "a/", ".", "..", ".hidden", "a\0", "a\nb", "C:\\x", "..\\x", "a:b",
     "x" * 300, "/".join("abcdefghi"), "a. ", "con?"],
)  # fmt: skip
def test_a_path_that_leads_elsewhere_is_refused_and_nothing_is_written(tmp_path: Path, path: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    with pytest.raises(ReceivingError):
        received(request({"good.png": b"x", path: b"y"}), folder)
    assert [p for p in tmp_path.rglob("*") if p != folder] == []


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\n", b"{}\n", b"[]\n", b'{"files": []}\n', b'{"files": [3]}\n', b"[" * 9000 + b"\n", b"\xff\n",
        b'{"files": [{"path": "a", "size": -1}]}\n', b'{"files": [{"path": "a", "size": 1e400}]}\n',
        b'{"files": [{"path": "a", "size": 3000000000}]}\n', b"x" * 5_000_000,
        request({"a": b"abc"})[:-1], request({"a": b"abc"}) + b"d",
        b'{"files": [{"path": "a", "size": 1}, {"path": "A", "size": 1}]}\nxy',
        b'{"files": [{"path": "a", "size": 1}, {"path": "a/b", "size": 1}]}\nxy',
    ],
)  # fmt: skip
def test_what_is_no_list_of_files_is_refused_in_words(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ReceivingError) as caught:
        received(content, tmp_path, 2**16)
    assert len(str(caught.value)) > 20 and str(tmp_path) not in str(caught.value)


def test_more_files_than_are_told_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "MAX_FILES", 3)
    assert len(received(request({f"{n}": b"" for n in range(3)}), tmp_path)) == 3
    with pytest.raises(ReceivingError, match="1 to 3 files"):
        received(request({f"{n}": b"" for n in range(4)}), tmp_path)


# --- with the function that makes a data set of them


@pytest.fixture
def client(checkpoints_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    monkeypatch.setenv("MONET_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(own, "PARENT", tmp_path)
    stored: dict[str, Any] = {}
    runs = Runs(tmp_path / "runs", stored)
    return TestClient(Starlette(routes=routes(Models(checkpoints_folder), stored, runs)))


def pictures(count: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {f"p{n}.png": rng.integers(0, 256, (64, 96, 3), np.uint8) for n in range(count)}


def png(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("packed", [False, True])
def test_a_folder_and_a_zip_become_a_gallery_and_the_rest_is_accounted_for(client, tmp_path, packed) -> None:
    arrays = pictures(5)
    files = {name: png(array) for name, array in arrays.items()} | {"notes.txt": b"no picture"}
    if packed:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        files = {"mine.zip": file.getvalue()}
    answer = client.post("/monet/own/mine?fit=crop", content=request(files))
    report = json.loads(answer.text.splitlines()[-1])["report"]
    assert (report["taken"], report["labelled"]) == (5, False)
    assert [name for name, _ in report["left_out"]] == ["notes.txt"]
    assert str(tmp_path) not in answer.text
    (gallery,) = [g for g in client.get("/monet/galleries").json()["galleries"] if g["kind"] == "stored"]
    assert (gallery["name"], gallery["samples"]) == ("mine", 5)
    image = np.array(Image.open(io.BytesIO(client.get("/monet/stored/mine/3.png").content)))
    np.testing.assert_array_equal(image, fit(arrays["p3.png"], 64, "crop"))
    assert not list(tmp_path.glob("monet-explorer-*"))  # nothing of what was sent is left


def test_what_cannot_be_added_is_refused_in_words_and_the_next_is_taken(client, tmp_path) -> None:
    def refused(name: str, files: dict[str, bytes]) -> str:
        answer = client.post(f"/monet/own/{name}", content=request(files))
        assert str(tmp_path) not in answer.text
        return str(json.loads(answer.text.splitlines()[-1])["refused"])

    assert "no picture that can be used" in refused("mine", {"notes.txt": b"no picture"})
    assert "not a ZIP file" in refused("mine", {"a.zip": b"no archive"})
    assert "is the name of a data set of this project" in refused("tetrominoes", {"a.png": png(pictures(1)["p0.png"])})
    for name in ("-", "a b", ".x"):
        assert "A name has" in refused(name, {"a": b"x"})
    assert "fit must be one of" in refused("mine?fit=../x", {"a": b"x"})
    assert client.post("/monet/own/..%2fx", content=request({"a": b"x"})).status_code == 404
    good = {name: png(array) for name, array in pictures(3).items()}
    answer = client.post("/monet/own/mine", content=request(good))
    assert json.loads(answer.text.splitlines()[-1])["report"]["taken"] == 3
    assert refused("mine", good) == "There is a data set mine already: choose another name."


def test_a_gallery_comes_as_files_that_hold_what_decompose_says(client, checkpoints_folder) -> None:
    asked = {"kind": "sample", "data": "tetrominoes", "slots": 3, "how": "pad"}
    last = json.loads(client.post("/monet/files/tetrominoes", json=asked).text.splitlines()[-1])
    assert (last["name"], last["lost"]) == ("monet-tetrominoes-tetrominoes.zip", 0)
    archive = zipfile.ZipFile(io.BytesIO(client.get(f"/monet/files/{last['file']}.zip").content))
    names = archive.namelist()
    count = samples.count("tetrominoes")
    assert sum(n.startswith("reconstruction/") for n in names) == count and "latents.csv" in names
    scene = monet.decompose(
        monet.load(checkpoints_folder / "tetrominoes"), samples.read("tetrominoes", 5).image, num_slots=3, how="pad"
    )
    labels = np.array(Image.open(archive.open("masks/000005.png")))
    agree = labels == extract(scene.masks, 35, axes=(-2, -1)).argmax(0)  # batches round otherwise, and masks may tie
    assert agree.mean() > 0.99


@pytest.mark.parametrize(
    "change",
    [{"kind": "x"}, {"data": "../x"}, {"slots": 0}, {"slots": 1.5}, {"slots": "3"}, {"how": "x"}, {"data": []}],
)
def test_a_gallery_that_there_is_not_is_refused(client, change) -> None:
    asked = {"kind": "sample", "data": "tetrominoes", "slots": 3, "how": "pad"} | change
    assert "Choose a gallery" in client.post("/monet/files/tetrominoes", json=asked).json()["refused"]
    assert "no model" in client.post("/monet/files/x", json=asked).json()["refused"]
    assert client.get("/monet/files/x.zip").status_code == 404
