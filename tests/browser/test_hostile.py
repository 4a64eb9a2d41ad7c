"""Tests of the page when its server is killed, and with code in names and links."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Page, expect

from tests.serving import Server

pytestmark = pytest.mark.browser

DRAWN = """() => {
    const { store, frames } = window.monetExplorer ?? {};
    return document.documentElement.dataset.monet === "ready" && frames.frame?.document === store.document;
}"""


@pytest.fixture(scope="module")
def server(checkpoints_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(checkpoints_folder, tmp_path_factory.mktemp("mortal"))
    yield server.start()
    server.stop()


@pytest.fixture
def visitor(server: Server, context: BrowserContext) -> Iterator[Page]:
    page = context.new_page()
    page.goto(server.address)
    page.wait_for_function(DRAWN)
    page.keyboard.press("Escape")
    yield page
    page.close()


def edit(page: Page) -> None:
    page.locator("#mx-latents .mx-latent input[type=range]").first.focus()
    page.keyboard.press("PageUp")
    page.wait_for_function(DRAWN)


def shown(page: Page) -> dict[str, object]:
    return page.evaluate("""() => {
        const { store, frames } = monetExplorer;
        const latents = store.document.slots.map((slot) => Array.from(slot.latent));
        const { model, slots, size, origin, image } = store.scene;
        return { model, slots, size, origin, latents, fed: Array.from(image), image: Array.from(frames.frame.image) };
    }""")


def same(page: Page, before: dict[str, object]) -> None:
    page.wait_for_function("() => monetExplorer?.store.edited")
    page.wait_for_function(DRAWN)
    after = shown(page)
    np.testing.assert_allclose(after.pop("image"), before.pop("image"), atol=1e-6)
    assert after == before


@pytest.mark.parametrize("picture", ["the opening one", "sample", "their own"])
def test_edits_outlive_the_server_and_the_page_goes_on_when_it_is_back(
    server: Server, visitor: Page, tmp_path: Path, picture: str
) -> None:
    if picture == "sample":
        visitor.locator("#mx-gallery .mx-thumbnail").nth(4).click()
        visitor.wait_for_function("monetExplorer.store.scene.origin.index === 4")
    elif picture == "their own":
        Image.effect_noise((90, 50), 80).convert("RGB").save(tmp_path / "own.png")
        visitor.set_input_files("#mx-upload input[type=file]", tmp_path / "own.png")
        visitor.wait_for_function("monetExplorer.store.scene.origin.kind === 'picture'")
    visitor.wait_for_function(DRAWN)
    edit(visitor)
    before = shown(visitor)
    server.kill()
    banner = visitor.locator(".mx-lost")
    expect(banner).to_be_visible()
    expect(banner).to_have_text(re.compile("The server does not answer. Your edits are kept"))
    edit(visitor)  # goes on in the browser
    assert shown(visitor)["latents"] != before["latents"]
    before = shown(visitor)
    if picture == "sample":  # asked for in vain: then Gradio opens the page anew by itself
        visitor.locator("#mx-gallery .mx-thumbnail").nth(2).click()
    visitor.evaluate("window.before = true")
    server.start()
    visitor.wait_for_function("!window.before && document.documentElement.dataset.monet === 'ready'")
    same(visitor, before)
    expect(visitor.locator(".mx-lost")).to_be_hidden()
    visitor.get_by_label("number input for Slots K").fill("3")  # the new server knows the scene too
    visitor.get_by_label("number input for Slots K").press("Tab")
    visitor.wait_for_function("monetExplorer.store.scene.slots === 3")
    np.testing.assert_array_equal(shown(visitor)["fed"], before["fed"])


def test_a_visitors_own_reload_begins_anew(visitor: Page) -> None:
    edit(visitor)
    visitor.reload()
    visitor.wait_for_function(DRAWN)
    expect(visitor.locator(".mx-lost")).to_be_hidden()
    assert not visitor.evaluate("monetExplorer.store.edited")


CODE = ["${window.ran = 1}", "<img src=x onerror='window.ran = 1'>", "{{window.ran = 1}}", "'-(window.ran = 1)-'"]


def test_neither_the_name_of_a_file_nor_a_link_is_ever_code(visitor: Page) -> None:
    file = io.BytesIO()
    Image.new("RGB", (16, 16), (200, 30, 30)).save(file, "PNG")
    remove = visitor.locator("#mx-upload button[aria-label='Remove Image']")
    for code in CODE:
        named = {"name": f"{code}.png", "mimeType": "image/png"}
        visitor.set_input_files("#mx-upload input[type=file]", {**named, "buffer": file.getvalue()})
        visitor.wait_for_function("monetExplorer.store.scene.origin.kind === 'picture'")
        remove.click()
        for name in ("model", "data", "how", "kind", "edits", "index"):
            parts = {"model": "multi_dsprites", "kind": "sample", "data": "multi_dsprites", "index": "3", "slots": "6"}
            parts |= {"how": "crop", name: code}
            visitor.evaluate("(parts) => { location.hash = new URLSearchParams(parts); }", parts)
        visitor.locator("#mx-gallery .mx-thumbnail").nth(1).click()
        visitor.wait_for_function("monetExplorer.store.scene.origin.index === 1")
    visitor.set_input_files("#mx-upload input[type=file]", {**named, "buffer": b"no picture"})
    toast = visitor.locator(".mx-notice span").filter(has_text="The file is not a readable PNG")
    expect(toast).to_be_visible()
    assert visitor.evaluate("window.ran") is None
