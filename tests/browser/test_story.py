"""Tests of the story: the film of the attention's steps shows the scene's numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

import monet
from monet.data import samples
from tests.browser.laboratory import drag, open_page, press
from tests.browser.test_explorer import HOME, SLOTS, visit

pytestmark = pytest.mark.browser

PHASES = 6
"""Pictures of each step in the film."""

SCENE = ".mx-story-film .mx-story-scene"

FASTER = """(factor) => {
    const real = window.requestAnimationFrame;
    window.requestAnimationFrame = (f) => real((t) => f(factor * t));
}"""


@pytest.fixture(scope="module")
def said(checkpoints_folder: Path) -> monet.DecomposedScene:
    """The opening scene, decomposed in this process."""
    return monet.decompose(monet.load(checkpoints_folder / HOME), samples.read(HOME, 0).image)


def told(page: Page | Locator) -> dict[str, float]:
    """Returns the numbers in the equations by the names of their terms."""
    written = page.locator(".mx-equations").first.locator("mn[data-term]")
    pairs = written.evaluate_all("(all) => all.map((e) => [e.dataset.term, e.textContent.replace('−', '-')])")
    return {term: float(text) for term, text in pairs}


def point(page: Page, row: int, column: int, size: int) -> None:
    """Moves the mouse onto a pixel of the film's first picture."""
    picture = page.locator(SCENE)
    picture.scroll_into_view_if_needed()
    box = picture.bounding_box()
    assert box
    page.mouse.move(box["x"] + (column + 0.5) * box["width"] / size, box["y"] + (row + 0.5) * box["height"] / size)
    page.wait_for_function(f"monetExplorer.store.view.pixel === {row * size + column}")
    expect(page.locator(".mx-story-where")).to_contain_text(f"row {row}, column {column}.")


def scrub(page: Page, position: float) -> None:
    """Moves the slider to a position, in phases."""
    page.get_by_label("Step of the attention").fill(str(position))


def position(page: Page) -> float:
    return float(page.get_by_label("Step of the attention").input_value())


def wait_for_step(page: Page, step: int | None) -> None:
    page.wait_for_function("(step) => monetExplorer.store.view.step === step", arg=step)


def test_the_numbers_in_the_equations_are_those_of_the_pixel_that_is_pointed_at(
    page: Page, said: monet.DecomposedScene
) -> None:
    visit(page)
    size = said.masks.shape[1]
    step = 2
    scrub(page, PHASES * step + 1.5)
    # where every factor is far from 0 and 1, so that none can stand for another
    between = np.minimum(said.masks[step], said.scopes[step] - said.masks[step])
    for row, column in (np.unravel_index(between.argmax(), between.shape), (3, size - 5)):
        point(page, int(row), int(column), size)
        numbers = told(page)
        scope, mask = said.scopes[step, row, column], said.masks[step, row, column]
        here = {
            "scope": scope, "mask": mask, "alpha": mask / scope, "left": scope - mask,
            "decodedMask": said.decoded_masks[step, row, column], "logit": said.mask_logits[step, row, column],
        }  # fmt: skip
        # Two decimals; the page has alpha in 255 steps and the masks in half precision.
        assert {term: numbers[term] for term in here} == pytest.approx(here, abs=0.0075)
        assert numbers["scope"] * numbers["alpha"] == pytest.approx(numbers["mask"], abs=0.0125)
        assert numbers["scope2"] * (1 - numbers["alpha2"]) == pytest.approx(numbers["left"], abs=0.0125)
    strongest = int(said.latent_kl[step].argmax())
    assert numbers["dimension"] == strongest
    assert numbers["mean"] == pytest.approx(said.latent_mean[step, strongest], abs=0.0051)
    assert numbers["std"] == pytest.approx(said.latent_std[step, strongest], abs=0.00051)


def test_arrow_keys_move_the_pixel_while_the_picture_has_the_focus(page: Page) -> None:
    visit(page)
    press(page, "Next step")
    where = page.locator(".mx-story-where")
    expect(where).to_contain_text("where this mask is strong")
    before = told(page)
    page.locator(SCENE).focus()
    for _ in range(9):
        page.keyboard.press("Shift+ArrowUp")
    for _ in range(9):
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("ArrowDown")
    expect(where).to_contain_text("that you point at: row 1, column 63.")
    pixel = 64 + 63
    mask = page.evaluate(f"monetExplorer.store.scene.masks[0][{pixel}]")
    assert told(page)["mask"] == pytest.approx(mask, abs=0.0051)
    page.locator(SCENE).blur()
    expect(where).to_contain_text("where this mask is strong")
    assert told(page) == before


def test_play_pause_step_and_scrub_move_one_and_the_same_film(page: Page) -> None:
    page.add_init_script(f"({FASTER})(4)")
    visit(page)
    scrub(page, PHASES + 2.5)
    wait_for_step(page, 1)
    here = page.locator(".mx-story-tile[aria-current]")
    expect(here).to_have_attribute("aria-label", "Step 2 of the film")
    expect(page.locator(".mx-story-tile.mx-there")).to_have_count(1)  # step 2 is on its way
    press(page, "▶ Play")
    page.wait_for_function(f"document.querySelector('#mx-attention .mx-range').value > {2 * PHASES + 0.5}")
    wait_for_step(page, 2)  # goes on from where it was
    press(page, "❚❚ Pause")
    at = position(page)
    page.evaluate("new Promise((done) => setTimeout(done, 200))")
    assert position(page) == at
    press(page, "Next step")
    assert position(page) % PHASES == 0
    step = page.evaluate("monetExplorer.store.view.step")
    assert position(page) == PHASES * (step + 1)
    expect(page.locator(".mx-story-tile.mx-there")).to_have_count(step + 1)
    film = page.locator(".mx-story-film")
    film.focus()
    page.keyboard.press("ArrowLeft")  # to where the last phase began
    assert position(page) == PHASES * (step + 1) - 1
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f"Number(document.querySelector('#mx-attention .mx-range').value) === {PHASES * (step + 1)}")
    expect(page.get_by_role("button", name="▶ Play", exact=True)).to_be_visible()
    press(page, "All steps")
    wait_for_step(page, None)
    expect(page.locator(".mx-story-tile.mx-there")).to_have_count(SLOTS)
    # From elsewhere in the page, the film follows.
    page.evaluate("monetExplorer.store.look({ step: 0 })")
    page.wait_for_function(f"Number(document.querySelector('#mx-attention .mx-range').value) === {PHASES}")


def test_the_terms_are_lit_in_turn(page: Page) -> None:
    visit(page)
    lit: list[str] = []
    for phase in range(PHASES):
        scrub(page, PHASES + phase + 0.5)
        terms = page.locator(".mx-story-film .mx-lit[data-lit]")
        lit.append(terms.first.get_attribute("data-lit") or "")
        assert set(terms.evaluate_all("(all) => all.map((e) => e.dataset.lit)")) == {lit[-1]}
    assert lit == ["scope", "mask", "piece", "latents", "component", "slot"]


def test_the_film_stops_when_another_scene_is_opened_and_when_it_is_out_of_sight(page: Page) -> None:
    visit(page)
    playing = page.get_by_role("button", name="❚❚ Pause")
    press(page, "▶ Play")
    expect(playing).to_be_visible()
    page.get_by_role("button", name="Multi-dSprites, coloured on grey, sample 3", exact=True).evaluate(
        "(e) => e.click()"
    )
    page.wait_for_function("monetExplorer.store.scene.origin.index === 2")
    expect(playing).to_have_count(0)
    wait_for_step(page, None)
    press(page, "▶ Play")
    expect(playing).to_be_visible()
    page.locator("#mx-export").scroll_into_view_if_needed()
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    expect(playing).to_have_count(0)


def test_without_motion_all_steps_are_laid_out_and_nothing_flies(page: Page, said: monet.DecomposedScene) -> None:
    page.emulate_media(reduced_motion="reduce")
    visit(page)
    rows = page.locator(".mx-story-laid > section")
    expect(rows).to_have_count(SLOTS)
    expect(page.locator(".mx-story-film")).to_be_hidden()
    expect(page.locator(".mx-story-laid .mx-there")).to_have_count(4 * SLOTS)
    page.evaluate("monetExplorer.store.look({ pixel: 64 * 20 + 30 })")
    for step in range(SLOTS):
        row = rows.nth(step)
        expect(row.locator("[data-term=mask]")).to_have_text(f"{said.masks[step, 20, 30]:.2f}")
        expect(row.locator(".mx-story-flyer")).to_be_hidden()
    for step in (0, 1):
        press(page, "Next step")
        wait_for_step(page, step)
        expect(page.locator(".mx-story-laid > .mx-now")).to_have_attribute("aria-label", f"Step {step + 1}")
    page.emulate_media(reduced_motion="no-preference")
    expect(page.locator(".mx-story-film")).to_be_visible()
    expect(rows).to_have_count(0)


def test_the_film_shows_the_scene_as_attended_whatever_is_edited(page: Page) -> None:
    open_page(page)
    press(page, "Next step")
    pictures = "[...document.querySelectorAll('.mx-story-film canvas.mx-canvas')].map((c) => c.toDataURL()).join()"
    page.wait_for_selector(".mx-story-tile.mx-there")
    before = page.evaluate(pictures)
    note = page.get_by_text("You have edited this scene")
    expect(note).to_be_hidden()
    page.keyboard.press("1")
    drag(page, page.locator("#mx-latents .mx-latent input[type=range]").first)
    page.wait_for_function("monetExplorer.store.edited")
    expect(note).to_be_visible()
    assert page.evaluate(pictures) == before
