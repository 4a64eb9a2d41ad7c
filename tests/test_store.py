"""Tests of stores of scenes: exact round trips, and messages for changed, partial or obstructed files."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from monet.data import DATASETS, __main__, stored
from monet.data.stored import store
from monet.data.stored.store import IMAGES, LABELS, MANIFEST, About, Stored, StoreError

SHARED = Path(__file__).parents[2] / "shared"
ABOUT = About(
    "room", "Room, genuine", "https://example.org/room", (0, 1, 2, 3), "free", "Somebody 2019", "Mind the gap."
)


def scenes(count: int, size: int = 8) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for seed in range(count):
        rng = np.random.default_rng(seed)
        yield rng.integers(0, 256, (size, size, 3), np.uint8), rng.integers(0, 7, (size, size), np.uint8)


def write(path: Path, count: int = 5, about: About = ABOUT, size: int = 8) -> Stored:
    with store.workshop(path) as work:
        return store.write(work, path, about, scenes(count, size))


def refusal(path: Path) -> str:
    with pytest.raises(StoreError) as caught:
        store.load(path)
    message = str(caught.value)
    assert str(path) in message and message.endswith(".") and "\n" not in message
    return message


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "room"


# --- written and read


def test_scenes_come_back(path: Path) -> None:
    write(path)
    room = store.load(path)
    assert len(room) == 5 and room.about == ABOUT and room.path == path
    for index, (image, labels) in enumerate(scenes(5)):
        scene = room.scene(index)
        np.testing.assert_array_equal(scene.image, image)
        np.testing.assert_array_equal(scene.segmentation, labels)
        assert scene.image.flags.writeable and scene.source == f"Room, genuine, scene {index}"
        assert scene.background == (0, 1, 2, 3)
    for index in (-1, 5):
        with pytest.raises(IndexError):
            room.scene(index)
    room.verify()
    assert os.listdir(path.parent) == ["room"]


def test_the_arrays_are_ordinary_files_and_mapped(path: Path) -> None:
    room = write(path)
    assert isinstance(room.images, np.memmap) and not room.images.flags.writeable
    np.testing.assert_array_equal(np.load(path / IMAGES), np.stack([image for image, _ in scenes(5)]))
    np.testing.assert_array_equal(np.load(path / LABELS), np.stack([labels for _, labels in scenes(5)]))
    manifest = json.loads((path / MANIFEST).read_text())
    assert manifest["count"] == 5 and manifest["licence"] == "free" and set(manifest["sha256"]) == {IMAGES, LABELS}


def test_a_store_is_replaced_by_a_longer_one(path: Path) -> None:
    before = write(path)
    assert len(write(path, 7)) == len(store.load(path)) == 7
    assert len(before.images) == 5 and before.images[4].any()  # whoever has the old one open keeps it
    assert os.listdir(path.parent) == ["room"]


def test_a_failure_leaves_the_old_store_and_no_half_one(path: Path) -> None:
    write(path)

    def failing() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        yield from scenes(3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), store.workshop(path) as work:
        store.write(work, path, ABOUT, failing())
    assert os.listdir(path.parent) == ["room"]
    room = store.load(path)
    room.verify()
    assert len(room) == 5


def test_a_replacement_that_was_cut_off_is_mended(path: Path) -> None:
    write(path)
    work = path.with_name("room.part")
    work.mkdir()
    path.rename(work / "old")
    with pytest.raises(KeyboardInterrupt), store.workshop(path):
        raise KeyboardInterrupt
    assert len(store.load(path)) == 5


@pytest.mark.parametrize(
    "second", [(np.zeros((8, 9, 3), np.uint8), np.zeros((8, 9), np.uint8)),
               (np.zeros((8, 8, 3), np.uint8), np.zeros((8, 9), np.uint8)),
               (np.zeros((8, 8), np.uint8), np.zeros((8, 8), np.uint8)),
               (np.zeros((8, 8, 3)), np.zeros((8, 8), np.uint8)),
               (np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), int)), None],
)  # fmt: skip
def test_scenes_of_another_kind_are_refused(path: Path, second: tuple[np.ndarray, np.ndarray] | None) -> None:
    with pytest.raises(ValueError), store.workshop(path) as work:
        store.write(work, path, ABOUT, [next(scenes(1)), second] if second else [])
    assert os.listdir(path.parent) == []


# --- damaged or in the way


def test_verify_finds_a_changed_byte(path: Path) -> None:
    write(path)
    for name in (IMAGES, LABELS):
        content = bytearray((path / name).read_bytes())
        content[-3] ^= 1
        (path / name).write_bytes(content)
        with pytest.raises(StoreError, match=name):
            store.load(path).verify()
        content[-3] ^= 1
        (path / name).write_bytes(content)
    store.load(path).verify()


@pytest.mark.parametrize("name", [IMAGES, LABELS, MANIFEST])
def test_a_missing_or_cut_file_is_told_on_opening(path: Path, name: str) -> None:
    write(path)
    content = (path / name).read_bytes()
    for damaged in (content[:-2], content[: len(content) // 2], b"", b"PK\x03\x04", content + b"more"):
        (path / name).write_bytes(damaged)
        assert "damaged" in refusal(path)
    (path / name).unlink()
    assert name in refusal(path)


@pytest.mark.parametrize("change", [{"count": 4}, {"count": "5"}, {"background": 3}, {"more": 1}, {"sha256": 1}])
def test_a_changed_manifest_is_told_on_opening(path: Path, change: dict[str, object]) -> None:
    write(path)
    table = json.loads((path / MANIFEST).read_text())
    for content in (json.dumps({**table, **change}), json.dumps([table])):
        (path / MANIFEST).write_text(content)
        assert "damaged" in refusal(path)


def test_arrays_of_another_kind_are_told_on_opening(path: Path) -> None:
    write(path)
    np.save(path / IMAGES, np.zeros((5, 8, 8, 3)))
    assert "float64" in refusal(path)
    np.save(path / IMAGES, np.zeros((5, 9, 8, 3), np.uint8))
    assert "labels" in refusal(path)
    np.save(path / IMAGES, np.array([{}], object), allow_pickle=True)
    assert "damaged" in refusal(path)


def test_what_is_not_a_store_is_never_replaced(path: Path) -> None:
    path.mkdir(parents=True)
    (path / "thesis.txt").write_text("years")
    with pytest.raises(StoreError, match="in the way"):
        write(path)
    assert (path / "thesis.txt").read_text() == "years" and os.listdir(path.parent) == ["room"]


@pytest.mark.skipif(sys.platform == "win32", reason="no lock on folders")
def test_two_do_not_write_the_same_store(path: Path) -> None:
    with store.workshop(path) as work:
        with pytest.raises(StoreError, match="Another process"):
            write(path)
        store.write(work, path, ABOUT, scenes(2))
    assert len(write(path, 3)) == 3


# --- by name


def test_stores_are_found_by_name_and_by_path(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(path)
    np.savez(path.parent / "clevr6_64.npz", image=np.zeros((2, 4, 4, 3), np.uint8))
    monkeypatch.setenv("MONET_DATA", str(path.parent))
    assert store.stores() == {"clevr6_64": path.parent / "clevr6_64.npz", "room": path}
    assert len(stored("room")) == len(stored(path)) == 5 and len(stored("clevr6_64")) == 2
    assert len(stored("room", path.parent)) == 5
    with pytest.raises(StoreError, match="holds clevr6_64, room"):
        stored("tetrominoes")
    with pytest.raises(StoreError, match="holds nothing"):
        stored("tetrominoes", path.parent / "elsewhere")


def test_what_is_not_stored_yet_is_answered_with_the_command(tmp_path: Path) -> None:
    folder = tmp_path / "my pictures"
    folder.mkdir()
    assert f"python -m monet.data add '{folder}' NAME" in refusal(folder)
    for name, command in (("some.zip", "add"), ("some.tfrecords", "download NAME --count N --from")):
        (tmp_path / name).touch()
        assert f"python -m monet.data {command} {tmp_path / name}" in refusal(tmp_path / name)


# --- labels


def test_a_store_does_without_labels(path: Path) -> None:
    with store.workshop(path) as work:
        store.write(work, path, ABOUT, ((image, None) for image, _ in scenes(3)))
    room = store.load(path)
    assert len(room) == 3 and room.labels is None and room.scene(1).segmentation is None
    assert sorted(os.listdir(path)) == [IMAGES, MANIFEST] and set(room.checksums) == {IMAGES}
    room.verify()
    (path / IMAGES).unlink()
    assert IMAGES in refusal(path)
    for some in ([0], [2]):
        mixed = ((image, labels if n in some else None) for n, (image, labels) in enumerate(scenes(3)))
        with pytest.raises(ValueError, match="1 of 3 scenes have labels"), store.workshop(path) as work:
            store.write(work, path, ABOUT, mixed)


def test_another_background(path: Path) -> None:
    labels = np.full((2, 8, 8), 255, np.uint8)
    labels[:, 2:5, 2:5] = 0
    np.savez(path.parent.parent / "some.npz", image=np.zeros((2, 8, 8, 3), np.uint8), entity=labels)
    some = stored(path.parent.parent / "some.npz")
    assert "--background 255" in str(some.background_hint())
    other = some.with_background([255])
    assert other.scene(0).background == (255,) and other.background_hint() is None
    assert some.scene(0).background == (0,) and other.labels is some.labels
    assert some.with_background(()).background_hint() is None  # nobody knows it
    with pytest.raises(StoreError, match="0 to 255"):
        some.with_background([256])


# --- files


def test_an_npz_file_reads_as_a_store(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 3), np.uint8)
    images[0, 0, 0, 0] = 0
    path = tmp_path / "some.npz"
    np.savez_compressed(path, image=images)
    some = stored(path)
    assert len(some) == 3 and some.labels is None
    scene = some.scene(2)
    np.testing.assert_array_equal(scene.image, images[2])
    assert scene.segmentation is None and scene.background == (0,) and scene.source == "some, scene 2"
    np.savez_compressed(path, image=images, entity=images[..., 0])
    some = stored(path)
    np.testing.assert_array_equal(some.scene(1).segmentation, images[1, ..., 0])
    some.verify()
    np.savez_compressed(path, image=images / 255, segmentation=images[..., 0].astype(int) - 1)
    some = stored(path)
    np.testing.assert_array_equal(some.images, images)
    labels = images[..., 0].astype(int) - 1  # with a -1 in it: numbered anew, 0 stays 0
    for found, before in zip(some.labels, labels, strict=True):
        np.testing.assert_array_equal(found == 0, before == 0)
        assert len(np.unique(found)) == len(np.unique(before))
        assert len(set(zip(found.flat, before.flat, strict=True))) == len(np.unique(before))
    np.save(tmp_path / "some.npy", images / 255)
    np.testing.assert_array_equal(stored(tmp_path / "some.npy").images, images)


def test_a_picture_reads_as_a_store_with_the_segmentation_beside_it(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
    labels = np.arange(24).reshape(4, 6) // 9
    Image.fromarray(image).save(tmp_path / "room_image.png")
    assert stored(tmp_path / "room_image.png").scene(0).segmentation is None
    colors = np.array([[9, 0, 0], [0, 9, 0], [0, 0, 9]], np.uint8)
    Image.fromarray(colors[labels]).save(tmp_path / "room_segmentation.png")
    scene = stored(tmp_path / "room_image.png").scene(0)
    np.testing.assert_array_equal(scene.image, image)
    assert scene.segmentation is not None
    assert len(set(zip(scene.segmentation.ravel(), labels.ravel(), strict=True))) == 3
    assert scene.background == ()
    Image.fromarray(labels.astype(np.uint16)).save(tmp_path / "room_segmentation.png")
    np.testing.assert_array_equal(stored(tmp_path / "room_image.png").scene(0).segmentation, labels)
    Image.fromarray(image).save(tmp_path / "lossy_image.jpg")
    Image.fromarray(colors[labels]).save(tmp_path / "lossy_segmentation.jpg")
    with pytest.raises(StoreError, match="lossy"):
        stored(tmp_path / "lossy_image.jpg")
    Image.fromarray(colors[labels[:2]]).save(tmp_path / "room_segmentation.png")
    with pytest.raises(StoreError, match="is not the segmentation of"):
        stored(tmp_path / "room_image.png")
    (tmp_path / "room_image.png").write_text("no picture")
    with pytest.raises(StoreError, match="cannot be read: The file is not a readable PNG"):
        stored(tmp_path / "room_image.png")


def test_a_wrong_npz_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "some.npz"
    image = np.zeros((3, 4, 4, 3), np.uint8)
    for arrays in (
        {"room": image[..., 0]}, {"image": image[0]}, {"image": image, "entity": image}, {"image": image - 1.0},
    ):  # fmt: skip
        np.savez(path, **arrays)
        refusal(path)
    np.savez(path, image=np.array([{}], object))
    refusal(path)
    for content in (b"", b"not at all", path.read_bytes()[:100]):
        path.write_bytes(content)
        refusal(path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "count"),
    [
        ("data/clevr6_64.npz", 4500),
        ("real/objects_room.npz", 64),
        ("real/multi_dsprites_colored_on_grayscale.npz", 64),
        ("real/multi_dsprites_colored_on_colored.npz", 64),
    ],
)
def test_the_files_that_are_there_already(file: str, count: int) -> None:
    if not (SHARED / file).exists():
        pytest.skip("the file is not there")
    some = stored(SHARED / file)
    assert len(some) == count
    assert some.scene(count - 1).image.shape == (64, 64, 3)
    assert (some.labels is None) == (file == "real/objects_room.npz")


# --- the command line


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["monet.data", *arguments])
    __main__.main()


@pytest.mark.slow
def test_generate_and_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    run(monkeypatch, "generate", "tetrominoes", "--count", "20", "--seed", "3")
    some = stored("tetrominoes_generated")
    assert some.path == Path("data/tetrominoes_generated") and len(some) == 20
    np.testing.assert_array_equal(some.scene(7).image, DATASETS["tetrominoes"].scene((3, 7)).image)
    np.testing.assert_array_equal(some.scene(7).segmentation, DATASETS["tetrominoes"].scene((3, 7)).segmentation)
    (Path("data") / "room").mkdir()
    (Path("data") / "room" / MANIFEST).write_text("{}")
    Path("data/clevr.part").mkdir()
    capsys.readouterr()
    run(monkeypatch, "list")
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert set(DATASETS) < set(lines)
    assert "unlimited" in lines["tetrominoes"] and "1,000,000 records" in lines["tetrominoes"]
    assert lines["tetrominoes_generated"].endswith("20 scenes in data/tetrominoes_generated")
    assert "damaged" in lines["room"] and "interrupted" in lines["clevr"]


@pytest.mark.slow
def test_scenes_of_a_split_are_the_same_from_several_processes(tmp_path, monkeypatch, capfd) -> None:
    monkeypatch.chdir(tmp_path)
    run(monkeypatch, "generate", "tetrominoes", "--count", "40", "--split", "train", "--processes", "2")
    some = stored("tetrominoes_generated")
    some.verify()
    for index in range(40):
        scene = DATASETS["tetrominoes"].scene((0, index))
        np.testing.assert_array_equal(some.images[index], scene.image)
        np.testing.assert_array_equal(some.labels[index], scene.segmentation)
    assert "40/40" in capfd.readouterr().err
    assert os.listdir("data") == ["tetrominoes_generated"]


@pytest.mark.slow
def test_what_a_process_misses_is_told_as_one_sentence(tmp_path, monkeypatch, capfd) -> None:
    pytest.importorskip("mujoco")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MUJOCO_GL", "osmesa")
    monkeypatch.setenv("PYOPENGL_PLATFORM", "none")
    with pytest.raises(SystemExit) as stopped:
        run(monkeypatch, "generate", "objects_room", "--count", "40", "--split", "test", "--processes", "2")
    assert stopped.value.code == 1
    told = capfd.readouterr().err
    assert "Objects Room needs an OpenGL" in told and "Traceback" not in told
    assert not Path("data").exists() or os.listdir("data") == []


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("generate", "tetrominoes", "--count", "9", "--split", "all"),
        ("generate", "tetrominoes", "--count", "9", "--split", "train", "--seed", "0"),
        ("generate", "tetrominoes", "--count", "9", "--split", "train", "--processes", "0"),
        ("generate", "tetrominoes", "--count", "0", "--seed", "1"),
        ("generate", "tetrominoes", "--count", "1", "--seed", "-1"),
        ("generate", "mnist", "--count", "1", "--seed", "1"),
        ("download", "tetrominoes"),
        ("download", "mnist", "--count", "1"),
    ],
)
def test_a_wrong_command_is_refused(monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as caught:
        run(monkeypatch, *arguments)
    assert caught.value.code == 2


@pytest.mark.parametrize("command", [(), ("list",), ("download",), ("generate",), ("add",)])
def test_every_command_has_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    with pytest.raises(SystemExit) as caught:
        run(monkeypatch, *command, "--help")
    assert caught.value.code == 0 and "usage" in capsys.readouterr().out
