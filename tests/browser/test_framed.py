"""Tests of a Space within the Hub's page, with TLS and the Hub's host names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, sync_playwright

from tests import nginx
from tests.browser import chromium
from tests.conftest import PATIENCE
from tests.serving import Server
from tests.test_space import HERE, NAME

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(nginx.find() is None and "CI" not in os.environ, reason="there is no nginx"),
    pytest.mark.skipif(chromium.find() is None and "CI" not in os.environ, reason="there is no Chromium"),
]
FRAMING = f'<!doctype html><iframe src="https://{NAME}/" width="1400" height="850"></iframe>'


@pytest.fixture(scope="module")
def context(checkpoints_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    """A Chromium that resolves the Space's name to nginx, and whose other pages contain the Space in a frame."""
    proxy = nginx.Nginx(tmp_path_factory.mktemp("nginx"), path="/")
    server = Server(checkpoints_folder, tmp_path_factory.mktemp("space"), host=None, environment=HERE)
    arguments = [f"--host-resolver-rules=MAP {NAME}:443 127.0.0.1:{proxy.port}"]
    arguments += ["--disable-features=LocalNetworkAccessChecks"]  # the Space's address is this machine's
    try:
        proxy.start([server.start().port])
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium.find(), args=arguments)
            context = browser.new_context(ignore_https_errors=True, viewport={"width": 1440, "height": 900})
            context.set_default_timeout(1000 * PATIENCE)
            others = re.compile(rf"^https://(?!{re.escape(NAME)}/)")
            context.route(others, lambda route: route.fulfill(body=FRAMING, content_type="text/html"))
            yield context
            browser.close()
    finally:
        if hasattr(proxy, "process"):
            proxy.stop()
        server.stop()


def test_the_hub_shows_the_page_and_it_takes_a_picture_apart(context: BrowserContext, tmp_path: Path) -> None:
    page = context.new_page()
    page.goto("https://huggingface.co/spaces/ada/monet")
    frame = page.frames[1]
    frame.wait_for_function("document.documentElement.dataset.monet === 'ready'")
    Image.new("RGB", (50, 100), "orange").save(tmp_path / "orange.png")
    frame.set_input_files("#mx-upload input[type=file]", tmp_path / "orange.png")
    frame.wait_for_function('monetExplorer.store.scene.origin.kind === "picture"')
    (cookie,) = (cookie for cookie in context.cookies() if cookie["name"] == "monet_visitor")
    assert cookie["sameSite"] == "None" and cookie["secure"] and cookie["httpOnly"]
    page.close()


def test_nobody_else_shows_it(context: BrowserContext) -> None:
    page = context.new_page()
    with page.expect_console_message(lambda message: "frame-ancestors" in message.text):
        page.goto("https://evil.example/")
    assert not page.frames[1].url.startswith(f"https://{NAME}")
    page.close()
