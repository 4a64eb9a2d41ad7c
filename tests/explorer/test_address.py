"""Tests of addresses behind a proxy: the URL requested, the client, and which proxies are trusted."""

from __future__ import annotations

import asyncio
import ipaddress
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from monet.explorer import signin
from monet.explorer.address import Address, PublicURL
from monet.explorer.edge import Edge

PROXY, STRANGER = ("10.0.0.7", 1), ("10.9.9.9", 1)
PUBLIC = {"host": "lab.example"}
FORWARDED = {"x-forwarded-host": "lab.example", "x-forwarded-proto": "https"}


async def answer(request: Request) -> JSONResponse:
    return JSONResponse({
        "path": request.url.path, "host": request.headers.get("x-forwarded-host"),
        "proto": request.headers.get("x-forwarded-proto"), "server": request.headers.get("x-gradio-server"),
    })  # fmt: skip


def client(peer: tuple[str, int] = PROXY, auth: str | None = None, prefix: str = "/monet") -> TestClient:
    public = PublicURL.of(f"https://lab.example{prefix}/")
    address = Address(public, [ipaddress.ip_network("10.0.0.0/24")], {"static", "decode"})
    edge = Middleware(Edge, hosts={"127.0.0.1"}, auth=auth, address=address)
    app = Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])], middleware=[edge])
    return TestClient(app, base_url="http://127.0.0.1", client=peer, raise_server_exceptions=False)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("https://Lab.example/monet/", ("https", "lab.example", "/monet")),
        ("https://lab.example:443", ("https", "lab.example", "")),
        ("http://lab.example:8080/a/b", ("http", "lab.example:8080", "/a/b")),
        ("https://[::1]:8443/x/", ("https", "[::1]:8443", "/x")),
    ],
)
def test_a_public_address_is_read(text: str, found: tuple[str, str, str]) -> None:
    assert PublicURL.of(text) == PublicURL(*found)


@pytest.mark.parametrize(
    "text",
    ["lab.example", "ftp://lab.example", "https://", "https://h/?x", "https://u:p@h/", "https://h/../x", "https://h:x"],
)
def test_what_is_no_public_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"address|path"):
        PublicURL.of(text)


@pytest.mark.parametrize("headers", [PUBLIC, {"host": "LAB.example:443"}, FORWARDED])
@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("/", "/"),  # the proxy takes the prefix away
        ("/monet/", "/"),  # it leaves it
        ("/monet/config", "/config"),
        ("/monet/static/main.js", "/monet/static/main.js"),  # the app's own folder has the prefix's name here
        ("/monet/monet/static/main.js", "/monet/static/main.js"),
        ("/monet/monet/decode/x", "/monet/decode/x"),
    ],
)
def test_the_app_finds_its_paths_whether_the_proxy_leaves_the_prefix_or_not(
    headers: dict[str, str], asked: str, answered: str
) -> None:
    found = client().get(asked, headers=headers).json()
    assert found == {"path": answered, "host": "lab.example/monet", "proto": "https", "server": None}


def test_the_prefix_without_its_slash_leads_to_the_page() -> None:
    moved = client().get("/monet", headers=PUBLIC, follow_redirects=False)
    assert (moved.status_code, moved.headers["location"]) == (308, "https://lab.example/monet/")


@pytest.mark.parametrize("name", ["x-forwarded-host", "x-gradio-server", "forwarded", "x-forwarded-prefix"])
@pytest.mark.parametrize("peer", [PROXY, STRANGER])
def test_nobodys_word_makes_the_page_load_from_elsewhere(peer: tuple[str, int], name: str) -> None:
    found = client(peer).get("/", headers={name: "evil.example"}).json()
    assert found == {"path": "/", "host": None, "proto": None, "server": None}


def test_a_strangers_forwarded_headers_change_nothing() -> None:
    assert client(STRANGER).get("/", headers=FORWARDED).json()["host"] is None
    refused = client(STRANGER).post("/monet/decode/x", headers={**FORWARDED, "origin": "https://lab.example"})
    assert refused.status_code == 403


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://lab.example", 200),
        ("http://lab.example", 403),
        ("https://evil.example", 403),
        ("http://127.0.0.1", 403),
    ],
)
def test_only_the_public_page_may_send_through_the_proxy(origin: str, status: int) -> None:
    assert client().post("/monet/decode/x", headers={**PUBLIC, "origin": origin}).status_code == status


def test_cookies_are_for_the_prefix_and_for_https() -> None:
    cookie = client().get("/monet/", headers=PUBLIC).headers["set-cookie"]
    assert "Path=/monet/;" in cookie and cookie.endswith("Secure")
    cookie = client().get("/").headers["set-cookie"]
    assert "Path=/;" in cookie and "Secure" not in cookie


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that wrong passwords would have waited."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(signin.asyncio, "sleep", sleep)
    return slept


def test_a_program_signs_in_by_a_form_and_comes_back_with_a_cookie(patience: list[float]) -> None:
    program = client(auth="ada:löve:lace")
    assert program.get("/").status_code == 401
    assert program.post("/login", data={"username": "ada", "password": "wrong"}).status_code == 401
    assert program.get("/").status_code == 401 and patience == [signin.SECONDS]
    assert program.post("/login", data={"username": "ada", "password": "löve:lace"}).status_code == 200
    assert program.get("/").status_code == 200
    replica = client(auth="ada:löve:lace")
    replica.cookies.update(program.cookies)
    assert replica.get("/").status_code == 200, "a second process knows who has signed in at the first"
    other = client(auth="ada:another")
    other.cookies.update(program.cookies)
    assert other.get("/").status_code == 401


async def _guess(guard: signin.SignIn, visitor: str, password: str = "wrong") -> Any:
    try:
        return await guard.accepts(f"username=ada&password={password}".encode(), visitor)
    except signin.TooMany:
        return "later"


async def _many(guard: signin.SignIn) -> list[Any]:
    guesses = [asyncio.create_task(_guess(guard, "one")) for _ in range(20)]
    await asyncio.sleep(0)
    blocked, elsewhere = await _guess(guard, "one", "right"), await _guess(guard, "other", "right")
    return [await asyncio.gather(*guesses), blocked, elsewhere, await _guess(guard, "one", "right")]


def test_passwords_are_guessed_slowly_and_only_the_guesser_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signin, "SECONDS", 0.05)
    guesses, blocked, elsewhere, afterwards = asyncio.run(_many(signin.SignIn("ada:right")))
    assert guesses == [False] * signin.AT_ONCE + ["later"] * (20 - signin.AT_ONCE)
    assert blocked == "later", "nobody learns at once whether a guess was right"
    assert elsewhere is True and afterwards is True
