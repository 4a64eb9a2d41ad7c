"""Tests of actions: each is one edit, and undo restores latents and picture exactly."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.laboratory import LATENTS, PHONE, Finger, Keyboard, Mouse, open_page, state

pytestmark = pytest.mark.browser

Action = Callable[[Mouse], None]


def pressing(*names: str) -> Action:
    def do(hand: Mouse) -> None:
        for name in names:
            hand.press(name)

    return do


def first_slider(hand: Mouse) -> str:
    label = hand.page.locator(".mx-latent .mx-range").first.get_attribute("aria-label")
    assert label
    return label


def dimension(hand: Mouse) -> str:
    return first_slider(hand).split()[1]


def slide(hand: Mouse) -> None:
    hand.slide(first_slider(hand))


def reset_dimension(hand: Mouse) -> None:
    hand.press(f"Reset latent {dimension(hand)}")


def type_value(hand: Mouse) -> None:
    entry = hand.reach(hand.page.get_by_label(f"Value of latent {dimension(hand)}"))
    entry.fill("2.5")
    entry.press("Enter")


def sample_all(hand: Mouse) -> None:
    hand.reach(hand.page.get_by_label("Sample every slot")).press("Space")
    hand.press("Sample prior")
    hand.page.get_by_label("Sample every slot").press("Space")


def paste(hand: Mouse) -> None:
    hand.select(3)
    hand.press("Paste")


def copy_by_key(hand: Mouse) -> None:
    hand.page.keyboard.press("Control+c")


def paste_by_key(hand: Mouse) -> None:
    hand.page.keyboard.press("3")
    hand.page.keyboard.press("Control+v")


def traverse(hand: Mouse) -> None:
    end = hand.page.locator(".mx-strip .mx-thumbnail").last.get_attribute("aria-label")
    assert end
    hand.press(end)


def blend(hand: Mouse) -> None:
    hand.slide("Blend this slot into the other")


def on_an_arc(hand: Mouse) -> None:
    hand.reach(hand.page.get_by_label("Blend on an arc")).press("Space")


def carry_over(hand: Mouse) -> None:
    hand.press("Carry over slot 2 of the scene set aside")


def blend_scenes(hand: Mouse) -> None:
    hand.slide("Blend the whole scene into the one set aside")


def nothing(hand: Mouse) -> None:
    pass


ACTIONS: dict[str, tuple[Action, Action]] = {
    "drag": (nothing, slide),
    "type": (nothing, type_value),
    "pad": (nothing, Mouse.pad),
    "traversal": (nothing, traverse),
    "reset a dimension": (slide, reset_dimension),
    "reset the slot": (slide, pressing("Reset slot")),
    "reset the scene": (slide, pressing("Reset scene")),
    "sample posterior": (nothing, pressing("Sample posterior")),
    "sample prior": (nothing, pressing("Sample prior")),
    "sample every slot": (nothing, sample_all),
    "copy and paste": (pressing("Copy"), paste),
    "copy and paste by key": (copy_by_key, paste_by_key),
    "swap": (nothing, pressing("Swap")),
    "blend": (nothing, blend),
    "blend on an arc": (on_an_arc, blend),  # and so does what follows
    "duplicate": (nothing, pressing("Duplicate")),
    "delete": (nothing, pressing("Delete")),
    "move right": (nothing, pressing("Move slot right")),
    "move left": (nothing, pressing("Move slot left")),
    "hide": (nothing, pressing("Hide slot 2")),
    "show": (pressing("Hide slot 2"), pressing("Hide slot 2")),
    "carry over": (nothing, carry_over),
    "blend scenes": (slide, blend_scenes),
}
"""Actions, and the steps that they need before."""


@pytest.fixture(params=[Mouse, Keyboard, Finger])
def hand(request: pytest.FixtureRequest, page: Page) -> Mouse:
    """The page with its first scene, latents traversed and another scene set aside."""
    if request.param is Finger:
        page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    open_page(page)
    hand: Mouse = request.param(page)
    hand.press("Set this scene aside")
    hand.press("Multi-dSprites, coloured on grey, sample 5")
    page.wait_for_function("monetExplorer.store.scene.origin.index === 4")
    return hand


def test_every_action_is_one_edit_that_undo_takes_back_and_redo_makes_again(hand: Mouse) -> None:
    start = state(hand.page)
    for action, (prepare, do) in ACTIONS.items():
        hand.select(2)
        expect(hand.page.locator(".mx-strip .mx-thumbnail")).to_have_count(9)
        prepare(hand)
        before = state(hand.page)
        do(hand)
        hand.page.wait_for_function(f"({LATENTS}) !== {json.dumps(before[0])}")
        after = state(hand.page)
        hand.undo()
        assert state(hand.page) == before, action
        hand.redo()
        assert state(hand.page) == after, action
        hand.press("Reset scene")
        assert state(hand.page) == start, action


def test_what_is_only_looked_at_changes_no_latent_and_can_be_left_again(hand: Mouse) -> None:
    page = hand.page
    hand.select(2)
    before = state(page)
    for name in ("Show slot 2 alone", f"Lock latent {dimension(hand)}"):
        toggle = page.get_by_role("button", name=name)
        hand.press(name)
        expect(toggle).to_have_attribute("aria-pressed", "true")
        hand.press(name)
        expect(toggle).to_have_attribute("aria-pressed", "false")
    hand.press("Next step")
    page.wait_for_function("monetExplorer.store.view.step === 0")
    hand.press("All steps")
    page.wait_for_function("monetExplorer.store.view.step === null")
    hand.own()
    owner = page.evaluate(
        "(({ labels, scene }) => labels[(scene.size * (scene.size + 1)) / 2])(monetExplorer.frames.frame)"
    )
    page.wait_for_function(f"monetExplorer.store.view.slot === {owner}")
    hand.press("All latents")
    expect(page.locator(".mx-strip")).to_have_count(16)
    assert state(page) == before
    assert not page.evaluate("monetExplorer.store.canUndo")
