"""Tests of the network in the page's worker, against PyTorch, and of the fallback to the server."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, Route

import monet
from monet import checkpoints
from monet.data import samples
from monet.data.batches import prepare
from tests.browser.laboratory import open_page

pytestmark = pytest.mark.browser

NAMES = ("multi_dsprites", "tetrominoes")
MODULE = 'import(new URL("monet/static/{}.js", document.baseURI))'
# Arrays as lists, base64 of their bytes being several times faster than JSON.
PLAIN = """const plain = (value) => {
    if (ArrayBuffer.isView(value)) {
        const raw = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
        let text = "";
        for (const byte of raw) text += String.fromCharCode(byte);
        return { type: value.constructor.name, bytes: btoa(text) };
    }
    if (Array.isArray(value)) return value.map(plain);
    if (value && typeof value === "object") {
        return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item)]));
    }
    return value;
};"""
DECOMPOSE = f"""async ([model, pixels, slots]) => {{
    {PLAIN}
    const network = await (await {MODULE.format("engine/networks")}).openNetwork(model);
    const said = await network.decompose(Uint8Array.from(pixels), slots);
    const again = await network.decompose(Uint8Array.from(pixels), slots);
    network.close();
    return plain({{ note: network.note, said, again }});
}}"""
BOTH = f"""async ([model, image, slots]) => {{
    {PLAIN}
    const {{ Engine }} = await {MODULE.format("engine/engine")};
    const {{ sceneFrom }} = await {MODULE.format("scene/scene")};
    const source = {{ origin: {{ kind: "picture" }}, picture: {{ image, of: model }} }};
    const engine = new Engine();
    const scenes = [];
    for (const load of [() => null, () => engine.network(model)]) {{
        await load();
        scenes.push(sceneFrom(await engine.decompose(source, {{ model, slots, how: "crop" }})));
    }}
    return plain(scenes);
}}"""
REASON = f"""async (model) => {{
    const {{ openNetwork }} = await {MODULE.format("engine/networks")};
    return openNetwork(model).then(() => null, (error) => error.message);
}}"""


def read(value: Any) -> Any:
    """Returns what ``PLAIN`` has written."""
    types = {"Float32Array": "<f4", "Uint8Array": "u1"}
    if isinstance(value, list):
        return [read(item) for item in value]
    if isinstance(value, dict) and set(value) == {"type", "bytes"}:
        return np.frombuffer(base64.b64decode(value["bytes"]), types[value["type"]])
    return {name: read(item) for name, item in value.items()} if isinstance(value, dict) else value


def decompositions(page: Page) -> list[str]:
    """Records the URLs of requests to the server from now on."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/monet/decompose/" in request.url else None)
    return asked


@pytest.mark.parametrize("name", NAMES)
def test_the_worker_says_what_pytorch_says(page: Page, checkpoints_folder: Path, name: str) -> None:
    open_page(page)
    model = checkpoints.load(checkpoints_folder / name)
    scene = samples.read(name, 1)
    pixels = prepare(scene, model.config).image
    found = read(page.evaluate(DECOMPOSE, [name, pixels.ravel().tolist(), 5]))
    assert "in your browser" in found["note"]
    said = monet.decompose(model, scene.image, num_slots=5)
    pixel_wise = np.concatenate((said.components, said.mask_logits[:, None]), axis=1).transpose(0, 2, 3, 1)
    expected = {
        "masks": said.masks,
        "scopes": said.scopes,
        "components": pixel_wise,
        "decodedMasks": said.decoded_masks,
        "latentMean": said.latent_mean,
        "latentStd": said.latent_std,
    }
    for key, values in expected.items():
        assert np.abs(found["said"][key].reshape(values.shape) - values).max() <= 1e-3, key
        np.testing.assert_array_equal(found["said"][key], found["again"][key])


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_is_answered_alike_by_page_and_server(page: Page, checkpoints_folder: Path, name: str) -> None:
    open_page(page)
    asked = decompositions(page)
    pixels = prepare(samples.read(name, 2), checkpoints.load(checkpoints_folder / name).config).image
    server, own = read(page.evaluate(BOTH, [name, pixels.ravel().tolist(), 4]))
    assert len(asked) == 1  # before the network was loaded
    assert own.keys() == server.keys()
    assert_alike(own, server)


def assert_alike(own: Any, server: Any, name: str = "") -> None:
    if isinstance(server, dict):
        assert own.keys() == server.keys()
        for key in server:
            assert_alike(own[key], server[key], f"{name} {key}")
    elif isinstance(server, list):
        assert len(own) == len(server), name
        for pair in zip(own, server, strict=True):
            assert_alike(*pair, name)
    elif isinstance(server, np.ndarray | float):
        # Shares travel in bytes, one of which is 0.004. The reconstruction term sums 12,288 values of both signs.
        least = 4e-3 if "alphas" in name else 1.2 if name.endswith("figures reconstruction") else 1e-3
        np.testing.assert_allclose(own, server, rtol=1e-3, atol=least, err_msg=name)
    else:
        assert own == server, name


def damaged(route: Route) -> None:
    """Returns weights of another network: the right count, all values wrong."""
    answer = route.fetch()
    spec = answer.json()
    weights = np.frombuffer(base64.b64decode(spec["weights"]), "<f4")
    route.fulfill(json=spec | {"weights": base64.b64encode((1.1 * weights).astype("<f4").tobytes()).decode()})


def widened(route: Route) -> None:
    spec = route.fetch().json()
    route.fulfill(json=spec | {"config": spec["config"] | {"encoderChannels": [32, 30]}})


@pytest.mark.parametrize(
    ("path", "change", "sentence"),
    [
        ("**/monet/network/**", damaged, "The browser's network differs from the server by"),
        ("**/monet/network/**", widened, "The browser's network knows pictures of up to 256 pixels"),
        ("**/network/*.wasm", lambda route: route.fulfill(body="no kernel"), "is not a WebAssembly file."),
        ("**/network/worker.js", lambda route: route.fulfill(status=404), "The browser's network does not run"),
    ],
    ids=["damaged", "unknown", "no-kernel", "no-worker"],
)
def test_what_the_page_cannot_do_the_server_does_and_a_sentence_says_why(
    page: Page, path: str, change: Any, sentence: str, expected_errors: list[str]
) -> None:
    expected_errors.append("404")
    page.context.route(path, change)  # a page's own routes do not see what its workers ask for
    try:
        open_page(page)
        assert sentence in page.evaluate(REASON, "tetrominoes")
        asked = decompositions(page)
        image = [128] * (3 * 40 * 40)
        both = BOTH.replace("engine.network(model)", "engine.network(model).catch(() => null)")
        first, second = read(page.evaluate(both, ["tetrominoes", image, 3]))
        assert len(asked) == 2
        assert_alike(first, second)
    finally:
        page.context.unroute(path)
