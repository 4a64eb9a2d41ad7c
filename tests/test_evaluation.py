"""Tests of evaluation, on models whose figures are known beforehand."""

import dataclasses
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from monet import checkpoints, evaluation
from monet.data import Scene, stored
from monet.data.generators import multi_dsprites, tetrominoes
from monet.data.stored.download import download
from monet.evaluation import Result, contact_sheet, evaluate, tables
from monet.evaluation.__main__ import main
from monet.evaluation.scenes import notes, with_background, without_objects
from monet.figures import SLOT_COLORS
from monet.model import Decomposition, MONetConfig
from monet.objective import loss

GENUINE = Path(__file__).parents[2] / "shared" / "real"
SURE = 30.0
"""Log odds of a nearly certain mask."""


class Oracle(nn.Module):
    """Knows the true segmentation of the scenes it is shown, in this order, and does with the picture as it is told.

    Args:
        config: as a model's; the border around a smaller picture is filled with nonsense.
        scenes: those that will be evaluated, of the size that the network sees.
        error: what it adds to every channel of every pixel, for each scene or for all.
        decoded: the segmentation that the decoder's masks shall say, B,H,W; the true one where None.
    """

    def __init__(
        self,
        config: MONetConfig,
        scenes: list[Scene],
        error: float | list[float] = 0.0,
        decoded: np.ndarray | None = None,
    ):
        super().__init__()
        self.config, self.shown = config, 0
        self.errors = torch.tensor(error).expand(len(scenes))[:, None, None, None]
        self.parameter = nn.Parameter(torch.zeros(1))
        true = np.stack([scene.segmentation for scene in scenes]).astype(np.int64)
        self.answers = self.masks(true), self.masks(true if decoded is None else decoded)

    def masks(self, segmentation: np.ndarray) -> torch.Tensor:
        """Log masks B,K,H,W; slots are numbered from the back, for nothing may depend on it."""
        slots = self.config.num_slots
        border = (self.config.resolution - segmentation.shape[-1]) // 2
        odd = (self.config.resolution - segmentation.shape[-1]) % 2
        labels = torch.nn.functional.pad(torch.from_numpy(segmentation), (border, border + odd) * 2, value=-1)
        nonsense = torch.arange(labels.shape[-1]) % slots
        labels = torch.where(labels < 0, nonsense, slots - 1 - labels)
        return (SURE * nn.functional.one_hot(labels, slots).permute(0, 3, 1, 2).float()).log_softmax(1)

    def forward(self, images: torch.Tensor) -> Decomposition:
        answers = (*self.answers, self.errors)
        log_masks, mask_logits, errors = (answer[self.shown : self.shown + len(images)] for answer in answers)
        self.shown += len(images)
        inside = images + errors
        if self.config.picture_size:
            border = torch.ones_like(images, dtype=torch.bool)
            at = (self.config.resolution - self.config.picture_size) // 2
            border[..., at : at + self.config.picture_size, at : at + self.config.picture_size] = False
            inside = inside.masked_fill(border, 9.0)
        latents = torch.zeros(len(images), self.config.num_slots, self.config.latent_dim)
        return Decomposition(
            log_masks=log_masks,
            log_scopes=log_masks,
            latent_mean=latents + 1,
            latent_log_std=latents,
            latents=latents,
            components=inside[:, None].expand(-1, self.config.num_slots, -1, -1, -1),
            mask_logits=mask_logits,
        )


TETROMINOES = MONetConfig(resolution=40, picture_size=35, num_slots=4, attention_channels=(8, 16, 32, 64))
SPRITES = MONetConfig(resolution=64, num_slots=6)


def tetromino_scenes(count: int) -> list[Scene]:
    return [tetrominoes.generate(seed) for seed in range(count)]


SEGMENTATION = [
    f"{metric}{which}" for metric in ("ari", "ari_fg", "covering", "matched_iou") for which in ("", "_decoded")
]


@pytest.mark.slow
@pytest.mark.parametrize("config", [TETROMINOES, SPRITES], ids=["with border", "without"])
def test_true_segmentation_scores_one_and_a_known_error_its_square(config):
    # More than one batch, the last of them not full.
    count = evaluation.BATCH + 5
    scenes = tetromino_scenes(count) if config.picture_size else [multi_dsprites.generate(s) for s in range(count)]
    result = evaluate(Oracle(config, scenes, error=0.1), scenes)
    for name in SEGMENTATION:
        assert result.values[name].shape == (count,)
        np.testing.assert_allclose(result.values[name], 1, err_msg=name)
    np.testing.assert_allclose(result.values["mse"], np.full(count, 0.01), rtol=1e-4)


def test_attention_and_decoder_are_scored_apart():
    scenes = tetromino_scenes(3)
    one_slot = np.zeros((3, 35, 35), np.int64)
    means = evaluate(Oracle(TETROMINOES, scenes, decoded=one_slot), scenes).means
    assert means["ari"] == means["ari_fg"] == 1
    assert means["ari_decoded"] == means["ari_fg_decoded"] == 0
    # Every piece has 100 of the 1225 pixels that its slot holds, and only one of three may keep that slot.
    assert means["covering_decoded"] == pytest.approx(100 / 1225)
    assert means["matched_iou_decoded"] == pytest.approx(100 / 1225 / 3)


def test_each_scene_has_its_own_figures():
    scenes = tetromino_scenes(3)
    decoded = np.stack([scene.segmentation for scene in scenes]).astype(np.int64)
    decoded[1] = 0
    values = evaluate(Oracle(TETROMINOES, scenes, decoded=decoded), scenes).values
    np.testing.assert_allclose(values["ari_decoded"], [1, 0, 1], atol=1e-12)


def test_loss_terms_are_each_scenes_own():
    scenes, errors = [multi_dsprites.generate(seed) for seed in range(3)], [0.0, 0.1, 0.2]
    one_slot = np.zeros((3, 64, 64), np.int64)
    values = evaluate(Oracle(SPRITES, scenes, errors, one_slot), scenes, "joint").values
    images = torch.stack([torch.from_numpy(scene.image).permute(2, 0, 1) for scene in scenes]).float() / 255
    for index, scene in enumerate(scenes):
        alone = Oracle(SPRITES, [scene], errors[index], one_slot[:1])(images[[index]])
        for name, term in vars(loss(images[[index]], alone, SPRITES, "joint")).items():
            assert values[name][index] == pytest.approx(term.item(), rel=1e-5), name
    assert len(set(values["reconstruction"])) == len(set(values["mask_kl"])) == 3
    # N(1, 1) against N(0, 1): half a nat for every latent.
    np.testing.assert_allclose(values["latent_kl"], 0.5 * SPRITES.num_slots * SPRITES.latent_dim)


def test_scenes_without_objects_count_in_no_mean_of_object_metrics():
    scenes = [tetrominoes.generate(0, (0, 0)), *tetromino_scenes(2)]
    result = evaluate(Oracle(TETROMINOES, scenes), scenes)
    assert np.isnan(result.values["covering"][0]) and np.isnan(result.values["ari_fg"][0])
    assert without_objects(scenes, result) == 1
    assert any("1 of the 3 scenes show no object" in note for note in notes(scenes, result, "crop"))
    assert result.means["covering"] == 1
    assert result.means["ari"] == 1


def test_objects_are_what_the_data_set_does_not_call_background():
    scenes = [dataclasses.replace(scene, background=(0, 1)) for scene in tetromino_scenes(3)]
    merged = np.stack([np.where(scene.segmentation == 1, 0, scene.segmentation) for scene in scenes]).astype(np.int64)
    means = evaluate(Oracle(TETROMINOES, scenes, decoded=merged), scenes).means
    assert means["ari_fg_decoded"] == means["covering_decoded"] == means["matched_iou_decoded"] == 1
    assert means["ari_decoded"] < 1


def test_scenes_without_a_segmentation_count_in_what_needs_none():
    scenes = tetromino_scenes(3)
    mixed = [scenes[0], dataclasses.replace(scenes[1], segmentation=None), scenes[2]]
    result = evaluate(Oracle(TETROMINOES, scenes, error=0.1), mixed)
    assert np.isfinite(result.values["mse"]).all()
    assert np.isnan(result.values["ari"]).tolist() == [False, True, False]
    assert result.means["ari"] == 1
    unknown = [dataclasses.replace(scene, segmentation=None) for scene in scenes]
    result = evaluate(Oracle(TETROMINOES, scenes, error=0.1), unknown)
    assert set(result.values) == {"mse", "reconstruction", "latent_kl", "mask_kl"}
    assert "| mse " in evaluation.table(result)


@pytest.mark.parametrize(
    ("mean", "error", "text"),
    [
        (0.92463, 0.00752, "0.925 ± 0.008"), (0.56757, 0.0198, "0.568 ± 0.020"), (0.5, 0.00096, "0.5000 ± 0.0010"),
        (-29065.0866, 16.7198, "-29065 ± 17"), (1094.23, 172.0, "1094 ± 172"), (0.000628, 2e-5, "0.0006 ± <0.0001"),
        (0.25, float("nan"), "0.2500"), (float("nan"), float("nan"), ""), (1.0, 0.0, "1.0000 ± 0.0000"),
    ],
)  # fmt: skip
def test_a_figure_has_the_digits_that_its_error_leaves(mean, error, text):
    assert tables.figure(mean, error) == text


def test_every_scene_has_its_own_background_labels():
    scenes = tetromino_scenes(2)
    merged = np.stack([np.where(scene.segmentation == 1, 0, scene.segmentation) for scene in scenes]).astype(np.int64)
    known = [scenes[0], dataclasses.replace(scenes[1], background=(0, 1))]
    values = evaluate(Oracle(TETROMINOES, scenes, decoded=merged), known).values
    # Two pieces of three are whole; the third shares its slot with 925 pixels of background.
    np.testing.assert_allclose(values["covering_decoded"], [(1 + 1 + 100 / 1025) / 3, 1])


def test_objects_are_not_scored_where_nobody_knows_which_labels_they_are():
    scenes = [dataclasses.replace(scene, background=()) for scene in tetromino_scenes(2)]
    values = evaluate(Oracle(TETROMINOES, scenes), scenes).values
    np.testing.assert_allclose(values["ari"], 1)
    assert not {"ari_fg", "covering", "matched_iou"} & set(values)


def wide(scene: Scene, left: int) -> Scene:
    """The scene in a picture that is twice as wide as high, ``left`` pixels from its left edge."""
    side = len(scene.image)
    image, true = np.zeros((side, 2 * side, 3), np.uint8), np.zeros((side, 2 * side), np.uint8)
    image[:, left : left + side], true[:, left : left + side] = scene.image, scene.segmentation
    return dataclasses.replace(scene, image=image, segmentation=true)


@pytest.mark.slow
def test_what_a_crop_cuts_away_is_told_and_padding_keeps_it(checkpoints_folder):
    model = checkpoints.load(checkpoints_folder / "multi_dsprites")
    square = multi_dsprites.generate(3)
    objects = len(np.unique(square.segmentation)) - 1
    scenes = [wide(square, 32), wide(dataclasses.replace(square, segmentation=np.zeros((64, 64), np.uint8)), 0)]
    cropped = evaluate(model, scenes)
    np.testing.assert_allclose(cropped.values["mse"][0], evaluate(model, [square]).values["mse"][0], rtol=1e-5)
    (told,) = [note for note in notes(scenes, cropped, "crop") if "crop" in note]
    assert f"50% of the pixels and 0 of {objects} objects" in told
    outside = [wide(dataclasses.replace(square, segmentation=np.eye(64, dtype=np.uint8)), 0)]
    outside[0].segmentation[:, 32:] = 0  # what is left of the diagonal is left of the square in the middle
    result = evaluate(model, outside)
    assert np.isnan(result.values["ari_fg"]).all()
    assert any("1 of 1 objects" in note for note in notes(outside, result, "crop"))
    padded = evaluate(model, outside, how="pad")
    assert np.isfinite(padded.values["ari_fg"]).all() and not list(notes(outside, padded, "pad"))


@pytest.mark.slow
@pytest.mark.parametrize("ground", [255, 7])
def test_another_label_may_be_the_ground(ground, checkpoints_folder):
    model = checkpoints.load(checkpoints_folder / "tetrominoes")
    scenes = tetromino_scenes(5)
    # The ground is called `ground`, and an object 0.
    names = np.arange(256, dtype=np.uint8)
    names[[0, 1]] = ground, 0
    renamed = [dataclasses.replace(scene, segmentation=names[scene.segmentation]) for scene in scenes]
    expected = evaluate(model, scenes, how="pad")
    misled = evaluate(model, renamed, how="pad")
    assert any(f"--background {ground}" in note for note in notes(renamed, misled, "pad"))
    assert not list(notes(scenes, expected, "pad"))
    told = [with_background(scene, (ground,)) for scene in renamed]
    result = evaluate(model, told, how="pad")
    assert not list(notes(told, result, "pad"))
    for metric in ("ari", "ari_fg", "covering", "matched_iou"):
        np.testing.assert_allclose(result.values[metric], expected.values[metric], err_msg=metric)
        assert not np.allclose(misled.values["ari_fg"], expected.values["ari_fg"])


def test_slots_may_be_chosen(checkpoints_folder):
    model, scenes = checkpoints.load(checkpoints_folder / "tetrominoes"), tetromino_scenes(2)
    one = evaluate(model, scenes, num_slots=1)
    np.testing.assert_array_equal(one.values["ari"], 0)  # one cluster says nothing
    sheet, full = contact_sheet(model, scenes, num_slots=1), contact_sheet(model, scenes)
    assert full.width - sheet.width == 3 * 2 * 42


def npz(path: Path, scenes: list[Scene], **more: np.ndarray) -> Path:
    arrays = {"image": np.stack([s.image for s in scenes]), "entity": np.stack([s.segmentation for s in scenes])}
    np.savez(path, **arrays | more)
    return path


@pytest.mark.slow
def test_of_its_own_data_only_the_test_split_is_measured(checkpoints_folder, tmp_path, monkeypatch, capsys):
    mine, other = (npz(tmp_path / name, tetromino_scenes(20)) for name in ("mine.npz", "other.npz"))
    model = checkpoints.load(checkpoints_folder / "tetrominoes")
    checkpoints.save(model, tmp_path / "trained", title="Trained", data="/elsewhere/mine.npz")
    for data, count, title in ((mine, 4, "mine, test split"), (other, 20, "other")):
        assert command(monkeypatch, tmp_path / "trained", "--data", data, "--json") == 0
        (report,) = json.loads(capsys.readouterr().out)
        assert (report["count"], report["title"]) == (count, title)
    expected = evaluate(model, [stored(mine).scene(n) for n in range(16, 20)]).means
    assert command(monkeypatch, tmp_path / "trained", "--data", mine, "--json") == 0
    assert json.loads(capsys.readouterr().out)[0]["mean"]["ari"] == pytest.approx(expected["ari"])


def test_one_that_cannot_be_measured_does_not_end_the_others(checkpoints_folder, tmp_path, monkeypatch, capsys):
    model = checkpoints.load(checkpoints_folder / "tetrominoes")
    checkpoints.save(model, tmp_path / "all/first", title="First")  # nobody knows what it has learned from
    checkpoints.save(model, tmp_path / "all/last", title="Last", data="tetrominoes", fit="pad")
    checkpoints.save(model, tmp_path / "all/lost", title="Lost", data="/nowhere/scenes.npz")
    (tmp_path / "all/broken").mkdir()
    monkeypatch.setattr(checkpoints.find, "__defaults__", (tmp_path / "all",))
    assert command(monkeypatch, "--count", 2, "--json") == 1
    captured = capsys.readouterr()
    (report,) = json.loads(captured.out)
    assert (report["checkpoint"], report["fit"], report["count"]) == ("last", "pad", 2)
    assert "no data set is known for first: give --data" in captured.err
    assert "broken: config.json is missing" in captured.err and "lost: There is no stored data" in captured.err


def test_files_are_there_before_anything_is_printed(checkpoints_folder, tmp_path, monkeypatch):
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise UnicodeEncodeError("ascii", text, 0, 1, "a terminal that takes nothing")

    monkeypatch.setattr("sys.stdout", Closed())
    command(monkeypatch, checkpoints_folder / "tetrominoes", "--count", 2, "--out", tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"metrics.json", "slots.png"}


def command(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """Returns the exit status of the command."""
    monkeypatch.setattr("sys.argv", ["evaluation", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tetrominoes", "multi_dsprites"])
def test_checkpoints_score_on_genuine_scenes_as_on_generated_ones(name, monkeypatch, tmp_path):
    if not GENUINE.is_dir():
        pytest.skip("the genuine scenes are not beside the project")
    if name == "tetrominoes":
        data = download(name, 10, tmp_path, GENUINE / "tetrominoes_mini.tfrecords").path
    else:
        data = GENUINE / "multi_dsprites_colored_on_grayscale.npz"
    genuine, generated = ({}, {})
    for result, source in ((genuine, data), (generated, name)):
        command(monkeypatch, name, "--data", source, "--count", 40, "--out", tmp_path / "out")
        result |= json.loads((tmp_path / "out" / "metrics.json").read_text(encoding="utf-8"))
    assert genuine["count"] == (10 if name == "tetrominoes" else 40)
    for metric in ("ari", "ari_fg", "covering"):
        error = np.hypot(genuine["standard_error"][metric], generated["standard_error"][metric])
        assert abs(genuine["mean"][metric] - generated["mean"][metric]) < 4 * error, metric


@pytest.mark.slow
@pytest.mark.parametrize("file", ["objects_room.npz", "objects_room_image.png", "clevrgen_img1.png"])
def test_genuine_pictures_without_objects_to_score_are_evaluated(file, monkeypatch, capsys):
    if not GENUINE.is_dir():
        pytest.skip("the genuine scenes are not beside the project")
    command(monkeypatch, "multi_dsprites", "--data", GENUINE / file, "--count", 4)
    text = capsys.readouterr().out
    assert "| mse " in text
    assert "| ari_fg " not in text
    assert ("have no segmentation" in text) == (file != "objects_room_image.png")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--data", "nonsense"], "There is no stored data 'nonsense': .* Generated data sets: tetrominoes, "),
        (["--data", "some.tfrecords"], r"is a TFRecord file: python -m monet\.data download NAME --count N --from "),
        (["--count", "0"], "A count of 0 scenes is less than one"),
    ],
)
def test_what_cannot_be_evaluated_is_told_in_a_sentence(arguments, sentence, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    Path("some.tfrecords").touch()
    assert command(monkeypatch, "tetrominoes", *arguments) == 1
    assert re.search(sentence, capsys.readouterr().err)


def test_means_and_standard_errors_leave_out_what_does_not_exist():
    result = Result({"all": np.array([1.0, 2.0, 4.0]), "some": np.array([1.0, np.nan, 4.0]), "one": np.array([3.0])})
    assert result.means == pytest.approx({"all": 7 / 3, "some": 2.5, "one": 3})
    errors = result.standard_errors
    assert errors["all"] == pytest.approx(np.sqrt(7 / 3 / 3))
    assert errors["some"] == pytest.approx(1.5)
    assert np.isnan(errors["one"])


def test_contact_sheet_has_a_row_for_each_scene_and_a_column_for_each_slot():
    scenes = tetromino_scenes(3)
    sheet = contact_sheet(Oracle(TETROMINOES, scenes), scenes)
    # Picture, reconstruction, two segmentations and four slots of 40 pixels, two apart and around, enlarged twice.
    assert sheet.size == (2 * (8 * 42 + 2), 2 * (3 * 42 + 2))
    pixels = np.asarray(sheet)[::2, ::2]
    assert np.array_equal(pixels, np.asarray(sheet)[1::2, 1::2])

    def panel(row: int, column: int) -> np.ndarray:
        return pixels[2 + 42 * row :, 2 + 42 * column :][2:37, 2:37]

    for row, scene in enumerate(scenes):
        assert np.array_equal(panel(row, 0), scene.image)
        assert np.array_equal(panel(row, 1), scene.image)
        assert np.array_equal(panel(row, 2), SLOT_COLORS[scene.segmentation])
        assert np.array_equal(panel(row, 3), SLOT_COLORS[3 - scene.segmentation])
        for slot in range(4):
            assert np.array_equal(panel(row, 4 + slot), scene.image * (scene.segmentation == 3 - slot)[..., None])


def test_contact_sheet_does_without_a_segmentation():
    scenes = tetromino_scenes(2)
    unknown = [Scene(scene.image, None, scene.source) for scene in scenes]
    full, sheet = (np.asarray(contact_sheet(Oracle(TETROMINOES, scenes), shown)) for shown in (scenes, unknown))
    column = 2 * 42  # pixels, with the gap
    assert np.array_equal(np.delete(full, np.s_[2 * column : 3 * column], 1), sheet)
