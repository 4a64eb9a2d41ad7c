"""Tests of training and own pictures in the page."""

from __future__ import annotations

import base64
import io
import os
import re
import signal
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, expect

from monet.training import state as states
from tests.browser.laboratory import DRAWN, READY, drag
from tests.runs import end_all, recipes, until
from tests.serving import Server

pytestmark = pytest.mark.browser

SEEN = "(image) => image.complete && image.naturalWidth > 0"


@pytest.fixture(scope="module")
def server(checkpoints_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The app with a small recipe for Tetrominoes, without data or runs."""
    folder = tmp_path_factory.mktemp("training")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("MONET_RECIPES", str(recipes(folder / "recipes")))
        environment.setenv("MONET_DATA", str(folder / "data"))
        server = Server(checkpoints_folder, folder)
        yield server.start()
        end_all(server.runs)
        server.stop()


@pytest.fixture
def visitor(server: Server, context: BrowserContext) -> Iterator[Page]:
    page = context.new_page()
    errors: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type == "error":
            errors.append(message.text)

    page.on("console", listen)
    page.on("pageerror", lambda error: errors.append(f"uncaught: {error}"))
    open_at(page, server.address)
    yield page
    page.close()
    assert errors == []


def open_at(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_function(READY)
    page.keyboard.press("Escape")
    page.locator("#mx-train").scroll_into_view_if_needed()


def panel(page: Page) -> Locator:
    return page.locator("#mx-train")


def press(page: Page, name: str) -> None:
    panel(page).get_by_role("button", name=name, exact=True).click()


def says(page: Page, state: str) -> None:
    expect(panel(page).locator(".mx-train-run > h3")).to_have_text(re.compile(f"{state}$"))


def start(page: Page, name: str) -> None:
    expect(panel(page).get_by_label("Learn from")).to_have_value(re.compile("tetrominoes"))
    panel(page).get_by_label("Name of the run").fill(name)
    panel(page).get_by_label("Until stopped").check()
    press(page, "Train")


def test_a_run_is_begun_watched_paused_resumed_and_its_weights_take_the_scene_apart(
    server: Server, visitor: Page, context: BrowserContext
) -> None:
    start(visitor, "watched")
    says(visitor, "is training")
    sheet = panel(visitor).locator(".mx-train-sheet")
    expect(sheet).to_be_visible()
    visitor.wait_for_function(SEEN, arg=sheet.element_handle())
    assert panel(visitor).locator(".mx-train-heads span").all_inner_texts()[-1] == "slot 3"
    curves = panel(visitor).locator(".mx-train-line")
    expect(curves.first).to_have_attribute("d", re.compile(r"M.*L"))  # two rows of the log at least
    expect(panel(visitor).locator(".mx-figures")).to_contain_text("steps/s")

    other = context.new_page()  # another visitor sees the same run, and pauses it
    open_at(other, server.address)
    says(other, "is training")
    press(other, "Pause")
    says(other, "is paused")
    other.close()
    says(visitor, "is paused")
    saved = states.records(server.runs / "watched" / "state")[-1]["step"]

    slider = panel(visitor).get_by_label("Step of the slots")
    slider.focus()
    slider.press("Home")
    expect(sheet).to_have_attribute("src", f"{server.address}/monet/runs/watched/50.png")

    press(visitor, "Take the scene apart with the current weights")
    visitor.wait_for_function(f"monetExplorer.store.scene.model === 'watched@{saved}'")
    expect(visitor.locator("#mx-model input")).to_have_value(f"watched (step {saved:,})")
    visitor.wait_for_function(DRAWN)
    assert visitor.evaluate("monetExplorer.store.scene.slots") == 3
    before = visitor.evaluate("Array.from(monetExplorer.frames.frame.decoded[monetExplorer.store.view.slot])")
    drag(visitor, visitor.locator(".mx-latent .mx-range").first)
    visitor.wait_for_function(f"monetExplorer.store.edited && {DRAWN}")
    after = visitor.evaluate("Array.from(monetExplorer.frames.frame.decoded[monetExplorer.store.view.slot])")
    assert np.abs(np.subtract(before, after)).max() > 0
    visitor.get_by_label("number input for Slots K").fill("2")
    visitor.get_by_label("number input for Slots K").press("Tab")
    visitor.wait_for_function("monetExplorer.store.scene.slots === 2")

    press(visitor, "Resume")
    says(visitor, "is training")
    visitor.reload()
    visitor.wait_for_function(READY)
    panel(visitor).scroll_into_view_if_needed()
    says(visitor, "is training")
    visitor.wait_for_function("monetExplorer.store.scene && document.querySelector('#mx-model input').value !== ''")
    visitor.goto(f"{server.address}/#model=watched@{saved}&slots=3&how=crop&kind=sample&data=tetrominoes&index=1")
    visitor.wait_for_function(f"monetExplorer.store.scene.model === 'watched@{saved}'")  # listed in a page opened later
    expect(visitor.locator("#mx-model input")).to_have_value(f"watched (step {saved:,})")
    panel(visitor).scroll_into_view_if_needed()
    press(visitor, "Stop")
    says(visitor, "was stopped")


def test_runs_outlive_the_app_and_one_that_died_says_so(server: Server, visitor: Page) -> None:
    start(visitor, "mortal")
    says(visitor, "is training")
    until(lambda: states.records(server.runs / "mortal" / "state"))
    process = states.owner(server.runs / "mortal")
    assert process
    visitor.goto("about:blank")
    server.stop()
    assert states.owner(server.runs / "mortal") == process
    server.start()
    open_at(visitor, server.address)
    says(visitor, "is training")
    os.kill(process, signal.SIGKILL)
    says(visitor, "has died")
    expect(panel(visitor).locator(".mx-train-output")).to_contain_text("step/s")
    expect(panel(visitor).get_by_role("button", name="Resume")).to_be_enabled()


def test_what_cannot_be_begun_is_said_beside_the_form(server: Server, visitor: Page) -> None:
    wrong = panel(visitor).locator(".mx-train-wrong")
    name = panel(visitor).get_by_label("Name of the run")
    minutes = panel(visitor).get_by_label("Minutes", exact=True)
    expect(panel(visitor).get_by_label("Learn from")).to_have_value(re.compile("tetrominoes"))
    (server.runs / "taken" / "state").mkdir(parents=True)
    for words, called, time in [
        ("Give it a name.", "", "5"),
        ("Minutes must be a number above 0", "new", "-1"),
        ("Minutes must be a number above 0", "new", ""),
        ("at most 10,080 minutes", "new", "99999"),
        ("A name has 1 to 48 letters", "../x", "5"),
        ("There is a run taken already", "taken", "5"),
    ]:
        name.fill(called)
        minutes.fill(time)
        press(visitor, "Train")
        expect(wrong).to_contain_text(words)
    assert not (server.runs / "new").exists()


def test_closed_doors_are_explained_in_the_panels(
    checkpoints_folder: Path, context: BrowserContext, tmp_path: Path
) -> None:
    server = Server(checkpoints_folder, tmp_path, "--i-know", host="0.0.0.0")
    page = context.new_page()
    try:
        open_at(page, server.start().address)
        for where in ("#mx-train", "#mx-own"):
            expect(page.locator(where)).to_contain_text("To allow both, start the server with --allow-training")
        expect(panel(page).locator(".mx-train-start")).to_be_hidden()
        expect(page.locator("#mx-own .mx-own")).to_be_hidden()
    finally:
        page.close()
        server.stop()


def test_a_folder_is_added_accounted_for_and_shown(server: Server, visitor: Page, tmp_path: Path) -> None:
    folder = tmp_path / "my cells"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for n in range(4):
        Image.fromarray(rng.integers(0, 256, (40, 60, 3), np.uint8)).save(folder / f"{n}.png")
    (folder / "notes.txt").write_text("no picture", encoding="utf-8")
    visitor.set_input_files("#mx-own input[webkitdirectory]", folder)
    dialog = visitor.locator(".mx-own-dialog")
    expect(dialog.get_by_label("Name")).to_have_value("my_cells")
    dialog.get_by_label("Name").fill("tetrominoes")
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("is the name of a data set of this project")
    dialog.get_by_label("Name").fill("my_cells")
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(dialog.get_by_role("heading", name="4 pictures in “my_cells”")).to_be_visible()
    expect(dialog.get_by_role("listitem")).to_contain_text("notes.txt")
    dialog.get_by_role("button", name="Show them").click()
    visitor.wait_for_function("monetExplorer.store.scene.origin.data === 'my_cells'")
    gallery = visitor.locator("#mx-gallery")
    expect(gallery.get_by_label("Data set")).to_have_value("stored/my_cells")
    expect(gallery.locator(".mx-thumbnail")).to_have_count(4)
    visitor.reload()
    visitor.wait_for_function(READY)
    expect(gallery.locator("option[value='stored/my_cells']")).to_have_count(1)


@pytest.mark.parametrize("place", ["#mx-own .mx-own", "#mx-upload"])
def test_a_zip_file_is_dropped_wherever_pictures_are(visitor: Page, place: str) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for n in range(2):
            picture = io.BytesIO()
            Image.effect_noise((30, 30), 60).convert("RGB").save(picture, "PNG")
            archive.writestr(f"{n}.png", picture.getvalue())
    dropped = visitor.evaluate_handle(
        """(text) => {
            const transfer = new DataTransfer();
            const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
            transfer.items.add(new File([bytes], "packed.zip", { type: "application/zip" }));
            return transfer;
        }""",
        base64.b64encode(file.getvalue()).decode(),
    )
    name = f"packed{len(place)}"
    visitor.locator(place).dispatch_event("drop", {"dataTransfer": dropped})
    dialog = visitor.locator(".mx-own-dialog")
    expect(dialog.get_by_label("Name")).to_have_value("packed")
    dialog.get_by_label("Name").fill(name)
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(dialog.get_by_role("heading", name=f"2 pictures in “{name}”")).to_be_visible()
    assert visitor.evaluate("monetExplorer.store.scene.origin.kind") == "sample"  # Gradio did not take it
