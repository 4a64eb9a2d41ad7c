"""What one can do to a slot, done as a person does it: every edit can be taken back to the last bit."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.conftest import CONFIGS

pytestmark = pytest.mark.browser

READY = "document.documentElement.dataset.monet === 'ready' && monetExplorer.frames.frame"
LATENTS = "JSON.stringify(monetExplorer.store.document.slots.map((s) => [s.color, s.hidden, ...s.latent]))"
DRAWN = "monetExplorer.frames.frame.document === monetExplorer.store.document"
PICTURE = "document.querySelector('[data-name=image] canvas').toDataURL()"


@pytest.fixture
def laboratory(page: Page) -> Page:
    """The page with its first scene decomposed and the second slot selected."""
    page.goto("/")
    page.wait_for_function(READY)
    page.keyboard.press("2")
    return page


def state(page: Page) -> tuple[str, str]:
    """Latents and the recomposed picture, once they belong together."""
    page.wait_for_function(DRAWN)
    return page.evaluate(LATENTS), page.evaluate(PICTURE)


def press(name: str) -> Callable[[Page], None]:
    return lambda page: page.get_by_role("button", name=name, exact=True).click()


def drag_latent(page: Page) -> None:
    box = page.locator(".mx-latent .mx-range").first.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + box["height"] / 2, steps=8)
    page.mouse.up()


def copy_and_paste(page: Page) -> None:
    press("Copy")(page)
    page.keyboard.press("3")
    press("Paste")(page)


def press_pad(page: Page) -> None:
    page.locator(".mx-pad").click(position={"x": 20, "y": 30})


def blend(page: Page) -> None:
    slider = page.get_by_label("Blend this slot into the other")
    slider.focus()
    page.keyboard.press("End")


def traverse(page: Page) -> None:
    page.locator(".mx-strip .mx-thumbnail").first.click()


def type_value(page: Page) -> None:
    entry = page.locator(".mx-latent .mx-number").first
    entry.fill("2.5")
    entry.press("Enter")
    entry.blur()


ACTIONS = {
    "drag": drag_latent,
    "type": type_value,
    "pad": press_pad,
    "sample posterior": press("Sample posterior"),
    "sample prior": press("Sample prior"),
    "copy and paste": copy_and_paste,
    "swap": press("Swap"),
    "blend": blend,
    "duplicate": press("Duplicate"),
    "delete": press("Delete"),
    "move": press("Move slot right"),
    "hide": press("Hide slot 2"),
    "traversal": traverse,
}


def test_every_action_is_one_edit_that_undo_takes_back_and_redo_makes_again(laboratory: Page) -> None:
    undo = laboratory.get_by_role("button", name="Undo")
    for index, (action, do) in enumerate(ACTIONS.items(), start=1):  # on one page: another scene is another history
        laboratory.locator("#mx-gallery .mx-thumbnail").nth(index % 12).click()
        laboratory.wait_for_function(f"monetExplorer.store.scene.origin.index === {index % 12}")
        laboratory.locator("h2").first.click()
        laboratory.keyboard.press("2")
        before = state(laboratory)
        do(laboratory)
        laboratory.wait_for_function(f"({LATENTS}) !== {json.dumps(before[0])}")
        after = state(laboratory)
        undo.click()
        assert state(laboratory) == before, action
        expect(undo, action).to_be_disabled()
        laboratory.get_by_role("button", name="Redo").click()
        assert state(laboratory) == after, action
        press("Reset scene")(laboratory)
        assert state(laboratory) == before, action


def test_a_seed_brings_its_sample_back_and_another_seed_another(laboratory: Page) -> None:
    seed = laboratory.get_by_label("Seed of the samples")
    drawn = []
    for value in ("7", "7", "8"):
        seed.fill(value)
        press("Sample posterior")(laboratory)
        drawn.append(state(laboratory))
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_locked_latent_keeps_its_value_and_does_not_change_what_the_others_draw(laboratory: Page) -> None:
    def sample() -> list[float]:
        laboratory.get_by_label("Seed of the samples").fill("3")
        press("Sample prior")(laboratory)
        return json.loads(state(laboratory)[0])[1][2:]

    start = json.loads(state(laboratory)[0])[1][2:]
    free = sample()
    laboratory.get_by_role("button", name="Reset slot").click()
    row = laboratory.locator(".mx-latent").first
    row.locator("[data-toggle=lock]").click()
    locked = sample()
    dimension = int(row.get_attribute("data-dimension") or -1)
    assert locked[dimension] == start[dimension] != free[dimension]
    assert [v for d, v in enumerate(locked) if d != dimension] == [v for d, v in enumerate(free) if d != dimension]


def test_deleting_an_object_lets_the_others_fill_its_place(laboratory: Page) -> None:
    press("Delete")(laboratory)
    state(laboratory)
    total = laboratory.evaluate(
        "(() => { const m = monetExplorer.frames.frame.decodedMasks;"
        " return [m.length, ...m[0].map((_, p) => m.reduce((s, k) => s + k[p], 0))]; })()"
    )
    values = total if isinstance(total, list) else list(total.values())
    assert values[0] == CONFIGS["multi_dsprites"].num_slots - 1
    np.testing.assert_allclose(values[1:], 1, atol=1e-5)


def test_an_object_is_carried_over_from_a_scene_that_was_set_aside(laboratory: Page) -> None:
    guest = laboratory.evaluate("[...monetExplorer.store.document.slots[2].latent]")
    press("Set this scene aside")(laboratory)
    laboratory.locator("#mx-gallery .mx-thumbnail").nth(4).click()
    laboratory.wait_for_function("monetExplorer.store.scene.origin.index === 4")
    laboratory.get_by_label("Carry over slot 3 of the scene set aside").click()
    state(laboratory)
    count = CONFIGS["multi_dsprites"].num_slots
    assert laboratory.evaluate("monetExplorer.store.document.slots.length") == count + 1
    assert laboratory.evaluate(f"[...monetExplorer.store.document.slots[{count}].latent]") == guest


def test_blending_two_scenes_ends_at_the_other_scene(laboratory: Page) -> None:
    guest = laboratory.evaluate("monetExplorer.store.document.slots.map((s) => [...s.latent])")
    press("Set this scene aside")(laboratory)
    laboratory.locator("#mx-gallery .mx-thumbnail").nth(2).click()
    laboratory.wait_for_function("monetExplorer.store.scene.origin.index === 2")
    scrubber = laboratory.get_by_label("Blend the whole scene into the one set aside")
    scrubber.focus()
    laboratory.keyboard.press("End")
    laboratory.wait_for_function("monetExplorer.store.edited")
    assert laboratory.evaluate("monetExplorer.store.document.slots.map((s) => [...s.latent])") == guest
    laboratory.get_by_role("button", name="Undo").click()
    assert not laboratory.evaluate("monetExplorer.store.edited")


def test_a_link_restores_the_scene_with_its_edits(laboratory: Page) -> None:
    laboratory.context.grant_permissions(["clipboard-read", "clipboard-write"])
    laboratory.locator("#mx-gallery .mx-thumbnail").nth(5).click()
    laboratory.wait_for_function("monetExplorer.store.scene.origin.index === 5")
    drag_latent(laboratory)
    press("Duplicate")(laboratory)
    press("Hide slot 1")(laboratory)
    before = state(laboratory)
    press("Copy link")(laboratory)
    expect(laboratory.locator("#mx-take [role=status]")).to_contain_text("link copied")
    link = laboratory.evaluate("navigator.clipboard.readText()")
    assert "#" in link and "edits" in link
    other = laboratory.context.new_page()
    other.goto(link)
    other.wait_for_function(READY)
    other.wait_for_function("monetExplorer.store.scene.origin.index === 5 && monetExplorer.store.edited")
    assert state(other) == before


@pytest.mark.parametrize(
    "rubbish",
    ["#${alert(1)}", "#model=<img src=x onerror=alert(1)>&kind=sample&data=x&index=0",
     "#model=multi_dsprites&kind=seed",
     "#model=multi_dsprites&kind=sample&data=multi_dsprites&index=3&slots=6&how=crop&edits=[{\"s\":99}]",
     "#model=multi_dsprites&kind=sample&data=multi_dsprites&index=3&slots=6&how=crop&edits={{"],
)  # fmt: skip
def test_a_link_full_of_rubbish_shows_a_scene_and_runs_nothing(page: Page, rubbish: str) -> None:
    page.on("dialog", lambda dialog: pytest.fail(f"the link ran code: {dialog.message}"))
    page.goto(f"/{rubbish}")
    page.wait_for_function(READY)
    page.locator("#mx-gallery .mx-thumbnail").nth(1).click()
    page.wait_for_function("monetExplorer.store.scene.origin.index === 1 && monetExplorer.frames.frame")


def test_panels_leave_as_png_films_as_gif_and_everything_as_npz(laboratory: Page) -> None:
    drag_latent(laboratory)
    state(laboratory)

    def download(name: str) -> bytes:
        with laboratory.expect_download() as waiting:
            press(name)(laboratory)
        return waiting.value.path().read_bytes()

    for panel in ("scene", "attention", "slots", "traversals"):
        laboratory.get_by_label("Panel", exact=True).select_option(panel)
        picture = Image.open(io.BytesIO(download("PNG")))
        assert picture.width > 1000 and len(set(picture.convert("L").tobytes())) > 20
    slots = CONFIGS["multi_dsprites"].num_slots
    assert Image.open(io.BytesIO(download("GIF of the attention"))).n_frames == slots  # type: ignore[attr-defined]
    assert Image.open(io.BytesIO(download("GIF of the traversal"))).n_frames > 10  # type: ignore[attr-defined]
    arrays = np.load(io.BytesIO(download("NPZ")))
    assert arrays["masks"].shape == (slots, 64, 64)
    shown = laboratory.evaluate("[...monetExplorer.frames.frame.image]")
    np.testing.assert_allclose(
        arrays["edited_image"].transpose(1, 2, 0).ravel(), np.array(shown, np.float32), atol=1e-4
    )


def test_the_page_decodes_what_python_decodes_and_falls_back_to_the_server(laboratory: Page) -> None:
    badge = laboratory.locator("#mx-latents .mx-badge")
    expect(badge).to_have_text("in your browser")
    assert re.search(r"largest difference from the server \de-\d", badge.get_attribute("title") or "")
    there = laboratory.evaluate("[...monetExplorer.frames.frame.decoded[1]]")
    laboratory.goto("/?decoder=server")
    laboratory.wait_for_function(READY)
    expect(badge).to_have_text("on the server")
    here = laboratory.evaluate("[...monetExplorer.frames.frame.decoded[1]]")
    np.testing.assert_allclose(there, here, atol=1e-5 * max(1.0, np.abs(here).max()))


def test_without_webassembly_the_server_decodes(page: Page) -> None:
    page.add_init_script("delete globalThis.WebAssembly")
    page.goto("/")
    page.wait_for_function(READY)
    expect(page.locator("#mx-latents .mx-badge")).to_have_text("on the server")
    before = state(page)
    drag_latent(page)
    page.wait_for_function("monetExplorer.store.edited")
    assert state(page)[1] != before[1]


def test_all_latents_of_a_slot_are_traversed_and_charts_select(laboratory: Page) -> None:
    laboratory.get_by_role("button", name="All latents").click()
    expect(laboratory.locator(".mx-strip")).to_have_count(CONFIGS["multi_dsprites"].latent_dim)
    laboratory.locator("#mx-charts").scroll_into_view_if_needed()
    heat = laboratory.locator("#mx-charts .mx-plot").nth(1).locator(".nsewdrag").first
    box = heat.bounding_box()
    assert box
    heat.hover()
    laboratory.mouse.click(box["x"] + box["width"] * 0.97, box["y"] + box["height"] * 0.95)
    laboratory.wait_for_function("monetExplorer.store.view.slot === 5 && monetExplorer.store.view.dimension === 15")


def test_the_tour_leads_through_the_panels_and_can_be_left(laboratory: Page) -> None:
    laboratory.get_by_role("button", name="Tour").click()
    tour = laboratory.get_by_role("dialog", name="Guided tour")
    expect(tour).to_contain_text("1 of 5")
    tour.get_by_role("button", name="Next").click()
    expect(tour).to_contain_text("Step by step")
    laboratory.keyboard.press("Escape")
    expect(tour).to_have_count(0)
