"""Tests of the painted scope, against PyTorch, and of the camera, whose pictures stay in the page."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

import monet
from monet import checkpoints
from tests.browser.laboratory import READY
from tests.browser.test_canvas import ANSWERED, STUDIO, TETROMINOES, answered, spot
from tests.serving import ROOT

pytestmark = pytest.mark.browser

SLOTS = 4
SIDE, PICTURE, MARGIN = 40, 35, 2
TWO = {"v": 1, "g": [0, 0, 0], "t": [[1, "O", 10, 10, 1, 0, 1, [255, 0, 0]], [2, "O", 25, 25, 1, 0, 1, [0, 255, 0]]]}
ADDRESS = f"#model={TETROMINOES}&kind=sample&data={TETROMINOES}&index=0&slots={SLOTS}&how=crop"
SHOWN = f"""() => {{
    const {{ answer, about }} = {STUDIO}.live.shown;
    const {{ pixels, owners, composition: {{ explained }} }} = about;
    return [answer.masks.map((mask) => [...mask]), [...pixels], explained ? [...explained] : null, [...owners]];
}}"""
# What the page gets of the camera, and whether anything of it is still on.
WATCHED = """
    window.streams = [];
    const { mediaDevices } = navigator;
    const ask = mediaDevices.getUserMedia.bind(mediaDevices);
    mediaDevices.getUserMedia = (wanted) => ask(wanted).then((stream) => (streams.push(stream), stream));
"""
LIVE = "streams.flatMap((stream) => stream.getTracks()).filter((track) => track.readyState === 'live').length"


@pytest.fixture(scope="session")
def app(trained_app: str) -> str:
    return trained_app


@pytest.fixture(scope="module")
def chromium_arguments() -> list[str]:
    return ["--use-fake-device-for-media-stream"]


def open_canvas(page: Page, query: str = "") -> Locator:
    page.emulate_media(reduced_motion="reduce")
    page.goto(f"/{query}{ADDRESS}&canvas={quote(json.dumps(TWO))}")
    page.wait_for_function(READY)
    answered(page)
    return page.locator("#mx-compose")


def press(panel: Locator, name: str) -> None:
    panel.get_by_role("button", name=name, exact=True).click()


def paint(page: Page, panel: Locator, x: float, y: float) -> None:
    """Paints a short stroke around this pixel of the picture."""
    screen = panel.locator(".mx-easel .mx-canvas")
    page.mouse.move(*spot(screen, SIDE, x + MARGIN - 3, y + MARGIN))
    page.mouse.down()
    page.mouse.move(*spot(screen, SIDE, x + MARGIN + 3, y + MARGIN), steps=4)
    page.mouse.up()
    answered(page)


def shown(page: Page) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray]:
    """Masks K,H,W, pixels H,W,3, what counts as explained H,W in [0, 1], and owners H,W."""
    masks, pixels, explained, owners = page.evaluate(SHOWN)
    return (
        np.reshape(masks, (SLOTS, SIDE, SIDE)),
        np.reshape(pixels, (SIDE, SIDE, 3)).astype(np.uint8),
        None if explained is None else np.reshape(explained, (SIDE, SIDE)) / 255,
        np.reshape(owners, (SIDE, SIDE)),
    )


def test_what_counts_as_explained_is_taken_by_no_slot(page: Page) -> None:
    panel = open_canvas(page)
    masks, *_ = before = shown(page)
    assert masks[:, before[3] == 1].mean(1).max() > 0.5  # a slot of its own
    panel.locator(".mx-easel").scroll_into_view_if_needed()
    press(panel, "Scope")
    panel.get_by_label("Width of the brush in pixels").fill("16")
    expect(panel.get_by_text("What does the network take if this part is already explained?")).to_be_visible()
    paint(page, panel, 10, 10)
    masks, pixels, explained, owners = shown(page)
    assert explained is not None and explained[owners == 1].min() == 1
    assert masks[:, owners == 1].max() < 1e-3
    assert masks[:, owners == 2].mean(1).max() > 0.5
    model = checkpoints.load(ROOT / "checkpoints" / TETROMINOES)
    inside = pixels[MARGIN : MARGIN + PICTURE, MARGIN : MARGIN + PICTURE]
    said = monet.decompose(model, inside, num_slots=SLOTS, scope=1 - explained)
    np.testing.assert_allclose(masks, said.masks, atol=1e-3)

    # A slot is counted by a click on its picture: what it took is what is explained more.
    best = int(masks[:, owners == 2].mean(1).argmax())
    panel.locator(".mx-live-slots canvas").nth(best).click()
    answered(page)
    counted = shown(page)
    assert counted[2] is not None
    np.testing.assert_allclose(counted[2], np.minimum(1, explained + masks[best]), atol=0.5 / 255 + 1e-6)
    said = monet.decompose(model, inside, num_slots=SLOTS, scope=1 - counted[2])
    np.testing.assert_allclose(counted[0], said.masks, atol=1e-3)

    # A link holds it to the last bit.
    press(panel, "Copy link")
    page.wait_for_function("location.hash.includes('%22s%22')")
    link = page.evaluate("location.hash")
    press(panel, "Undo")
    press(panel, "Undo")
    answered(page)
    assert shown(page)[2] is None
    page.evaluate("(hash) => { location.hash = hash; dispatchEvent(new Event('hashchange')); }", link)
    page.wait_for_function(f"{STUDIO}.desk.composition.explained && {ANSWERED}")
    np.testing.assert_array_equal(shown(page)[2], counted[2])

    # The brush gives back, and so does one button.
    press(panel, "Scope")
    press(panel, "Unmark")
    paint(page, panel, 10, 10)
    _, _, left, _ = shown(page)
    assert left is not None and left[owners == 1].max() == 0 and left[owners == 2].mean() > 0.5
    press(panel, "Unmark all")
    answered(page)
    again = shown(page)
    assert again[2] is None
    np.testing.assert_allclose(again[0], before[0], atol=1e-6)


def test_neither_scope_nor_camera_is_offered_where_the_server_answers(page: Page) -> None:
    page.add_init_script(WATCHED)
    panel = open_canvas(page, "?network=server")
    expect(panel.get_by_role("button", name="Scope", exact=True)).to_be_disabled()
    expect(panel.get_by_text("The scope needs the network in your browser")).to_be_visible()
    press(panel, "Camera")
    expect(panel.get_by_text("your pictures are not sent to the server")).to_be_visible()
    assert page.evaluate("streams.length") == 0


def test_a_refusal_is_told(page: Page) -> None:
    panel = open_canvas(page)
    page.context.clear_permissions()
    press(panel, "Camera")
    expect(panel.get_by_text("was not allowed to use the camera")).to_be_visible()
    page.evaluate(
        "void (navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotFoundError')))"
    )
    press(panel, "Camera")
    expect(panel.get_by_text("No camera was found.")).to_be_visible()
    page.evaluate("Object.defineProperty(navigator, 'mediaDevices', { value: undefined })")
    press(panel, "Camera")
    expect(panel.get_by_text("allow the camera only on https pages")).to_be_visible()


def test_the_camera_is_taken_apart_and_stays_in_the_page(page: Page) -> None:
    page.add_init_script(WATCHED)
    page.context.grant_permissions(["camera"])
    panel = open_canvas(page)
    asked: list[tuple[str, bool]] = []
    page.on("request", lambda request: asked.append((Path(request.url).name, bool(request.post_data_buffer))))
    press(panel, "Camera")
    expect(panel.get_by_text("This model has only seen “Tetrominoes")).to_be_visible()
    filmed = f"{STUDIO}.place.filmed && {STUDIO}.live.shown.about.pixels.some((value) => value > 0)"
    pictures = set()
    for _ in range(2):
        page.wait_for_function(filmed)
        now = "JSON.stringify([...monetExplorer.studio.live.shown.answer.masks[0]])"
        pictures.add(page.evaluate(now))
        page.wait_for_function(f"(before) => {now} !== before", arg=page.evaluate(now))
        pictures.add(page.evaluate(now))
    assert len(pictures) > 2
    assert page.evaluate(LIVE) == 1

    # It is over at once when somebody stops it, looks elsewhere, or keeps the picture.
    press(panel, "Stop")
    assert page.evaluate(LIVE) == 0
    press(panel, "Camera")
    page.wait_for_function(filmed)
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_function(f"{LIVE} === 0")
    panel.scroll_into_view_if_needed()
    expect(panel.get_by_text("The camera is off: the canvas was out of view.")).to_be_visible()
    press(panel, "Camera")
    page.wait_for_function(filmed)
    page.evaluate(
        "Object.defineProperty(document, 'hidden', { value: true, configurable: true });"
        "document.dispatchEvent(new Event('visibilitychange')); delete document.hidden;"
    )
    assert page.evaluate(LIVE) == 0
    press(panel, "Camera")
    page.wait_for_function(filmed)
    press(panel, "Freeze")
    assert page.evaluate(LIVE) == 0
    answered(page)
    assert page.evaluate(f"{STUDIO}.desk.composition.ground.stays")
    ground = page.evaluate(f"[...{STUDIO}.desk.composition.ground.pixels]")
    inside = shown(page)[1][MARGIN : MARGIN + PICTURE, MARGIN : MARGIN + PICTURE]
    np.testing.assert_array_equal(inside.ravel(), ground)
    # Meanwhile the page only looked whether its server is still there.
    assert {name for name, _ in asked} <= {"app_id"}
    assert not any(sent for _, sent in asked)
