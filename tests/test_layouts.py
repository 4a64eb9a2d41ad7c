"""Tests of arrays in foreign files: layouts, types and names, read in blocks and never unpickled."""

import pickle
import sys
from pathlib import Path

import numpy as np
import pytest

from monet.data.stored import arrays, layouts
from monet.data.stored.arrays import ArrayError

IMAGES = np.random.default_rng(0).integers(0, 256, (7, 6, 8, 3), np.uint8)
LABELS = np.random.default_rng(1).integers(0, 3, (7, 6, 8))
LABELS[:, 0, 0] = 0


def opened(path: Path, **saved: np.ndarray) -> tuple[np.ndarray, np.ndarray | None, layouts.Opened]:
    np.savez(path / "some.npz", **saved)
    file = layouts.open_file(path / "some.npz")
    return np.stack(list(file.pictures)), None if file.labels is None else np.stack(list(file.labels)), file


def refusal(path: Path, **saved: np.ndarray) -> str:
    with pytest.raises(ArrayError) as caught:
        opened(path, **saved)
    return str(caught.value)


@pytest.mark.parametrize("format", ["npy", "npz", "npz, compressed"])
def test_files_are_read_in_blocks(format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / f"some.{format[:3]}"
    save = {"npy": np.save, "npz": lambda p, a: np.savez(p, image=a)}.get(
        format, lambda p, a: np.savez_compressed(p, image=a)
    )
    save(path, IMAGES)
    for block in (1, 2 * IMAGES[0].nbytes, 2**22):
        monkeypatch.setattr(arrays, "_BLOCK", block)
        file = layouts.open_file(path)
        for _ in range(2):  # from the beginning again
            np.testing.assert_array_equal(np.concatenate(list(file.pictures.blocks())), IMAGES)
        assert len(next(file.pictures.blocks())) == min(7, max(1, block // IMAGES[0].nbytes))
        assert file.pictures.shape == (7, 6, 8) and file.labels is None


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_the_axes_of_pictures(channels: int, tmp_path: Path) -> None:
    images = np.concatenate([IMAGES, np.full((7, 6, 8, 1), 255, np.uint8)], 3)[..., :channels]
    expected = np.repeat(images, 3, 3) if channels == 1 else images[..., :3]
    np.testing.assert_array_equal(opened(tmp_path, image=images)[0], expected)
    np.testing.assert_array_equal(opened(tmp_path, image=images.transpose(0, 3, 1, 2))[0], expected)


def test_grey_and_transparent_pictures(tmp_path: Path) -> None:
    grey = IMAGES[..., 0]
    np.testing.assert_array_equal(opened(tmp_path, image=grey)[0], np.repeat(grey[..., None], 3, 3))
    clear = np.dstack([IMAGES[0], np.zeros((6, 8), np.uint8)])[None]
    np.save(tmp_path / "clear.npy", clear)
    assert (np.stack(list(layouts.open_file(tmp_path / "clear.npy", (1, 2, 3)).pictures)) == (1, 2, 3)).all()


@pytest.mark.parametrize(
    "shape", [(), (7,), (6, 8), (6, 8, 3), (7, 6, 8, 2), (7, 2, 6, 8, 3), (0, 6, 8, 3), (7, 0, 8, 3)]
)
def test_arrays_of_another_shape_are_refused(shape: tuple[int, ...], tmp_path: Path) -> None:
    refusal(tmp_path, image=np.zeros(shape, np.uint8))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_in_0_to_1_or_0_to_255(dtype: type, tmp_path: Path) -> None:
    np.testing.assert_array_equal(opened(tmp_path, image=(IMAGES / 255).astype(dtype))[0], IMAGES)
    images, _, file = opened(tmp_path, image=IMAGES.astype(dtype))
    np.testing.assert_array_equal(images, IMAGES)
    assert file.notes == ("Values from 0 to 255 are read as 0 to 255.",)


def test_other_types(tmp_path: Path) -> None:
    np.testing.assert_array_equal(opened(tmp_path, image=IMAGES.astype(np.int64))[0], IMAGES)
    np.testing.assert_array_equal(opened(tmp_path, image=IMAGES.astype(np.uint16) * 257)[0], IMAGES)
    two = (IMAGES > 127) * np.uint8(255)
    np.testing.assert_array_equal(opened(tmp_path, image=IMAGES > 127)[0], two)
    np.testing.assert_array_equal(opened(tmp_path, image=two // 255)[0], two)


@pytest.mark.parametrize(
    "wrong", [IMAGES - 128.0, IMAGES * 2.0, IMAGES * np.nan, IMAGES.astype(int) + 1, IMAGES / -255]
)
def test_values_out_of_range_are_refused(wrong: np.ndarray, tmp_path: Path) -> None:
    assert "integers must lie in 0 to 255" in refusal(tmp_path, image=wrong)


@pytest.mark.parametrize("layout", ["n h w", "n h w 1", "n 1 h w"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32])
def test_label_maps(layout: str, dtype: type, tmp_path: Path) -> None:
    shape = {"n h w": (7, 6, 8), "n h w 1": (7, 6, 8, 1), "n 1 h w": (7, 1, 6, 8)}[layout]
    np.testing.assert_array_equal(opened(tmp_path, image=IMAGES, entity=LABELS.reshape(shape).astype(dtype))[1], LABELS)


@pytest.mark.parametrize("axes", ["k first", "k first and 1", "k last and 1"])
@pytest.mark.parametrize("ground", [True, False])
def test_one_mask_per_object(axes: str, ground: bool, tmp_path: Path) -> None:
    masks = (LABELS[:, None] == np.arange(0 if ground else 1, 4)[:, None, None]) * np.uint8(255)
    masks = {"k first": masks, "k first and 1": masks[..., None]}.get(axes, masks.transpose(0, 2, 3, 1)[..., None])
    _, labels, file = opened(tmp_path, image=IMAGES, mask=masks)
    np.testing.assert_array_equal(labels, LABELS)
    assert ("cover the frame" in file.notes[0]) == ground


@pytest.mark.parametrize("wrong", [LABELS[:5], LABELS[:, :5], LABELS + 0.5, IMAGES, np.zeros((7, 2, 6, 8, 3))])
def test_labels_of_another_kind_are_refused(wrong: np.ndarray, tmp_path: Path) -> None:
    assert "entity" in refusal(tmp_path, image=IMAGES, entity=wrong)


def test_arrays_are_told_apart_by_their_names(tmp_path: Path) -> None:
    for name in layouts.LABELS:
        _, labels, file = opened(tmp_path, Images=IMAGES, **{name: LABELS}, visibility=np.zeros((7, 4)))
        np.testing.assert_array_equal(labels, LABELS)
        assert file.notes == ("Not read: visibility.",)
    images, labels, file = opened(tmp_path, photos=IMAGES, labels=np.arange(7))  # a classifier's labels
    np.testing.assert_array_equal(images, IMAGES)
    assert labels is None and file.unread == ("labels",)
    assert "name the pictures 'image'" in refusal(tmp_path, photos=IMAGES, paintings=IMAGES)


def test_labels_in_a_file_of_their_own(tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", IMAGES)
    np.save(tmp_path / "truth.npy", LABELS)
    file = layouts.open_file(tmp_path / "images.npy", labels=tmp_path / "truth.npy")
    assert file.labels is not None
    np.testing.assert_array_equal(np.stack(list(file.labels)), LABELS)


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    class Spring:
        def __reduce__(self) -> tuple[object, ...]:
            return (tmp_path / "sprung").touch, ()

    objects = np.array([Spring()], object)
    assert "name the pictures" in refusal(tmp_path, image=objects)
    images, _, _ = opened(tmp_path, image=IMAGES, metadata=objects)
    np.testing.assert_array_equal(images, IMAGES)
    for content in (pickle.dumps(Spring()), b"", b"PK\3\4"):
        (tmp_path / "some.npy").write_bytes(content)
        with pytest.raises(ArrayError, match="damaged"):
            layouts.open_file(tmp_path / "some.npy")
    np.save(tmp_path / "some.npy", objects)
    with pytest.raises(ArrayError, match="Python objects are not read"):
        layouts.open_file(tmp_path / "some.npy")
    assert not (tmp_path / "sprung").exists()


def test_damaged_files_are_told(tmp_path: Path) -> None:
    np.save(tmp_path / "some.npy", IMAGES)
    whole = (tmp_path / "some.npy").read_bytes()
    (tmp_path / "some.npy").write_bytes(whole[:-1])
    with pytest.raises(ArrayError, match="damaged"):
        layouts.open_file(tmp_path / "some.npy")
    (tmp_path / "some.npy").write_bytes(whole.replace(b"(7, 6, 8, 3), }     ", b"(7, 99999, 99999), }"))
    with pytest.raises(ArrayError, match="one scene of it exceeds 512 MB"):  # the header promises 70 GB
        layouts.open_file(tmp_path / "some.npy")
    np.save(tmp_path / "some.npy", np.asfortranarray(IMAGES))
    with pytest.raises(ArrayError, match="ascontiguousarray"):
        layouts.open_file(tmp_path / "some.npy")
    with pytest.raises(ArrayError, match="There is no file"):
        layouts.open_file(tmp_path / "nowhere.npy")


def test_hdf5_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    h5py = pytest.importorskip("h5py")
    masks = (LABELS[:, None, ..., None] == np.arange(4)[:, None, None, None]) * np.uint8(255)
    with h5py.File(tmp_path / "some.h5", "w") as file:
        file.create_dataset("train/image", data=IMAGES, compression="gzip")
        file.create_dataset("train/mask", data=masks, compression="gzip")
        file.create_dataset("train/name", data=[b"a"] * 7)
    monkeypatch.setattr(arrays, "_BLOCK", 2 * IMAGES[0].nbytes)
    opened = layouts.open_file(tmp_path / "some.h5")
    assert opened.labels is not None
    np.testing.assert_array_equal(np.stack(list(opened.pictures)), IMAGES)
    np.testing.assert_array_equal(np.stack(list(opened.labels)), LABELS)
    (tmp_path / "some.h5").write_bytes(b"no such file")
    with pytest.raises(ArrayError, match="damaged"):
        layouts.open_file(tmp_path / "some.h5")


def test_what_reads_hdf5_is_named_where_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ArrayError, match="pip install h5py"):
        layouts.open_file(tmp_path / "some.h5")
