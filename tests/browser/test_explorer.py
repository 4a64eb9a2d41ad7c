"""Tests of the page by mouse and keyboard; what it draws is compared with inference."""

import base64
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

import monet
from monet.data import DATASETS, samples
from monet.figures import SLOT_COLORS, to_uint8

pytestmark = pytest.mark.browser

HOME = "multi_dsprites"
SLOTS = 6
INPUT = "Input picture, as the model is fed it"
SCENE = "The scene recomposed from its slots"
SEGMENTATION = "Segmentation: the slot with the largest mask at each pixel"
COMPONENT = "Component of the selected slot"

EDITED = re.compile(r"^edited scene: decoder’s mask for slot \d, attention’s for the others$")

SETTLED = """() => {
    if (!window.monetExplorer?.frames.frame) return false;
    const { store, frames: { frame } } = window.monetExplorer;
    const shown = store.view.compare ? store.original : store.document;
    return frame.scene === store.scene && frame.view === store.view && frame.document === shown
        && [...document.querySelectorAll("section.mx-panel")].every((panel) => panel.childElementCount > 0);
}"""
"""Whether every panel is there and has drawn the newest state."""


def settle(page: Page) -> None:
    page.wait_for_function(SETTLED)


def visit(page: Page, query: str = "") -> None:
    page.goto(f"/{query}")
    settle(page)


def store(page: Page, expression: str) -> Any:
    """Evaluates an expression of the page's ``store``, as JSON; float32 numbers are exact."""
    return page.evaluate(f"() => {{ const {{ store }} = window.monetExplorer; return {expression}; }}")


def wait_for_store(page: Page, condition: str) -> None:
    page.wait_for_function(f"() => {{ const {{ store }} = window.monetExplorer; return {condition}; }}")
    settle(page)


def latents(page: Page) -> list[list[float]]:
    return store(page, "store.document.slots.map((slot) => Array.from(slot.latent))")


def pictures(page: Page) -> dict[str, str]:
    """Returns the drawn pictures of scene and slots by label, as data URLs: equal if all pixels are."""
    return page.evaluate("""() => {
        const all = document.querySelectorAll("#mx-middle .mx-canvas, .mx-columns canvas, #mx-latents .mx-medium");
        return Object.fromEntries([...all].map((c) => [c.getAttribute("aria-label"), c.toDataURL()]));
    }""")


def decoded(picture: str) -> np.ndarray:
    """Decodes a canvas's data URL to int H,W,3."""
    return np.array(Image.open(io.BytesIO(base64.b64decode(picture.split(",")[1]))).convert("RGB"), int)


def pixels(page: Page, label: str) -> np.ndarray:
    """Returns the pixels of one picture, int H,W,3."""
    return decoded(pictures(page)[label])


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def caption(page: Page) -> Locator:
    return page.locator('figure[data-name="image"] figcaption')


def slider(page: Page, index: int = 0) -> Locator:
    """Returns one of the selected slot's latents, ordered by KL."""
    return page.locator("#mx-latents .mx-latent input[type=range]").nth(index)


def dimension(of: Locator) -> int:
    return int(re.match(r"Latent (\d+)", of.get_attribute("aria-label") or "")[1])


def drag(page: Page, what: Locator, by: int = 50) -> None:
    """Drags the slider's thumb, which is 14 pixels wide."""
    settle(page)  # another slot brings other sliders
    what.scroll_into_view_if_needed()
    box = what.bounding_box()
    share = what.evaluate("(range) => (range.value - range.min) / (range.max - range.min)")
    x, y = box["x"] + 7 + (box["width"] - 14) * share, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + by, y, steps=8)
    page.mouse.up()
    settle(page)


def hover(page: Page, label: str, row: int, column: int) -> None:
    """Points at a pixel of the scene."""
    box, size = page.locator(f'canvas[aria-label="{label}"]').bounding_box(), store(page, "store.scene.size")
    page.mouse.move(box["x"] + (column + 0.5) * box["width"] / size, box["y"] + (row + 0.5) * box["height"] / size)
    settle(page)


@pytest.fixture(scope="module")
def said(checkpoints_folder: Path) -> monet.DecomposedScene:
    """The opening scene, decomposed in this process."""
    return monet.decompose(monet.load(checkpoints_folder / HOME), samples.read(HOME, 0).image)


def drawn(image: np.ndarray) -> np.ndarray:
    """Converts a picture 3,H,W or a mask H,W in [0, 1] to the pixels that the page draws, int H,W,3."""
    image = np.broadcast_to(image, (3, *image.shape[-2:]))
    return to_uint8(image).transpose(1, 2, 0).astype(int)


def test_the_first_scene_is_taken_apart_when_the_page_opens(page):
    visit(page)
    assert store(page, "store.scene.origin") == {"kind": "sample", "data": HOME, "index": 0}
    expect(page.locator("#mx-scene")).to_contain_text("Multi-dSprites, coloured on grey, sample 1")
    expect(caption(page)).to_have_text("reconstruction: attention’s masks")
    expect(page.locator("#mx-slots .mx-chip")).to_have_count(SLOTS)
    expect(page.locator("#mx-attention .mx-chip")).to_have_count(SLOTS)
    expect(button(page, "Multi-dSprites, coloured on grey, sample 1")).to_have_attribute("aria-pressed", "true")
    assert not store(page, "store.canUndo")


def test_the_page_draws_what_inference_says(page, said):
    visit(page)
    shown = {label: decoded(picture) for label, picture in pictures(page).items()}
    np.testing.assert_array_equal(shown[INPUT], samples.read(HOME, 0).image)
    np.testing.assert_allclose(shown[SCENE], drawn(said.reconstruction), atol=1)
    # Masks come in half precision: where two are as good as equal, either may win.
    labels = SLOT_COLORS[said.masks.argmax(0)]
    assert (shown[SEGMENTATION] == labels).all(2).mean() > 0.99
    for k in range(SLOTS):
        rows = {
            "Component mean: what the decoder paints for this slot, everywhere": said.components[k],
            "Masked component: its part in the recomposed scene": said.masks[k] * said.components[k],
            "The decoder's own mask: softmax of the mask logits over the slots": said.decoded_masks[k],
            "Scope: what is left to explain before this step": said.scopes[k],
            "Attention mask: scope times alpha; the last step takes what is left": said.masks[k],
        }
        for row, expected in rows.items():
            np.testing.assert_allclose(shown[f"{row}, slot {k + 1}"], drawn(expected), atol=1, err_msg=row)


def test_a_click_on_a_sample_opens_it(page):
    visit(page)
    sample = button(page, "Multi-dSprites, coloured on grey, sample 4")
    expect(sample).to_have_attribute("aria-pressed", "false")
    sample.click()
    wait_for_store(page, "store.scene.origin.index === 3")
    np.testing.assert_array_equal(pixels(page, INPUT), samples.read(HOME, 3).image)
    expect(sample).to_have_attribute("aria-pressed", "true")
    expect(page.locator('#mx-gallery [aria-pressed="true"]')).to_have_count(1)


def test_a_seed_makes_a_new_scene_and_the_same_one_again(page):
    visit(page)
    seed = page.get_by_label("Seed of the scene")
    seed.fill("4711")
    seed.press("Enter")
    wait_for_store(page, "store.scene.origin.seed === 4711")
    np.testing.assert_array_equal(pixels(page, INPUT), DATASETS[HOME].scene(4711).image)
    expect(page.locator('#mx-gallery [aria-pressed="true"]')).to_have_count(0)
    button(page, "New random scene").click()
    wait_for_store(page, "store.scene.origin.seed !== 4711")
    number = int(seed.input_value())
    assert store(page, "store.scene.origin") == {"kind": "seed", "data": HOME, "seed": number}
    np.testing.assert_array_equal(pixels(page, INPUT), DATASETS[HOME].scene(number).image)


def test_scenes_unlike_those_of_the_training_stand_in_a_corner_of_the_gallery(page):
    visit(page)
    page.get_by_label("Data set").select_option("Out of distribution")
    crowd = page.get_by_role("button", name="8 objects The model was trained on at most 5")
    crowd.click()
    wait_for_store(page, "store.scene.origin.objects === 8")
    np.testing.assert_array_equal(pixels(page, INPUT), DATASETS[HOME].scene(7, (8, 8)).image)
    expect(crowd).to_have_attribute("aria-pressed", "true")
    button(page, "New random scene").wait_for(state="hidden")
    page.get_by_role("button", name="Identical colours").click()
    wait_for_store(page, 'store.scene.origin.data === "multi_dsprites_binarized"')
    expect(page.locator('#mx-gallery [aria-pressed="true"]')).to_have_text(re.compile("^Identical colours"))
    expect(page.locator('[data-figure="ari_fg"]')).to_be_visible()


def test_another_model_brings_its_resolution_its_slots_and_a_scene_of_its_data(page):
    visit(page)
    page.get_by_label("Model", exact=True).click()
    page.get_by_role("option", name="Untrained, tetrominoes").click()
    wait_for_store(page, 'store.scene.model === "tetrominoes"')
    assert pixels(page, INPUT).shape == pixels(page, SCENE).shape == (40, 40, 3)
    assert store(page, "store.scene.origin") == {"kind": "sample", "data": "tetrominoes", "index": 0}
    expect(page.locator("#mx-slots .mx-chip")).to_have_count(4)
    expect(page.get_by_label("number input for Slots K")).to_have_value("4")
    expect(page.get_by_label("Data set")).to_have_value("sample/tetrominoes")


def test_the_number_of_slots_may_be_chosen_by_number_and_by_arrow_key(page):
    visit(page)
    number = page.get_by_label("number input for Slots K")
    number.fill("3")
    number.press("Tab")
    wait_for_store(page, "store.scene.slots === 3")
    expect(page.locator("#mx-slots .mx-chip")).to_have_count(3)
    np.testing.assert_array_equal(pixels(page, INPUT), samples.read(HOME, 0).image)
    page.get_by_label("range slider for Slots K").press("ArrowRight")
    wait_for_store(page, "store.scene.slots === 4")
    expect(page.locator("#mx-slots .mx-chip")).to_have_count(4)


def test_a_picture_of_ones_own_is_taken_apart_cropped_or_padded(page, tmp_path):
    visit(page)
    Image.fromarray(np.full((50, 100, 3), (255, 128, 0), np.uint8)).save(tmp_path / "orange.png")
    page.set_input_files("#mx-upload input[type=file]", tmp_path / "orange.png")
    wait_for_store(page, 'store.scene.origin.kind === "picture"')
    assert (pixels(page, INPUT) == (255, 128, 0)).all()
    page.locator("#mx-how").get_by_label("pad").check()
    wait_for_store(page, 'store.scene.how === "pad"')
    image = pixels(page, INPUT)
    assert (image[16:48] == (255, 128, 0)).all()
    assert not image[:16].any() and not image[48:].any()


def test_a_file_that_is_no_picture_gets_a_sentence_and_the_scene_stays(page, tmp_path):
    visit(page)
    drag(page, slider(page))
    before, state = pictures(page), latents(page)
    (tmp_path / "bad.png").write_text("this is no picture", encoding="utf-8")
    page.set_input_files("#mx-upload input[type=file]", tmp_path / "bad.png")
    expect(page.locator(".mx-notice span")).to_have_text(
        "The file is not a readable PNG, JPEG, WebP, BMP or GIF picture."
    )
    expect(page.locator("#mx-upload img")).to_have_count(0)  # and no empty frame where a picture would be
    assert pictures(page) == before
    assert latents(page) == state
    button(page, "Multi-dSprites, coloured on grey, sample 2").click()
    wait_for_store(page, "store.scene.origin.index === 1")


def test_a_latent_that_is_dragged_changes_its_object_and_the_scene(page):
    visit(page)
    component, scene, state = pixels(page, COMPONENT), pixels(page, SCENE), latents(page)
    slot, moved = store(page, "store.view.slot"), dimension(slider(page))
    drag(page, slider(page))
    now = latents(page)
    assert now[slot][moved] > state[slot][moved] + 0.5
    now[slot][moved] = state[slot][moved]
    assert now == state  # and nothing else
    assert (pixels(page, COMPONENT) != component).any()
    assert (pixels(page, SCENE) != scene).any()
    expect(caption(page)).to_have_text(EDITED)


def test_an_edited_slot_is_drawn_as_inference_decodes_it(page, said, checkpoints_folder):
    visit(page)
    drag(page, slider(page), -70)
    model = monet.load(checkpoints_folder / HOME)
    components, logits = monet.decode(model, np.array(latents(page), np.float32))
    slot = store(page, "store.view.slot")
    masks = monet.compose_masks(said.masks, logits, np.arange(SLOTS) == slot)
    np.testing.assert_allclose(pixels(page, COMPONENT), drawn(components[slot]), atol=1)
    np.testing.assert_allclose(pixels(page, SCENE), drawn(monet.compose(components, masks)), atol=1)


def test_resetting_the_scene_brings_back_the_exact_picture(page):
    visit(page)
    before, state, slot = pictures(page), latents(page), store(page, "store.view.slot")
    drag(page, slider(page))
    button(page, "Select slot 4").first.click()
    drag(page, slider(page, 2), -60)
    button(page, "Sample prior").click()
    button(page, "Hide slot 1").click()
    settle(page)
    assert pictures(page)[SCENE] != before[SCENE]
    button(page, "Reset scene").click()
    button(page, f"Select slot {slot + 1}").first.click()
    settle(page)
    assert latents(page) == state
    assert pictures(page) == before
    expect(caption(page)).to_have_text("reconstruction: attention’s masks")


def test_undo_and_redo_walk_through_the_edits_to_the_bit(page):
    visit(page)
    expect(button(page, "Undo")).to_be_disabled()
    states, drawings = [latents(page)], [pictures(page)]
    for index, by in ((0, 40), (1, -40)):  # each drag is one edit
        drag(page, slider(page, index), by)
        states.append(latents(page))
        drawings.append(pictures(page))
    assert states[0] != states[1] != states[2]
    expect(button(page, "Redo")).to_be_disabled()

    def expect_step(step: int) -> None:
        settle(page)
        assert latents(page) == states[step]
        assert pictures(page) == drawings[step]

    for keys, step in (
        ("Control+z", 1), ("Control+z", 0), ("Control+z", 0),
        ("Control+Shift+z", 1), ("Control+Shift+z", 2), ("Control+Shift+z", 2), ("Control+z", 1),
    ):  # fmt: skip
        page.keyboard.press(keys)
        expect_step(step)
    button(page, "Undo").click()
    expect_step(0)
    expect(button(page, "Undo")).to_be_disabled()
    button(page, "Redo").click()
    expect_step(1)


def test_everything_works_by_keyboard_alone(page):
    visit(page)
    state, scene, slot = latents(page), pixels(page, SCENE), store(page, "store.view.slot")
    for _ in range(200):
        page.keyboard.press("Tab")
        label = page.evaluate("() => document.activeElement.getAttribute('aria-label') ?? ''")
        if re.fullmatch(rf"Latent \d+ of slot {slot + 1}", label):
            break
    else:
        pytest.fail("no latent is reached by the Tab key")
    moved = int(label.split()[1])
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    settle(page)
    assert latents(page)[slot][moved] == pytest.approx(state[slot][moved] + 1, abs=1e-3)
    edited = pixels(page, SCENE)
    assert (edited != scene).any()

    page.keyboard.down("c")
    expect(caption(page)).to_have_text("before the edits: attention’s masks")
    np.testing.assert_array_equal(pixels(page, SCENE), scene)
    page.keyboard.up("c")
    expect(caption(page)).to_have_text(EDITED)
    np.testing.assert_array_equal(pixels(page, SCENE), edited)

    for key in (1, 6, 3):
        page.keyboard.press(str(key))
        settle(page)
        assert store(page, "store.view.slot") == key - 1
        expect(page.locator("#mx-slots").get_by_role("button", name=f"Select slot {key}")).to_have_attribute(
            "aria-pressed", "true"
        )
        expect(slider(page)).to_have_attribute("aria-label", re.compile(rf"of slot {key}$"))


def test_whoever_chooses_a_slot_by_its_number_stays_in_the_latents(page):
    visit(page)
    slider(page).focus()
    page.keyboard.press("3")
    settle(page)
    assert store(page, "store.view.slot") == 2
    assert page.evaluate("() => document.activeElement.closest('#mx-latents') !== null")


def test_play_steps_through_the_attention_and_stops_at_the_last(page):
    page.add_init_script(
        "const real = requestAnimationFrame; window.requestAnimationFrame = (f) => real((t) => f(50 * t));"
    )
    visit(page)
    page.evaluate("""() => {
        const { store } = window.monetExplorer;
        window.steps = [];
        store.subscribe(() => window.steps.at(-1) !== store.view.step && window.steps.push(store.view.step));
    }""")
    button(page, "▶ Play").click()
    wait_for_store(page, f"store.view.step === {SLOTS - 1}")
    expect(button(page, "▶ Play")).to_be_visible()  # and no longer Pause
    assert page.evaluate("() => window.steps") == list(range(SLOTS))
    expect(page.locator("#mx-attention figcaption[role=status]")).to_contain_text(f"step {SLOTS} of {SLOTS}")
    button(page, "Previous step").click()
    settle(page)
    assert store(page, "store.view.step") == SLOTS - 2


def test_a_pixel_that_is_pointed_at_shows_whose_it_is_and_a_click_selects_it(page, said):
    visit(page)
    inspector = page.locator(".mx-inspector")
    expect(inspector).to_contain_text("Point at a pixel")
    owners = said.masks.argmax(0)
    slot = store(page, "store.view.slot")
    sure = np.sort(said.masks, axis=0)[-1] - np.sort(said.masks, axis=0)[-2]
    row, column = np.unravel_index(np.where(owners == slot, 0, sure * (owners > 0)).argmax(), owners.shape)
    for label in (INPUT, SCENE, SEGMENTATION):
        hover(page, label, row, column)
        expect(inspector).to_contain_text(f"row {row}, column {column}")
    shares = [
        float(re.fullmatch(r"slot \d: ([\d.]+) %", title)[1])
        for title in inspector.locator(".mx-share").evaluate_all("(bars) => bars.map((bar) => bar.title)")
    ]
    np.testing.assert_allclose(shares, 100 * said.masks[:, row, column], atol=0.15)
    page.mouse.down()
    page.mouse.up()
    settle(page)
    assert store(page, "store.view.slot") == owners[row, column] != slot
    page.mouse.move(5, 5)
    expect(inspector).to_contain_text("Point at a pixel")


def test_a_slot_is_hidden_or_shown_alone_and_back(page, said):
    visit(page)
    before = pixels(page, SCENE)
    masks = monet.compose_masks(said.masks[1:], said.mask_logits[1:], np.zeros(SLOTS - 1, bool))
    filled = monet.compose(said.components[1:], masks)
    assert np.abs(masks.sum(0) - 1).max() < 1e-5  # the ground behind shows, and not black
    for name, expected in (("Hide slot 1", filled), ("Show slot 2 alone", said.masks[1] * said.components[1])):
        toggle = button(page, name)
        toggle.click()
        settle(page)
        expect(toggle).to_have_attribute("aria-pressed", "true")
        np.testing.assert_allclose(pixels(page, SCENE), drawn(expected), atol=1)
        toggle.click()
        settle(page)
        expect(toggle).to_have_attribute("aria-pressed", "false")
        np.testing.assert_array_equal(pixels(page, SCENE), before)


def test_a_slot_keeps_its_colour_when_others_go(page, said):
    visit(page)
    button(page, "Select slot 1").first.click()
    button(page, "Delete").click()
    wait_for_store(page, f"store.document.slots.length === {SLOTS - 1}")
    chips = page.locator("#mx-slots .mx-chip").evaluate_all("(all) => all.map((chip) => chip.style.background)")
    assert [list(map(int, re.findall(r"\d+", chip))) for chip in chips] == SLOT_COLORS[1:SLOTS].tolist()
    owners = 1 + monet.compose_masks(said.masks[1:], said.mask_logits[1:], np.zeros(SLOTS - 1, bool)).argmax(0)
    assert (pixels(page, SEGMENTATION) == SLOT_COLORS[owners]).all(2).mean() > 0.99


def test_a_traversal_is_nine_pictures_and_a_click_goes_there(page):
    visit(page)
    strip = page.locator("#mx-traversals .mx-strip .mx-thumbnail")
    expect(strip).to_have_count(9)
    slot, latent = store(page, "[store.view.slot, store.view.dimension]")
    expect(strip.last).to_have_attribute("aria-label", f"Set latent {latent} to 2.00")
    strip.last.click()
    settle(page)
    assert latents(page)[slot][latent] == 2


def test_a_picture_of_a_traversal_that_is_being_pressed_is_drawn_anew_and_not_exchanged(page):
    visit(page)
    thumbnail = page.locator("#mx-traversals .mx-strip .mx-thumbnail").last
    slot, latent = store(page, "[store.view.slot, store.view.dimension]")
    drawn = "(button) => button.querySelector('canvas').toDataURL()"
    before = thumbnail.evaluate(drawn)
    thumbnail.hover()
    page.mouse.down()
    page.keyboard.press("1" if slot else "2")
    page.wait_for_function(
        f"(before) => ({drawn})(document.querySelectorAll('#mx-traversals .mx-thumbnail')[8]) !== before", arg=before
    )
    page.mouse.up()
    settle(page)
    changed = store(page, "store.view.slot")
    assert changed != slot and latents(page)[changed][latent] == 2


def test_browser_and_server_draw_the_same_and_the_badge_says_which_of_them_does(page):
    seen = {}
    for query, where, note in (
        ("", "in your browser", r"decoded in your browser \(.*SIMD\), largest difference from the server (\d+e-\d+)"),
        ("?decoder=server", "on the server", "decoded on the server: requested in the address"),
    ):
        visit(page, query)
        badge = page.locator(".mx-badge").first
        expect(badge).to_have_text(where)
        told = re.fullmatch(note, badge.get_attribute("title"))
        assert all(float(difference) <= 1e-4 for difference in told.groups())
        slider(page).focus()
        for _ in range(10):
            page.keyboard.press("PageUp")
        settle(page)
        seen[where] = {label: pixels(page, label) for label in (SCENE, COMPONENT)}
    for label, picture in seen["in your browser"].items():
        np.testing.assert_allclose(seen["on the server"][label], picture, atol=1)
        assert np.ptp(picture) > 10  # two black pictures would be as equal


def test_edits_are_kept_while_the_server_does_not_answer(page, expected_errors):
    expected_errors.extend(["net::ERR_FAILED", "decoding: Failed to fetch"])
    visit(page, "?decoder=server")
    scene = pixels(page, SCENE)
    page.route("**/monet/decode/**", lambda route: route.abort())
    slider(page).focus()
    page.keyboard.press("PageUp")
    badge = page.locator(".mx-badge").first
    expect(badge).to_contain_text("The server does not answer; your edits are kept.")
    np.testing.assert_array_equal(pixels(page, SCENE), scene)
    edited = latents(page)
    page.unroute("**/monet/decode/**")
    settle(page)
    expect(badge).to_have_text("on the server")
    assert latents(page) == edited
    assert (pixels(page, SCENE) != scene).any()


def test_charts_are_drawn_with_a_trace_for_each_slot(page):
    visit(page)
    page.locator("#mx-charts").scroll_into_view_if_needed()
    plots = page.locator("#mx-charts .mx-plot")
    expect(plots).to_have_count(3)
    for index in range(3):
        expect(plots.nth(index).locator(".main-svg").first).to_be_visible()
    expect(plots.first.locator(".scatterlayer .trace")).to_have_count(SLOTS)
    rows = plots.nth(1).evaluate("(plot) => plot.data[0].z.length")
    assert rows == SLOTS


@pytest.mark.parametrize("query", ["", "?__theme=dark"])
def test_a_phone_shows_everything_without_scrolling_sideways(page, query):
    page.set_viewport_size({"width": 390, "height": 844})
    visit(page, query)
    page.locator("#mx-charts").scroll_into_view_if_needed()
    expect(page.locator("#mx-charts .main-svg").first).to_be_visible()
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    beyond = page.evaluate("""() => [...document.querySelectorAll("[id^=mx-] :is(button, input, canvas)")]
        .filter((e) => e.checkVisibility() && e.getBoundingClientRect().right > innerWidth + 1)
        .map((e) => e.getAttribute("aria-label") ?? e.textContent)""")
    assert beyond == []
    drag(page, slider(page), 30)
    expect(caption(page)).to_have_text(EDITED)


CONTRAST = """(element) => {
    const channels = (color) => {
        const context = document.createElement("canvas").getContext("2d");
        context.fillStyle = color;
        context.fillRect(0, 0, 1, 1);
        return [...context.getImageData(0, 0, 1, 1).data];
    };
    const light = (color) => channels(color).slice(0, 3)
        .map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    let behind = element;
    while (channels(getComputedStyle(behind).backgroundColor)[3] === 0) behind = behind.parentElement;
    const pair = [light(getComputedStyle(element).color), light(getComputedStyle(behind).backgroundColor)];
    return { contrast: (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05), dark: pair[1] < 0.1 };
}"""
"""Contrast of a text as WCAG 2 defines it; 4.5 is what small text needs."""


@pytest.mark.parametrize(("query", "dark"), [("?__theme=light", False), ("?__theme=dark", True)])
def test_texts_can_be_read_in_light_and_dark(page, query, dark):
    visit(page, query)
    for selector in ("h2", "figcaption", ".mx-muted", ".mx-badge", ".mx-button:enabled", ".mx-number", "dd", "dt"):
        measured = page.locator(f".mx-panel {selector}").first.evaluate(CONTRAST)
        assert measured["contrast"] >= 4.5, selector
        assert measured["dark"] == dark, selector
    assert len(np.unique(pixels(page, SCENE))) > 5
