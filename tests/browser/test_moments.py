"""Tests of the panel "Through training": pictures and figures at the chosen step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from monet.training import moments
from tests.browser.test_explorer import store, visit, wait_for_store

pytestmark = pytest.mark.browser

SCENES, COLUMNS, SIDE = 3, 7, 40
"""Of the strip of Tetrominoes; the columns are picture, reconstruction, segmentation and four slots."""


def choose_model(page: Page, name: str) -> None:
    if store(page, "store.scene.model") != name:
        page.get_by_label("Model", exact=True).click()
        page.get_by_role("option", name=f"Untrained, {name}").click()
        wait_for_store(page, f'store.scene.model === "{name}"')


def drawn(page: Page, scene: int, column: int) -> np.ndarray:
    """Returns the pixels of a picture, H,W,3."""
    canvas = page.locator("#mx-moments .mx-course-scenes canvas").nth(COLUMNS * scene + column)
    data = canvas.evaluate("(c) => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]")
    return np.array(data, np.uint8).reshape(SIDE, SIDE, 4)[..., :3]


def test_the_slider_goes_through_the_training(page: Page, checkpoints_folder: Path):
    visit(page)
    choose_model(page, "tetrominoes")
    folder = checkpoints_folder / "tetrominoes"
    course = moments.read(folder)
    assert course
    with Image.open(folder / moments.SHEET) as image:
        sheet = np.asarray(image.convert("RGBA")).astype(float)
    panel = page.locator("#mx-moments")
    panel.scroll_into_view_if_needed()
    slider = panel.get_by_label("Moment of the training")
    for moment, step in enumerate(("step 0", "step 2,000")):
        slider.fill(str(moment))
        expect(panel.locator("output")).to_have_text(step)
        expect(panel.locator(".mx-key b").nth(1)).to_have_text(
            f"{course.figures['ari_fg'][moment]:.2f}".replace("-", "−")
        )
        for scene in range(SCENES):
            row = sheet[SIDE * (moment * SCENES + scene) :][:SIDE]
            slot = row[:, 3 * SIDE : 4 * SIDE]  # the third
            found = drawn(page, scene, 2 + 3).astype(float)
            # The page's canvas keeps colours times alpha in 8 bits.
            assert np.abs(found - slot[..., :3] * slot[..., 3:] / 255).max() <= 2
    panel.get_by_label("masks instead of slots").check()
    assert np.array_equal(drawn(page, 2, 2 + 3)[..., 0], slot[..., 3])


def test_a_scene_of_the_training_opens(page: Page):
    visit(page)
    choose_model(page, "tetrominoes")
    panel = page.locator("#mx-moments")
    panel.scroll_into_view_if_needed()
    panel.get_by_role("button", name="Open Tetrominoes, sample 3").click()
    page.wait_for_function("monetExplorer.store.scene.origin.index === 2")
    assert store(page, "store.scene.origin") == {"kind": "sample", "data": "tetrominoes", "index": 2}


def test_a_model_that_keeps_no_moments_says_so(page: Page):
    visit(page)
    choose_model(page, "multi_dsprites")
    panel = page.locator("#mx-moments")
    panel.scroll_into_view_if_needed()
    expect(panel.get_by_text("contains no moments")).to_be_visible()
    expect(panel.get_by_label("Moment of the training")).to_be_hidden()
    choose_model(page, "tetrominoes")
    panel.scroll_into_view_if_needed()
    expect(panel.get_by_label("Moment of the training")).to_be_visible()
