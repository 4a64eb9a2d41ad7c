"""Tests of batch generators: same pixels from the same factors as scene by scene, and the same distribution."""

import colorsys
from functools import lru_cache
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from monet.data import DATASETS, Scene, SceneBatch
from monet.data.generators import arc, arc_batch, multi_dsprites, tetrominoes
from monet.data.seeds import TEST, TRAIN, VALIDATE

FLAT = [d for d in DATASETS.values() if d.name.startswith(("tetrominoes", "multi_dsprites", "arc"))]
each = pytest.mark.parametrize(
    "dataset",
    # ARC's batches first sort all its grids by their objects.
    [pytest.param(d, id=d.name, marks=[pytest.mark.slow] * d.name.startswith("arc")) for d in FLAT],
)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(batch: SceneBatch) -> np.ndarray:
    return batch.images.permute(0, 2, 3, 1).numpy()


def stacked(scenes: list[Scene]) -> dict[str, torch.Tensor]:
    """Stacks the factors of scenes to those of a batch; absent objects are 0."""
    counts = np.array([len(scene.factors["x"]) for scene in scenes])
    most = counts.max()
    factors = {"present": torch.from_numpy(np.arange(most) < counts[:, None])}
    for name, first in scenes[0].factors.items():
        values = np.zeros((len(scenes), most, *first.shape[1:]), first.dtype)
        for row, scene in zip(values, scenes, strict=True):
            row[: len(scene.factors[name])] = scene.factors[name]
        factors[name] = torch.from_numpy(values)
    return factors


def assert_alike(ours: np.ndarray, theirs: np.ndarray) -> None:
    """Asserts that the means of features F, of scenes S,F or objects, differ by less than five standard errors."""
    error = np.sqrt(ours.var(0) / len(ours) + theirs.var(0) / len(theirs))
    difference = abs(ours.mean(0) - theirs.mean(0))
    assert (difference <= 5 * error).all(), (difference / error).round(1)


# ------------------------------------------------------------------ all of them


@pytest.mark.slow
@each
def test_batch_has_the_shapes_that_it_says(dataset):
    batch = dataset.batch(70, dataset.objects, seeded(0))
    most = dataset.objects[1]
    assert batch.images.dtype == batch.segmentation.dtype == torch.uint8
    assert batch.images.shape == (70, 3, dataset.size, dataset.size)
    assert batch.images.is_contiguous()
    assert batch.segmentation.shape == (70, dataset.size, dataset.size)
    assert batch.factors["present"].dtype == torch.bool
    for name, values in batch.factors.items():
        assert values.shape == ((70, most, 3) if name == "color" else (70, most))
    colors = batch.factors["color"][batch.factors["present"]]
    assert 0 <= colors.min() < colors.max() <= 1 or dataset.name == "multi_dsprites_binarized"


@pytest.mark.slow
@each
def test_same_state_of_the_generator_gives_the_same_batch_and_the_next_another(dataset):
    generator = seeded(3)
    first, following = (dataset.batch(8, dataset.objects, generator) for _ in range(2))
    again = dataset.batch(8, dataset.objects, seeded(3))
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.segmentation, again.segmentation)
    assert not torch.equal(first.images, following.images)
    assert len(np.unique(images(first).reshape(8, -1), axis=0)) == 8


@each
@pytest.mark.parametrize("objects", [None, (1, 3), (2, 2), (0, 0)])
def test_batch_has_as_many_objects_as_asked_for_and_their_labels(dataset, objects):
    fewest, most = objects or dataset.objects
    batch = dataset.batch(300, (fewest, most), seeded(1))
    present = batch.factors["present"]
    counts = present.sum(1)
    assert set(counts.tolist()) == set(range(fewest, most + 1))
    assert torch.equal(present, torch.arange(most) < counts[:, None])
    # Pixels of each label, B,K; a sprite may be hidden by others, but the last never is.
    pixels = torch.nn.functional.one_hot(batch.segmentation.long(), most + 1).sum((1, 2))[:, 1:]
    assert not pixels[~present].any()
    if "dsprites" not in dataset.name:
        assert (pixels[present] > 0).all()
    elif most:
        last = pixels.gather(1, (counts - 1).clamp(min=0)[:, None])[:, 0]
        assert (last[counts > 0] >= 50).all()  # the smallest heart has 56
    if dataset.name == "tetrominoes":
        assert (pixels[present] == 100).all()


@each
def test_pixels_of_an_object_have_its_colour(dataset):
    batch = dataset.batch(40, dataset.objects, seeded(2))
    colors = (255 * batch.factors["color"]).round().byte().numpy()
    for image, labels, own in zip(images(batch), batch.segmentation.numpy(), colors, strict=True):
        expected = own[labels.astype(int) - 1]
        if dataset.name == "tetrominoes":  # tiles are shaded: their colours tell which channels are lit
            image, expected = image > 0, expected > 0
        assert (image == expected)[labels > 0].all()
        assert len(np.unique(image[labels == 0], axis=0)) <= 1


@each
@pytest.mark.parametrize("objects", [(-1, 2), (3, 2), (0, 101)])
def test_impossible_numbers_of_objects_are_refused_as_for_single_scenes(dataset, objects):
    with pytest.raises(ValueError, match="must satisfy 0 <= fewest <= most <="):
        dataset.batch(1, objects, seeded(0))


@pytest.mark.slow
@each
def test_nothing_waits_for_the_device(dataset, monkeypatch):
    """On the device "meta" tensors have no values: whatever asked for one, or mixed devices, would fail."""
    rand, randint = torch.rand, torch.randint
    monkeypatch.setattr(torch, "rand", lambda *shape, generator, device: rand(*shape, device=device))
    monkeypatch.setattr(
        torch, "randint", lambda *bounds, generator, device, **options: randint(*bounds, device=device, **options)
    )
    batch = dataset.batch(5, dataset.objects, SimpleNamespace(device=torch.device("meta")))
    assert batch.images.shape == (5, 3, dataset.size, dataset.size)
    assert {t.device.type for t in (batch.images, batch.segmentation, *batch.factors.values())} == {"meta"}


# ------------------------------------------------------------------ Tetrominoes


@pytest.mark.parametrize("objects", [(3, 3), (0, 5), (0, 0)])
def test_tetrominoes_from_the_same_factors_are_the_same(objects):
    scenes = [tetrominoes.generate(seed, objects) for seed in range(60)]
    batch = tetrominoes.render(stacked(scenes))
    assert np.array_equal(images(batch), [scene.image for scene in scenes])
    assert np.array_equal(batch.segmentation, [scene.segmentation for scene in scenes])


@pytest.mark.slow
@pytest.mark.parametrize("number", [3, 5])
def test_tetrominoes_are_drawn_alike(number):
    """Five pieces too: half of those scenes are rejected, which favours pieces that leave room."""
    scenes = [tetrominoes.generate(seed, (number, number)) for seed in range(400)]
    batch = tetrominoes.batch(3000, (number, number), seeded(0))

    def features(factors: dict[str, torch.Tensor]) -> np.ndarray:
        x, y, shape = (factors[name].double() for name in ("x", "y", "shape"))
        kinds = torch.nn.functional.one_hot(factors["shape"], 19).double().mean(1)
        apart = (x[:, 1] - x[:, 0]).abs() + (y[:, 1] - y[:, 0]).abs()
        wide = torch.stack([x[:, 0], x[:, -1], y[:, 0], y[:, -1], (x - 12) ** 2 @ x.new_ones(number), apart], 1)
        return torch.cat([wide, wide**2, shape, kinds, factors["color"].double().mean(1)], 1).numpy()

    assert_alike(features(batch.factors), features(stacked(scenes)))


def test_every_tetromino_stands_at_every_edge_in_every_colour():
    factors = tetrominoes.batch(4000, (3, 3), seeded(0)).factors
    for shape, piece in enumerate(tetrominoes.PIECES):
        these = factors["shape"] == shape
        for name, side in zip(("y", "x"), piece.shape, strict=True):
            assert set(factors[name][these].tolist()) == set(range(tetrominoes.SIZE + 1 - side))
        assert len(factors["color"][these].unique(dim=0)) == 6


@pytest.mark.parametrize("number", [3, 4, 5])
def test_share_of_scenes_to_be_drawn_again_is_what_the_rounds_reckon_with(number):
    wanted = torch.ones(4000, number, dtype=torch.bool)
    failed = 1 - tetrominoes._try(wanted, seeded(0))["present"].all(1).double().mean()
    assert tetrominoes.FAILING[number] / 3 < failed < tetrominoes.FAILING[number]
    retries = tetrominoes._retries(64, (number, number))
    assert tetrominoes.FAILING[number] ** (1 + sum(spares for _, spares in retries)) < 1e-12
    assert retries[0][0] > 64 * failed


# --------------------------------------------------------------- Multi-dSprites


@pytest.mark.slow
@pytest.mark.parametrize("variant", multi_dsprites.VARIANTS)
@pytest.mark.parametrize("objects", [(0, 5), (9, 9), (0, 0)])
def test_sprites_from_the_same_factors_are_the_same(variant, objects):
    scenes = [multi_dsprites.generate(seed, objects, variant) for seed in range(40)]
    background = torch.from_numpy(np.array([scene.image[scene.segmentation == 0][0] for scene in scenes]))
    factors = stacked(scenes)
    exact = multi_dsprites.render(factors, background)
    assert np.array_equal(images(exact), [scene.image for scene in scenes])
    assert np.array_equal(exact.segmentation, [scene.segmentation for scene in scenes])
    # In the precision of batches a pixel whose centre lies on an edge, within rounding, may fall to the other side.
    single = {name: values.float() if values.is_floating_point() else values for name, values in factors.items()}
    differing = multi_dsprites.render(single, background).segmentation != exact.segmentation
    assert differing.double().mean() < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("variant", multi_dsprites.VARIANTS)
def test_sprites_are_drawn_alike(variant):
    scenes = [multi_dsprites.generate(seed, variant=variant) for seed in range(400)]
    fewest, most = multi_dsprites.OBJECTS[variant]
    batch = multi_dsprites.batch(2000, (fewest, most), seeded(0), variant)

    def of_objects(factors: dict[str, torch.Tensor]) -> np.ndarray:
        present = factors["present"]
        numbers = torch.stack([factors[name][present].double() for name in ("x", "y", "scale", "angle")], 1)
        kinds = torch.nn.functional.one_hot(factors["shape"][present], 3)
        colors = factors["color"][present].double()
        hsv = torch.tensor([colorsys.rgb_to_hsv(*color) for color in colors.tolist()])
        return torch.cat([numbers, numbers**2, kinds, colors, colors**2, hsv, hsv**2], 1).numpy()

    def of_scenes(pictures: np.ndarray, labels: np.ndarray) -> np.ndarray:
        background = np.array([picture[own == 0][0] for picture, own in zip(pictures, labels, strict=True)], float)
        pixels = (labels[..., None] == np.arange(most + 1)).sum((1, 2))
        visible = (pixels[:, 1:] > 0).sum(1, keepdims=True)
        return np.concatenate([background, background**2, np.ptp(background, 1)[:, None], pixels, visible], 1)

    ours, theirs = of_objects(batch.factors), of_objects(stacked(scenes))
    assert_alike(ours, theirs)
    np.testing.assert_allclose(ours[:, :4].min(0), [15.5, 15.5, 0.5, 0], atol=0.1)
    np.testing.assert_allclose(ours[:, :4].max(0), [47.5, 47.5, 1, 2 * np.pi], atol=0.1)
    one_by_one = np.array([scene.image for scene in scenes]), np.array([scene.segmentation for scene in scenes])
    assert_alike(of_scenes(images(batch), batch.segmentation.numpy()), of_scenes(*one_by_one))


def test_colours_of_sprites_are_those_of_the_hue():
    """Against the standard library: every colour that is drawn is that of some hue, saturation and value."""
    colors = multi_dsprites.batch(500, (5, 5), seeded(0)).factors["color"].reshape(-1, 3)
    hsv = np.array([colorsys.rgb_to_hsv(*color) for color in colors.tolist()])
    assert hsv[:, 1:].min() > 0.49
    # All around, in each twelfth of the circle as often, within five standard errors.
    found = np.histogram(hsv[:, 0], 12, (0, 1))[0]
    assert (abs(found - len(hsv) / 12) < 5 * np.sqrt(len(hsv) / 12)).all()


def test_unknown_variant_is_refused_in_words():
    with pytest.raises(ValueError, match="'blue' is none of colored_on_grayscale, colored_on_colored, binarized"):
        multi_dsprites.batch(1, (1, 2), seeded(0), "blue")


# ------------------------------------------------------------------------- ARC


def uncoloured(picture: np.ndarray) -> bytes:
    """Renumbers a picture's nonzero values in order of appearance."""
    values, first = np.unique(picture, return_index=True)
    values = values[np.argsort(first)]
    numbers = np.zeros(10, np.uint8)
    numbers[values[values > 0]] = np.arange(1, (values > 0).sum() + 1)
    return numbers[picture].tobytes()


@lru_cache
def held_out(version: arc.Version) -> set[bytes]:
    """Returns the grids of validation and test in every manner, colours renumbered."""
    grids = [grid for part in (VALIDATE, TEST) for grid in arc.grids(version)[part]]
    return {uncoloured(arc.draw(grid.values, manner)) for grid in grids for manner in arc.MANNERS}


@pytest.mark.slow
@pytest.mark.parametrize("manner", arc.MANNERS)
@pytest.mark.parametrize("version", arc.TITLES)
def test_grids_turned_and_recoloured_alike_are_the_same(version, manner):
    rng = np.random.default_rng(0)
    pool = arc_batch.pool(version)
    grids, orientations = rng.integers(len(pool), size=120), rng.integers(8, size=120)
    values = np.array([rng.permutation(9) + 1 for _ in range(120)])
    batch = arc_batch.render(*map(torch.from_numpy, (grids, orientations, values)), arc.MOST, version, manner)
    for index, (image, labels) in enumerate(zip(images(batch), batch.segmentation.numpy(), strict=True)):
        turns, mirrored = arc_batch.ORIENTATIONS[orientations[index]]
        recoloured = np.concatenate([[0], values[index]])[pool[grids[index]].values]
        turned = np.rot90(recoloured, turns)[:, :: -1 if mirrored else 1]
        assert np.array_equal(image, arc.COLORS[arc.draw(turned, manner)])
        expected = arc.draw(arc.components(turned), manner)
        same = set(zip(expected.flat, labels.flat, strict=True))
        assert len(same) == len(np.unique(expected)) == len(np.unique(labels))
        assert (0, 0) in same or 0 not in labels
        assert batch.factors["present"][index].sum() == expected.max()


@pytest.mark.slow
@pytest.mark.parametrize("version", arc.TITLES)
def test_an_orientation_is_used_unless_the_grid_then_looks_like_one_held_out(version):
    allowed = arc_batch._allowed(version)
    some = sorted({*np.flatnonzero(~allowed.all(1))[::2], *range(0, len(allowed), 60)})
    assert 0.9 < allowed.mean() < 1
    for index in some:
        for orientation, (turns, mirrored) in enumerate(arc_batch.ORIENTATIONS):
            turned = arc.turned(arc_batch.pool(version)[index].values, turns, mirrored)
            looks = {uncoloured(arc.draw(turned, manner)) for manner in arc.MANNERS}
            assert allowed[index, orientation] == looks.isdisjoint(held_out(version))


@pytest.mark.slow
def test_no_picture_of_a_batch_is_one_held_out():
    looks = {
        arc.COLORS[arc.draw(g.values, "zoomed")].tobytes() for p in (VALIDATE, TEST) for g in arc.grids("arcagi")[p]
    }
    batch = arc_batch.batch(4000, arc.OBJECTS, seeded(0), "arcagi", "zoomed")
    assert not looks & {image.tobytes() for image in images(batch)}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["arc", "arc_centred", "arc2"])
def test_grids_are_drawn_alike(name):
    dataset = DATASETS[name]
    scenes = [dataset.scene((TRAIN, index)) for index in range(400)]
    batch = dataset.batch(2000, dataset.objects, seeded(0))

    def features(pictures: np.ndarray, labels: np.ndarray) -> np.ndarray:
        count = labels.max((1, 2))[:, None]
        lit = labels > 0
        quarters = lit.reshape(-1, 2, 32, 2, 32).mean((2, 4)).reshape(-1, 4)
        colors = (pictures[:, :, :, None] == arc.COLORS).all(-1).mean((1, 2))
        first = (labels == 1).mean((1, 2))[:, None] * (count == 1)
        edges = (
            (lit[:, 1:] != lit[:, :-1]).mean((1, 2))[:, None],
            (lit[:, :, 1:] != lit[:, :, :-1]).mean((1, 2))[:, None],
        )
        counts = count == np.arange(1, 7)
        return np.concatenate([count, counts, quarters, quarters**2, colors, first, *edges], 1)

    one_by_one = np.array([scene.image for scene in scenes]), np.array([scene.segmentation for scene in scenes])
    assert_alike(features(images(batch), batch.segmentation.numpy()), features(*one_by_one))


@pytest.mark.slow
def test_numbers_of_objects_that_no_grid_for_training_has_are_refused_in_words():
    counts = {int(arc.components(grid.values).max()) for grid in arc_batch.pool("arcagi")}
    nobody = next(number for number in range(101) if number not in counts)
    with pytest.raises(ValueError, match="no training grid of ARC-AGI-1 has that many"):
        arc_batch.batch(1, (nobody, nobody), seeded(0))
    assert (arc_batch.batch(20, (40, 100), seeded(0)).factors["present"].sum(1) >= 40).all()


@pytest.mark.parametrize("option", [{"version": "latest"}, {"manner": "stretched"}])
def test_unknown_options_are_refused_in_words(option):
    with pytest.raises(ValueError, match="is none of"):
        arc_batch.batch(1, (1, 6), seeded(0), **option)
