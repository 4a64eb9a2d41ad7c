"""Tests of composing a scene: drawing against the generators, figures against NumPy, links, the panel."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from monet.data import samples
from monet.data.generators import multi_dsprites, tetrominoes
from tests.browser.laboratory import READY, open_page

pytestmark = pytest.mark.browser

TETROMINOES, SPRITES, CUTOUTS = "tetrominoes", "multi_dsprites", "clevr6"
MODULE = 'import(new URL("monet/static/canvas/{}.js", document.baseURI))'
RENDER = f"""async ([data, frame, list]) => {{
    const [{{ worldOf }}, {{ render }}] = await Promise.all([{MODULE.format("worlds")}, {MODULE.format("render")}]);
    const world = await worldOf(data);
    return list.map(({{ things, ground }}) => {{
        const {{ pixels, owners, areas }} = render({{ things, ground: ground ?? world.grounds[0] }}, world, frame);
        return {{ pixels: [...pixels], owners: [...owners], areas }};
    }});
}}"""


@pytest.fixture(scope="session")
def app(trained_app: str) -> str:
    return trained_app


def thing(number: int, shape: str, x: float, y: float, **more: Any) -> dict[str, Any]:
    return {"id": number, "shape": shape, "x": x, "y": y, "scale": 1, "angle": 0, "alpha": 1, "color": None} | more


def rendered(page: Page, data: str, sides: tuple[int, int], *compositions: Any) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pixels H,W,3 and owners H,W of compositions, in a frame of two sides: of the picture and of the model."""
    picture, side = sides
    found = page.evaluate(RENDER, [data, {"picture": picture, "side": side}, compositions])
    return [(np.reshape(f["pixels"], (side, side, 3)), np.reshape(f["owners"], (side, side))) for f in found]


def test_sprites_are_those_of_the_generator(page: Page) -> None:
    open_page(page)
    scenes = [multi_dsprites.generate(seed, (3, 5)) for seed in range(6)]
    compositions = []
    for scene in scenes:
        assert scene.factors is not None
        ground = scene.image[scene.segmentation == 0][0]
        columns = [scene.factors[name] for name in ("shape", "x", "y", "scale", "angle", "color")]
        things = [
            thing(
                n + 1,
                ("square", "ellipse", "heart")[shape],
                x + 0.5,
                y + 0.5,
                scale=scale,
                angle=angle,
                color=np.round(255 * color).astype(int).tolist(),
            )
            for n, (shape, x, y, scale, angle, color) in enumerate(zip(*columns, strict=True))
        ]
        compositions.append({"things": things, "ground": {"color": ground.tolist()}})
    plain = json.loads(json.dumps(compositions, default=float))
    for scene, (pixels, owners) in zip(scenes, rendered(page, SPRITES, (64, 64), *plain), strict=True):
        np.testing.assert_array_equal(pixels, scene.image)
        np.testing.assert_array_equal(owners, scene.segmentation)


def test_seven_pieces_and_their_turns_are_the_nineteen_of_the_generator(page: Page) -> None:
    open_page(page)
    shapes = page.evaluate(
        f"{MODULE.format('worlds')}.then((m) => m.worldOf('tetrominoes')).then((w) => w.kind.shapes)"
    )
    kinds = [(shape, turn) for shape in shapes for turn in range(4)]
    middle = [
        {"things": [thing(1, shape, 17.5, 17.5, angle=turn * np.pi / 2, color=[255, 0, 0])]} for shape, turn in kinds
    ]
    found = {}
    for kind, (pixels, owners) in zip(kinds, rendered(page, TETROMINOES, (35, 40), *middle), strict=True):
        assert not pixels[..., 1:].any() and not owners[:2].any()
        rows, columns = (np.flatnonzero(owners.any(axis)) for axis in (1, 0))
        picture = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1, 0]
        [match] = [n for n, piece in enumerate(tetrominoes.PIECES) if np.array_equal(piece, picture)]
        found[match] = kind
    assert sorted(found) == list(range(19))
    # Whole scenes: the model is fed the picture with a black border.
    scene = tetrominoes.generate(5)
    assert scene.factors is not None
    things = []
    for n, (shape, color, y, x) in enumerate(
        zip(*(scene.factors[f] for f in ("shape", "color", "y", "x")), strict=True)
    ):
        height, width = tetrominoes.PIECES[shape].shape
        name, turn = found[shape]
        things.append(
            thing(n + 1, name, x + width / 2, y + height / 2, angle=turn * np.pi / 2, color=(255 * color).tolist())
        )
    [(pixels, owners)] = rendered(
        page, TETROMINOES, (35, 40), {"things": json.loads(json.dumps(things, default=float))}
    )
    np.testing.assert_array_equal(pixels, np.pad(scene.image, ((2, 3), (2, 3), (0, 0))))
    np.testing.assert_array_equal(owners, np.pad(scene.segmentation, (2, 3)))


def test_a_cut_out_is_its_object_and_the_ground_what_samples_have_in_common(page: Page) -> None:
    open_page(page)
    shapes = page.evaluate(f"{MODULE.format('worlds')}.then((m) => m.worldOf('{CUTOUTS}')).then((w) => w.kind.shapes)")
    scenes = [samples.read(CUTOUTS, index) for index in range(12)]
    compositions: list[Any] = [{"things": []}]
    for shape in shapes:
        index, label = map(int, shape.split("."))
        rows, columns = np.nonzero(scenes[index].segmentation == label)
        middle = [float(v.min() + v.max() + 1) / 2 for v in (columns, rows)]
        compositions.append({"things": [thing(1, shape, *middle)]})
    (ground, _), *cut = rendered(page, CUTOUTS, (64, 64), *compositions)
    for shape, (pixels, owners) in zip(shapes, cut, strict=True):
        index, label = map(int, shape.split("."))
        own = scenes[index].segmentation == label
        np.testing.assert_array_equal(owners, own)
        np.testing.assert_array_equal(pixels, np.where(own[..., None], scenes[index].image, ground))
    images, labels = (np.stack([getattr(s, name) for s in scenes]) for name in ("image", "segmentation"))
    for y, x in ((0, 0), (20, 31), (32, 32), (45, 12), (63, 63)):
        seen = np.sort(images[labels[:, y, x] == 0, y, x], axis=0)
        np.testing.assert_array_equal(ground[y, x], seen[len(seen) // 2])


MEASURES = f"""async ([owners, areas, masks, side, a, b]) => {{
    const m = await {MODULE.format("measures")};
    const answered = {{ owners: Uint8Array.from(owners), areas, masks: masks.map((mask) => Float32Array.from(mask)) }};
    return [m.takenAlong(answered, a, b), m.overlap(answered, a), m.visibleShare(answered, a), m.ownSlots(answered),
        m.stepTaken(answered, a), m.distance(answered.owners, side, a, b)];
}}"""


@pytest.mark.parametrize("seed", range(4))
def test_figures_are_those_of_numpy(page: Page, seed: int) -> None:
    open_page(page)
    rng = np.random.default_rng(seed)
    side, slots, objects = 12, 4, 3
    owners = rng.integers(0, objects + 1, (side, side))
    # Slots that prefer objects, so that some are found and some share.
    prefers = rng.integers(0, slots, objects + 1)
    logits = rng.standard_normal((slots, side, side)) + 2.5 * (prefers[owners] == np.arange(slots)[:, None, None])
    masks = (np.exp(logits) / np.exp(logits).sum(0)).astype(np.float32)
    areas = [int((owners == n).sum()) + 5 for n in (1, 2, 3)]
    found = page.evaluate(MEASURES, [owners.ravel().tolist(), areas, masks.reshape(slots, -1).tolist(), side, 1, 2])
    shares = np.stack([masks[:, owners == n].mean(1) for n in range(objects + 1)])
    best = shares.argmax(1)
    labels = masks.argmax(0)
    taken = labels == best[1]
    middles = [np.argwhere(owners == n).mean(0) for n in (1, 2)]
    expected = [
        shares[2, best[1]],
        (taken & (owners == 1)).sum() / (taken | (owners == 1)).sum(),
        (owners == 1).sum() / areas[0],
        sum(list(best).count(k) == 1 for k in best[1:]),
        int((shares[1].cumsum() > 0.5).argmax()) + 1,
        np.linalg.norm(middles[0] - middles[1]),
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_what_is_not_seen_has_no_figures(page: Page) -> None:
    open_page(page)
    masks = [[1] * 9, [0] * 9]
    found = page.evaluate(MEASURES, [[0] * 8 + [2], [4, 1], masks, 3, 1, 2])
    assert found == [None, None, 0, 0, None, None]


READ = f"""async ([data, side, text]) => {{
    const {{ worldOf }} = await {MODULE.format("worlds")};
    const {{ fromText, toHash, canvasIn }} = await {MODULE.format("link")};
    const world = await worldOf(data);
    try {{
        const {{ things, ground, experiment }} = fromText(text, world, {{ picture: side, side }});
        const hash = toHash("#", {{ composition: {{ things, ground }}, experiment }}, world);
        return {{ things, experiment, again: canvasIn(hash) }};
    }} catch (error) {{
        return error.message;
    }}
}}"""
HEART: list[Any] = [1, "heart", 30.25, 20, 0.75, 1.5, 1, [255, 0, 9]]
STROKE: list[Any] = [2, "stroke", 10, 11, 1, 0, 1, None, 4, [0, 0, 3.5, -2]]
LINK = {"v": 1, "e": "hide", "g": [90, 90, 90], "t": [HEART, STROKE]}


def test_a_link_holds_the_canvas(page: Page) -> None:
    open_page(page)
    read = page.evaluate(READ, [SPRITES, 64, json.dumps(LINK)])
    assert read["experiment"] == "hide"
    assert read["things"][0] == thing(1, "heart", 30.25, 20, scale=0.75, angle=1.5, color=[255, 0, 9])
    assert read["things"][1] == thing(2, "stroke", 10, 11) | {"width": 4, "points": [[0, 0], [3.5, -2]]}
    assert json.loads(read["again"]) == LINK


HOSTILE: dict[str, Any] = {
    "no JSON": "{",
    "null": "null",
    "a list": [],
    "another version": LINK | {"v": 2},
    "no objects": {"v": 1, "g": [0, 0, 0]},
    "too many objects": LINK | {"t": [[n, *HEART[1:]] for n in range(1, 42)]},
    "two of one number": LINK | {"t": [HEART, HEART]},
    "a shape of another world": LINK | {"t": [[1, "T", *HEART[2:]]]},
    "a property of every object": LINK | {"t": [[1, "constructor", *HEART[2:]]]},
    "a place far away": LINK | {"t": [[1, "heart", 1e9, *HEART[3:]]]},
    "a place that is no number": LINK | {"t": [[1, "heart", "30", *HEART[3:]]]},
    "a size without end": LINK | {"t": [[*HEART[:4], 1e9, *HEART[5:]]]},
    "a colour that is a text": LINK | {"t": [[*HEART[:7], "red;}"]]},
    "a colour of five": LINK | {"t": [[*HEART[:7], [0, 0, 0, 0, 0]]]},
    "half a point": LINK | {"t": [[*STROKE[:9], [1, 2, 3]]]},
    "a stroke of many points": LINK | {"t": [[*STROKE[:9], [0] * 1000]]},
    "an experiment that is none": LINK | {"e": "__proto__"},
    "a ground that is a file": LINK | {"g": {"kind": "picture", "data": "../x"}},
    "a ground that is not there": LINK | {"g": 7},
    "a scope of another size": LINK | {"s": "_wE"},
    "a scope that is no text": LINK | {"s": [1]},
    "too long": LINK | {"x": "a" * 40_000},
}


def test_hostile_links_are_refused_in_words(page: Page) -> None:
    open_page(page)
    for name, link in HOSTILE.items():
        text = link if isinstance(link, str) else json.dumps(link)
        said = page.evaluate(READ, [SPRITES, 64, text])
        assert isinstance(said, str) and said.startswith("the link’s") and said.endswith("is damaged"), (name, said)


STUDIO = "monetExplorer.studio"
ANSWERED = f"{STUDIO}?.live.shown && {STUDIO}.live.shown.about.composition === {STUDIO}.desk.composition"
MIDDLES = f"""() => {{
    const {{ answer: {{ masks }}, about: {{ owners, side }} }} = {STUDIO}.live.shown;
    const own = [...owners.keys()].filter((p) => owners[p] === {STUDIO}.desk.composition.things.length);
    const share = (mask) => own.reduce((sum, p) => sum + mask[p], 0);
    const best = masks.reduce((a, b) => (share(b) > share(a) ? b : a));
    const mean = (of) => best.reduce((sum, m, p) => sum + m * of(p), 0) / best.reduce((sum, m) => sum + m, 0);
    return [mean((p) => p % side), mean((p) => Math.floor(p / side))];
}}"""


def spot(screen: Locator, side: int, x: float, y: float) -> tuple[float, float]:
    """Converts a point of the model's input to one of the window."""
    box = screen.bounding_box()
    assert box
    return box["x"] + box["width"] * x / side, box["y"] + box["height"] * y / side


def answered(page: Page) -> None:
    page.wait_for_function(ANSWERED)


def test_a_scene_is_composed_by_hand_and_followed_live(page: Page) -> None:
    page.emulate_media(reduced_motion="reduce")  # so that the panel stands still when it is there
    page.goto(f"/#model={TETROMINOES}&kind=sample&data={TETROMINOES}&index=0&slots=4&how=crop")
    page.wait_for_function(READY)
    panel = page.locator("#mx-compose")
    expect(panel.locator(".mx-easel")).to_have_count(0)  # folded away, it costs nothing
    page.get_by_role("button", name="Compose", exact=True).click()
    answered(page)
    expect(panel.locator(".mx-live-status")).to_contain_text("in your browser")
    panel.get_by_role("button", name="Clear", exact=True).click()
    screen = panel.locator(".mx-easel .mx-canvas")
    screen.scroll_into_view_if_needed()

    # A piece is dragged in from the shapes, and then across the canvas: its slot comes along.
    box = panel.get_by_role("button", name="Add T").bounding_box()
    assert box
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(*spot(screen, 40, 12, 12), steps=6)
    page.mouse.up()
    answered(page)
    before = page.evaluate(MIDDLES)
    assert before == pytest.approx([11.5, 11.5], abs=2)
    page.mouse.move(*spot(screen, 40, 12, 10))
    page.mouse.down()
    page.mouse.move(*spot(screen, 40, 26, 22), steps=10)
    page.mouse.up()
    answered(page)
    after = page.evaluate(MIDDLES)
    assert np.subtract(after, before) == pytest.approx([14, 12], abs=1.5)

    # By keys alone.
    screen.press("Space")
    screen.press("ArrowLeft")
    screen.press("]")
    now = page.evaluate(f"{STUDIO}.desk.thing")
    assert now["angle"] == pytest.approx(np.pi / 2, abs=1e-3)
    screen.press("Delete")
    assert page.evaluate(f"{STUDIO}.desk.composition.things.length") == 0
    screen.press("Control+z")
    assert page.evaluate(f"{STUDIO}.desk.thing ?? {STUDIO}.desk.composition.things[0]") == now
    assert not page.evaluate("monetExplorer.store.canUndo")

    # A brush paints an object like the others, and the eraser shows the ground.
    owners = f"{STUDIO}.live.shown.about.owners"
    for tool, count in (("Brush", 2), ("Eraser", 1)):
        panel.get_by_role("button", name=tool, exact=True).click()
        page.mouse.move(*spot(screen, 40, 8, 8))
        page.mouse.down()
        page.mouse.move(*spot(screen, 40, 14, 8), steps=4)
        page.mouse.up()
        answered(page)
        assert len(set(page.evaluate(f"[...{owners}]")) - {0}) == count
    panel.get_by_role("button", name="Move", exact=True).click()

    # An experiment draws its curve: what was apart shares a slot at the end.
    panel.get_by_role("button", name="Two of the same colour").click()
    play = panel.get_by_role("button", name="▶ Play")
    play.click()
    expect(panel.get_by_role("button", name="❚❚ Stop")).to_be_visible()
    expect(play).to_be_visible()
    points = page.evaluate(f"{STUDIO}.trials.chart.points")
    assert len(points) >= 10
    assert points[0]["x"] < points[-1]["x"] and points[0]["y"][0] > 0.5 > points[-1]["y"][0]

    # On the stage it is a scene like any other.
    pixels = page.evaluate(f"[...{STUDIO}.place.rendered.pixels]")
    panel.get_by_role("button", name="Open on the stage").click()
    page.wait_for_function("monetExplorer.store.scene.origin.kind === 'picture'")
    np.testing.assert_allclose(page.evaluate("[...monetExplorer.store.scene.image]"), np.divide(pixels, 255), atol=1e-6)

    # Its link restores canvas and experiment.
    composed = page.evaluate(f"{STUDIO}.desk.composition")
    panel.get_by_role("button", name="Copy link").click()
    page.wait_for_function("location.hash.includes('canvas=')")
    link = page.evaluate("location.hash")
    page.goto("about:blank")
    page.goto(f"/{link}")
    page.wait_for_function(READY)
    answered(page)
    assert page.evaluate(f"{STUDIO}.desk.composition") == composed
    assert page.evaluate(f"{STUDIO}.trials.name") == "together"
    expect(panel.locator(".mx-trial-answer")).to_contain_text("pixels apart")


def test_the_server_answers_where_the_page_cannot_and_the_panel_says_so(page: Page) -> None:
    page.goto(f"/?network=server#model={TETROMINOES}&kind=sample&data={TETROMINOES}&index=2&slots=4&how=crop")
    page.wait_for_function(READY)
    page.get_by_role("button", name="Compose", exact=True).click()
    answered(page)
    panel = page.locator("#mx-compose")
    expect(panel.locator(".mx-live-status")).to_contain_text("by the server")
    # The picture of the stage becomes the ground, a damaged link leaves everything as it is.
    panel.get_by_role("button", name="Take this scene’s picture").click()
    answered(page)
    taken = page.evaluate(f"[...{STUDIO}.place.rendered.pixels]")
    np.testing.assert_allclose(page.evaluate("[...monetExplorer.store.scene.image]"), np.divide(taken, 255), atol=1e-6)
    # A link names the scene whose picture it is.
    panel.get_by_role("button", name="Copy link").click()
    page.wait_for_function("location.hash.includes('canvas=')")
    panel.get_by_role("button", name="Random scene").click()
    assert page.evaluate(f"{STUDIO}.desk.composition.ground.origin ?? null") is None
    page.evaluate("dispatchEvent(new Event('hashchange'))")
    page.wait_for_function(f"{STUDIO}.desk.composition.ground.origin?.index === 2 && {ANSWERED}")
    assert page.evaluate(f"[...{STUDIO}.place.rendered.pixels]") == taken
    damaged = quote(json.dumps(LINK | {"v": 9}))
    page.evaluate(f"location.hash = location.hash.replace(/canvas=.*/, 'canvas={damaged}')")
    expect(page.locator(".mx-notice")).to_contain_text("cannot be shown")
    assert page.evaluate(f"[...{STUDIO}.place.rendered.pixels]") == taken
