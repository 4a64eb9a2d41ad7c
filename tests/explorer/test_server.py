"""Tests of the running server: its routes, and whom it answers."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from monet import checkpoints, pictures
from monet.explorer.galleries import open_stores
from monet.explorer.models import Models
from monet.explorer.network import network_payload
from monet.explorer.payload import decoder_payload
from monet.explorer.scenes import MAX_LATENTS
from monet.explorer.server import routes
from monet.inference import decode_pixels

pytestmark = pytest.mark.slow  # a server of its own

ROOT = Path(__file__).parents[2]
NAMES = ("multi_dsprites", "tetrominoes")
ASKED = ("/monet/decode/tetrominoes", "/monet/decompose/tetrominoes")
SAMPLE = {"kind": "sample", "data": "tetrominoes", "index": 0}


@pytest.fixture(scope="module")
def client(app: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=app, timeout=60) as client:
        yield client


def latents(count: int = 3) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((count, 16)).astype("<f4")


@pytest.mark.parametrize("name", NAMES)
def test_decoding_is_inferences_bit_for_bit(client, checkpoints_folder, name):
    answer = client.post(f"/monet/decode/{name}", content=latents().tobytes())
    assert answer.status_code == 200
    expected = decode_pixels(checkpoints.load(checkpoints_folder / name), latents())
    np.testing.assert_array_equal(np.frombuffer(answer.content, "<f4").reshape(expected.shape), expected)


def test_as_many_latents_as_allowed_are_decoded_at_once(client):
    answer = client.post("/monet/decode/tetrominoes", content=latents(MAX_LATENTS).tobytes())
    assert len(answer.content) == 4 * MAX_LATENTS * 40 * 40 * 4


@pytest.mark.parametrize("name", NAMES)
def test_the_browser_is_given_the_decoder(client, checkpoints_folder, name):
    answer = client.get(f"/monet/decoder/{name}")
    assert answer.json() == decoder_payload(checkpoints.load(checkpoints_folder / name))


@pytest.mark.parametrize("name", NAMES)
def test_the_browser_is_given_the_network(client, checkpoints_folder, name):
    checkpoint = checkpoints.read(checkpoints_folder / name)
    assert client.get(f"/monet/network/{name}").json() == network_payload(checkpoints.load(checkpoint), checkpoint)


def test_a_scene_is_taken_apart_for_whoever_asks(client):
    sample = {"kind": "sample", "data": "tetrominoes", "index": 2}
    answer = client.post("/monet/decompose/tetrominoes?slots=5&how=pad", json=sample).json()
    assert (answer["model"], answer["slots"], answer["how"], answer["origin"]) == ("tetrominoes", 5, "pad", sample)
    assert client.post("/monet/decompose/multi_dsprites", json=sample).json()["slots"] == 6  # the model's own number


def test_a_picture_is_taken_apart_from_its_bytes(client, tmp_path):
    Image.fromarray(np.full((50, 90, 3), (255, 128, 0), np.uint8)).save(tmp_path / "orange.png")
    answer = client.post("/monet/decompose/tetrominoes?how=pad", content=(tmp_path / "orange.png").read_bytes()).json()
    assert (answer["origin"], answer["truth"], answer["scaled"]) == ({"kind": "picture"}, None, [90, 50])


@pytest.mark.parametrize(
    ("query", "options", "sentence"),
    [
        ("", {"content": b"no picture"}, "The file is not a readable PNG"),
        ("", {"json": SAMPLE | {"index": 24}}, "There is no such scene"),
        (
            "?slots=13",
            {"json": {"kind": "sample", "data": "tetrominoes", "index": 0}},
            "Choose between 1 and 12 slots.",
        ),
    ],
)
def test_what_cannot_be_taken_apart_is_answered_with_a_sentence(client, query, options, sentence):
    answer = client.post(f"/monet/decompose/tetrominoes{query}", **options)
    assert answer.status_code == 200 and answer.json()["refused"].startswith(sentence)


def test_a_picture_and_a_reference_have_their_limits(client):
    large = client.post("/monet/decompose/tetrominoes", content=bytes(pictures.MAX_BYTES + 1))
    assert (large.status_code, large.text) == (413, "A picture must have at most 20 MB.")
    long = client.post("/monet/decompose/tetrominoes", json={"kind": "x" * 2**20})
    assert long.status_code == 413
    assert client.post("/monet/decompose/none", json={}).json() == {"refused": "There is no model 'none'."}


@pytest.mark.parametrize("size", [0, 1, 63, 65, 16 * 4 * 3 + 4])
def test_latents_of_another_size_are_refused(client, size):
    answer = client.post("/monet/decode/tetrominoes", content=bytes(size))
    assert (answer.status_code, answer.text) == (400, "latents of this model must have 64 bytes each")


def test_too_many_latents_are_refused(client):
    answer = client.post("/monet/decode/tetrominoes", content=latents(MAX_LATENTS + 1).tobytes())
    assert (answer.status_code, answer.text) == (413, "send at most 64 latents at once")


def test_a_body_without_a_stated_length_is_refused_as_soon_as_it_is_too_long(client):
    def endless() -> Iterator[bytes]:
        for _ in range(10_000):
            yield bytes(64)

    with contextlib.suppress(httpx.WriteError, httpx.ReadError):  # the server may hang up before all was sent
        assert client.post("/monet/decode/tetrominoes", content=endless()).status_code == 413
    assert client.post("/monet/decode/tetrominoes", content=latents().tobytes()).status_code == 200


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_latents_that_are_not_finite_are_refused(client, value):
    bad = latents()
    bad[1, 2] = value
    answer = client.post("/monet/decode/tetrominoes", content=bad.tobytes())
    assert (answer.status_code, answer.text) == (400, "latents must be finite numbers")


@pytest.mark.parametrize("model", ["no-such-model", "..%2ftetrominoes", "tetrominoes%00", "Tetrominoes"])
def test_an_unknown_model_is_not_found(client, model):
    assert client.get(f"/monet/decoder/{model}").status_code == 404
    assert client.get(f"/monet/network/{model}").status_code == 404
    assert client.post(f"/monet/decode/{model}", content=latents().tobytes()).status_code == 404


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_decoding_is_only_posted(client, method):
    assert client.request(method, "/monet/decode/tetrominoes").status_code == 405


@pytest.mark.parametrize(
    "path",
    [
        "static/main.js",
        "static/engine/decoder/decoder.wasm",
        "static/engine/network/network.wasm",
        "samples/tetrominoes/00.png",
        "plotly/plotly.min.js",
    ],
)
def test_the_files_of_the_page_are_served(client, path):
    assert client.get(f"/monet/{path}").status_code == 200


def test_an_update_of_the_page_is_noticed(client):
    """Scripts are revalidated on every request, and sent again only if they have changed."""
    answer = client.get("/monet/static/main.js")
    assert answer.headers["cache-control"] == "no-cache"
    again = client.get("/monet/static/main.js", headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.parametrize(
    "path",
    [
        "/monet/static/%2e%2e/server.py",
        "/monet/static/..%2fserver.py",
        "/monet/samples/..%2f..%2fapp.py",
        "/monet/samples/%2e%2e/%2e%2e/app.py",
        "/monet/plotly/..%2f__init__.py",
        "/monet/static//etc/passwd",
        "/monet/static/",
    ],
)
def test_no_file_beside_them_is_served(client, path):
    assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "app.py", "README.md", f"{ROOT}/app.py", "..%2f..%2f..%2f..%2fetc%2fpasswd", "/proc/self/environ"],
)
def test_gradio_serves_no_file_of_the_machine(client, path):
    assert client.get(f"/gradio_api/file={path}").status_code == 403


def test_a_file_that_is_too_large_is_refused(client):
    answer = client.post("/gradio_api/upload", files={"files": ("large.png", bytes(21 * 2**20))})
    assert answer.status_code == 413


def test_nothing_is_told_to_anybody_about_its_use(client):
    assert client.get("/config").json()["analytics_enabled"] is False


@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:1", "null", "http://localhost"])
@pytest.mark.parametrize(
    "path",
    ["/monet/decode/tetrominoes", "/monet/decompose/tetrominoes", "/gradio_api/upload", "/gradio_api/queue/join"],
)
def test_what_another_page_posts_is_refused(client, origin, path):
    answer = client.post(path, content=latents().tobytes(), headers={"origin": origin})
    assert (answer.status_code, answer.text) == (403, "requests from other pages are refused")


def test_what_the_page_itself_posts_is_answered(client, app):
    answer = client.post("/monet/decode/tetrominoes", content=latents().tobytes(), headers={"origin": app})
    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/", "/config", "/monet/decoder/tetrominoes"])
def test_another_page_may_not_read_the_answer(client, path):
    answer = client.get(path, headers={"origin": "http://evil.example"})
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "evil.example:7860", "127.0.0.2", ""])
@pytest.mark.parametrize("path", ["/", "/monet/decoder/tetrominoes", "/gradio_api/info"])
def test_another_host_name_is_refused(client, host, path):
    """DNS rebinding: a page whose host name points to this machine gets nothing."""
    assert client.get(path, headers={"host": host}).status_code == 400


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "localhost:1234", "LOCALHOST", "[::1]:7860"])
def test_the_names_of_this_machine_are_answered(client, host):
    assert client.get("/monet/static/main.js", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "path", ["/", "/config", "/monet/static/main.js", "/monet/decoder/tetrominoes", "/monet/decoder/none", "/nowhere"]
)
def test_every_answer_tells_the_browser_what_the_page_may_do(client, path):
    headers = client.get(path).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'self' data: blob:"
    assert policy["connect-src"] == "'self' data: blob:"
    assert policy["object-src"] == "'none'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'self'"
    assert not any("http" in sources or "*" in sources for sources in policy.values())
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "SAMEORIGIN"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["permissions-policy"].split(", ")[:2] == ["camera=(self)", "microphone=()"]


def test_pictures_of_stored_data_are_served_and_nothing_beside_them(checkpoints_folder, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), np.uint8)
    np.savez(tmp_path / "mine.npz", image=images)
    stored, _ = open_stores(tmp_path)
    client = TestClient(Starlette(routes=routes(Models(checkpoints_folder), stored)))
    answer = client.get("/monet/stored/mine/1.png")
    np.testing.assert_array_equal(pictures.read(answer.content), images[1])
    for path in ("mine/2.png", "mine/-1.png", "other/0.png", "..%2Fmine/0.png", "mine/0.npz"):
        assert client.get(f"/monet/stored/{path}").status_code == 404
