"""Tests of generated scenes: repeatable, as specified, and like genuine ones where these are available."""

import colorsys
import importlib.util
import itertools
from pathlib import Path

import numpy as np
import pytest

from monet.data import DATASETS, Scene, samples
from monet.data.generators import multi_dsprites, tetrominoes

SHARED = Path(__file__).parents[2] / "shared"
GENUINE_TETROMINOES = SHARED / "real" / "tetrominoes_mini.tfrecords"
TFRECORD_READER = SHARED / "prototypes" / "tfrecord" / "dm_tfrecord_reader.py"


def box(mask: np.ndarray) -> tuple[slice, slice]:
    """Returns the bounding box of a mask."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def object_colors(scene: Scene) -> list[np.ndarray]:
    """The one colour of each visible object of a scene of flat colours."""
    colors = [np.unique(scene.image[scene.segmentation == k], axis=0) for k in np.unique(scene.segmentation) if k]
    assert all(len(color) == 1 for color in colors)
    return [color[0] for color in colors]


def colored_pieces() -> dict[bytes, tuple[int, int]]:
    """Returns piece and colour by pixels."""
    numbers = itertools.product(range(len(tetrominoes.PIECES)), range(len(tetrominoes.COLORS)))
    pictures = {}
    for piece, color in numbers:
        picture = tetrominoes.PIECES[piece][:, :, None] * tetrominoes.COLORS[color]
        pictures[bytes(picture.shape) + picture.tobytes()] = piece, color
    return pictures


# ------------------------------------------------------------------ all of them


@pytest.mark.slow
@pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda dataset: dataset.name)
def test_a_seed_always_gives_the_same_scene_and_another_seed_another(dataset):
    first, again, other = (dataset.scene(seed) for seed in (7, 7, 8))
    assert np.array_equal(first.image, again.image)
    assert np.array_equal(first.segmentation, again.segmentation)
    assert not np.array_equal(first.image, other.image)
    assert first.image.dtype == np.uint8
    assert first.image.shape == (dataset.size, dataset.size, 3)
    assert first.segmentation.shape == (dataset.size, dataset.size)


@pytest.mark.slow
@pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda dataset: dataset.name)
def test_a_split_and_an_index_make_a_seed(dataset):
    scenes = [dataset.scene(seed).image for seed in ((0, 1), (1, 0), (1, 1), (2, 1))]
    assert not any(np.array_equal(a, b) for a, b in itertools.combinations(scenes, 2))


@pytest.mark.slow
@pytest.mark.parametrize("dataset", [d for d in DATASETS.values() if "ARC" not in d.title], ids=lambda d: d.name)
def test_a_scene_is_called_what_the_gallery_calls_its_data_set(dataset):
    assert dataset.scene(5).source == f"{dataset.title}, generated, seed 5"


@pytest.mark.slow
@pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda dataset: dataset.name)
def test_every_number_of_objects_in_the_range_occurs_and_no_other(dataset):
    fewest, most = dataset.objects

    def count(scene: Scene) -> int:
        # A sprite may be hidden by others; the last that was drawn never is, so the largest label tells the number.
        return max(int(scene.segmentation.max()) - max(dataset.background), 0)

    enough = 24 if dataset.name == "clevr6" else 60  # its scenes take a tenth of a second
    assert {count(dataset.scene(seed)) for seed in range(enough)} == set(range(fewest, most + 1))
    assert {count(dataset.scene(seed, (1, 2))) for seed in range(12)} == {1, 2}
    assert count(dataset.scene(0, (0, 0))) == 0


@pytest.mark.parametrize("objects", [(-1, 2), (3, 2), (0, 101)])
@pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda dataset: dataset.name)
def test_impossible_numbers_of_objects_are_refused_in_words(dataset, objects):
    with pytest.raises(ValueError, match="must satisfy 0 <= fewest <= most <="):
        dataset.scene(0, objects)


def test_samples_of_one_data_set_are_written_alone_and_are_the_shipped_ones(tmp_path):
    samples.write(tmp_path, count=2, names=["tetrominoes"])
    assert [path.name for path in tmp_path.iterdir()] == ["tetrominoes"] and samples.count("tetrominoes", tmp_path) == 2
    for index in range(2):
        written, shipped = samples.read("tetrominoes", index, tmp_path), samples.read("tetrominoes", index)
        assert np.array_equal(written.image, shipped.image)
        assert np.array_equal(written.segmentation, shipped.segmentation)
    with pytest.raises(ValueError, match="no data set 'nosuch'"):
        samples.write(tmp_path, names=["nosuch"])


# ------------------------------------------------------------------ Tetrominoes


def test_pieces_are_all_fixed_tetrominoes():
    """Grown cell by cell: four squares can be joined in 19 ways, rotations counted."""
    grown = {frozenset({(0, 0)})}
    for _ in range(3):
        grown = {
            cells | {(row + down, column + right)}
            for cells in grown
            for row, column in cells
            for down, right in ((0, 1), (1, 0), (0, -1), (-1, 0))
            if (row + down, column + right) not in cells
        }
    fixed = {
        frozenset((row - min(r for r, _ in cells), column - min(c for _, c in cells)) for row, column in cells)
        for cells in grown
    }
    tile = tetrominoes.TILE
    drawn = [frozenset(map(tuple, np.argwhere(piece[::tile, ::tile]).tolist())) for piece in tetrominoes.PIECES]
    assert len(drawn) == len(set(drawn)) == 19
    assert set(drawn) == fixed


def test_generated_tetrominoes_are_whole_pieces_of_one_colour_that_do_not_overlap():
    known, seen = colored_pieces(), set()
    reached = np.zeros((tetrominoes.SIZE, tetrominoes.SIZE), bool)
    for seed in range(150):
        scene = tetrominoes.generate(seed)
        assert scene.segmentation.max() == 3
        assert (scene.image[scene.segmentation == 0] == 0).all()
        for label in (1, 2, 3):
            mask = scene.segmentation == label
            window = box(mask)
            picture = np.where(mask[..., None], scene.image, 0)[window]
            # A piece that another covered, or that the frame cut, would lack pixels.
            seen.add(known[bytes(picture.shape) + picture.tobytes()])
        reached |= scene.segmentation > 0
    assert all(side.any() for side in (reached[0], reached[-1], reached[:, 0], reached[:, -1]))
    assert {piece for piece, _ in seen} == set(range(19))
    assert {color for _, color in seen} == set(range(6))


def test_genuine_tetrominoes_are_reproduced_exactly():
    if not (GENUINE_TETROMINOES.is_file() and TFRECORD_READER.is_file()):
        pytest.skip("the genuine records are not beside the project")
    spec = importlib.util.spec_from_file_location("dm_tfrecord_reader", TFRECORD_READER)
    reader = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reader)
    known, pieces = colored_pieces(), 0
    with GENUINE_TETROMINOES.open("rb") as file:
        for record in reader.dataset(file, "tetrominoes"):
            drawn = np.zeros_like(record["image"])
            for label in (1, 2, 3):
                mask = record["mask"][label, :, :, 0] > 0
                rows, columns = box(mask)
                picture = np.where(mask[..., None], record["image"], 0)[rows, columns]
                piece, color = known[bytes(picture.shape) + picture.tobytes()]
                # The data set's own words for it: pieces are numbered from 1, and x is the row.
                assert piece + 1 == record["shape"][label]
                assert (tetrominoes.COLORS[color] == record["color"][label]).all()
                assert (rows.start, columns.start) == (record["x"][label], record["y"][label])
                drawn[rows, columns] += picture
                pieces += 1
            assert np.array_equal(drawn, record["image"])
    assert pieces == 30


def test_too_many_tetrominoes_are_refused_and_five_fit():
    with pytest.raises(ValueError, match="<= 5"):
        tetrominoes.generate(0, (3, 6))
    assert all(tetrominoes.generate(seed, (5, 5)).segmentation.max() == 5 for seed in range(10))


# --------------------------------------------------------------- Multi-dSprites


def outline(shape: str, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The closed curve around a sprite of scale 1: right and down from its centre, t from 0 to 2 pi."""
    if shape == "ellipse":
        return 12.8 * np.cos(t), 7.2 * np.sin(t)
    if shape == "heart":
        curve = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
        return 9.6 * np.sin(t) ** 3, -0.66 * curve - 1.4
    corner = np.floor(4 * t / (2 * np.pi)) * np.pi / 2 + np.pi / 4
    return 9.6 * np.sqrt(2) * np.cos(corner), 9.6 * np.sqrt(2) * np.sin(corner)


def rasterise(shape: str, row: float, column: float, scale: float, angle: float) -> np.ndarray:
    """Pixels around whose centre a sprite's outline goes: an odd number of its edges lie to the right of them."""
    u, v = outline(shape, np.linspace(0, 2 * np.pi, 4000, endpoint=False))
    x = column + scale * (np.cos(angle) * u - np.sin(angle) * v)
    y = row + scale * (np.sin(angle) * u + np.cos(angle) * v)
    x_next, y_next = np.roll(x, -1), np.roll(y, -1)
    inside = np.zeros((64, 64), bool)
    for i in range(64):
        crossed = (y > i) != (y_next > i)
        at = x[crossed] + (i - y[crossed]) / (y_next - y)[crossed] * (x_next - x)[crossed]
        inside[i] = (at[:, None] > np.arange(64)).sum(0) % 2
    return inside


@pytest.mark.parametrize("shape", ["square", "ellipse", "heart"])
def test_sprite_is_what_its_outline_encloses(shape):
    rng = np.random.default_rng(0)
    for _ in range(20):
        place = rng.uniform(15.5, 47.5), rng.uniform(15.5, 47.5), rng.uniform(0.5, 1), rng.uniform(0, 2 * np.pi)
        ours, oracle = multi_dsprites.sprite(shape, *place), rasterise(shape, *place)
        assert oracle.sum() > 60
        assert (ours != oracle).sum() <= 1


def test_an_upright_heart_points_down():
    heart = multi_dsprites.sprite("heart", row=31.5, column=31.5, scale=1, angle=0)
    assert np.array_equal(heart, heart[:, ::-1])
    widths = heart.sum(1)[heart.any(1)]
    assert widths[: len(widths) // 2].sum() > 1.5 * widths[len(widths) // 2 :].sum()


@pytest.mark.slow
@pytest.mark.parametrize("variant", multi_dsprites.VARIANTS)
def test_segmentation_agrees_with_the_flat_colours(variant):
    for seed in range(40):
        scene = multi_dsprites.generate(seed, variant=variant)
        (background,) = np.unique(scene.image[scene.segmentation == 0], axis=0)
        colors = object_colors(scene)
        if variant == "binarized":
            assert (background == 0).all()
            assert all((color == 255).all() for color in colors)
        else:
            assert all((color != background).any() for color in colors)
            assert len({tuple(color) for color in colors}) == len(colors)


def test_later_sprites_cover_earlier_ones():
    for seed in range(20):
        scene = multi_dsprites.generate(seed, (4, 4))
        areas = np.bincount(scene.segmentation.ravel(), minlength=5)
        assert areas[4] >= 60, "the last one is whole, and none is smaller than this"


@pytest.mark.slow
def test_colours_are_drawn_as_in_the_genuine_variant():
    scenes = [multi_dsprites.generate(seed) for seed in range(250)]
    backgrounds = np.array([scene.image[scene.segmentation == 0][0] for scene in scenes], int)
    assert (backgrounds == backgrounds[:, :1]).all()
    assert backgrounds.min() < 10
    assert backgrounds.max() > 245
    hsv = np.array([colorsys.rgb_to_hsv(*(color / 255)) for scene in scenes for color in object_colors(scene)])
    # Hue from all around, saturation and value from the upper half; means of uniform draws, within four errors.
    assert hsv[:, 1:].min() > 0.49
    np.testing.assert_allclose(hsv.mean(0), [0.5, 0.75, 0.75], atol=4 * 0.29 / np.sqrt(len(hsv)))
    np.testing.assert_allclose(hsv.std(0), np.array([1, 0.5, 0.5]) / np.sqrt(12), rtol=0.1)


@pytest.mark.slow
def test_coloured_backgrounds_are_coloured():
    scenes = [multi_dsprites.generate(seed, variant="colored_on_colored") for seed in range(150)]
    colors = np.array([scene.image[scene.segmentation == 0][0] for scene in scenes], int)
    assert (np.ptp(colors, axis=1) > 30).mean() > 0.8
    np.testing.assert_allclose(colors.mean(0), 127.5, atol=4 * 74 / np.sqrt(len(colors)))


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["colored_on_grayscale", "colored_on_colored"])
def test_generated_scenes_are_as_full_as_genuine_ones(variant):
    path = SHARED / "real" / f"multi_dsprites_{variant}.npz"
    if not path.is_file():
        pytest.skip("the genuine pictures are not beside the project")
    with np.load(path) as file:
        genuine = [Scene(*pair, "genuine") for pair in zip(file["image"], file["entity"], strict=True)]
    generated = [multi_dsprites.generate(seed, variant=variant) for seed in range(300)]

    def features(scene: Scene) -> tuple[float, ...]:
        hsv = [colorsys.rgb_to_hsv(*(color / 255)) for color in object_colors(scene)]
        covered, found = (scene.segmentation > 0).sum(), len(hsv)
        return found, covered, covered / found, scene.image[scene.segmentation == 0].mean(), *np.mean(hsv, axis=0)

    # Objects, their pixels together and each, the background's brightness, hue, saturation and value.
    theirs, ours = (np.array([features(scene) for scene in scenes]) for scenes in (genuine, generated))
    error = np.sqrt(theirs.var(0) / len(theirs) + ours.var(0) / len(ours))
    assert (abs(theirs.mean(0) - ours.mean(0)) < 4 * error).all()
    assert (abs(np.log(theirs.std(0) / ours.std(0))) < 0.4).all()


def test_unknown_variant_is_refused_in_words():
    with pytest.raises(ValueError, match="'blue' is none of colored_on_grayscale, colored_on_colored, binarized"):
        multi_dsprites.generate(0, variant="blue")
