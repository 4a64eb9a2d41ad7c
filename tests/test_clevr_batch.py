"""Tests of batches of CLEVR scenes: same pictures from the same factors as one by one, and the same distribution."""

from functools import lru_cache
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from monet.data import DATASETS, SceneBatch
from monet.data.generators import clevr, clevr_batch, raycast, raycast_batch, solids_batch
from monet.data.generators.raycast import Lamp
from monet.data.generators.solids import GROUND, SHAPES, Solid
from tests.test_batches import assert_alike, images, seeded

CAMERA = np.array([7.4811, -6.5076, 5.3437], np.float32)
Drawn = tuple[dict[str, Tensor], Tensor, Tensor]
"""Factors, cameras and lamps, the arguments of ``clevr_batch.render``."""
Apart = tuple[list[Solid], np.ndarray, list[Lamp]]
"""Solids, camera and lamps of a scene, the arguments of ``raycast.render``."""


@lru_cache
def some(count: int = 24, objects: tuple[int, int] = clevr.OBJECTS) -> Drawn:
    return clevr_batch.draw(count, objects, seeded(6))


def apart(drawn: Drawn, scene: int) -> Apart:
    values = {name: value[scene] for name, value in drawn[0].items()}
    solids = [
        Solid(
            SHAPES[values["shape"][n]],
            tuple(values["place"][n].tolist()),
            values["size"][n].item(),
            values["angle"][n].item(),
            tuple(values["color"][n].tolist()),
            clevr.MATERIALS[values["material"][n]] == "metal",
        )
        for n in range(int(values["present"].sum()))
    ]
    lamps = [
        Lamp(tuple(place), lamp.side, lamp.intensity)
        for place, lamp in zip(drawn[2][scene].tolist(), clevr.LAMPS, strict=True)
    ]
    return solids, drawn[1][scene].numpy(), lamps


def all_apart(drawn: Drawn) -> list[Apart]:
    return [apart(drawn, scene) for scene in range(len(drawn[1]))]


def crowd(shape: int, metal: int) -> Drawn:
    """Solids so close together that they cover, shade and mirror one another; lamps low and near."""
    sphere, cube = SHAPES.index("sphere"), SHAPES.index("cube")
    factors = {
        "present": torch.ones(1, 4, dtype=torch.bool),
        "place": torch.tensor([[[0.2, -0.3], [-1.2, 0.6], [1.5, 0.9], [0.9, -1.4]]]),
        "size": torch.tensor([[0.7, 0.7, 0.35, 0.35]]),
        "angle": torch.tensor([[0.3, 1.1, 2.0, 0.0]]),
        "shape": torch.tensor([[shape, cube, shape, sphere]]),
        "material": torch.tensor([[metal, 1 - metal, metal, 1]]),
        "color": torch.tensor([[[0.7, 0.2, 0.1], [0.1, 0.6, 0.2], [0.2, 0.2, 0.8], [0.9, 0.8, 0.1]]]),
    }
    lamps = torch.tensor([[(6.0, -3.5, 3.4), (-3.9, -3.5, 2.1), (-0.5, 2.0, 4.9)]])
    return factors, torch.from_numpy(CAMERA)[None], lamps


def differing(drawn: Drawn) -> np.ndarray:
    """Returns the differences in grey levels from scenes rendered one by one, B,64,64,3."""
    batch, expected = clevr_batch.render(*drawn), []
    for (solids, camera, lamps), labels in zip(all_apart(drawn), batch.segmentation.numpy(), strict=True):
        expected.append(raycast.render(solids, camera, lamps))
        # Both find the same solid on the same ray, but where rounding decides whether it is met.
        seen = raycast.centers(raycast.visible(solids, camera))
        assert (labels != seen - GROUND).sum() <= 2
    return abs(images(batch).astype(int) - np.array(expected))


def areas(drawn: Drawn) -> np.ndarray:
    """Counts the rays that meet each solid, int B,N, by the renderer of single scenes."""
    most = drawn[0]["present"].shape[1]
    seen = [raycast.visible(solids, camera) - GROUND for solids, camera, _ in all_apart(drawn)]
    return np.array([np.bincount(index.ravel(), minlength=most + 1)[1:] for index in seen])


def pixels(batch: SceneBatch) -> Tensor:
    """Counts the pixels with each solid's label, int64 B,N."""
    return one_hot(batch.segmentation.long(), batch.factors["present"].shape[1] + 1).sum((1, 2))[:, 1:]


# ------------------------------------------------------------------ pictures


@pytest.mark.slow
@pytest.mark.parametrize("objects", [(3, 6), (10, 10), (0, 0)])
def test_same_factors_give_the_same_picture(objects):
    """Both renderers average nine rays a pixel, or use one where nine hardly differ."""
    drawn = some(24 if objects == (3, 6) else 2, objects)
    if objects == (3, 6):
        kinds = torch.stack([drawn[0][name].double() for name in ("shape", "material", "size")], -1)
        assert len(kinds[drawn[0]["present"]].unique(dim=0)) == 12
    difference = differing(drawn)
    assert (difference <= 1).mean() >= 0.999
    assert (difference <= 1).mean((1, 2, 3)).min() >= 0.995
    assert difference.mean() < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("metal", [0, 1])
@pytest.mark.parametrize("shape", range(len(SHAPES)))
def test_solids_in_shadows_and_mirrors_look_the_same(shape, metal):
    difference = differing(crowd(shape, metal))
    assert (difference <= 1).mean() >= 0.999
    assert difference.max() < 40  # no part of a shadow or of a mirror is missing


def test_every_ray_meets_what_it_meets_alone():
    drawn = some()
    keys = torch.cat([raycast_batch.visible(stage) for stage in raycast_batch.stages(*drawn[:2])])
    assert abs(raycast_batch.areas(keys, 6).numpy() - areas(drawn)).max() <= 3


# ------------------------------------------------------------------ the draw


@pytest.mark.slow
@pytest.mark.parametrize("objects", [(0, 0), (1, 2), (3, 6), (10, 10)])
def test_scenes_have_as_many_objects_as_asked_for_and_each_shows(objects):
    batch = clevr_batch.batch(8 if objects == (10, 10) else 60, objects, seeded(1))
    present = batch.factors["present"]
    counts = present.sum(1)
    assert set(counts.tolist()) == set(range(objects[0], objects[1] + 1))
    assert torch.equal(present, torch.arange(objects[1]) < counts[:, None])
    assert not pixels(batch)[~present].any()
    assert (pixels(batch)[present] > clevr_batch.SURE[0]).all()


@pytest.mark.parametrize("objects", [(3, 6), (10, 10)])
def test_camera_lamps_and_solids_keep_the_generators_distances(objects):
    for solids, camera, lamps in all_apart(some(24 if objects == (3, 6) else 2, objects)):
        for i, a in enumerate(solids):
            assert max(map(abs, a.place)) <= clevr.REACH
            for b in solids[:i]:
                x, y = np.subtract(a.place, b.place)
                assert np.hypot(x, y) - a.size - b.size >= clevr.MIN_GAP - 1e-5
                behind, beside = np.array([x, y]) @ raycast.AWAY, x * raycast.AWAY[1] - y * raycast.AWAY[0]
                assert min(abs(behind), abs(beside)) >= clevr.MIN_MARGIN - 1e-5
        assert abs(camera - clevr.CAMERA).max() <= clevr.CAMERA_JITTER + 1e-5
        moved = np.subtract([lamp.position for lamp in lamps], [lamp.position for lamp in clevr.LAMPS])
        assert abs(moved).max() <= clevr.LAMP_JITTER + 1e-5


@pytest.mark.slow
def test_scenes_are_refused_as_one_by_one():
    """Includes scenes that rays through the pixels' centres do not decide."""
    tried = clevr_batch._try(torch.ones(60, 6, dtype=torch.bool), seeded(1))
    shown = areas((tried, tried["camera"], torch.zeros(60, 3, 3)))
    expected = (shown >= clevr.MIN_RAYS).all(1)
    assert 10 < expected.sum() < 50
    assert np.array_equal(clevr_batch.all_show(tried).numpy(), expected)


def test_refused_shares_are_what_the_rounds_reckon_with():
    for number in (1, 3, 6, 10):
        accepted = clevr_batch._try(torch.ones(100, number, dtype=torch.bool), seeded(2))["accepted"]
        refused = 1 - accepted.double().mean().item()
        error = (refused * (1 - refused) / 100) ** 0.5
        assert refused - 3 * error < clevr_batch.REFUSED[number]


@lru_cache
def both() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Features of scenes made at once and one by one, by name: of objects O,F and of scenes S,F."""
    batch = clevr_batch.batch(120, clevr.OBJECTS, seeded(0))
    ours = features(
        images(batch),
        batch.segmentation.numpy(),
        [
            {name: values[scene][present].numpy() for name, values in batch.factors.items() if name != "present"}
            for scene, present in enumerate(batch.factors["present"])
        ],
    )
    scenes = [clevr.generate((0, index)) for index in range(45)]
    pictures, labels = (np.array([getattr(s, name) for s in scenes]) for name in ("image", "segmentation"))
    return ours, features(pictures, labels, [scene.factors for scene in scenes])


def features(pictures: np.ndarray, labels: np.ndarray, factors: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    objects = []
    for own, drawn in zip(labels, factors, strict=True):
        area = np.bincount(own.ravel(), minlength=len(drawn["x"]) + 1)[1:]
        numbers = np.column_stack([drawn[name] for name in ("x", "y", "place", "size", "material", "color", "angle")])
        kinds = drawn["shape"][:, None] == np.arange(3)
        objects.append(np.column_stack([area, numbers, numbers**2, kinds]))
    values = pictures.astype(float)
    thirds = values[:, :63, :63].reshape(-1, 3, 21, 3, 21, 3).mean((2, 4)).reshape(len(values), -1)
    of_scenes = np.column_stack([labels.max((1, 2)), (labels > 0).mean((1, 2)), thirds, values.std((1, 2))])
    return {"objects": np.concatenate(objects), "scenes": of_scenes}


@pytest.mark.slow
@pytest.mark.parametrize("of", ["objects", "scenes"])
def test_scenes_are_drawn_alike(of):
    ours, theirs = (made[of] for made in both())
    assert_alike(ours, theirs)


@pytest.mark.slow
def test_factors_tell_where_objects_are():
    batch = clevr_batch.batch(20, (1, 1), seeded(3))
    scenes = [clevr.generate(index, (1, 1)) for index in range(20)]
    found = [*zip(batch.segmentation.numpy(), batch.factors["x"][:, 0], batch.factors["y"][:, 0], strict=True)]
    found += [(scene.segmentation, scene.factors["x"][0], scene.factors["y"][0]) for scene in scenes]
    for labels, x, y in found:
        rows, columns = np.nonzero(labels)
        if rows.min() > 0 and rows.max() < 63 and columns.min() > 0 and columns.max() < 63:
            assert abs(rows.mean() - y) < 1.5 and abs(columns.mean() - x) < 1.5


# -------------------------------------------------------------- the contract


def test_batch_has_the_shapes_that_it_says_and_follows_its_generator():
    generator = seeded(3)
    first, following = (DATASETS["clevr6"].batch(6, (2, 4), generator) for _ in range(2))
    again = DATASETS["clevr6"].batch(6, (2, 4), seeded(3))
    assert torch.equal(first.images, again.images) and torch.equal(first.segmentation, again.segmentation)
    assert not torch.equal(first.images, following.images)
    assert len(np.unique(images(first).reshape(6, -1), axis=0)) == 6
    assert first.images.shape == (6, 3, 64, 64) and first.images.is_contiguous()
    assert first.images.dtype == first.segmentation.dtype == torch.uint8
    assert first.segmentation.shape == (6, 64, 64)
    assert first.factors.keys() == {"present", *clevr.generate(0).factors}
    for name, values in first.factors.items():
        assert values.shape == (6, 4, *{"color": (3,), "place": (2,)}.get(name, ()))


@pytest.mark.parametrize("objects", [(-1, 2), (3, 2), (0, 11)])
def test_impossible_numbers_of_objects_are_refused_as_for_single_scenes(objects):
    for make in (lambda: clevr.generate(0, objects), lambda: clevr_batch.batch(1, objects, seeded(0))):
        with pytest.raises(ValueError, match="must satisfy 0 <= fewest <= most <= 10"):
            make()


# -------------------------------------------------------------------- a card


@pytest.mark.slow
def test_lists_of_fixed_length_give_the_same_picture(monkeypatch):
    """As on a GPU, where a count would have to wait for the device."""
    drawn = some()
    expected = clevr_batch.render(*drawn)
    monkeypatch.setattr(solids_batch, "counts", lambda device: False)
    batch = clevr_batch.render(*drawn)
    assert torch.equal(batch.segmentation, expected.segmentation)
    assert (batch.images.int() - expected.images.int()).abs().max() <= 1
    assert (batch.images != expected.images).double().mean() < 1e-3


@pytest.mark.slow
def test_bounded_rounds_leave_no_scene_refused(monkeypatch):
    monkeypatch.setattr(solids_batch, "counts", lambda device: False)
    batch = clevr_batch.batch(12, clevr.OBJECTS, seeded(8))
    assert (pixels(batch)[batch.factors["present"]] > clevr_batch.SURE[0]).all()
    assert len(np.unique(images(batch).reshape(12, -1), axis=0)) == 12


@pytest.mark.slow
def test_scenes_refused_in_every_round_become_copies_of_others(monkeypatch):
    monkeypatch.setattr(solids_batch, "counts", lambda device: False)
    monkeypatch.setattr(clevr_batch, "ROUNDS", 0)
    batch = clevr_batch.batch(12, (5, 6), seeded(9))
    assert (pixels(batch)[batch.factors["present"]] > clevr_batch.SURE[0]).all()
    assert len(np.unique(batch.factors["x"], axis=0)) < 12


@pytest.mark.slow
@pytest.mark.parametrize("objects", [(0, 0), (3, 6)])
def test_nothing_waits_for_the_device(objects, monkeypatch):
    """On the device "meta" tensors have no values: whatever asked for one, or mixed devices, would fail."""
    monkeypatch.setattr(clevr_batch, "ROUNDS", 1)
    rand, randint = torch.rand, torch.randint
    monkeypatch.setattr(torch, "rand", lambda *shape, generator, device: rand(*shape, device=device))
    monkeypatch.setattr(
        torch, "randint", lambda *bounds, generator, device, **options: randint(*bounds, device=device, **options)
    )
    batch = clevr_batch.batch(5, objects, SimpleNamespace(device=torch.device("meta")))
    assert batch.images.shape == (5, 3, clevr.SIZE, clevr.SIZE)
    assert {t.device.type for t in (batch.images, batch.segmentation, *batch.factors.values())} == {"meta"}
