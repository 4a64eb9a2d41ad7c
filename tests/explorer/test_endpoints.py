"""Tests of the endpoints, called by Gradio's client and by MCP's, against the model."""

import asyncio
import base64
import io
import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError, AuthenticationError
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from PIL import Image

import monet
from monet import checkpoints
from monet.data import samples
from monet.explorer import uploads
from monet.explorer.edits import apply
from monet.explorer.scenes import SceneError
from tests.serving import ROOT, Server

pytestmark = pytest.mark.slow  # starts servers

USER, PASSWORD = "ada", "löve lace"
SAMPLE = {"kind": "sample", "data": "multi_dsprites", "index": 1}
MODEL = "multi_dsprites"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The app with the shipped checkpoints, a password, and MCP enabled."""
    options = ("--auth", f"{USER}:{PASSWORD}", "--mcp")
    server = Server(ROOT / "checkpoints", tmp_path_factory.mktemp("programs"), *options)
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture(scope="module")
def client(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    client = Client(
        server.address, auth=(USER, PASSWORD), verbose=False, analytics_enabled=False,
        download_files=tmp_path_factory.mktemp("downloads"),
    )  # fmt: skip
    yield client
    client.close()


@pytest.fixture(scope="module")
def model() -> monet.MONet:
    return monet.load(MODEL)


@pytest.fixture(scope="module")
def scene(model: monet.MONet) -> monet.DecomposedScene:
    """The sample, decomposed in this process."""
    return monet.decompose(model, samples.read(SAMPLE["data"], SAMPLE["index"]).image)


def assert_same_arrays(file: str, expected: dict[str, np.ndarray]) -> None:
    with np.load(file) as arrays:
        assert set(arrays) >= set(expected)
        for name, array in expected.items():
            np.testing.assert_allclose(arrays[name], array, atol=1e-5, err_msg=name)


def centre(mask: np.ndarray) -> np.ndarray:
    """Returns the centre of mass x, y of a mask H,W."""
    rows, columns = np.indices(mask.shape)
    return np.array([((columns + 0.5) * mask).sum(), ((rows + 0.5) * mask).sum()]) / mask.sum()


def test_models_are_listed_with_what_their_latents_do(client):
    models = {about["name"]: about for about in client.predict(api_name="/list_models")}
    assert models.keys() == {checkpoint.name for checkpoint in checkpoints.find()[0]}
    about = models[MODEL]
    assert (about["slots"], about["size"], about["scene"]["data"]) == (6, 64, "multi_dsprites")
    measured = json.loads((ROOT / "checkpoints" / MODEL / "latents.json").read_text("utf-8"))["latents"]
    assert [latent["name"] for latent in about["latents"]] == [latent["name"] for latent in measured]


def test_a_sample_is_taken_apart_as_the_model_does(client, scene):
    parts, sheet, arrays = client.predict(scene=SAMPLE, model=MODEL, api_name="/decompose")
    assert_same_arrays(arrays, vars(scene))
    assert (parts["model"], parts["title"], parts["size"]) == (
        MODEL, "Multi-dSprites, coloured on grey, sample 2", 64,
    )  # fmt: skip
    for slot, mask, mean, std in zip(parts["slots"], scene.masks, scene.latent_mean, scene.latent_std, strict=True):
        np.testing.assert_allclose(slot["latents"], mean, atol=1e-4)
        np.testing.assert_allclose(slot["deviations"], std, atol=1e-4)
        assert slot["share"] == pytest.approx(mask.mean(), abs=1e-4)
        np.testing.assert_allclose((slot["x"], slot["y"]), centre(mask), atol=0.01)
    panels = np.asarray(Image.open(sheet))[6:, 6:][::3, ::3]  # a margin of 2 pixels, everything three times as large
    np.testing.assert_allclose(panels[:64, :64], 255 * scene.image.transpose(1, 2, 0), atol=1)
    np.testing.assert_allclose(panels[:64, 66:130], 255 * scene.reconstruction.clip(0, 1).transpose(1, 2, 0), atol=1)
    lifted = (scene.masks[1] * scene.components[1] + 1 - scene.masks[1]).clip(0, 1)
    np.testing.assert_allclose(panels[66:130, 66:130], 255 * lifted.transpose(1, 2, 0), atol=1)


def test_a_seed_is_a_scene_too(client):
    parts = client.predict(scene={"kind": "seed", "data": "tetrominoes", "seed": 41}, api_name="/decompose")[0]
    assert parts["title"].endswith("seed 41")


@pytest.mark.parametrize(
    ("kind", "size", "mode"),
    [("jpg", (90, 50), "CMYK"), ("gif", (30, 30), "P"), ("png", (60, 60), "I;16"), ("webp", (20, 80), "RGBA")],
)
def test_a_picture_file_of_any_kind_is_taken_apart(client, model, tmp_path, kind, size, mode):
    image = Image.fromarray(np.full(size[::-1], 32896, np.uint16)) if mode == "I;16" else Image.new(mode, size)
    file = tmp_path / f"picture.{kind}"
    image.save(file)
    *_, arrays = client.predict(picture=handle_file(file), model=MODEL, slots=3, how="pad", api_name="/decompose")
    assert_same_arrays(arrays, vars(monet.decompose(model, file, num_slots=3, how="pad")))


def test_latents_are_decoded_as_the_model_does(client, model):
    latents = np.random.default_rng(0).standard_normal((9, 16)).astype(np.float32)
    sheet, arrays = client.predict(latents.tolist(), MODEL, api_name="/decode")
    components, mask_logits = monet.decode(model, latents)
    assert_same_arrays(arrays, {"components": components, "mask_logits": mask_logits})
    panels = np.asarray(Image.open(sheet))[6:, 6:][::3, ::3]
    np.testing.assert_allclose(panels[66:130, :64], 255 * components[8].clip(0, 1).transpose(1, 2, 0), atol=1)


def test_an_edit_of_latents_is_composed_by_the_pages_rule(client, model, scene):
    table = json.loads((checkpoints.FOLDER / MODEL / "latents.json").read_text())["latents"]
    names = [latent["name"] for latent in table]
    named = next(z for z, name in enumerate(names) if names.count(name) == 1)  # only such a name is accepted
    edits = [{"slot": 1, "latent": names[named], "by": 0.5}, {"slot": 2, "latent": 6, "to": -1}]
    parts, _, arrays = client.predict(edits, scene=SAMPLE, model=MODEL, api_name="/edit")
    latents = scene.latent_mean.copy()
    latents[1, named] += 0.5
    latents[2, 6] = -1
    components, mask_logits = monet.decode(model, latents)
    masks = monet.compose_masks(scene.masks, mask_logits, np.isin(np.arange(6), (1, 2)))
    expected = {"masks": masks, "components": components, "latents": latents, "image": monet.compose(components, masks)}
    assert_same_arrays(arrays, vars(scene) | {f"edited_{name}": array for name, array in expected.items()})
    np.testing.assert_allclose([slot["latents"] for slot in parts["slots"]], latents, atol=1e-4)


def test_edits_by_name_are_of_one_latent(model, scene):
    latents, changed = apply(model, scene, ["size", "hue", *["mixed"] * 14], [{"slot": 3, "latent": "hue", "to": 2}])
    assert latents[3, 1] == 2 and changed == {3} and (latents != scene.latent_mean).sum() == 1
    for latent, words in (
        ("mixed", "give one of the numbers"),
        ("", "or its name"),
        (16, "from 0 to 15"),
        (True, "from 0 to"),
    ):
        with pytest.raises(SceneError, match=words):
            apply(model, scene, ["size", "hue", *["mixed"] * 13, ""], [{"slot": 3, "latent": latent, "to": 2}])


# --- what is refused


ZEROS = [[0.0] * 16]
EDIT = {"slot": 0, "latent": 0, "by": 1}


@pytest.mark.parametrize(
    ("endpoint", "arguments", "words"),
    [
        ("decompose", {"scene": SAMPLE, "model": "no-such-model"}, "There is no model 'no-such-model'."),
        ("decompose", {"scene": SAMPLE, "model": ["a"]}, "There is no model"),
        ("decompose", {"scene": SAMPLE, "slots": 13}, "Choose between 1 and 12 slots."),
        ("decompose", {"scene": SAMPLE, "slots": 10**6}, "Choose between 1 and 12 slots."),
        ("decompose", {"scene": SAMPLE, "slots": 4.5}, "Choose between 1 and 12 slots."),
        ("decompose", {"scene": SAMPLE, "how": "fold"}, "A picture is made square by"),
        ("decompose", {}, "Give either a picture or a scene."),
        ("decompose", {"scene": SAMPLE, "picture": "data:,"}, "Give either a picture or a scene."),
        ("decompose", {"scene": SAMPLE | {"data": "../../etc"}}, "There is no such scene"),
        ("decompose", {"picture": "/etc/passwd"}, "A picture must be an uploaded file"),
        ("decompose", {"picture": {"path": "/etc/passwd"}}, "A picture must be an uploaded file"),
        ("decompose", {"picture": "data:image/png;base64,###"}, "The picture is not base64"),
        ("decompose", {"picture": "data:image/png;base64,aGVsbG8="}, "The file is not a readable PNG"),
        ("decode", {"latents": ZEROS * 65, "model": MODEL}, "Latents of this model are 1 to 64 lists of 16 finite"),
        ("decode", {"latents": [], "model": MODEL}, "Latents of this model are"),
        ("decode", {"latents": [[0.0] * 15], "model": MODEL}, "Latents of this model are"),
        ("decode", {"latents": [[None] * 16], "model": MODEL}, "Latents of this model are"),
        ("decode", {"latents": [[1e39] * 16], "model": MODEL}, "Latents of this model are"),
        ("decode", {"latents": ZEROS, "model": "none"}, "There is no model 'none'."),
        ("edit", {"edits": []}, "Give a list of 1 to 12 edits."),
        ("edit", {"edits": [EDIT] * 13}, "Give a list of 1 to 12 edits."),
        ("edit", {"edits": [EDIT | {"slot": 6}]}, "An edit's slot is a whole number from 0 to 5."),
        ("edit", {"edits": [EDIT | {"latent": "no such"}]}, "A latent is a whole number from 0 to 15, or its name"),
        ("edit", {"edits": [EDIT | {"by": 11}]}, "A latent's by or to is a number from -10 to 10."),
        ("edit", {"edits": [EDIT | {"to": 1}]}, "Give either the latent"),
        ("edit", {"edits": [EDIT | {"right": 1}]}, "An edit has a latent with by or to, or right and down"),
        ("edit", {"edits": [{"slot": 0, "right": 65}]}, "The distance right is a number from -64 to 64."),
        ("edit", {"edits": [{"slot": 0, "across": 5}]}, "An edit has the keys slot, latent"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said_in_one_sentence(client, endpoint, arguments, words):
    if endpoint == "edit":
        arguments = {"scene": SAMPLE, "model": MODEL} | arguments
    with pytest.raises(AppError) as caught:
        client.predict(**arguments, api_name=f"/{endpoint}")
    sentence = str(caught.value)
    assert sentence.startswith(words) and sentence.endswith((".", "...")) and "\n" not in sentence


def png_that_claims(width: int, height: int) -> bytes:
    """Returns the header of a picture of this size, without pixels."""
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", b""), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


def half_a_picture() -> bytes:
    file = io.BytesIO()
    Image.effect_noise((100, 100), 50).save(file, "PNG")
    return file.getvalue()[:3000]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("text.png", b"this is no picture", "The file is not a readable PNG, JPEG, WebP, BMP or GIF picture."),
        ("empty.png", b"", "The file is empty; choose a PNG, JPEG, WebP, BMP or GIF picture."),
        ("half.png", half_a_picture(), "The picture is damaged or incomplete; save it again as PNG or JPEG."),
        ("giant.png", png_that_claims(20_000, 20_000), "The picture has too many pixels"),
        ("drawing.svg", b"<svg/>", "The file is not a readable PNG, JPEG, WebP, BMP or GIF picture."),
    ],
)
def test_a_file_that_is_no_picture_gets_one_sentence(client, tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(AppError) as caught:
        client.predict(picture=handle_file(tmp_path / name), api_name="/decompose")
    assert str(caught.value).startswith(sentence)


def test_a_wrong_password_is_told_so(server):
    with pytest.raises(AuthenticationError):
        Client(server.address, auth=(USER, "wrong"), verbose=False, analytics_enabled=False)


def test_nothing_is_fetched_from_elsewhere(server):
    with (
        Server.listener() as (address, calls),
        httpx.Client(base_url=server.address, auth=(USER, PASSWORD), timeout=120) as program,
    ):
        for path in (f"{address}/a.png", "https://example.com/a.png"):
            picture = {"path": path, "url": path, "meta": {"_type": "gradio.FileData"}}
            answer = program.post("/gradio_api/run/decompose", json={"data": [picture, None, MODEL, 6, "crop"]})
            assert answer.json()["error"] == "This server downloads no files: send the file itself."
        assert calls == []


def test_of_the_files_of_answers_the_oldest_go_first(tmp_path, monkeypatch):
    monkeypatch.setattr(uploads, "PARENT", tmp_path)
    monkeypatch.setattr(uploads, "MOST_ANSWERS", 3)
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))  # Uploads sets another
    keeper = uploads.Uploads()
    paths = [Path(keeper.keep(bytes([number]), "a.bin")) for number in range(5)]
    assert [path.exists() for path in paths] == [False, False, True, True, True]
    assert len(list(keeper.folder.iterdir())) == 3


# --- agents


def ask(server: Server, *calls: tuple[str, dict[str, Any]]) -> tuple[list[Any], list[Any]]:
    """Returns the MCP tools and the results of calls."""

    async def talk() -> tuple[list[Any], list[Any]]:
        async with (
            httpx.AsyncClient(auth=(USER, PASSWORD), timeout=120) as http,
            streamable_http_client(f"{server.address}/gradio_api/mcp/", http_client=http) as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = (await session.list_tools()).tools
            return tools, [await session.call_tool(name, arguments) for name, arguments in calls]

    return asyncio.run(talk())


def fetched(content: list[Any]) -> dict[str, np.ndarray]:
    """Returns the arrays at the last URL in an answer."""
    answer = httpx.get(content[-1].text, auth=(USER, PASSWORD))
    with np.load(io.BytesIO(answer.content)) as arrays:
        return dict(arrays)


def test_an_agent_takes_a_picture_apart_and_moves_an_object(server, scene):
    move = {"slot": 1, "right": 9, "down": -6}
    tools, (apart, moved) = ask(
        server,
        ("decompose", {"scene": SAMPLE, "model": MODEL}),
        ("edit", {"scene": SAMPLE, "model": MODEL, "edits": [move]}),
    )
    assert [tool.name for tool in tools] == ["list_models", "decompose", "edit", "decode"]
    for tool in tools:
        assert "Returns" in tool.description
        assert all(len(p["description"]) > 20 for p in tool.inputSchema["properties"].values())
    assert [content.type for content in moved.content] == ["text", "image", "text", "text"]
    assert Image.open(io.BytesIO(base64.b64decode(moved.content[1].data))).size == (3 * 398, 3 * 134)
    before, after = fetched(apart.content), fetched(moved.content)
    np.testing.assert_allclose(before["masks"], scene.masks, atol=1e-5)
    way = centre(after["edited_masks"][1]) - centre(scene.masks[1])
    np.testing.assert_allclose(way, (9, -6), atol=1)
    for other in (0, 2, 3):
        assert np.hypot(*(centre(after["edited_masks"][other]) - centre(scene.masks[other]))) < 1
    # The colour went along: where the object is now is what was there before.
    weight = after["edited_masks"][1] > 0.9
    color = after["edited_image"][:, weight].mean(1) - scene.image[:, scene.masks[1] > 0.9].mean(1)
    assert np.abs(color).max() < 0.1


def test_an_agent_sends_a_picture_and_is_told_what_is_wrong(server, model):
    file = io.BytesIO()
    Image.effect_noise((90, 50), 60).save(file, "PNG")
    url = f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
    _, (right, wrong, named) = ask(
        server,
        ("decompose", {"picture": url, "model": MODEL, "how": "pad"}),
        ("decompose", {"picture": "https://example.com/a.png"}),
        ("decode", {"latents": [[0.0] * 16], "model": "no-such-model"}),
    )
    np.testing.assert_allclose(
        fetched(right.content)["masks"], monet.decompose(model, Image.open(file), how="pad").masks, atol=1e-5
    )
    assert wrong.isError and wrong.content[0].text.startswith("A picture must be an uploaded file")
    assert named.isError and named.content[0].text == "There is no model 'no-such-model'."


HELLO = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
EVIL = {"origin": "http://evil.example"}


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        ("POST", "", {"json": HELLO}, 200),
        ("POST", "", {"json": HELLO, "auth": None}, 401),
        ("POST", "", {"json": HELLO, "headers": EVIL}, 403),
        ("POST", "", {"json": HELLO, "headers": {"host": "evil.example"}}, 400),
        ("POST", "", {"content": b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"x": NaN}}'}, 400),
        ("POST", "", {"content": bytes(2**20 + 1)}, 413),
        ("GET", "schema", {}, 200),
        ("GET", "schema", {"auth": None}, 401),
        ("GET", "sse", {}, 404),
        ("POST", "messages/", {"json": HELLO}, 404),
    ],
)
def test_the_edge_holds_for_agents_too(server, method, path, options, status):
    headers = {"accept": "application/json, text/event-stream"} | options.pop("headers", {})
    with httpx.Client(base_url=server.address, timeout=120) as stranger:
        options = {"auth": (USER, PASSWORD)} | options
        answer = stranger.request(method, f"/gradio_api/mcp/{path}", headers=headers, **options)
    assert answer.status_code == status


# --- what the documentation says


def test_the_program_in_the_documentation_runs(server, tmp_path, monkeypatch):
    page = (ROOT / "docs" / "sharing.md").read_text("utf-8")
    program = page.split("## From a program")[1].split("```python\n")[1].split("```")[0]
    program = program.replace("https://lab.example/monet/", server.address).replace(
        '"class", "PASSWORD"', f"{(USER, PASSWORD)!r}"[1:-1]
    )
    Image.effect_noise((90, 50), 60).save(tmp_path / "picture.png")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(program, names)
    names["client"].close()
    assert Path(names["sheet"]).suffix == ".png" and len(names["parts"]["slots"]) == 6
    assert names["masks"].shape == (6, 64, 64)
