"""Tests of the middleware around an empty app: access, and handling of errors."""

import errno
import socket

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from monet.explorer import listen
from monet.explorer.edge import Edge

GIVEN = "ada:loveläce"


async def answer(request: Request) -> PlainTextResponse:
    raised = {"disk": OSError(errno.ENOSPC, "No space left on device", "/elsewhere/x"), "bug": KeyError("/elsewhere/x")}
    if error := raised.get(request.url.path.rpartition("/")[2]):
        raise error
    return PlainTextResponse((await request.body()).decode() or request.url.query)


def client(host: str = "127.0.0.1", called: str = "http://127.0.0.1", auth: str | None = None) -> TestClient:
    edge = Middleware(Edge, hosts=listen.names(host), anywhere=host in listen.ANYWHERE, auth=auth)
    paths = ("/", "/monet/{x}", "/gradio_api/startup-events", "/gradio_api/queue/{x}", "/gradio_api/upload")
    routes = [Route(path, answer, methods=["GET", "POST"]) for path in paths]
    return TestClient(Starlette(routes=routes, middleware=[edge]), base_url=called, raise_server_exceptions=False)


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/", "/monet/decode", "/gradio_api/upload"])
def test_a_password_is_asked_for_everywhere(path: str) -> None:
    locked = client(auth=GIVEN)
    refused = locked.get(path)
    assert refused.status_code == 401 and refused.headers["www-authenticate"].startswith("Basic")
    for wrong in (("ada", ""), ("ada", "lovelace"), ("", "loveläce"), ("ada:", "loveläce")):
        assert locked.get(path, auth=wrong).status_code == 401
    assert locked.get(path, headers={"authorization": "Bearer x"}).status_code == 401
    assert locked.get(path, auth=tuple(GIVEN.encode().split(b":"))).status_code == 200


def test_the_server_may_start_itself_without_the_password() -> None:
    assert client(auth=GIVEN).get("/gradio_api/startup-events").status_code == 200


@pytest.mark.parametrize(
    ("host", "called", "status"),
    [
        ("127.0.0.1", "evil.example", 400),
        ("127.0.0.1", "10.1.2.3", 400),
        ("10.1.2.3", "10.1.2.3:7860", 200),
        ("10.1.2.3", "10.1.2.4", 400),
        ("0.0.0.0", "10.1.2.3", 200),
        ("0.0.0.0", "[fe80::1]:7860", 200),
        ("0.0.0.0", socket.gethostname(), 200),
        ("0.0.0.0", "evil.example", 400),
        ("0.0.0.0", "10.1.2.3.evil.example", 400),
        ("::", "evil.example", 400),
        ("0.0.0.0", "[10.1.2.3", 400),
    ],
)
def test_the_server_answers_to_its_own_names(host: str, called: str, status: int) -> None:
    assert client(host).get("/", headers={"host": called}).status_code == status


def test_a_full_disk_and_a_bug_are_one_sentence_each() -> None:
    full, bug = client().get("/monet/disk"), client().get("/monet/bug")
    assert (full.status_code, full.text) == (507, "There is no space left on the disk: make room and try again.")
    assert (bug.status_code, bug.text) == (500, "The server failed to answer; its log says why.")
    assert bug.headers["x-content-type-options"] == "nosniff"


def test_the_id_of_a_session_is_another_for_every_browser() -> None:
    def passed_on(browser: TestClient) -> tuple[str, str]:
        read = browser.get("/gradio_api/queue/data", params={"session_hash": "mine", "x": "1 & 2"}).text
        posted = browser.post("/gradio_api/queue/join", json={"session_hash": "mine", "data": []}).json()
        assert posted["data"] == [] and read.endswith("&x=1+%26+2")
        return read.split("&")[0].partition("=")[2], posted["session_hash"]

    program, one, other = client(), client(), client()
    one.get("/")
    other.get("/")
    ids = [passed_on(browser) for browser in (program, one, other, one)]
    assert all(read == posted != "mine" for read, posted in ids)
    assert len(set(ids)) == 3 and ids[1] == ids[3]


def test_a_taken_port_and_a_foreign_address_are_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OSError) as caught:
            listen.check_address("127.0.0.1", port)
        assert (caught.value.errno, caught.value.filename) == (errno.EADDRINUSE, f"127.0.0.1:{port}")
    with pytest.raises(OSError) as caught:
        listen.check_address("192.0.2.1", 0)
    assert caught.value.errno == errno.EADDRNOTAVAIL
    with pytest.raises(OSError):
        listen.check_address("no such host", 0)


@pytest.mark.parametrize(("host", "local"), [
    ("127.0.0.1", True), ("127.1.2.3", True), ("localhost", True), ("::1", True), ("[::1]", True),
    ("0.0.0.0", False), ("::", False), ("192.168.0.1", False), ("localhost.evil.example", False), ("", False),
])  # fmt: skip
def test_what_is_local(host: str, local: bool) -> None:
    assert listen.is_local(host) is local
