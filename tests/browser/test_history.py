"""Tests of links, the browser's history and the server's answers: an edited scene always comes back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from monet.data import samples
from tests.browser.laboratory import READY, drag, duplicate, open_page, press, state

pytestmark = pytest.mark.browser

SCENE = "(({ model, slots, how, origin }) => [model, slots, how, origin])(monetExplorer.store.scene)"


@pytest.fixture
def laboratory(page: Page) -> Page:
    open_page(page)
    page.keyboard.press("2")
    return page


def edit(page: Page) -> tuple[list[object], tuple[str, str]]:
    """Drags a latent; returns what the page shows then."""
    drag(page, page.locator(".mx-latent .mx-range").first)
    page.wait_for_function("monetExplorer.store.edited")
    return page.evaluate(SCENE), state(page)


def thumbnail(page: Page, index: int) -> None:
    page.locator("#mx-gallery .mx-thumbnail").nth(index).click()


@pytest.mark.parametrize("index", [0, 1, 23])
def test_a_link_restores_the_edits_of_any_scene(laboratory: Page, index: int) -> None:
    laboratory.context.grant_permissions(["clipboard-read", "clipboard-write"])
    if index:  # the page opens with the first
        thumbnail(laboratory, index)
        laboratory.wait_for_function(f"monetExplorer.store.scene.origin.index === {index}")
    edit(laboratory)
    duplicate(laboratory)
    press(laboratory, "Hide slot 1")
    before = state(laboratory)
    press(laboratory, "Copy link")
    expect(laboratory.locator("#mx-export [role=status]")).to_contain_text("link copied")
    other = laboratory.context.new_page()
    other.goto(laboratory.evaluate("navigator.clipboard.readText()"))
    other.wait_for_function(f"{READY} && monetExplorer.store.edited")
    assert state(other) == before
    assert not other.evaluate("monetExplorer.store.canUndo")
    other.close()


def test_a_link_to_the_scene_on_screen_makes_its_edits_too(laboratory: Page) -> None:
    laboratory.context.grant_permissions(["clipboard-read", "clipboard-write"])
    _, before = edit(laboratory)
    press(laboratory, "Copy link")
    expect(laboratory.locator("#mx-export [role=status]")).to_contain_text("link copied")
    press(laboratory, "Reset scene")
    laboratory.wait_for_function("!monetExplorer.store.edited")
    link = laboratory.evaluate("navigator.clipboard.readText()")
    laboratory.evaluate("(hash) => { location.hash = ''; location.hash = hash; }", link.split("#")[1])
    laboratory.wait_for_function("monetExplorer.store.edited")
    assert state(laboratory) == before


def choose_slots(page: Page) -> None:
    page.get_by_label("number input for Slots K").fill("3")
    page.get_by_label("number input for Slots K").press("Tab")


def choose_model(page: Page) -> None:
    page.get_by_label("Model", exact=True).click()
    page.get_by_role("option", name="Untrained, tetrominoes").click()


CHANGES: dict[str, Callable[[Page], None]] = {
    "the same scene": lambda page: thumbnail(page, 0),
    "another scene": lambda page: thumbnail(page, 3),
    "K": choose_slots,
    "pad": lambda page: page.locator("#mx-how").get_by_label("pad").check(),
    "model": choose_model,
}


@pytest.mark.parametrize("change", CHANGES)
def test_undo_brings_an_edited_scene_back_and_a_line_says_so(laboratory: Page, change: str) -> None:
    before = edit(laboratory)
    CHANGES[change](laboratory)
    laboratory.wait_for_function("!monetExplorer.store.edited && monetExplorer.store.canUndo")
    state(laboratory)
    after = laboratory.evaluate(SCENE)
    title = "Multi-dSprites, coloured on grey, sample 1"
    expect(laboratory.locator(".mx-back")).to_have_text(f"Undo (Ctrl+Z) brings back {title}, K = 6, with its edits.")
    press(laboratory, "Undo")
    laboratory.wait_for_function("monetExplorer.store.edited")
    laboratory.wait_for_function("monetExplorer.frames.frame.scene === monetExplorer.store.scene")
    assert (laboratory.evaluate(SCENE), state(laboratory)) == before
    # Gradio's inputs belong to the scene again, and what is chosen next begins from it.
    expect(laboratory.get_by_label("number input for Slots K")).to_have_value("6")
    expect(laboratory.get_by_label("Model", exact=True)).to_have_value("Untrained, multi_dsprites")
    expect(laboratory.locator("#mx-how").get_by_label("crop")).to_be_checked()
    expect(laboratory.locator(".mx-back")).to_be_hidden()
    press(laboratory, "Redo")
    laboratory.wait_for_function("!monetExplorer.store.edited")
    state(laboratory)
    assert laboratory.evaluate(SCENE) == after


def test_scenes_that_were_only_looked_at_are_no_steps_of_their_own(laboratory: Page) -> None:
    before = edit(laboratory)
    for index in (2, 4, 5):
        thumbnail(laboratory, index)
        laboratory.wait_for_function(f"monetExplorer.store.scene.origin.index === {index}")
    press(laboratory, "Undo")
    state(laboratory)
    assert (laboratory.evaluate(SCENE), state(laboratory)) == before
    press(laboratory, "Undo")
    laboratory.wait_for_function("!monetExplorer.store.edited && !monetExplorer.store.canUndo")


def test_undo_of_a_move_selects_the_slot_that_was_moved(laboratory: Page) -> None:
    press(laboratory, "Move slot right")
    laboratory.wait_for_function("monetExplorer.store.view.slot === 2")
    laboratory.keyboard.press("5")
    laboratory.wait_for_function("monetExplorer.store.view.slot === 4")
    press(laboratory, "Undo")
    laboratory.wait_for_function("monetExplorer.store.view.slot === 1")
    press(laboratory, "Redo")
    laboratory.wait_for_function("monetExplorer.store.view.slot === 2")


def test_a_seed_that_was_typed_is_used_first(laboratory: Page) -> None:
    laboratory.get_by_label("Seed of the scene").fill("4711")
    press(laboratory, "New random scene")
    laboratory.wait_for_function("monetExplorer.store.scene.origin.seed === 4711")
    press(laboratory, "New random scene")
    laboratory.wait_for_function("monetExplorer.store.scene.origin.seed !== 4711")


def test_the_limit_of_an_upload_is_said_where_it_is_dropped(laboratory: Page) -> None:
    expect(laboratory.locator("#mx-upload")).to_contain_text("up to 20 MB")


def test_a_picture_is_sent_whole_again_for_another_crop_and_more_slots(laboratory: Page, tmp_path: Path) -> None:
    wide = np.zeros((40, 80, 3), np.uint8)
    wide[:, 40:] = (200, 100, 50)
    Image.fromarray(wide).save(tmp_path / "wide.png")
    laboratory.set_input_files("#mx-upload input[type=file]", tmp_path / "wide.png")
    laboratory.wait_for_function("monetExplorer.store.scene.origin.kind === 'picture'")
    laboratory.locator("#mx-how").get_by_label("pad").check()
    laboratory.wait_for_function("monetExplorer.store.scene.how === 'pad'")
    fed = np.array(laboratory.evaluate("[...monetExplorer.store.scene.image]")).reshape(64, 64, 3)
    assert not fed[:15].any() and fed[32, 60].round(2).tolist() == [0.78, 0.39, 0.2]


def test_a_picture_far_from_the_training_is_said_to_be_and_a_button_leads_to_the_nearest_model(
    laboratory: Page, tmp_path: Path
) -> None:
    def measured(route: Route) -> None:
        answer = route.fetch()
        payload = answer.json()
        usual = payload["figures"]["mse"] / (40 if payload["model"] == "multi_dsprites" else 2)
        route.fulfill(response=answer, body=json.dumps(payload | {"usual": {"mse": usual, "scenes": 320}}))

    laboratory.route("**/monet/decompose/**", measured)
    Image.fromarray(samples.read("tetrominoes", 7).image).save(tmp_path / "own.png")
    laboratory.set_input_files("#mx-upload input[type=file]", tmp_path / "own.png")
    note = laboratory.locator(".mx-stranger")
    expect(note).to_contain_text("The error is 40 times the usual error of this model: it was not trained on")
    note.get_by_role("button", name="Use Untrained, tetrominoes: 2.0 times its usual error").click()
    laboratory.wait_for_function("monetExplorer.store.scene.model === 'tetrominoes'")
    assert laboratory.evaluate("monetExplorer.store.scene.origin.kind") == "picture"
    expect(laboratory.get_by_label("number input for Slots K")).to_have_value("4")
    expect(note).to_be_hidden()


def test_a_gallery_of_another_models_data_leads_to_that_model(laboratory: Page) -> None:
    laboratory.get_by_label("Data set").select_option("sample/tetrominoes")
    thumbnail(laboratory, 2)
    note = laboratory.locator(".mx-stranger")
    expect(note).to_contain_text("This model was not trained on such pictures.")
    note.get_by_role("button", name="Use Untrained, tetrominoes").click()
    laboratory.wait_for_function("monetExplorer.store.scene.model === 'tetrominoes'")
    assert laboratory.evaluate("monetExplorer.store.scene.origin.index") == 2


def test_what_the_server_does_not_answer_is_said_and_the_inputs_go_back(
    laboratory: Page, expected_errors: list[str]
) -> None:
    expected_errors.append("net::ERR_FAILED")
    _, before = edit(laboratory)
    laboratory.route("**/monet/decompose/**", lambda route: route.abort())
    choose_slots(laboratory)
    expect(laboratory.locator(".mx-notice span")).to_contain_text(
        "The server does not answer. Your edits are kept; try again"
    )
    expect(laboratory.get_by_label("number input for Slots K")).to_have_value("6")
    assert state(laboratory) == before
    laboratory.unroute("**/monet/decompose/**")
    choose_slots(laboratory)
    laboratory.wait_for_function("monetExplorer.store.scene.slots === 3")
