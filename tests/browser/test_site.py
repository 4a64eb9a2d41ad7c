"""Tests of the page as plain files, below a path of a plain server."""

from __future__ import annotations

import base64
import io
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, expect

from monet.explorer import scenes
from monet.explorer.models import Models
from monet.pictures import How, fit
from tests.browser.laboratory import DRAWN, LATENTS
from tests.browser.test_network import MODULE, PLAIN, assert_alike, read
from tests.conftest import SITE_MODELS
from tests.serving import free_port

pytestmark = pytest.mark.browser

FOLDER = Path(__file__).parents[2] / "checkpoints"
FIT = """async ([height, width, pixels, size, how]) => {
    const { fit } = await import(new URL("monet/static/site/pictures.js", document.baseURI));
    const picture = { height, width, pixels: Uint8Array.from(atob(pixels), (c) => c.charCodeAt(0)) };
    return Array.from(fit(picture, size, how).pixels);
}"""
SCENES = f"""async (payload) => {{
    {PLAIN}
    const {{ sceneFrom }} = await {MODULE.format("scene/scene")};
    const {{ picture, ...shown }} = monetExplorer.store.scene;
    return plain([shown, sceneFrom(payload)]);
}}"""
SHOWN = "({ model, slots, how, origin: { kind, data, index } }) => [model, slots, how, kind, data, index]"
AGREEMENT = ("ari", "ari_fg", "covering")
CACHED = """async () => {
    await navigator.serviceWorker.ready;
    const [listed] = (await (await fetch("sw.js")).text()).split("\\n");
    const { files } = JSON.parse(listed.slice("self.SITE = ".length, -1));
    const [name] = await caches.keys();
    return (await (await caches.open(name)).keys()).length - files.length;
}"""


@dataclass
class Site:
    """A folder of plain files, and a server for it."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/a%20path/site/"

    def start(self) -> None:
        command = [sys.executable, "-m", "http.server", str(self.port), "--bind", "127.0.0.1", "--directory"]
        quiet = subprocess.DEVNULL
        self.process = subprocess.Popen([*command, str(self.folder)], stdout=quiet, stderr=quiet)
        for _ in range(600):
            try:
                httpx.get(self.address)
                return
            except httpx.TransportError:
                time.sleep(0.1)
        raise AssertionError("the plain server does not answer")

    def stop(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()


@pytest.fixture(scope="module")
def site(site_folder: Path) -> Iterator[Site]:
    site = Site(site_folder.parents[1], free_port())
    site.start()
    yield site
    site.stop()


@pytest.fixture(scope="module")
def models() -> Models:
    return Models(FOLDER, SITE_MODELS)


@pytest.fixture
def visit(context: BrowserContext, site: Site, expected_errors: list[str]) -> Iterator[Page]:
    """An empty page. It must log no unexpected message and make no foreign request."""
    errors: list[str] = []
    requests: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            errors.append(message.text)

    page = context.new_page()
    page.on("console", listen)
    page.on("pageerror", lambda error: errors.append(f"uncaught: {error}"))
    page.on("request", lambda request: requests.append(request.url))
    yield page
    page.close()
    assert [e for e in errors if not any(known in e for known in expected_errors)] == []
    assert [url for url in requests if not url.startswith((site.address, "data:", "blob:"))] == []


def open_site(page: Page, address: str) -> None:
    page.goto(address)
    ready(page)


def ready(page: Page) -> None:
    page.wait_for_selector("html[data-monet=ready]", state="attached")
    until(page, f"Boolean(monetExplorer.frames.frame && {DRAWN})")


def until(page: Page, expression: str) -> None:
    """Waits for an expression; Playwright's own wait evaluates text, which the page's policy forbids."""
    deadline = time.monotonic() + 60
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, expression
        page.wait_for_timeout(50)


def assert_scene(page: Page, models: Models, opened: scenes.Opened, model: str, slots: int, how: str = "crop") -> None:
    """The page shows what the server computes with PyTorch and full weights."""
    origin = opened.origin
    wanted = [model, slots, how, origin["kind"], origin.get("data"), origin.get("index")]
    until(
        page,
        f"JSON.stringify((({SHOWN})(monetExplorer.store.scene))) === '{json.dumps(wanted, separators=(',', ':'))}'",
    )
    own, server = read(page.evaluate(SCENES, scenes.decompose(models, opened, model, slots, how)))
    labelled = opened.scene.segmentation is not None
    assert own["figures"].keys() == {"mse", "reconstruction", "latent_kl", "mask_kl", *(AGREEMENT if labelled else ())}
    server["figures"] = {name: value for name, value in server["figures"].items() if name in own["figures"]}
    assert_alike(own, server)


def sample(data: str, index: int) -> scenes.Opened:
    return scenes.find_scene({"kind": "sample", "data": data, "index": index})


def png(height: int, width: int) -> bytes:
    """Returns a picture of a few discs on a slope."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:height, :width]
    picture = np.stack([x * 255 / width, y * 255 / height, 90 + 0 * x], axis=-1)
    for _ in range(4):
        inside = np.hypot(x - rng.uniform(0, width), y - rng.uniform(0, height)) < rng.uniform(8, 20)
        picture[inside] = rng.uniform(0, 255, 3)
    file = io.BytesIO()
    Image.fromarray(picture.astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def test_scenes_are_taken_apart_as_by_the_server(visit: Page, site: Site, models: Models) -> None:
    open_site(visit, site.address)
    visit.get_by_label("Model", exact=True).select_option("multi_dsprites")
    assert_scene(visit, models, sample("multi_dsprites", 0), "multi_dsprites", 6)
    visit.get_by_role("button", name="Multi-dSprites, coloured on grey, sample 3", exact=True).click()
    assert_scene(visit, models, sample("multi_dsprites", 2), "multi_dsprites", 6)
    # another model brings its own data; then a scene of the other's, whose labels are resized
    visit.get_by_label("Model", exact=True).select_option("tetrominoes")
    assert_scene(visit, models, sample("tetrominoes", 0), "tetrominoes", 4)
    visit.get_by_label("Data set").select_option("sample/multi_dsprites")
    visit.get_by_role("button", name="Multi-dSprites, coloured on grey, sample 2", exact=True).click()
    assert_scene(visit, models, sample("multi_dsprites", 1), "tetrominoes", 4)
    visit.get_by_label("Slots K").fill("5")
    assert_scene(visit, models, sample("multi_dsprites", 1), "tetrominoes", 5)
    badge = visit.locator("#mx-latents .mx-badge").first
    expect(badge).to_have_text("in your browser")
    assert "from PyTorch" in (badge.get_attribute("title") or "")


def test_a_picture_of_ones_own(visit: Page, site: Site, models: Models) -> None:
    file = png(90, 133)
    open_site(visit, site.address)
    visit.get_by_label("Model", exact=True).select_option("multi_dsprites")
    assert_scene(visit, models, sample("multi_dsprites", 0), "multi_dsprites", 6)
    visit.get_by_label("Or your own picture").set_input_files(
        {"name": "x.png", "mimeType": "image/png", "buffer": file}
    )
    assert_scene(visit, models, scenes.open_picture(file), "multi_dsprites", 6)
    visit.get_by_label("pad", exact=True).check()
    assert_scene(visit, models, scenes.open_picture(file), "multi_dsprites", 6, "pad")
    visit.get_by_label("Or your own picture").set_input_files(
        {"name": "x.png", "mimeType": "image/png", "buffer": b"no"}
    )
    expect(visit.locator(".mx-notice")).to_contain_text("The file is not a picture that this browser can read.")


def test_pictures_are_fitted_as_by_the_server(visit: Page, site: Site) -> None:
    open_site(visit, site.address)
    rng = np.random.default_rng(1)
    shapes = ((64, 64, 64), (35, 35, 64), (100, 37, 64), (3, 200, 40), (7, 5, 40), (129, 128, 64), (1, 1, 35))
    for (height, width, size), how in itertools.product(shapes, get_args(How)):
        picture = rng.integers(0, 256, (height, width, 3), np.uint8)
        pixels = base64.b64encode(picture.tobytes()).decode()
        found = visit.evaluate(FIT, [height, width, pixels, size, how])
        expected = fit(picture, size, how)
        np.testing.assert_array_equal(
            np.array(found).reshape(expected.shape), expected, err_msg=f"{height} {width} {how}"
        )


def test_an_edit_travels_in_a_link(visit: Page, site: Site, context: BrowserContext) -> None:
    open_site(visit, site.address)
    before = visit.evaluate(LATENTS)
    slider = visit.locator("#mx-latents .mx-latent input[type=range]").first
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    assert box
    visit.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    visit.mouse.down()
    visit.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2, steps=5)
    visit.mouse.up()
    until(visit, DRAWN)
    edited = visit.evaluate(LATENTS)
    assert edited != before
    visit.get_by_role("button", name="Copy link").click()
    until(visit, "location.hash.includes('edits')")
    assert visit.get_by_role("button", name="NPZ").count() == 0  # only the server can make one
    other = context.new_page()
    open_site(other, visit.evaluate("location.href"))
    assert other.evaluate(LATENTS) == edited
    other.close()


def test_a_link_to_what_is_not_there_is_answered_with_a_sentence(visit: Page, site: Site) -> None:
    open_site(visit, f"{site.address}#model=multi_dsprites&slots=6&how=crop&kind=seed&data=multi_dsprites&seed=3")
    expect(visit.locator(".mx-notice")).to_contain_text("This scene is not among the files here")
    assert visit.evaluate("monetExplorer.store.scene.title") == "Tetrominoes, sample 1"


def test_a_browser_that_cannot_is_told_why(context: BrowserContext, site: Site) -> None:
    assert context.browser
    fresh = context.browser.new_context(service_workers="block")  # nothing is kept of other visits
    fresh.route("**/network/*.wasm", lambda route: route.fulfill(body="no kernel"))
    page = fresh.new_page()
    page.goto(site.address)
    words = "The network cannot run in this browser: network_relaxed.wasm is not a WebAssembly file."
    expect(page.locator(".mx-notice")).to_contain_text(words, timeout=30_000)
    fresh.close()


def test_everything_works_without_a_network_after_the_first_load(
    visit: Page, site: Site, models: Models, expected_errors: list[str]
) -> None:
    open_site(visit, site.address)
    until(visit, f"({CACHED})().then((missing) => missing === 1)")  # the page itself is kept by two names
    site.stop()
    try:
        visit.context.set_offline(True)
        visit.reload()
        ready(visit)
        visit.get_by_label("Model", exact=True).select_option("tetrominoes")
        assert_scene(visit, models, sample("tetrominoes", 0), "tetrominoes", 4)
        visit.locator("#mx-map").scroll_into_view_if_needed()
        expect(visit.locator("#mx-map .js-plotly-plot .point").first).to_be_visible()
    finally:
        visit.context.set_offline(False)
        site.start()
