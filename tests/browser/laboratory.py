"""A person's actions on slots, by mouse, by keyboard and by touch."""

from __future__ import annotations

from playwright.sync_api import Locator, Page

READY = "document.documentElement.dataset.monet === 'ready' && monetExplorer.frames.frame"
LATENTS = "JSON.stringify(monetExplorer.store.document.slots.map((s) => [s.color, s.hidden, ...s.latent]))"
DRAWN = "monetExplorer.frames.frame.document === monetExplorer.store.document"
SETTLED = f"{DRAWN} && monetExplorer.frames.frame.view === monetExplorer.store.view"
PICTURE = "document.querySelector('[data-name=image] .mx-large').toDataURL()"

PHONE = {"width": 390, "height": 844}
TARGET = 24
"""Smallest size of a touch target in pixels (WCAG 2.5.8)."""


def open_page(page: Page) -> None:
    page.goto("/")
    page.wait_for_function(READY)
    page.wait_for_selector("[data-name=image] .mx-large", state="attached")  # Gradio mounts one panel after the other


def state(page: Page) -> tuple[str, str]:
    """Returns the latents and the recomposed picture, once they correspond."""
    page.wait_for_function(DRAWN)
    return page.evaluate(LATENTS), page.evaluate(PICTURE)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def duplicate(page: Page) -> None:
    """Waits for the copy, which appears once a place for it is found."""
    count = page.evaluate("monetExplorer.store.document.slots.length")
    press(page, "Duplicate")
    page.wait_for_function(f"monetExplorer.store.document.slots.length === {count + 1}")


def drag(page: Page, slider: Locator, start: float = 0.5, end: float = 0.2) -> None:
    """Drags along a slider, from one share of its width to another."""
    page.wait_for_function(SETTLED)  # another slot brings other sliders
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    assert box
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * start, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * end, y, steps=8)
    page.mouse.up()


class Mouse:
    """A person with a mouse."""

    def __init__(self, page: Page):
        self.page = page

    def reach(self, what: Locator) -> Locator:
        what.scroll_into_view_if_needed()
        return what

    def press(self, name: str, within: str = "body") -> None:
        self.reach(self.page.locator(within).get_by_role("button", name=name, exact=True)).click()

    def slide(self, label: str) -> None:
        """Drags along a slider that is found by its label."""
        drag(self.page, self.reach(self.page.get_by_label(label, exact=True)))

    def pad(self) -> None:
        self.reach(self.page.locator(".mx-pad")).click(position={"x": 20, "y": 30})

    def own(self) -> None:
        """Selects the slot that owns the scene's central pixel."""
        self.reach(self.page.locator("[data-name=image] .mx-large")).click()

    def select(self, slot: int) -> None:
        self.press(f"Select slot {slot}", "#mx-slots")

    def undo(self) -> None:
        self.press("Undo")

    def redo(self) -> None:
        self.press("Redo")


class Keyboard(Mouse):
    """A person with a keyboard; every element that takes the focus can be reached by Tab."""

    def reach(self, what: Locator) -> Locator:
        # Tab reaches it, or the arrow keys do inside of its group.
        assert what.evaluate("(e) => (e.tabIndex >= 0 || e.closest('[data-roving]')) && e.checkVisibility()")
        what.focus()
        return what

    def press(self, name: str, within: str = "body") -> None:
        self.reach(self.page.locator(within).get_by_role("button", name=name, exact=True)).press("Enter")

    def slide(self, label: str) -> None:
        self.reach(self.page.get_by_label(label, exact=True)).press("End")

    def pad(self) -> None:
        self.reach(self.page.locator(".mx-pad")).press("ArrowUp")

    def own(self) -> None:
        self.reach(self.page.locator(".mx-inspector")).press("Enter")

    def select(self, slot: int) -> None:
        self.page.keyboard.press(str(slot))

    def undo(self) -> None:
        self.page.keyboard.press("Control+z")

    def redo(self) -> None:
        self.page.keyboard.press("Control+Shift+z")


class Finger(Mouse):
    """A person with a phone; every touched element must be in view and large enough."""

    def reach(self, what: Locator) -> Locator:
        what.scroll_into_view_if_needed()
        box = what.bounding_box()
        assert box and box["x"] >= 0 and box["x"] + box["width"] <= PHONE["width"], what
        assert min(box["width"], box["height"]) >= TARGET, (what, box)
        assert self.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        return what
