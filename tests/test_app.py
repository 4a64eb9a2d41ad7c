"""``python app.py``: what it starts, and what other programs get from it while it runs."""

import json
import runpy
import shutil
import struct
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from monet.data import DATASETS
from monet.explorer import server

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def client(app: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    client = Client(app, verbose=False, analytics_enabled=False, download_files=tmp_path_factory.mktemp("downloads"))
    yield client
    client.close()


def open_scene(client: Client, request: dict[str, Any], model: str = "multi_dsprites", slots: int = 6) -> Any:
    answer = client.predict(json.dumps(request), model, slots, "crop", api_name="/open_scene")
    return json.loads(answer)


def open_picture(client: Client, path: Path, model: str = "tetrominoes", how: str = "crop") -> Any:
    return json.loads(client.predict(handle_file(path), model, 4, how, api_name="/open_picture"))


def png_that_claims(width: int, height: int) -> bytes:
    """The header of a picture of this size, and no pixel."""
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", b""), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


@pytest.mark.slow
def test_a_sample_is_opened(client):
    payload = open_scene(client, {"kind": "sample", "data": "multi_dsprites", "index": 2})
    assert (payload["model"], payload["slots"], payload["size"]) == ("multi_dsprites", 6, 64)
    assert payload["title"] == "Multi-dSprites, coloured on grey, sample 3"
    assert payload["truth"] is not None


@pytest.mark.slow
def test_a_seed_is_opened_by_the_model_and_with_the_slots_that_are_asked_for(client):
    payload = open_scene(client, {"kind": "seed", "data": "tetrominoes", "seed": 41}, "tetrominoes", 5)
    assert (payload["model"], payload["slots"], payload["size"]) == ("tetrominoes", 5, 40)
    assert payload["origin"] == {"kind": "seed", "data": "tetrominoes", "seed": 41}
    assert payload["title"] == DATASETS["tetrominoes"].scene(41).source


@pytest.mark.slow
def test_a_picture_is_opened(client, tmp_path):
    Image.fromarray(np.full((50, 90, 3), (255, 128, 0), np.uint8)).save(tmp_path / "orange.png")
    payload = open_picture(client, tmp_path / "orange.png")
    assert (payload["origin"], payload["truth"], payload["size"]) == ({"kind": "picture"}, None, 40)


def write_text(path: Path) -> None:
    path.write_text("this is no picture", encoding="utf-8")


def write_nothing(path: Path) -> None:
    path.touch()


def write_half_a_picture(path: Path) -> None:
    Image.effect_noise((100, 100), 50).save(path, "PNG")
    path.write_bytes(path.read_bytes()[:3000])


def write_a_giant(path: Path) -> None:
    path.write_bytes(png_that_claims(20_000, 20_000))


def write_a_drawing(path: Path) -> None:
    path.write_text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "write", "sentence"),
    [
        ("text.png", write_text, "The file is not a readable PNG, JPEG, WebP, BMP or GIF picture."),
        ("empty.png", write_nothing, "The file is empty; choose a PNG, JPEG, WebP, BMP or GIF picture."),
        ("half.png", write_half_a_picture, "The picture is damaged or incomplete; save it again as PNG or JPEG."),
        ("giant.png", write_a_giant, "The picture has too many pixels"),
        ("drawing.svg", write_a_drawing, "The file is not a readable PNG, JPEG, WebP, BMP or GIF picture."),
    ],
)
def test_a_file_that_is_no_picture_gets_one_sentence_and_the_next_request_works(
    client, tmp_path, name, write, sentence
):
    write(tmp_path / name)
    with pytest.raises(AppError) as caught:
        open_picture(client, tmp_path / name)
    assert str(caught.value).startswith(sentence)
    assert open_scene(client, {"kind": "sample", "data": "multi_dsprites", "index": 0})["slots"] == 6


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "size", "mode"),
    [("jpg", (90, 50), "CMYK"), ("gif", (30, 30), "P"), ("png", (60, 60), "I;16"), ("webp", (20, 80), "RGBA")],
)
def test_pictures_of_every_kind_are_opened(client, tmp_path, kind, size, mode):
    image = Image.fromarray(np.full(size[::-1], 32896, np.uint16)) if mode == "I;16" else Image.new(mode, size)
    image.save(tmp_path / f"picture.{kind}")
    assert open_picture(client, tmp_path / f"picture.{kind}", how="pad")["origin"] == {"kind": "picture"}


@pytest.mark.slow
def test_a_request_for_no_scene_gets_one_sentence_and_the_next_request_works(client):
    with pytest.raises(AppError, match="There is no such scene: choose a sample or a seed from the gallery"):
        open_scene(client, {"kind": "sample", "data": "../../etc", "index": 0})
    assert open_scene(client, {"kind": "seed", "data": "tetrominoes", "seed": 0})["slots"] == 6


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "slots", "how"),
    [("no-such-model", 6, "crop"), ("tetrominoes", 0, "crop"), ("tetrominoes", 10**6, "crop"), ("tetrominoes", 4, "x")],
)
def test_a_choice_that_is_not_offered_is_refused(client, model, slots, how):
    request = json.dumps({"kind": "sample", "data": "tetrominoes", "index": 0})
    with pytest.raises(AppError) as caught:
        client.predict(request, model, slots, how, api_name="/open_scene")
    assert "upstream" not in str(caught.value)  # that is what is said where nobody has thought of anything


class Launched(Exception):
    """What ``app.py`` asked to be launched, instead of a server."""


@pytest.fixture
def run_app(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs ``app.py`` with arguments as far as the launch; gives what it would have launched."""

    def launch(demo: Any, models: Any, stored: Any, **options: Any) -> None:
        raise Launched(demo, models, options)

    def run(*arguments: str) -> tuple[Any, ...]:
        monkeypatch.setattr(sys, "argv", ["app.py", "--threads", str(torch.get_num_threads()), *arguments])
        with pytest.raises(Launched) as launched:
            runpy.run_path(str(ROOT / "app.py"), run_name="__main__")
        return launched.value.args

    monkeypatch.setattr(server, "launch", launch)
    return run


def test_a_broken_checkpoint_is_named_at_the_start_and_skipped(run_app, checkpoints_folder, tmp_path, capsys):
    folder = tmp_path / "checkpoints"
    shutil.copytree(checkpoints_folder, folder)
    (folder / "tetrominoes" / "model.safetensors").write_bytes(b"damaged")
    _, models, _ = run_app("--checkpoints", str(folder))
    assert list(models.checkpoints) == ["multi_dsprites"]
    assert "skipped: tetrominoes: model.safetensors is damaged" in capsys.readouterr().err


def test_by_default_only_this_machine_is_served(run_app, checkpoints_folder):
    _, _, options = run_app("--checkpoints", str(checkpoints_folder))
    assert (options["host"], options["port"]) == ("127.0.0.1", 7860)


@pytest.mark.parametrize(
    ("arguments", "opened"),
    [
        ([], True),
        (["--host", "127.1.2.3"], True),
        (["--host", "0.0.0.0", "--i-know"], False),
        (["--host", "0.0.0.0", "--auth", "a:b"], False),
        (["--host", "0.0.0.0", "--i-know", "--allow-training"], True),
    ],
)
def test_nobody_trains_where_others_can_reach_the_server_unless_it_is_asked_for(
    run_app, checkpoints_folder, tmp_path, arguments, opened
):
    folders = ["--checkpoints", str(checkpoints_folder), "--runs", str(tmp_path / "runs")]
    runs = run_app(*folders, *arguments)[2]["runs"]
    assert (runs.folder == tmp_path / "runs") if opened else (runs is None)


def test_the_file_has_the_page_as_demo_for_gradios_own_tools(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["gradio", "--unknown-option"])
    assert runpy.run_path(str(ROOT / "app.py"), run_name="app")["demo"].title == "MONet Explorer"
