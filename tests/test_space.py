"""Tests of the app as the Hub starts it on a Space, under the right host name and wrong ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from monet.explorer import space
from monet.explorer.__main__ import parse
from monet.explorer.address import PublicURL
from tests.serving import Server

pytestmark = pytest.mark.slow  # starts servers

NAME = "ada-monet.hf.space"
HERE = {"SYSTEM": "spaces", "SPACE_HOST": NAME, "SPACE_ID": "ada/monet", "GRADIO_SERVER_NAME": "0.0.0.0"}
ASKED = "/monet/decode/tetrominoes"


@pytest.fixture
def on_a_space(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MONET_AUTH", raising=False)
    monkeypatch.setenv("SPACE_HOST", NAME)


@pytest.fixture(scope="module")
def client(checkpoints_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client whose requests look as from the Hub's proxy: the Space's name as host and origin."""
    server = Server(checkpoints_folder, tmp_path_factory.mktemp("space"), host=None, environment=HERE)
    try:
        server.start()
        headers = {"host": NAME, "origin": f"https://{NAME}"}
        with httpx.Client(base_url=server.address, headers=headers, timeout=60) as client:
            yield client
    finally:
        server.stop()


def test_the_space_answers_to_its_name_and_to_its_own_page(client: httpx.Client) -> None:
    page = client.get("/")
    assert page.status_code == 200 and f'"root":"https://{NAME}"' in page.text
    assert client.post(ASKED, content=bytes(64)).status_code == 200
    started = client.post("/monet/runs/x/start", json={"data": {"kind": "made", "name": "tetrominoes"}, "minutes": 1})
    assert started.status_code == 403  # nobody trains on somebody else's Space


@pytest.mark.parametrize("name", ["evil.hf.space", "huggingface.co", f"{NAME}.evil.example", f"x.{NAME}"])
def test_another_name_is_refused(client: httpx.Client, name: str) -> None:
    assert client.get("/", headers={"host": name}).status_code == 400
    forwarded = {"host": name, "x-forwarded-host": NAME}
    assert client.get("/", headers=forwarded).status_code == 400


@pytest.mark.parametrize("origin", ["https://huggingface.co", "https://evil.hf.space", f"http://{NAME}", "null"])
def test_another_page_may_send_nothing_whoever_frames_this_one(client: httpx.Client, origin: str) -> None:
    assert client.post(ASKED, content=bytes(64), headers={"origin": origin}).status_code == 403


@pytest.mark.parametrize("path", ["/", "/config", "/nowhere"])
def test_the_hub_alone_may_frame_the_page(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["frame-ancestors"] == "'self' https://huggingface.co https://*.hf.space"
    assert policy["default-src"] == "'self' data: blob:"
    assert "x-frame-options" not in headers


def test_a_framed_pages_cookie_comes_back_and_only_by_https(client: httpx.Client) -> None:
    cookie = httpx.get(f"{client.base_url}", headers={"host": NAME}).headers["set-cookie"]
    assert cookie.startswith("monet_visitor=")
    assert {"SameSite=None", "Partitioned", "Secure", "HttpOnly", "Path=/"} <= set(cookie.split("; "))


def test_a_space_needs_no_options(on_a_space: None) -> None:
    options = parse([], "app.py")
    assert (options.host, options.port, options.auth) == ("0.0.0.0", None, None)
    assert (options.public_url, options.frames) == (PublicURL("https", NAME), space.FRAMES)


def test_an_option_wins_over_what_the_space_says(on_a_space: None) -> None:
    options = parse(["--host", "127.0.0.1", "--port", "1", "--auth", "a:b", "--public-url", "https://lab.example/"], "")
    assert (options.host, options.port, options.auth) == ("127.0.0.1", 1, "a:b")
    assert (str(options.public_url), options.frames) == ("https://lab.example/", ())
    with pytest.raises(SystemExit):  # another address than the Space's is nobody's but the one's who names it
        parse(["--public-url", "https://lab.example/"], "")


def test_of_several_names_the_first_is_taken_and_nonsense_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_HOST", f"{NAME}, lab.example")
    assert space.public_url() == PublicURL("https", NAME)
    monkeypatch.setenv("SPACE_HOST", "no/../name")
    with pytest.raises(SystemExit):
        parse([], "")


def test_elsewhere_nothing_is_a_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPACE_HOST", raising=False)
    options = parse([], "")
    assert (options.host, options.public_url, options.frames) == ("127.0.0.1", None, ())
