"""Tests of the stage: an object follows mouse, touch and keys, by the latents that Python's solver finds."""

from __future__ import annotations

import colorsys
from collections.abc import Iterator
from functools import partial

import numpy as np
import pytest
from playwright.sync_api import BrowserContext, Page, expect

import monet
from monet.grasp import FEATURES, Grasp
from monet.inference import decode_pixels
from tests.browser.laboratory import PHONE, READY, open_page

pytestmark = pytest.mark.browser

NAME, SPRITES = "tetrominoes", "multi_dsprites"
EXACT = 6
"""Steps of a drag within which rounding does not yet separate the page's latents from Python's."""
SLOT = "monetExplorer.store.view.slot"
SCREEN = "[data-name=image] .mx-large"
LATENT = f"[...monetExplorer.store.document.slots[{SLOT}].latent]"
MIDDLE = f"""() => {{
    const {{ labels, scene }} = monetExplorer.frames.frame;
    const own = [...labels.keys()].filter((p) => labels[p] === {SLOT});
    const mean = (of) => own.reduce((sum, p) => sum + of(p) + 0.5, 0) / own.length;
    return [mean((p) => p % scene.size), mean((p) => Math.floor(p / scene.size))];
}}"""


@pytest.fixture(scope="session")
def app(trained_app: str) -> str:
    return trained_app


@pytest.fixture
def stage(page: Page) -> Page:
    open_page(page)
    return page


def on_screen(page: Page, spot: tuple[float, float]) -> tuple[float, float]:
    """Converts a point of the picture, in the model's pixels, to one of the window."""
    box = page.locator(SCREEN).bounding_box()
    assert box
    scale = box["width"] / page.evaluate("monetExplorer.store.scene.size")
    return box["x"] + scale * spot[0], box["y"] + scale * spot[1]


def drag(page: Page, start: tuple[float, float], by: tuple[float, float]) -> None:
    """Drags with the mouse and waits until the object has settled."""
    page.mouse.move(*on_screen(page, start))
    page.mouse.down()
    page.mouse.move(*on_screen(page, (start[0] + by[0], start[1] + by[1])), steps=12)
    page.wait_for_function("monetExplorer.hand.reached")
    page.mouse.up()
    page.wait_for_function("monetExplorer.hand.reached === null")  # it has let go
    page.wait_for_function("monetExplorer.frames.frame.document === monetExplorer.store.document")


def test_an_object_follows_the_mouse_by_the_latents_that_python_finds(stage: Page) -> None:
    before = np.array(stage.evaluate("monetExplorer.store.document.slots.map((s) => [...s.latent])"), np.float32)
    slot, start = stage.evaluate(SLOT), stage.evaluate(MIDDLE)
    drag(stage, start, (7, 8))
    assert stage.evaluate(MIDDLE) == pytest.approx([start[0] + 7, start[1] + 8], abs=1)
    model = monet.load(NAME)
    pixels = decode_pixels(model, before)
    grasp = Grasp(partial(decode_pixels, model), before[slot], np.delete(pixels, slot, 0))
    for step, told in enumerate(stage.evaluate("monetExplorer.hand.trace")):
        reached = grasp.toward(np.array([told["target"][name] for name in FEATURES]))
        # Rounding differs, and where a latent hardly matters the quotient of two small differences makes more of it.
        if step < EXACT:
            np.testing.assert_allclose(told["latent"], reached.latent, atol=1e-3)
        np.testing.assert_allclose([told["features"][name] for name in "xy"], reached.features[:2], atol=0.25)
    assert step >= EXACT
    # The others stay as they were, and the whole drag is one step of undo.
    after = np.array(stage.evaluate("monetExplorer.store.document.slots.map((s) => [...s.latent])"), np.float32)
    assert np.array_equal(np.delete(after, slot, 0), np.delete(before, slot, 0))
    stage.keyboard.press("Control+z")
    assert not stage.evaluate("monetExplorer.store.edited || monetExplorer.store.canUndo")


def test_the_sliders_move_along(stage: Page) -> None:
    drag(stage, stage.evaluate(MIDDLE), (6, 0))
    shown = stage.locator(".mx-latent").evaluate_all(
        "(rows) => Object.fromEntries(rows.map((r) => [r.dataset.dimension, Number(r.querySelector('input').value)]))"
    )
    for dimension, value in enumerate(stage.evaluate(LATENT)):
        assert shown[str(dimension)] == pytest.approx(value, abs=1e-6)


def test_what_is_pointed_at_lights_up_with_its_name_and_its_shares(stage: Page) -> None:
    spot = stage.evaluate(MIDDLE)
    stage.mouse.move(*on_screen(stage, spot))
    share = stage.evaluate(
        f"monetExplorer.frames.frame.labels.filter((k) => k === {SLOT}).length / 16"
    )  # of 40x40, in %
    tag = stage.locator(".mx-tag")
    expect(tag).to_contain_text(f"slot {stage.evaluate(SLOT) + 1} · ")
    assert float(tag.inner_text().split()[-2]) == pytest.approx(share, abs=0.051)
    expect(stage.locator(".mx-shade")).to_have_css("opacity", "1")
    pixel = int(spot[1]) * 40 + int(spot[0])
    shares = np.array(stage.evaluate(f"monetExplorer.frames.frame.masks.map((mask) => mask[{pixel}])"))
    widths = stage.locator(".mx-pointer-shares i").evaluate_all("(all) => all.map((e) => Number(e.style.flexGrow))")
    np.testing.assert_allclose(widths, shares, atol=1e-5)
    stage.mouse.move(5, 5)
    expect(stage.locator(".mx-tag")).to_be_hidden()


def open_sprites(page: Page) -> None:
    page.evaluate(f"location.hash = 'model={SPRITES}&kind=sample&data={SPRITES}&index=0&slots=6&how=crop'")
    page.wait_for_function(f"monetExplorer.frames.frame.scene.model === '{SPRITES}'")


def test_the_handle_sizes_and_a_double_click_puts_back(stage: Page) -> None:
    open_sprites(stage)
    area = f"monetExplorer.frames.frame.decodedMasks[{SLOT}].reduce((sum, m) => sum + m, 0)"
    before, spot = stage.evaluate(area), stage.evaluate(MIDDLE)
    box = stage.locator(".mx-handle-size").bounding_box()
    assert box
    stage.mouse.move(box["x"] + 13, box["y"] + 13)
    stage.mouse.down()
    stage.mouse.move(box["x"] - 30, box["y"] - 20, steps=8)
    stage.wait_for_function(f"{area} < {0.95 * before}")
    stage.mouse.up()
    stage.wait_for_function("monetExplorer.hand.reached === null")
    stage.mouse.dblclick(*on_screen(stage, spot))
    stage.wait_for_function("!monetExplorer.store.edited")


def test_the_ring_turns_the_hue(stage: Page) -> None:
    open_sprites(stage)
    stage.locator(SCREEN).focus()
    box = stage.locator(".mx-ring path").first.bounding_box()  # red, to the right
    assert box
    stage.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    stage.mouse.down()
    stage.mouse.move(box["x"] + box["width"] / 2 - 1, box["y"] + box["height"] + 6, steps=6)
    stage.wait_for_function("monetExplorer.hand?.reached")
    stage.mouse.up()
    stage.wait_for_function("monetExplorer.hand.reached === null")
    found, aim = stage.evaluate("(({ features, target }) => [features, target])(monetExplorer.hand.trace.at(-1))")
    hue = [colorsys.rgb_to_hsv(*(where[c] for c in ("red", "green", "blue")))[0] for where in (found, aim)]
    assert abs((hue[0] - hue[1] + 0.5) % 1 - 0.5) < 0.08  # 30 degrees


def test_objects_turn(stage: Page) -> None:
    open_sprites(stage)
    shown = "[...monetExplorer.frames.frame.labels]"
    slots = [
        slot for slot, count in zip(*np.unique(stage.evaluate(shown), return_counts=True), strict=True)
        if 60 <= count < 1000
    ]  # fmt: skip
    assert len(slots) >= 2
    succeeded = []
    for slot in slots:
        stage.locator(SCREEN).focus()
        stage.keyboard.press(str(slot + 1))
        stage.wait_for_function(f"{SLOT} === {slot} && monetExplorer.frames.frame.view.slot === {slot}")
        expect(stage.locator(".mx-handle-turn")).to_be_visible()
        before = np.reshape(stage.evaluate(shown), (64, 64)) == slot
        for _ in range(5):
            stage.keyboard.press("]")
        stage.wait_for_function("monetExplorer.hand?.reached")
        stage.wait_for_function("monetExplorer.hand.reached === null")
        stage.wait_for_function("monetExplorer.frames.frame.document === monetExplorer.store.document")
        after = np.reshape(stage.evaluate(shown), (64, 64)) == slot
        rows, columns = np.nonzero(before)
        # Half a radian, clockwise as the picture's y points down.
        turned = rotate_about(before, rows.mean(), columns.mean(), 0.5)
        succeeded.append(overlap(after, turned) > overlap(before, turned))
    assert np.mean(succeeded) >= 0.75


def test_the_handle_turns_further_than_half_a_turn(stage: Page) -> None:
    open_sprites(stage)
    x, y = stage.evaluate(MIDDLE)
    screen, handle = (stage.locator(which).bounding_box() for which in (SCREEN, ".mx-handle-turn"))
    assert screen and handle
    middle = complex(screen["x"] + x / 64 * screen["width"], screen["y"] + y / 64 * screen["height"])
    arm = complex(handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2) - middle
    stage.mouse.move((middle + arm).real, (middle + arm).imag)
    stage.mouse.down()
    for degrees in range(10, 201, 10):
        spot = middle + arm * np.exp(-1j * np.radians(degrees))  # anticlockwise, across the left
        stage.mouse.move(spot.real, spot.imag)
        stage.wait_for_timeout(30)
    stage.wait_for_function("monetExplorer.hand?.trace.at(-1)?.target.angle < -3")
    angle = stage.evaluate("monetExplorer.hand.trace.at(-1).target.angle")
    stage.mouse.up()
    assert angle == pytest.approx(-np.radians(200), abs=0.1)


def rotate_about(mask: np.ndarray, row: float, column: float, angle: float) -> np.ndarray:
    """Turns a mask H,W about a point, by the nearest pixel."""
    down, right = np.indices(mask.shape) - np.array([row, column])[:, None, None]
    cos, sin = np.cos(angle), np.sin(angle)
    sources = (row + cos * down - sin * right, column + cos * right + sin * down)
    found = [np.clip(np.round(axis).astype(int), 0, size - 1) for axis, size in zip(sources, mask.shape, strict=True)]
    return mask[found[0], found[1]]


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


def test_the_keys_move_the_selected_object_by_a_pixel(stage: Page) -> None:
    start = stage.evaluate(MIDDLE)
    stage.locator(SCREEN).focus()
    for _ in range(4):
        stage.keyboard.press("ArrowDown")
    stage.wait_for_function("monetExplorer.hand?.reached")
    stage.wait_for_function("monetExplorer.hand.reached === null")
    assert stage.evaluate(MIDDLE) == pytest.approx([start[0], start[1] + 4], abs=1)
    stage.keyboard.press("Control+z")
    assert not stage.evaluate("monetExplorer.store.edited")  # keys in a row are one step
    stage.keyboard.press("1")  # the background
    stage.keyboard.press("ArrowDown")
    expect(stage.locator(".mx-stage .mx-sr")).to_contain_text("background")
    assert not stage.evaluate("monetExplorer.store.edited")


def test_an_object_that_is_dragged_off_the_picture_resists(stage: Page) -> None:
    start = stage.evaluate(MIDDLE)
    stage.mouse.move(*on_screen(stage, start))
    stage.mouse.down()
    stage.mouse.move(*on_screen(stage, (start[0], 60)), steps=20)
    expect(stage.locator(".mx-pull")).to_be_visible()
    assert stage.evaluate(f"Math.max(...{LATENT}.map(Math.abs))") <= 3.5
    stage.mouse.up()
    expect(stage.locator(".mx-pull")).to_be_hidden()


@pytest.fixture
def phone(context: BrowserContext, app: str) -> Iterator[Page]:
    assert context.browser
    touched = context.browser.new_context(base_url=app, viewport=PHONE, has_touch=True, is_mobile=True)  # type: ignore[arg-type]
    page = touched.new_page()
    page.touches = touched.new_cdp_session(page)  # type: ignore[attr-defined]
    page.goto("/")
    page.wait_for_function(READY)
    page.wait_for_selector(SCREEN)
    yield page
    touched.close()


def fingers(page: Page, *spots: tuple[float, float], kind: str) -> None:
    points = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(spots)]
    page.touches.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})  # type: ignore[attr-defined]


def test_one_finger_drags_an_object_and_two_size_it(phone: Page) -> None:
    open_sprites(phone)  # pieces of Tetrominoes have one size
    start = phone.evaluate(MIDDLE)
    x, y = on_screen(phone, start)
    fingers(phone, (x, y), kind="touchStart")
    for step in range(1, 9):
        fingers(phone, (x - 4 * step, y - 2 * step), kind="touchMove")
    phone.wait_for_function("monetExplorer.hand?.reached")
    fingers(phone, kind="touchEnd")
    phone.wait_for_function("monetExplorer.hand.reached === null")
    assert phone.evaluate("scrollY") == 0
    moved = phone.evaluate(MIDDLE)
    scale = phone.locator(SCREEN).bounding_box()["width"] / 64  # type: ignore[index]
    assert moved == pytest.approx([start[0] - 32 / scale, start[1] - 16 / scale], abs=1)
    area = f"monetExplorer.frames.frame.decodedMasks[{SLOT}].reduce((sum, m) => sum + m, 0)"
    before = phone.evaluate(area)
    x, y = on_screen(phone, moved)
    fingers(phone, (x - 24, y), kind="touchStart")
    fingers(phone, (x - 24, y), (x + 24, y), kind="touchStart")
    for step in range(1, 9):
        fingers(phone, (x - 24 + step, y), (x + 24 - step, y), kind="touchMove")
    phone.wait_for_function(f"{area} < {0.7 * before}")  # the distance of the fingers is two thirds
    fingers(phone, kind="touchEnd")


def test_a_finger_on_the_ground_scrolls(phone: Page) -> None:
    x, y = on_screen(phone, (3, 36))
    fingers(phone, (x, y), kind="touchStart")
    for step in range(1, 9):
        fingers(phone, (x, y - 20 * step), kind="touchMove")
    fingers(phone, kind="touchEnd")
    phone.wait_for_function("scrollY > 0")
    assert not phone.evaluate("monetExplorer.store.edited")


def test_f_leaves_the_stage_the_latents_and_the_story(stage: Page) -> None:
    stage.keyboard.press("f")
    for name in ("scene", "latents", "attention"):
        expect(stage.locator(f"#mx-{name}")).to_be_visible()
    for name in ("intake", "slots", "charts", "export"):
        expect(stage.locator(f"#mx-{name}")).to_be_hidden()
    stage.keyboard.press("Escape")
    expect(stage.locator("#mx-intake")).to_be_visible()


def test_a_folded_panel_stays_folded(stage: Page) -> None:
    stage.get_by_role("button", name="Fold away “Charts”").click()
    expect(stage.locator("#mx-charts .mx-plot").first).to_be_hidden()
    stage.reload()
    stage.wait_for_function(READY)
    expect(stage.get_by_role("button", name="Show “Charts”")).to_be_visible()
    stage.get_by_role("button", name="Show “Charts”").click()
    expect(stage.locator("#mx-charts .mx-plot").first).to_be_visible()


def test_the_stage_is_large(stage: Page) -> None:
    assert stage.locator(SCREEN).bounding_box()["width"] >= 480  # type: ignore[index]
