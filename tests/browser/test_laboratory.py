"""Tests of the slot inspector's actions and of the exports."""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from monet.data import samples
from monet.figures import SLOT_COLORS
from tests.browser.laboratory import READY, drag, duplicate, open_page, press, state
from tests.conftest import CONFIGS

pytestmark = pytest.mark.browser


@pytest.fixture
def laboratory(page: Page) -> Page:
    """The page with its first scene decomposed and the second slot selected."""
    open_page(page)
    page.keyboard.press("2")
    return page


def drag_latent(page: Page) -> None:
    drag(page, page.locator(".mx-latent .mx-range").first)


def test_a_seed_brings_its_sample_back_and_another_seed_another(laboratory: Page) -> None:
    seed = laboratory.get_by_label("Seed of the samples")
    drawn = []
    for value in ("7", "7", "8"):
        seed.fill(value)
        press(laboratory, "Sample posterior")
        drawn.append(state(laboratory))
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_locked_latent_keeps_its_value_and_does_not_change_what_the_others_draw(laboratory: Page) -> None:
    def sample() -> list[float]:
        laboratory.get_by_label("Seed of the samples").fill("3")
        press(laboratory, "Sample prior")
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


def test_a_double_click_brings_a_latent_back_to_its_mean(laboratory: Page) -> None:
    before = state(laboratory)
    drag_latent(laboratory)
    assert state(laboratory) != before
    laboratory.locator("#mx-latents .mx-range").first.dblclick()
    assert state(laboratory) == before


def test_latents_that_say_nothing_are_folded_away_and_can_be_taken_out(laboratory: Page) -> None:
    slots = laboratory.evaluate("monetExplorer.store.document.slots.map((s) => [...s.kl])")
    folded = [{d for d, nats in enumerate(slot) if nats < 0.01} for slot in slots]
    slot = max(range(len(slots)), key=lambda k: len(folded[k]))
    assert folded[slot], "the test needs a latent without information"
    laboratory.keyboard.press(str(slot + 1))
    fold = laboratory.locator("#mx-latents .mx-fold")
    rows = fold.locator(".mx-latent")
    expect(rows).to_have_count(len(folded[slot]))
    assert {int(row.get_attribute("data-dimension") or -1) for row in rows.all()} == folded[slot]
    expect(rows.first).to_be_hidden()
    fold.locator("summary").click()
    before = state(laboratory)
    drag(laboratory, rows.first.locator(".mx-range"))
    assert state(laboratory)[0] != before[0]
    for full in {k for k in range(len(slots)) if not folded[k]}:
        laboratory.keyboard.press(str(full + 1))
        expect(fold).to_be_hidden()


def test_deleting_an_object_lets_the_others_fill_its_place(laboratory: Page) -> None:
    press(laboratory, "Delete")
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
    press(laboratory, "Set this scene aside")
    laboratory.locator("#mx-gallery .mx-thumbnail").nth(4).click()
    laboratory.wait_for_function("monetExplorer.store.scene.origin.index === 4")
    laboratory.get_by_label("Carry over slot 3 of the scene set aside").click()
    state(laboratory)
    count = CONFIGS["multi_dsprites"].num_slots
    assert laboratory.evaluate("monetExplorer.store.document.slots.length") == count + 1
    assert laboratory.evaluate(f"[...monetExplorer.store.document.slots[{count}].latent]") == guest


def test_blending_two_scenes_ends_at_the_other_scene(laboratory: Page) -> None:
    guest = laboratory.evaluate("monetExplorer.store.document.slots.map((s) => [...s.latent])")
    press(laboratory, "Set this scene aside")
    laboratory.locator("#mx-gallery .mx-thumbnail").nth(2).click()
    laboratory.wait_for_function("monetExplorer.store.scene.origin.index === 2")
    scrubber = laboratory.get_by_label("Blend the whole scene into the one set aside")
    scrubber.focus()
    laboratory.keyboard.press("End")
    laboratory.wait_for_function("monetExplorer.store.edited")
    assert laboratory.evaluate("monetExplorer.store.document.slots.map((s) => [...s.latent])") == guest
    laboratory.get_by_role("button", name="Undo").click()
    assert not laboratory.evaluate("monetExplorer.store.edited")


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
            press(laboratory, name)
        return waiting.value.path().read_bytes()

    panels = laboratory.get_by_label("Panel", exact=True)
    for panel in panels.locator("option").evaluate_all("(options) => options.map((o) => o.value)"):
        panels.select_option(panel)
        picture = Image.open(io.BytesIO(download("PNG"))).convert("RGB")
        assert picture.width == round(170 / 25.4 * 300)
        colours = {colour for _, colour in picture.getcolors(picture.width * picture.height) or []}
        assert len(colours) > 40 and picture.getpixel((0, 0)) == (255, 255, 255), panel
        if panel in ("charts", "map"):
            assert {(*map(int, colour),) for colour in SLOT_COLORS[:3]} <= colours
    slots = CONFIGS["multi_dsprites"].num_slots
    assert Image.open(io.BytesIO(download("GIF of the attention"))).n_frames == slots  # type: ignore[attr-defined]
    assert Image.open(io.BytesIO(download("GIF of the traversal"))).n_frames > 10  # type: ignore[attr-defined]
    arrays = np.load(io.BytesIO(download("NPZ")))
    assert arrays["masks"].shape == (slots, 64, 64)
    shown = laboratory.evaluate("[...monetExplorer.frames.frame.image]")
    np.testing.assert_allclose(
        arrays["edited_image"].transpose(1, 2, 0).ravel(), np.array(shown, np.float32), atol=1e-4
    )


def test_a_panel_leaves_as_svg_as_wide_as_asked_for_with_charts_and_letters_as_vectors(laboratory: Page) -> None:
    width = laboratory.get_by_label("Width of the figure in millimetres")
    panels = laboratory.get_by_label("Panel", exact=True)
    width.fill("85")
    slots = CONFIGS["multi_dsprites"].num_slots
    vectors = {"charts": 8 * slots, "map": 24 * slots, "latents": 16, "pad": 4}
    images = {"scene": 4, "attention": 4 * slots + 1, "slots": 3 * slots, "latents": 3, "pad": 3, "traversals": 9}
    for panel in panels.locator("option").evaluate_all("(options) => options.map((o) => o.value)"):
        panels.select_option(panel)
        with laboratory.expect_download() as waiting:
            press(laboratory, "SVG")
        figure = ElementTree.parse(waiting.value.path()).getroot()  # or it is not well-formed
        assert figure.get("width") == "85mm" and float((figure.get("height") or "").removesuffix("mm")) > 0
        tags = Counter(str(element.tag).rpartition("}")[2] for element in figure.iter())
        assert tags["text"] > 1, panel
        assert tags["image"] == images.get(panel, 0), panel
        assert tags["path"] + tags["rect"] + tags["circle"] >= vectors.get(panel, 1), panel


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
    heat.hover()  # first, since it may scroll
    box = heat.bounding_box()
    assert box
    laboratory.mouse.move(box["x"] + box["width"] * 0.97, box["y"] + box["height"] * 0.95)
    # Plotly follows the pointer every 50 ms only, and a click selects what it saw last.
    expect(laboratory.locator("#mx-charts .hovertext")).to_contain_text(re.compile(r"slot 6, z\W*15"))
    laboratory.mouse.down()
    laboratory.mouse.up()
    laboratory.wait_for_function("monetExplorer.store.view.slot === 5 && monetExplorer.store.view.dimension === 15")


def test_the_tour_leads_through_the_panels_and_can_be_left(laboratory: Page) -> None:
    laboratory.get_by_role("button", name="Tour").click()
    tour = laboratory.get_by_role("dialog", name="Guided tour")
    expect(tour).to_contain_text("1 of 5")
    tour.get_by_role("button", name="Next").click()
    expect(tour).to_contain_text("The numbers behind it")
    laboratory.keyboard.press("Escape")
    expect(tour).to_have_count(0)


def test_a_traversal_is_a_film_that_plays_when_asked_and_rests_when_not(laboratory: Page) -> None:
    where = laboratory.locator(".mx-player output")
    scrub = laboratory.get_by_label("Place in the traversal")
    picture = "document.querySelector('.mx-player canvas').toDataURL()"
    expect(where).to_contain_text("=")
    at_rest = where.inner_text()
    latents = state(laboratory)[0]
    laboratory.evaluate(
        """() => {
            const { decoder } = monetExplorer.frames;
            const real = decoder.decode;
            window.decodings = 0;
            window.last = performance.now();
            decoder.decode = (latents) => (window.decodings++, (window.last = performance.now()), real(latents));
        }"""
    )
    laboratory.wait_for_function("performance.now() - window.last > 600")  # the strip is drawn, too
    laboratory.evaluate("window.decodings = 0")
    play = laboratory.get_by_role("button", name="Play the traversal")
    play.focus()
    laboratory.keyboard.press("Enter")
    seen = set()
    for _ in range(4):
        laboratory.wait_for_function(
            f"!{json.dumps([*seen, at_rest])}.includes(document.querySelector('.mx-player output').innerText)"
        )
        seen.add(where.inner_text())
    assert laboratory.evaluate("window.decodings") == 1
    laboratory.keyboard.press("Enter")
    still = where.inner_text(), scrub.input_value(), laboratory.evaluate(picture)
    laboratory.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert (where.inner_text(), scrub.input_value(), laboratory.evaluate(picture)) == still
    scrub.press("Home")
    expect(where).to_contain_text("= -2.00")
    begin = laboratory.evaluate(picture)
    scrub.press("End")
    expect(where).to_contain_text("= 2.00")
    assert laboratory.evaluate(picture) != begin
    assert state(laboratory)[0] == latents


def test_blending_begins_from_what_has_been_edited_meanwhile(laboratory: Page) -> None:
    press(laboratory, "Set this scene aside")
    laboratory.locator("#mx-gallery .mx-thumbnail").nth(2).click()
    laboratory.wait_for_function("monetExplorer.store.scene.origin.index === 2")
    scrubber = laboratory.get_by_label("Blend the whole scene into the one set aside")
    press(laboratory, "Delete")
    drag_latent(laboratory)
    edited = state(laboratory)
    scrubber.press("End")
    assert state(laboratory) != edited
    assert len(json.loads(state(laboratory)[0])) == CONFIGS["multi_dsprites"].num_slots - 1
    press(laboratory, "Undo")
    assert state(laboratory) == edited
    expect(scrubber).to_have_value("0")


def test_undo_works_while_a_choice_has_the_focus(laboratory: Page) -> None:
    before = state(laboratory)
    drag_latent(laboratory)
    laboratory.wait_for_function("monetExplorer.store.edited")
    laboratory.get_by_label("Order of the latents").focus()
    laboratory.keyboard.press("Control+z")
    assert state(laboratory) == before


def test_the_pixel_inspector_walks_by_arrow_keys(laboratory: Page) -> None:
    inspector = laboratory.locator(".mx-inspector")
    inspector.focus()
    for key in ("ArrowUp", "ArrowLeft", "Shift+ArrowDown"):
        laboratory.keyboard.press(key)
    expect(inspector).to_contain_text("row 39, column 31")
    expect(laboratory.locator("#mx-middle .mx-mark:visible")).to_have_count(4)
    expect(laboratory.locator("#mx-scene .mx-panel > .mx-sr")).to_contain_text("row 39, column 31: slot")
    inspector.blur()
    expect(inspector).to_contain_text("Point at a pixel")
    expect(laboratory.locator("#mx-middle .mx-mark:visible")).to_have_count(0)


@pytest.mark.parametrize("look", ["as it is", "hidden", "alone", "edited", "by the decoder"])
def test_the_program_makes_the_picture_that_is_on_screen(laboratory: Page, checkpoints_folder: Path, look: str) -> None:
    laboratory.context.grant_permissions(["clipboard-read", "clipboard-write"])
    if look == "hidden":
        press(laboratory, "Hide slot 1")
    elif look == "alone":
        press(laboratory, "Show slot 2 alone")
    elif look == "edited":
        drag_latent(laboratory)
        duplicate(laboratory)
        press(laboratory, "Hide slot 3")
    elif look == "by the decoder":
        laboratory.get_by_label("Masks that recompose the scene").select_option("decoder")
    laboratory.wait_for_function("monetExplorer.frames.frame.view === monetExplorer.store.view")
    state(laboratory)
    press(laboratory, "Copy as Python")
    expect(laboratory.locator("#mx-export [role=status]")).to_have_text("program copied")
    program = laboratory.evaluate("navigator.clipboard.readText()")
    table: dict[str, np.ndarray] = {}
    exec(program.replace('"multi_dsprites")\n', f'r"{checkpoints_folder / "multi_dsprites"}")\n'), table)
    shown = laboratory.evaluate("[...monetExplorer.frames.frame.image]")
    # The page has the attention's masks in half precision.
    np.testing.assert_allclose(table["image"].transpose(1, 2, 0).ravel(), shown, atol=2e-3)


def test_a_link_to_a_picture_asks_for_it_and_then_makes_its_edits(laboratory: Page, tmp_path: Path) -> None:
    laboratory.context.grant_permissions(["clipboard-read", "clipboard-write"])
    Image.fromarray(samples.read("multi_dsprites", 7).image).save(tmp_path / "own.png")
    laboratory.set_input_files("#mx-upload input[type=file]", tmp_path / "own.png")
    laboratory.wait_for_function("monetExplorer.store.scene.origin.kind === 'picture'")
    drag_latent(laboratory)
    before = state(laboratory)
    press(laboratory, "Copy link")
    expect(laboratory.locator("#mx-export [role=status]")).to_contain_text("link copied, without your picture")
    link = laboratory.evaluate("navigator.clipboard.readText()")
    other = laboratory.context.new_page()
    other.goto(link)
    expect(other.locator(".mx-notice span")).to_contain_text("The picture is not in the link")
    other.set_input_files("#mx-upload input[type=file]", tmp_path / "own.png")
    other.wait_for_function("monetExplorer.store.scene?.origin.kind === 'picture' && monetExplorer.store.edited")
    assert state(other) == before


def test_the_address_lets_go_of_a_scene_that_is_gone(laboratory: Page) -> None:
    laboratory.goto("/#model=multi_dsprites&slots=6&how=crop&kind=sample&data=multi_dsprites&index=3")
    laboratory.reload()
    laboratory.wait_for_function(f"{READY} && monetExplorer.store.scene.origin.index === 3")
    assert "#model" in laboratory.url
    laboratory.locator("#mx-gallery .mx-thumbnail").nth(1).click()
    laboratory.wait_for_function("monetExplorer.store.scene.origin.index === 1")
    assert "#" not in laboratory.url


def test_edits_show_in_the_posteriors_chart_which_keeps_its_zoom(laboratory: Page) -> None:
    laboratory.locator("#mx-charts").scroll_into_view_if_needed()
    chart = laboratory.locator("#mx-charts .mx-plot").first
    expect(chart.locator(".main-svg").first).to_be_visible()
    chart.evaluate("(plot) => Plotly.relayout(plot, { 'xaxis.range': [3, 9], 'yaxis.range': [-5, 5] })")
    laboratory.evaluate(
        """import(new URL("monet/static/scene/actions.js", document.baseURI)).then(({ setLatent }) =>
            monetExplorer.store.edit(setLatent(1, 5, 2.5)))"""
    )
    laboratory.wait_for_function("document.querySelector('#mx-charts .mx-plot').data.at(-1).y?.[0] === 2.5")
    assert chart.evaluate("(plot) => plot.layout.xaxis.range") == [3, 9]
    assert chart.evaluate("(plot) => plot.data.at(-1).customdata") == [[2, 5]]


def test_the_map_of_slots_opens_the_scene_of_the_slot_that_is_pointed_at(laboratory: Page) -> None:
    surface = laboratory.locator("#mx-map .mx-map")
    surface.scroll_into_view_if_needed()
    expect(surface.locator(".main-svg").first).to_be_visible()
    # The scene on screen is the first sample: its rings lie on the first points.
    points, rings = surface.locator(".mx-plot").evaluate("(plot) => plot.data.map(({ x, y }) => [x, y])")[:2]
    slots = CONFIGS["multi_dsprites"].num_slots
    np.testing.assert_allclose(rings, np.array(points)[:, :slots], atol=1e-4)
    surface.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowDown"):
        laboratory.keyboard.press(key)
    expect(laboratory.locator("#mx-map [role=status]")).to_contain_text(
        "slot 2 of Multi-dSprites, coloured on grey, sample 3"
    )
    laboratory.keyboard.press("Enter")
    laboratory.wait_for_function("monetExplorer.store.scene.origin.index === 2 && monetExplorer.store.view.slot === 1")
