"""Tests of touch, shortcuts, skip links and the enlarged view."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from monet.checkpoints import Checkpoint
from monet.explorer.layout import opening_model
from monet.explorer.payload import object_slot
from monet.model import MONetConfig
from tests.browser.laboratory import DRAWN, PHONE, READY, open_page, press, state

pytestmark = pytest.mark.browser

SET = """JSON.stringify([
    monetExplorer.store.document.slots.map((slot) => [...slot.latent]), monetExplorer.store.scene.slots,
    monetExplorer.store.view.step, monetExplorer.store.view.slot, monetExplorer.store.view.pixel,
    monetExplorer.store.scene.origin, [...document.querySelectorAll("input[type=range]")].map((range) => range.value),
])"""
"""All values that a touch could have changed."""


@pytest.fixture
def phone(context: BrowserContext) -> Iterator[Page]:
    """The page on a phone with a touch screen."""
    assert context.browser
    phone = context.browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True)  # type: ignore[arg-type]
    yield phone.new_page()
    phone.close()


class Finger:
    """Sends touches as a touch screen does, not as mouse events."""

    def __init__(self, page: Page):
        self.page = page
        self._screen = page.context.new_cdp_session(page)

    def over(self, selector: str) -> tuple[float, float]:
        """Returns a point on an element, scrolled to the middle of the window, right of its centre."""
        element = self.page.locator(selector).first
        element.evaluate("(e) => e.scrollIntoView({ block: 'center' })")
        box = element.bounding_box()
        assert box
        return box["x"] + 0.8 * box["width"], box["y"] + box["height"] / 2

    def swipe(self, start: tuple[float, float], by: tuple[float, float]) -> None:
        def touch(kind: str, *points: dict[str, float]) -> None:
            self._screen.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": list(points)})

        touch("touchStart", {"x": start[0], "y": start[1]})
        for i in range(1, 13):
            touch("touchMove", {"x": start[0] + by[0] * i / 12, "y": start[1] + by[1] * i / 12})
        touch("touchEnd")
        self.page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


TOUCHED = (
    "#mx-latents .mx-latent .mx-range", "#mx-intake input[type=range]", "#mx-attention .mx-range", ".mx-pad",
    "[data-name=image] .mx-large", "#mx-slots .mx-cell", "#mx-charts .mx-plot", "#mx-map .mx-plot",
)  # fmt: skip


def test_a_finger_that_scrolls_over_something_sets_nothing(phone: Page, app: str) -> None:
    phone.goto(app)
    phone.wait_for_function(READY)
    finger = Finger(phone)
    for selector in TOUCHED:
        if ".mx-plot" in selector:
            phone.locator(selector).first.scroll_into_view_if_needed()
            expect(phone.locator(f"{selector} .main-svg").first).to_be_visible()
        place = finger.over(selector)
        before, top = phone.evaluate(SET), phone.evaluate("scrollY")
        finger.swipe(place, (3, -150))
        phone.wait_for_function("(top) => scrollY !== top", arg=top)
        phone.wait_for_function(DRAWN)
        assert phone.evaluate(SET) == before, selector


@pytest.mark.parametrize("selector", ["#mx-latents .mx-latent .mx-range", ".mx-pad"])
def test_a_finger_that_drags_along_moves_a_latent(phone: Page, app: str, selector: str) -> None:
    phone.goto(app)
    phone.wait_for_function(READY)
    finger = Finger(phone)
    place = finger.over(selector)
    before = state(phone)
    finger.swipe(place, (-60, 3))
    phone.wait_for_function("monetExplorer.store.edited")
    assert state(phone) != before


def test_nothing_is_wider_than_a_telephone_and_handles_are_large_enough(phone: Page, app: str) -> None:
    phone.goto(app)
    phone.wait_for_function(READY)
    number = phone.get_by_label("number input for Slots K")
    number.fill("12")
    number.press("Tab")
    phone.wait_for_function("monetExplorer.store.scene.slots === 12 && monetExplorer.frames.frame.scene.slots === 12")
    assert phone.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    beyond = phone.evaluate("""[...document.querySelectorAll("section.mx-panel, .mx-panel > *")]
        .filter((e) => e.checkVisibility() && e.getBoundingClientRect().right > innerWidth).map((e) => e.className)""")
    assert beyond == []
    slider = phone.locator(".mx-latent .mx-range").first
    # What the ticks reckon with is the handle's width; no browser says the handle's own.
    assert slider.evaluate("(e) => getComputedStyle(e).getPropertyValue('--mx-thumb')") == "32px"
    assert slider.evaluate("(e) => e.clientHeight") >= 32
    slider = phone.locator("#mx-latents .mx-latent:visible").last
    slider.evaluate("(e) => e.scrollIntoView({ block: 'end' })")
    preview = phone.locator("#mx-latents .mx-previews").bounding_box()
    assert preview and preview["y"] >= 0


@pytest.mark.parametrize("width", [1280, 1440])
def test_no_button_covers_another_with_twelve_slots(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    open_page(page)
    number = page.get_by_label("number input for Slots K")
    number.fill("12")
    number.press("Tab")
    page.wait_for_function("monetExplorer.store.scene.slots === 12 && monetExplorer.frames.frame.scene.slots === 12")
    covered = page.evaluate("""[...document.querySelectorAll("#mx-middle button, #mx-hold button")].filter((button) => {
        if (!button.checkVisibility({ opacityProperty: true })) return false;
        button.scrollIntoView({ block: "center" });
        const box = button.getBoundingClientRect();
        return !button.contains(document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2))
            || box.right > button.closest("section").getBoundingClientRect().right;
    }).map((button) => button.ariaLabel ?? button.textContent)""")
    assert covered == []


def test_pictures_grow_with_the_screen(page: Page) -> None:
    sizes: list[dict[str, float]] = []
    for width, height in ((1440, 900), (2560, 1440)):
        page.set_viewport_size({"width": width, "height": height})
        open_page(page)
        sizes.append(
            page.evaluate("""Object.fromEntries([...document.querySelectorAll(".mx-panel canvas.mx-canvas")]
            .map((c) => [c.closest("[id^=mx-]").id + c.ariaLabel, c.getBoundingClientRect().width]))""")
        )
    small, large = sizes
    assert {label for label, size in large.items() if size < 1.25 * small[label]} == set()


def test_from_the_top_to_the_first_latent_by_few_keys(page: Page) -> None:
    open_page(page)
    presses = 0
    while page.evaluate("document.activeElement.textContent") != "Skip to the latents":
        page.keyboard.press("Tab")
        presses += 1
        assert presses < 12
    page.keyboard.press("Enter")
    expect(page.locator(":focus")).to_have_attribute("aria-label", re.compile(r"^Latent \d+ of slot"))


def test_a_gallery_is_one_stop_of_tab_and_arrow_keys_go_on_inside(page: Page) -> None:
    open_page(page)
    samples = page.locator("#mx-gallery .mx-thumbnail")
    assert samples.evaluate_all("(all) => all.filter((e) => e.tabIndex === 0).length") == 1
    samples.first.focus()
    for key, expected in (("ArrowRight", 1), ("ArrowDown", 5), ("ArrowLeft", 4), ("End", 23), ("Home", 0)):
        page.keyboard.press(key)
        expect(samples.nth(expected)).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="New random scene")).to_be_focused()


@pytest.mark.parametrize("away", ["Escape", "a press elsewhere"])
def test_an_explanation_closes_again(page: Page, away: str) -> None:
    open_page(page)
    panel = page.locator("#mx-latents .mx-why")
    panel.locator("summary").click()
    expect(panel.locator(".mx-why-text")).to_be_visible()
    if away == "Escape":
        page.keyboard.press("Escape")
        expect(panel.locator("summary")).to_be_focused()
    else:
        page.locator("#mx-scene h2").click()
    expect(panel.locator(".mx-why-text")).to_be_hidden()


def test_every_picture_opens_large_by_enter_and_goes_on_living(page: Page) -> None:
    open_page(page)
    page.keyboard.press("2")
    large = page.get_by_role("dialog", name="Large picture")
    for selector in ("[data-name=image] .mx-large", "#mx-attention .mx-cell canvas", "#mx-attention figure canvas",
                     "#mx-slots .mx-cell canvas", "#mx-latents figure canvas", ".mx-player canvas"):  # fmt: skip
        picture = page.locator(selector).first
        picture.focus()
        page.keyboard.press("Enter")
        expect(large).to_be_visible()
        drawn = "(c) => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data].join()"
        assert large.locator("canvas").evaluate(drawn) == picture.evaluate(drawn), selector
        assert float(large.locator("h2").evaluate("(e) => getComputedStyle(e).fontSize").removesuffix("px")) >= 40
        page.keyboard.press("Escape")
        expect(large).to_be_hidden()
        expect(picture).to_be_focused()
    page.locator("#mx-latents figure canvas").first.click()
    expect(large.locator("h2")).to_have_text("component")
    page.keyboard.press("ArrowRight")
    expect(large.locator("h2")).to_have_text("decoded mask")
    before = large.locator("canvas").evaluate("(c) => c.toDataURL()")
    page.keyboard.press("4")  # another slot, while it is open
    page.wait_for_function(
        "(before) => document.querySelector('.mx-lightbox canvas').toDataURL() !== before", arg=before
    )  # fmt: skip


def test_less_motion_stops_the_films_and_play_goes_one_picture_on(page: Page) -> None:
    page.emulate_media(reduced_motion="reduce")
    open_page(page)
    where = page.locator(".mx-player output")
    expect(where).to_contain_text("=")
    play = page.get_by_role("button", name="Play the traversal")
    seen: list[str] = []
    for _ in range(3):
        before = where.inner_text()
        play.click()
        expect(where).not_to_have_text(before)
        seen.append(where.inner_text())
    assert len(set(seen)) == 3
    expect(play).to_have_text("▶ Play")
    page.get_by_role("button", name="▶ Play", exact=True).click()
    page.wait_for_function("monetExplorer.store.view.step === 0")
    page.get_by_role("button", name="▶ Play", exact=True).click()
    page.wait_for_function("monetExplorer.store.view.step === 1")


def test_an_error_is_read_out_and_stays_until_escape(page: Page, tmp_path: Any) -> None:
    page.clock.install()
    open_page(page)
    (tmp_path / "bad.png").write_text("this is no picture", encoding="utf-8")
    page.set_input_files("#mx-upload input[type=file]", tmp_path / "bad.png")
    words = "The file is not a readable PNG, JPEG, WebP, BMP or GIF picture."
    toast = page.locator(".mx-notice span")
    expect(toast).to_have_text(words)
    expect(page.locator("[role=alert].mx-sr")).to_have_text(words)
    page.clock.run_for(60_000)
    expect(toast).to_be_visible()
    page.keyboard.press("Escape")
    expect(toast).to_have_count(0)


def test_another_data_sets_gallery_offers_its_own_model(page: Page) -> None:
    open_page(page)
    page.get_by_label("Data set").select_option("sample/tetrominoes")
    page.locator("#mx-gallery .mx-thumbnail").nth(2).click()
    page.wait_for_function("monetExplorer.store.scene.origin.data === 'tetrominoes'")
    assert page.evaluate("monetExplorer.store.scene.model") == "multi_dsprites"
    press(page, "Switch to “Untrained, tetrominoes”")
    page.wait_for_function("monetExplorer.store.scene.model === 'tetrominoes'")
    assert page.evaluate("[monetExplorer.store.scene.origin.index, monetExplorer.store.scene.slots]") == [2, 4]
    expect(page.locator(".mx-offer")).to_be_hidden()


def test_titles_and_captions_say_what_is_there(page: Page) -> None:
    open_page(page)
    page.get_by_label("Data set").select_option("Out of distribution")
    page.get_by_role("button", name="Nothing in it").click()
    expect(page.locator("#mx-scene .mx-muted").first).to_have_text(
        "Multi-dSprites, coloured on grey, nothing in it, seed 7"
    )  # fmt: skip
    number = page.get_by_label("number input for Slots K")
    number.fill("1")
    number.press("Tab")
    expect(page.locator("#mx-attention figcaption[role=status]")).to_have_text("explained by the only step")


def test_the_page_opens_with_the_model_whose_latents_paint_the_truest_masks(tmp_path: Any) -> None:
    def checkpoint(name: str, **measured: float) -> Checkpoint:
        return Checkpoint(name, tmp_path, MONetConfig(), name, "", measured)

    found = [checkpoint("a"), checkpoint("b", ari_fg_decoded=0.4), checkpoint("c", ari_fg_decoded=0.9, ari_fg=0.1)]
    assert opening_model({c.name: c for c in found}) == "c"
    assert opening_model({c.name: c for c in found[:1]}) == "a"


def test_the_slot_to_begin_with_is_an_object() -> None:
    masks = np.zeros((4, 12, 12), np.float32)
    masks[1, 3:6, 3:6] = masks[2, 7:9, 7:9] = 1
    masks[3] = 0.5 * (1 - masks.sum(0))  # a wall, larger than any object, shared with
    masks[0] = masks[3]  # the floor
    truth = np.zeros((12, 12), np.uint8)
    truth[3:6, 3:6], truth[7:9, 7:9] = 2, 3
    assert object_slot(masks, truth, (0,)) in (1, 2)
    assert object_slot(masks, np.where(truth == 3, 3, 0), (0,)) == 2
    assert object_slot(masks, None, ()) == 1  # nobody knows the objects: the largest away from the rim
