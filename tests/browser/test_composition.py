"""Tests of edited scenes in the page, against ``monet.compose_masks``."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from playwright.sync_api import Page, expect

import monet
from tests.browser.laboratory import drag, duplicate, open_page, press, state

pytestmark = pytest.mark.browser

FRAME = "monetExplorer.frames.frame"


@pytest.fixture
def laboratory(page: Page) -> Page:
    open_page(page)
    page.keyboard.press("2")
    return page


def masks(page: Page, which: str = "masks") -> np.ndarray:
    return np.array(page.evaluate(f"{FRAME}.{which}.map((mask) => [...mask])"), np.float32)


def drag_latent(page: Page) -> None:
    drag(page, page.locator(".mx-latent .mx-range").first)
    state(page)


def test_the_masks_are_the_attentions_then_only_the_edited_change_and_at_last_all_are_the_decoders(
    laboratory: Page,
) -> None:
    laboratory.wait_for_function(f"{FRAME}.view.slot === 1")
    attended = np.array(laboratory.evaluate("monetExplorer.store.scene.masks.map((mask) => [...mask])"), np.float32)
    np.testing.assert_array_equal(masks(laboratory), attended)
    drag_latent(laboratory)
    caption = laboratory.locator('figure[data-name="image"] figcaption')
    expect(caption).to_have_text("edited scene: decoder’s mask for slot 2, attention’s for the others")
    edited, decoded = masks(laboratory), masks(laboratory, "decodedMasks")
    np.testing.assert_array_equal(edited[1], decoded[1])
    np.testing.assert_allclose(edited.sum(0), 1, atol=1e-5)
    logits = np.array(laboratory.evaluate(f"{FRAME}.decoded.map((slot) => [...slot])"), np.float32)[:, 3::4]
    expected = monet.compose_masks(attended[..., None], logits[..., None], np.arange(len(logits)) == 1)[..., 0]
    np.testing.assert_allclose(edited, expected, atol=1e-5)
    laboratory.get_by_label("Sample every slot").check()
    press(laboratory, "Sample posterior")
    state(laboratory)
    expect(caption).to_have_text("edited scene: decoder’s masks")
    np.testing.assert_array_equal(masks(laboratory), masks(laboratory, "decodedMasks"))


def test_arrays_hold_the_scene_as_it_is_composed_on_screen(laboratory: Page) -> None:
    drag_latent(laboratory)
    press(laboratory, "Hide slot 4")
    state(laboratory)
    with laboratory.expect_download() as waiting:
        press(laboratory, "NPZ")
    arrays = np.load(io.BytesIO(waiting.value.path().read_bytes()))
    shown = masks(laboratory)[[0, 1, 2, 4, 5]].reshape(-1, 64, 64)
    np.testing.assert_allclose(arrays["edited_masks"], shown, atol=2e-3)
    np.testing.assert_allclose(arrays["edited_masks"].sum(0), 1, atol=1e-5)


def test_the_film_of_a_latent_passes_through_the_scene_as_it_is_composed(laboratory: Page) -> None:
    laboratory.wait_for_function(f"{FRAME}.view.slot === 1")
    drag_latent(laboratory)
    stills = laboratory.evaluate("""async () => {
        const m = await import(new URL("monet/static/scene/sweep.js", document.baseURI));
        const { store, frames } = monetExplorer;
        const list = await m.film(frames, store);
        return [list.at(-1).value, [...list.at(-1).image]];
    }""")
    slot, dimension = laboratory.evaluate("[monetExplorer.store.view.slot, monetExplorer.store.view.dimension]")
    laboratory.evaluate(
        f"""import(new URL("monet/static/scene/actions.js", document.baseURI)).then(({{ setLatent }}) =>
            monetExplorer.store.edit(setLatent({slot}, {dimension}, {json.dumps(stills[0])})))"""
    )
    state(laboratory)
    np.testing.assert_allclose(stills[1], laboratory.evaluate(f"[...{FRAME}.image]"), atol=1e-6)


def test_attention_and_slots_say_which_steps_they_are_of_after_delete_and_move(laboratory: Page) -> None:
    press(laboratory, "Delete")
    press(laboratory, "Move slot right")
    state(laboratory)
    notes = "#mx-{} .mx-column-note"
    expect(laboratory.locator(notes.format("attention"))).to_have_text(
        ["slot 1", "deleted", "slot 3", "slot 2", "slot 4", "slot 5"]
    )
    expect(laboratory.locator(notes.format("slots"))).to_have_text(["step 1", "step 4", "step 3", "step 5", "step 6"])
    # The step that is clicked selects its slot, wherever that is now; the deleted one's selects none.
    for step, slot in ((6, 4), (3, 2), (2, 2), (4, 1)):
        laboratory.locator(f"#mx-attention [data-row=mask] >> nth={step - 1}").click()
        laboratory.wait_for_function(f"monetExplorer.store.view.slot === {slot}")
    laboratory.locator("#mx-attention [data-step='5']").dispatch_event("click")
    laboratory.wait_for_function("monetExplorer.store.view.step === 5 && monetExplorer.store.view.slot === 4")
    state(laboratory)
    expect(laboratory.locator("#mx-attention .mx-chip").nth(1)).to_be_disabled()
    press(laboratory, "Reset scene")
    state(laboratory)
    expect(laboratory.locator(".mx-column-note:visible")).to_have_count(0)


def test_a_copy_is_selected_and_lies_where_it_can_be_seen(laboratory: Page) -> None:
    before = np.array(laboratory.evaluate(f"[...{FRAME}.image]"))
    duplicate(laboratory)
    state(laboratory)
    assert laboratory.evaluate("monetExplorer.store.view.slot") == 2
    assert masks(laboratory)[2].max() > 0.5
    assert np.abs(np.array(laboratory.evaluate(f"[...{FRAME}.image]")) - before).max() > 0.1


def test_the_figures_of_an_edited_scene_are_said_to_be_of_the_unedited_one(laboratory: Page) -> None:
    note = laboratory.get_by_text("of the unedited scene")
    expect(note).to_be_hidden()
    drag_latent(laboratory)
    expect(note).to_be_visible()
    assert (
        laboratory.locator("#mx-scene .mx-figures").evaluate("(e) => getComputedStyle(e.firstChild).opacity") == "0.5"
    )
    press(laboratory, "Undo")
    expect(note).to_be_hidden()


def test_a_traversal_shows_the_object_on_grey_and_hatches_what_dissolves(laboratory: Page) -> None:
    laboratory.evaluate(
        """() => {
            const { decoder } = monetExplorer.frames; // a slot whose mask dissolves along any latent
            const real = decoder.decode;
            decoder.decode = async (latents) => (await real(latents)).map((pixels, i) =>
                pixels.map((v, p) => (p % 4 === 3 && latents.length === 9 && i === 0 ? -1e4 : v)));
        }"""
    )
    laboratory.get_by_label("Latent to traverse").select_option("7")
    first = laboratory.locator(".mx-strip canvas").first
    expect(first).to_have_attribute("aria-label", "z₇ = −2.00, mask dissolved to 0 % of its area")
    pixels = first.evaluate("(c) => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]")
    assert (128, 128, 128) in {tuple(pixels[i : i + 3]) for i in range(0, len(pixels), 4)}
    assert min(pixels) < 100  # the hatching
