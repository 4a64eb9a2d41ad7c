"""Tests of decomposing many pictures into files: their contents, and resumption after a kill."""

import csv
import json
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import monet
from monet import checkpoints
from monet.model import MONetConfig
from monet.outputs import Options, decompose_set, inputs, job
from tests.conftest import untrained

CONFIG = MONetConfig(
    resolution=16, picture_size=12, num_slots=3, latent_dim=4, attention_channels=(4, 8), attention_hidden=8,
    encoder_channels=(4, 4), encoder_hidden=8, decoder_channels=(4, 4, 4, 4),
)  # fmt: skip
BROKEN = "sub/broken.png"


@pytest.fixture(scope="module")
def model() -> monet.MONet:
    return untrained(CONFIG)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of eleven files of many sizes, one of them no picture, and a hidden one."""
    random = np.random.default_rng(5)
    folder = tmp_path / "pictures"
    (folder / "sub").mkdir(parents=True)
    for number in range(10):
        shape = (*random.integers(5, 40, 2), 3)
        path = folder / ("sub" if number % 3 == 0 else "") / f"p{number}.png"
        Image.fromarray(random.integers(0, 256, shape, np.uint8)).save(path)
    (folder / BROKEN).write_bytes(b"\x89PNG no more")
    (folder / ".hidden.png").write_bytes(b"")
    return folder


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_the_files_hold_what_decompose_says(model, pictures, tmp_path):
    given, out = inputs([pictures]), tmp_path / "out"
    done = list(decompose_set(model, given, out, Options("pad", slots=4, batch=3)))
    assert [d.input for d in done] == given and len(given) == 11
    assert [d.input.name for d in done if d.refused] == ["sub/broken"]
    with (out / "latents.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 10 * 4 and len({row["picture"] for row in rows}) == 10
    for picture in given:
        if picture.name == "sub/broken":
            continue
        scene = monet.decompose(model, pictures / f"{picture.name}.png", num_slots=4, how="pad")
        masks = scene.masks[:, 2:14, 2:14]
        with np.load(out / f"masks/{picture.name}.npz") as halves:
            assert halves["masks"].dtype == np.float16
            np.testing.assert_allclose(halves["masks"], masks, atol=1e-3)
            np.testing.assert_allclose(halves["decoded_masks"], scene.decoded_masks[:, 2:14, 2:14], atol=1e-3)
        with Image.open(out / f"masks/{picture.name}.png") as labels:
            assert labels.mode == "P"
            won = np.take_along_axis(masks, np.asarray(labels)[None].astype(int), 0)[0]
        np.testing.assert_allclose(won, masks.max(0), atol=1e-5)
        shown = np.asarray(Image.open(out / f"reconstruction/{picture.name}.png")) / 255
        expected = scene.reconstruction.clip(0, 1).transpose(1, 2, 0)[2:14, 2:14]
        np.testing.assert_allclose(shown, expected, atol=0.51 / 255 + 1e-5)
        for k in range(4):
            slot = np.asarray(Image.open(out / f"slots/{picture.name}_{k}.png")) / 255
            np.testing.assert_allclose(slot[..., 3], masks[k], atol=0.51 / 255 + 1e-5)
            component = scene.components[k].clip(0, 1).transpose(1, 2, 0)[2:14, 2:14]
            np.testing.assert_allclose(slot[..., :3], component, atol=0.51 / 255 + 1e-5)
            (row,) = [row for row in rows if (row["picture"], row["slot"]) == (picture.name, str(k))]
            for z in range(4):
                assert float(row[f"mean_{z}"]) == pytest.approx(scene.latent_mean[k, z], rel=1e-5, abs=1e-5)
                assert float(row[f"std_{z}"]) == pytest.approx(scene.latent_std[k, z], rel=1e-5, abs=1e-5)
        area = sum(float(row["area"]) for row in rows if row["picture"] == picture.name)
        assert area == pytest.approx(1)


@pytest.mark.slow
@pytest.mark.parametrize("stop", [0, 1, 4, 6, 10, 11])
def test_a_job_that_was_killed_ends_as_one_that_was_not(model, pictures, tmp_path, stop):
    given, options = inputs([pictures]), Options(batch=4)
    list(decompose_set(model, given, tmp_path / "whole", options))
    out = tmp_path / "killed"
    started = decompose_set(model, given, out, options)
    for _ in range(stop):
        next(started)
    started.close()
    if stop:  # cut off while it wrote: half a line, and half a file of a picture that is not in the lines
        with (out / job.PROGRESS).open("a") as file:
            file.write('{"picture": "p')
    if 0 < stop < len(given):
        (out / "masks/sub").mkdir(parents=True, exist_ok=True)
        (out / "masks/sub/p9.npz").write_bytes(b"PK half")
    done = list(decompose_set(model, given, out, options))
    assert [d.input.name for d in done if d.refused] == ["sub/broken"]
    assert tree(out) == tree(tmp_path / "whole")


@pytest.mark.slow
def test_a_job_that_was_killed_while_it_made_the_table_ends_as_well(model, pictures, tmp_path, monkeypatch):
    given, out = inputs([pictures]), tmp_path / "out"
    list(decompose_set(model, given, tmp_path / "whole"))

    def killed(path: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(job.os, "unlink", killed)
        list(decompose_set(model, given, out))
    list(decompose_set(model, given, out))
    assert tree(out) == tree(tmp_path / "whole")


def test_a_job_that_is_done_gives_the_same_answer_and_reads_no_picture(model, pictures, tmp_path):
    given, out = inputs([pictures]), tmp_path / "out"
    first = list(decompose_set(model, given, out))
    for path in pictures.rglob("*.png"):
        path.unlink()
    assert list(decompose_set(model, given, out)) == first


@pytest.mark.parametrize("options", [Options("pad"), Options(slots=2), Options(write=("masks",))])
def test_another_job_in_the_same_folder_is_refused(model, pictures, tmp_path, options):
    given, out = inputs([pictures]), tmp_path / "out"
    next(decompose_set(model, given, out))
    before = tree(out)
    for again in ((given, options, None), (given[1:], Options(), None), (given, Options(), {"model": "other"})):
        with pytest.raises(ValueError, match="was started with"):
            next(decompose_set(model, again[0], out, again[1], again[2]))
    assert tree(out) == before
    with pytest.raises(ValueError, match="holds no decompositions"):
        next(decompose_set(model, given, pictures))


@pytest.mark.skipif(sys.platform == "win32", reason="has no such lock")
def test_two_jobs_at_once_in_a_folder_are_refused(model, pictures, tmp_path):
    given, out = inputs([pictures]), tmp_path / "out"
    first = decompose_set(model, given, out)
    next(first)
    with pytest.raises(ValueError, match="Another process"):
        next(decompose_set(model, given, out))
    assert len(list(first)) == 10


def test_only_what_is_asked_for_is_written(model, pictures, tmp_path):
    list(decompose_set(model, inputs([pictures]), tmp_path / "out", Options(write=("reconstruction",))))
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"about.json", "refused.csv", "reconstruction"}


def test_inputs_have_names_of_their_own_and_are_none_of_the_outputs(pictures, tmp_path):
    Image.new("RGB", (4, 4)).save(pictures / "p1.jpg")
    Image.new("RGB", (4, 4)).save(pictures / "P1.bmp")
    (pictures / "out").mkdir()
    (pictures / "out" / "p1.png").write_bytes(b"made here")
    np.savez(tmp_path / "scenes.npz", image=np.zeros((2, 5, 6, 3), np.uint8))
    found = inputs([pictures, tmp_path / "scenes.npz", pictures / "p2.png"], pictures / "out")
    names = [picture.name for picture in found]
    assert names[-3:] == ["scenes/000000", "scenes/000001", "p2_2"]
    assert names[:3] == ["P1", "p1_2", "p1_3"] and len(names) == 11 + 2 + 3
    assert len({name.lower() for name in names}) == len(names)
    sources = {picture.source for picture in found}
    assert not {str(pictures / "out" / "p1.png"), str(pictures / ".hidden.png")} & sources
    with pytest.raises(ValueError, match="nowhere is neither a picture nor a folder"):
        inputs(["nowhere"])


def test_parquet_is_refused_in_a_sentence_before_any_work_where_it_cannot_be_written(
    model, pictures, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ValueError, match=r"requirements-files.txt, or use --table csv"):
        next(decompose_set(model, inputs([pictures]), tmp_path / "out", Options(table="parquet")))
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_parquet_holds_what_csv_holds(model, pictures, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    for kind in ("csv", "parquet"):
        list(decompose_set(model, inputs([pictures]), tmp_path / kind, Options(table=kind, write=("latents",))))
    table = parquet.read_table(tmp_path / "parquet/latents.parquet").to_pylist()
    with (tmp_path / "csv/latents.csv").open(newline="") as file:
        for row, expected in zip(table, csv.DictReader(file), strict=True):
            assert {name: str(np.float32(x) if isinstance(x, float) else x) for name, x in row.items()} == expected


# ----------------------------------------------------------------- the command


@pytest.fixture
def command(model, tmp_path, monkeypatch) -> Iterator[object]:
    checkpoints.save(model, tmp_path / "tiny", title="Tiny")

    def run(*arguments: object) -> object:
        monkeypatch.setattr(sys, "argv", ["decompose", *map(str, arguments), "--model", str(tmp_path / "tiny")])
        with pytest.raises(SystemExit) as ended:
            runpy.run_module("monet.decompose", run_name="__main__", alter_sys=True)
        return ended.value.code

    yield run


def test_the_command_names_what_it_refused_and_goes_on(command, pictures, tmp_path, capsys):
    assert not command(pictures, "--out", tmp_path / "out", "--device", "cpu")
    captured = capsys.readouterr()
    assert "10 of 11 pictures" in captured.out and "refused: 1" in captured.out
    assert f"{pictures / BROKEN}: The " in captured.err
    about = json.loads((tmp_path / "out/about.json").read_text())
    assert (about["model"], about["taken"], about["refused"]) == ("tiny", 10, 1)
    assert command(pictures / BROKEN, "--out", tmp_path / "none") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--batch", "0"], "--batch 0 must be at least 1"),
        (["--slots", "-1"], "whole number of at least 1"),
        (["--slots", "257"], "more than the 256"),
        (["--device", "abacus"], "this machine has no device 'abacus'"),
    ],
)
def test_the_command_refuses_in_a_sentence(command, pictures, tmp_path, arguments, words):
    assert words in str(command(pictures, "--out", tmp_path / "out", *arguments))
    assert not (tmp_path / "out").exists()


def test_the_function_of_the_commands_name_stays_what_it_is(command, pictures, tmp_path):
    command(pictures, "--out", tmp_path / "out")
    import monet.decompose

    assert monet.decompose is monet.inference.decompose
