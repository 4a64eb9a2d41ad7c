"""A scene that is edited stays itself: the page composes as ``monet.compose_masks`` does, and says so."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from playwright.sync_api import Page, expect

import monet
from tests.browser.laboratory import drag, open_page, press, state

pytestmark = pytest.mark.browser

FRAME = "monetExplorer.frames.frame"
COMPOSE = """([attention, logits]) => import(new URL("monet/static/compose.js", document.baseURI)).then((m) => {
    const decoded = logits.map((slot) => Float32Array.from(slot.flatMap((logit) => [0, 0, 0, logit])));
    const softmax = m.softmaxMasks(decoded, logits.map(() => true));
    return m.composeMasks(attention.map((mask) => mask && Float32Array.from(mask)), softmax).map((mask) => [...mask]);
})"""


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


@pytest.mark.parametrize("edited", [[], [1], [0, 3], [1, 2, 3], [0, 1, 2, 3]])
@pytest.mark.parametrize("deleted", [False, True])
def test_page_and_python_compose_the_same(laboratory: Page, edited: list[int], deleted: bool) -> None:
    rng = np.random.default_rng(3)
    logits = (40 * rng.standard_normal((4, 2, 50))).astype(np.float32)
    attention = rng.dirichlet([0.05] * 4, (2, 50)).transpose(2, 0, 1).astype(np.float32)
    which = np.isin(np.arange(4), edited)
    if deleted:
        logits, attention, which = logits[1:], attention[1:], which[1:]
    here = monet.compose_masks(attention, logits, which)
    given = [None if e else mask.ravel().tolist() for e, mask in zip(which, attention, strict=True)]
    there = np.array(laboratory.evaluate(COMPOSE, [given, logits.reshape(len(logits), -1).tolist()]), np.float32)
    np.testing.assert_allclose(there.reshape(here.shape), here, atol=1e-5)
    np.testing.assert_allclose(there.sum(0), 1, atol=1e-5)


def test_the_masks_are_the_attentions_then_only_the_edited_change_and_at_last_all_are_the_decoders(
    laboratory: Page,
) -> None:
    laboratory.wait_for_function(f"{FRAME}.view.slot === 1")
    attended = np.array(laboratory.evaluate("monetExplorer.store.scene.masks.map((mask) => [...mask])"), np.float32)
    np.testing.assert_array_equal(masks(laboratory), attended)
    drag_latent(laboratory)
    caption = laboratory.locator('figure[data-name="image"] figcaption')
    expect(caption).to_have_text("edited scene: slot 2 as decoded, the others as attended")
    edited, decoded = masks(laboratory), masks(laboratory, "decodedMasks")
    np.testing.assert_array_equal(edited[1], decoded[1])
    np.testing.assert_allclose(edited.sum(0), 1, atol=1e-5)
    logits = np.array(laboratory.evaluate(f"{FRAME}.decoded.map((slot) => [...slot])"), np.float32)[:, 3::4]
    expected = monet.compose_masks(attended[..., None], logits[..., None], np.arange(len(logits)) == 1)[..., 0]
    np.testing.assert_allclose(edited, expected, atol=1e-5)
    laboratory.get_by_label("Sample every slot").check()
    press(laboratory, "Sample posterior")
    state(laboratory)
    expect(caption).to_have_text("edited scene: every slot as decoded")
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
    stills = laboratory.evaluate("""() => import(new URL("monet/static/sweep.js", document.baseURI)).then(async (m) => {
        const { store, frames } = monetExplorer;
        const list = await m.film(frames, store);
        return [list.at(-1).value, [...list.at(-1).image]];
    })""")
    slot, dimension = laboratory.evaluate("[monetExplorer.store.view.slot, monetExplorer.store.view.dimension]")
    laboratory.evaluate(
        f"""import(new URL("monet/static/actions.js", document.baseURI)).then(({{ setLatent }}) =>
            monetExplorer.store.edit(setLatent({slot}, {dimension}, {json.dumps(stills[0])})))"""
    )
    state(laboratory)
    np.testing.assert_allclose(stills[1], laboratory.evaluate(f"[...{FRAME}.image]"), atol=1e-6)
