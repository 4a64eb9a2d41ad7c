"""Tests of hostile requests to the running app: clear answers, and no access to other visitors' files."""

import json
import os
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from monet import checkpoints
from monet.inference import decode_pixels
from tests.hostile_requests import assert_in_words, every_request
from tests.serving import Server

pytestmark = pytest.mark.slow

EVIL = {"origin": "http://evil.example"}
FORM = {"files": ("a.png", b"picture")}


@pytest.fixture(scope="module")
def server(checkpoints_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(checkpoints_folder, tmp_path_factory.mktemp("strangers"))
    yield server.start()
    server.stop()


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.address, timeout=120) as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        ("GET", "/", {"headers": {"host": "evil.example"}}, 400),
        ("POST", "/gradio_api/upload", {"headers": EVIL, "files": FORM}, 403),
        ("POST", "/gradio_api/upload", {"headers": {"origin": "null"}, "files": FORM}, 403),
        ("POST", "/gradio_api/upload", {"files": FORM}, 200),
        ("POST", "/gradio_api/upload", {"files": {"files": ("a.png", bytes(21 * 2**20))}}, 413),
        ("POST", "/gradio_api/upload", {"files": [("files", ("a.png", bytes(9 * 2**20)))] * 3}, 413),
        ("POST", "/gradio_api/run/predict", {"headers": {"content-type": "text/plain"}, "content": "{}"}, 422),
        ("POST", "/gradio_api/run/decompose", {"content": bytes(2**20 + 1)}, 413),
        ("GET", "/gradio_api/file=/etc/passwd", {}, 403),
        ("GET", "/gradio_api/file=http://127.0.0.1:1/", {}, 403),
        ("GET", "/gradio_api/proxy=http://127.0.0.1:1/", {}, 404),
        ("POST", "/gradio_api/mcp/", {"json": {}}, 404),
        ("GET", "/monitoring", {}, 404),
        ("GET", "/docs", {}, 404),
        ("GET", "/gradio_api/openapi.json", {}, 404),
        ("GET", "/gradio_api/deep_link", {}, 404),
        ("GET", "/gradio_api/runs", {}, 404),
        ("POST", "/gradio_api/component_server", {"json": {"data": [], "component_id": 1}}, 404),
        ("POST", "/gradio_api/vibe-edit/", {"json": {"prompt": "x"}}, 404),
        ("GET", "/gradio_api/vibe-code/", {}, 404),
        ("GET", "/gradio_api/info", {}, 200),
        ("POST", "/monet/runs/mine/start", {"headers": EVIL, "json": {}}, 403),
        ("POST", "/monet/runs/mine/stop", {"headers": {"origin": "null"}, "json": {}}, 403),
        ("POST", "/monet/own/mine", {"headers": EVIL, "content": b"x"}, 403),
        ("POST", "/monet/runs/mine/start", {"content": b"{" + bytes(5000)}, 400),
    ],
)
def test_what_stock_gradio_leaves_open_is_closed(client, method, path, options, status) -> None:
    answer = client.request(method, path, **options)
    assert answer.status_code == status
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_every_endpoint_answers_nonsense_in_words(server: Server, client) -> None:
    tried = 0
    for method, path, options in every_request(client.get("/config").json(), seed=0, per_function=1):
        assert_in_words(client, method, path, options)
        tried += 1
    assert tried > 100
    assert not server.runs.exists()
    assert client.get("/").status_code == 200


# --- other people's sessions


def join(client: httpx.Client, session: str, function: str, data: list[Any]) -> httpx.Response:
    table = client.get("/config").json()["dependencies"]
    index = next(d["id"] for d in table if d["api_name"] == function)
    return client.post(
        "/gradio_api/queue/join", json={"session_hash": session, "fn_index": index, "data": data, "trigger_id": None}
    )


def messages(client: httpx.Client, session: str) -> list[dict[str, Any]]:
    with client.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as stream:
        return [json.loads(line[6:]) for line in stream.iter_lines() if line.startswith("data: ")]


def completed(found: list[dict[str, Any]]) -> dict[str, Any]:
    return next(message["output"] for message in found if message["msg"] == "process_completed")


def test_the_id_of_another_visitors_session_is_of_no_use(server: Server) -> None:
    session, seed = uuid.uuid4().hex, 4711
    request = {"kind": "seed", "data": "tetrominoes", "seed": seed}
    with (
        httpx.Client(base_url=server.address, timeout=120) as owner,
        httpx.Client(base_url=server.address, timeout=120) as browser,
        httpx.Client(base_url=server.address, timeout=120) as program,
    ):
        owner.get("/")  # gives a browser what it is known by
        browser.get("/")
        assert join(owner, session, "decompose", ["", request, "tetrominoes", 4, "crop"]).status_code == 200
        for thief in (browser, program):
            assert not any(message["msg"] == "process_completed" for message in messages(thief, session))
        opened = completed(messages(owner, session))
        assert opened["data"][0]["title"].endswith(f"seed {seed}")


def test_a_picture_of_the_machine_or_of_the_network_cannot_be_opened(server: Server, client, tmp_path) -> None:
    with Server.listener() as (address, calls):
        Image.new("RGB", (9, 9)).save(tmp_path / "private.png")
        for path in (str(tmp_path / "private.png"), "/etc/passwd", f"{address}/a.png", "../../private.png"):
            for url in (None, path, f"{address}/b.png"):
                picture = {"path": path, "url": url, "meta": {"_type": "gradio.FileData"}}
                answer = client.post(
                    "/gradio_api/run/decompose", json={"data": [picture, None, "tetrominoes", 4, "crop"]}
                )
                assert answer.status_code == 500 and len(answer.json()["error"]) > 20
                assert str(tmp_path) not in answer.text
        assert calls == []


# --- uploads


def test_an_uploaded_picture_and_the_answer_are_gone_when_their_visitor_is(server: Server, client, tmp_path) -> None:
    def found() -> set[Path]:
        names = ("own.png", "slots.png", "scene.npz")
        walk = os.walk(server.uploads)  # unlike rglob, passes over folders that the server deletes meanwhile
        return {Path(folder) / name for folder, _, files in walk for name in files if name in names}

    others = found()  # of programs that asked without a visitor's stream; these go with time

    def kept() -> set[Path]:
        return found() - others

    assert all(f.stat().st_mode & 0o077 == 0 for f in server.uploads.glob("monet-explorer-*"))
    Image.effect_noise((40, 30), 60).save(tmp_path / "own.png")
    session = uuid.uuid4().hex
    with client.stream("GET", f"/gradio_api/heartbeat/{session}") as heart:
        beats = heart.iter_lines()  # the stream ends with its reader
        assert next(beats)
        (path,) = client.post(
            "/gradio_api/upload", files={"files": ("own.png", (tmp_path / "own.png").read_bytes())}
        ).json()
        picture = {"path": path, "meta": {"_type": "gradio.FileData"}}
        assert join(client, session, "decompose", [picture, None, "tetrominoes", 4, "crop"]).status_code == 200
        assert completed(messages(client, session))["data"][0]
        assert {path.name for path in kept()} == {"own.png", "slots.png", "scene.npz"}
    deadline = time.monotonic() + 120
    while kept() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert kept() == set()


# --- many at once


def test_visitors_who_drag_at_once_each_get_their_own_pixels(server: Server, checkpoints_folder: Path) -> None:
    model = checkpoints.load(checkpoints_folder / "tetrominoes")
    wrong: list[str] = []
    end = time.monotonic() + 3

    def drag(number: int) -> None:
        latents = np.random.default_rng(number).standard_normal((5, 16)).astype("<f4")
        expected = [decode_pixels(model, latent[None]).tobytes() for latent in latents]
        with httpx.Client(base_url=server.address, timeout=120) as client:
            while True:
                for latent, pixels in zip(latents, expected, strict=True):
                    answer = client.post("/monet/decode/tetrominoes", content=latent.tobytes())
                    if answer.content != pixels:
                        wrong.append(f"{answer.status_code} for visitor {number}")
                if time.monotonic() > end:
                    return

    visitors = [threading.Thread(target=drag, args=(number,)) for number in range(4)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    assert wrong == []
