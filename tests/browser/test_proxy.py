"""Tests of two apps behind nginx, with TLS and below a path, one of which is killed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from gradio_client import Client
from PIL import Image
from playwright.sync_api import BrowserContext, Page, expect

from tests import nginx
from tests.browser.laboratory import drag, press
from tests.browser.test_explorer import settle, store, wait_for_store
from tests.conftest import PATIENCE
from tests.serving import Server

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(nginx.find() is None and "CI" not in os.environ, reason="there is no nginx"),
]

USER, PASSWORD = "ada", "löve lace"


@pytest.fixture(scope="module")
def replicas(checkpoints_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[Server]]]:
    """The public URL and the two apps behind it."""
    if nginx.find() is None:
        pytest.fail("nginx is missing: python -m tests.nginx")
    proxy = nginx.Nginx(tmp_path_factory.mktemp("nginx"))
    options = ("--public-url", proxy.address, "--auth", f"{USER}:{PASSWORD}")
    apps = [Server(checkpoints_folder, tmp_path_factory.mktemp("app"), *options) for _ in range(2)]
    try:
        for app in apps:
            app.start(5 * PATIENCE)
        proxy.start([app.port for app in apps])
        yield proxy.address, apps
        proxy.stop()
    finally:
        for app in apps:
            app.stop()


@pytest.fixture(scope="module")
def app(replicas: tuple[str, list[Server]]) -> str:
    """The public URL, for the fixtures of tests/conftest.py."""
    return replicas[0].rstrip("/")


@pytest.fixture(scope="module")
def context(context: BrowserContext, app: str) -> Iterator[BrowserContext]:
    """A context that trusts the certificate and has the password."""
    assert context.browser
    trusting = context.browser.new_context(
        ignore_https_errors=True, http_credentials={"username": USER, "password": PASSWORD},
        viewport={"width": 1440, "height": 900},
    )  # fmt: skip
    trusting.set_default_timeout(1000 * PATIENCE)
    yield trusting
    trusting.close()


def test_a_page_below_a_path_does_everything_and_survives_a_replica(
    page: Page, app: str, replicas: tuple[str, list[Server]], tmp_path: Path, expected_errors: list[str]
) -> None:
    page.goto(f"{app}/")
    settle(page)
    expect(page.locator("#mx-latents .mx-badge").first).to_have_text("in your browser")  # its WASM and weights came

    Image.new("RGB", (50, 100), "orange").save(tmp_path / "orange.png")
    page.set_input_files("#mx-upload input[type=file]", tmp_path / "orange.png")
    wait_for_store(page, 'store.scene.origin.kind === "picture"')

    page.locator("#mx-gallery .mx-thumbnail").nth(2).click()
    wait_for_store(page, "store.scene.origin.index === 2")
    drag(page, page.locator(".mx-latent .mx-range").first)
    page.wait_for_function("monetExplorer.store.edited")
    with page.expect_download() as download:
        press(page, "NPZ")
    assert download.value.suggested_filename.endswith(".npz")

    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    press(page, "Copy link")
    expect(page.locator("#mx-export [role=status]")).to_contain_text("link copied")
    link = page.evaluate("navigator.clipboard.readText()")
    assert link.startswith(f"{app}/#")
    latents = "store.document.slots.map((slot) => [...slot.latent])"
    before = store(page, latents)

    # Neither of the two keeps anything that the other would miss.
    _, apps = replicas
    for victim, other in (apps, apps[::-1]):
        page.goto("about:blank")
        victim.stop()
        page.goto(link)
        settle(page)
        wait_for_store(page, "store.edited")
        assert store(page, latents) == before
        victim.start(5 * PATIENCE)
        assert other.process.poll() is None


def test_gradios_client_signs_in_and_takes_a_scene_apart(app: str) -> None:
    client = Client(f"{app}/", auth=(USER, PASSWORD), ssl_verify=False, verbose=False, analytics_enabled=False)
    scene = {"kind": "sample", "data": "tetrominoes", "index": 1}
    parts, sheet, arrays = client.predict(scene=scene, model="tetrominoes", api_name="/decompose")
    assert len(parts["slots"]) == 4
    assert Image.open(sheet).format == "PNG" and np.load(arrays)["masks"].shape == (
        4,
        40,
        40,
    )
    client.close()


def test_nginx_makes_the_page_load_from_nowhere_else(app: str) -> None:
    with httpx.Client(verify=False, auth=(USER, PASSWORD)) as stranger:
        for header in ("X-Forwarded-Host", "X-Gradio-Server", "Forwarded"):
            text = stranger.get(f"{app}/config", headers={header: "evil.example"}).text
            assert re.search(r'"root":"([^"]*)"', text).group(1) == app  # type: ignore[union-attr]
        assert stranger.post(f"{app}/monet/decode/x", headers={"origin": "https://evil.example"}).status_code == 403
