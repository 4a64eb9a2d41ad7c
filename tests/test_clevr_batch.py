"""CLEVR scenes made at once: the same pictures as one by one from the same factors, and the same distribution."""

from functools import lru_cache
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from monet.data.generators.light_batch import World

from monet.data import DATASETS
from monet.data.generators import clevr, clevr_batch, light_batch, raycast, raycast_batch, solids_batch
from monet.data.generators.raycast import Lamp
from monet.data.generators.solids import GROUND, SHAPES, Solid

CAMERA = np.array([7.4811, -6.5076, 5.3437], np.float32)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@lru_cache
def some(count: int = 24, objects: tuple[int, int] = clevr.OBJECTS) -> World:
    return clevr_batch.draw(count, objects, seeded(5))


def apart(world: World, scene: int) -> tuple[list[Solid], np.ndarray, list[Lamp]]:
    """A scene of a world, as ``raycast.render`` takes it."""
    solids = [
        Solid(
            SHAPES[world.shape[scene, n]],
            tuple(world.place[scene, n].tolist()),
            world.size[scene, n].item(),
            world.angle[scene, n].item(),
            tuple(world.color[scene, n].tolist()),
            bool(world.metal[scene, n]),
        )
        for n in range(int(world.present[scene].sum()))
    ]
    lamps = [
        Lamp(tuple(place), lamp.side, lamp.intensity)
        for place, lamp in zip(world.lamps[scene].tolist(), clevr.LAMPS, strict=True)
    ]
    return solids, world.camera[scene].numpy(), lamps


def single(shape: int, metal: bool) -> World:
    """A large and a small solid of a shape beside each other, in the middle of the picture."""
    return World(
        torch.ones(1, 2, dtype=torch.bool),
        torch.tensor([[[0.0, 0.0], [1.3, 0.2]]]),
        torch.tensor([[0.7, 0.35]]),
        torch.tensor([[0.4, 1.9]]),
        torch.full((1, 2), shape),
        torch.tensor([[metal, not metal]]),
        torch.tensor([[[0.3, 0.3, 0.8], [0.9, 0.1, 0.1]]]),
        torch.from_numpy(CAMERA)[None],
        torch.tensor([[lamp.position for lamp in clevr.LAMPS]]),
    )


def differing(world: World) -> np.ndarray:
    """By how many grey levels values differ from those of the scenes drawn one by one, B,3,64,64."""
    images, segmentation = raycast_batch.render(world, clevr.LAMPS)
    expected = []
    for scene, labels in enumerate(segmentation.numpy()):
        solids, camera, lamps = apart(world, scene)
        expected.append(raycast.render(solids, camera, lamps).transpose(2, 0, 1))
        # Both find the same solid on the same ray, but where rounding decides whether it is met.
        seen = raycast.centers(raycast.visible(solids, camera))
        assert (labels != seen - GROUND).sum() <= 1
    return abs(images.numpy().astype(int) - np.array(expected))


# ------------------------------------------------------------------ pictures


@pytest.mark.parametrize("objects", [(3, 6), (10, 10), (0, 0)])
def test_same_factors_give_the_same_picture(objects):
    """Values are means of nine rays here and there, or of one where nine can hardly differ."""
    world = some(24 if objects == (3, 6) else 2, objects)
    assert objects[1] == 0 or world.metal[world.present].any()
    difference = differing(world)
    assert (difference <= 1).mean() >= 0.999
    assert (difference <= 1).mean((1, 2, 3)).min() >= 0.995
    assert difference.mean() < 0.1


@pytest.mark.parametrize("metal", [False, True])
@pytest.mark.parametrize("shape", range(len(SHAPES)))
def test_every_shape_and_material_looks_the_same(shape, metal):
    difference = differing(single(shape, metal))
    assert (difference <= 1).mean() >= 0.998
    assert difference.max() < 40  # no part of a shadow or of a mirror is missing


def test_with_nine_rays_everywhere_only_rounding_differs(monkeypatch):
    monkeypatch.setattr(raycast_batch, "_again", lambda values, slot, shadows: torch.ones_like(slot, dtype=torch.bool))
    difference = differing(World(*(values[:4] for values in some())))
    assert (difference == 0).mean() >= 0.999
    assert (difference <= 1).mean() >= 0.9995


def test_lists_of_fixed_length_give_the_same(monkeypatch):
    """What runs where the host must not wait, here on the CPU."""
    world = some()
    exact = raycast_batch.render(world, clevr.LAMPS)
    shows = clevr_batch.all_show(world)
    pick_fixed = solids_batch.pick_fixed
    monkeypatch.setattr(raycast_batch, "_parts", lambda world: [world])
    for module in (solids_batch, light_batch, raycast_batch, clevr_batch):
        # As if there were many scenes, so with the least room; the fewer scenes, the more room there is.
        monkeypatch.setattr(module, "pick", lambda mask, share, scenes: pick_fixed(mask, share, 10**6))
        if hasattr(module, "put"):
            monkeypatch.setattr(module, "put", solids_batch.put_fixed)
    for ours, theirs in zip(raycast_batch.render(world, clevr.LAMPS), exact, strict=True):
        assert torch.equal(ours, theirs)
    assert torch.equal(clevr_batch.all_show(world), shows)


def test_nothing_waits_for_the_device(monkeypatch):
    """On the device "meta" tensors have no values: whatever asked for one, or mixed devices, would fail."""
    rand, randint = torch.rand, torch.randint
    monkeypatch.setattr(torch, "rand", lambda *shape, generator, device: rand(*shape, device=device))
    monkeypatch.setattr(
        torch, "randint", lambda *bounds, generator, device, **options: randint(*bounds, device=device, **options)
    )
    batch = clevr_batch.batch(5, clevr.OBJECTS, SimpleNamespace(device=torch.device("meta")))
    assert batch.images.shape == (5, 3, clevr.SIZE, clevr.SIZE)
    assert {t.device.type for t in (batch.images, batch.segmentation, *batch.factors.values())} == {"meta"}


# ------------------------------------------------------------------ the draw


def test_solids_keep_the_generators_distances_and_show():
    for objects in ((3, 6), (10, 10)):
        world = some(24 if objects == (3, 6) else 2, objects)
        for scene in range(len(world.camera)):
            solids, camera, lamps = apart(world, scene)
            assert objects[0] <= len(solids) <= objects[1]
            for i, a in enumerate(solids):
                assert max(map(abs, a.place)) <= clevr.REACH
                for b in solids[:i]:
                    x, y = np.subtract(a.place, b.place)
                    assert np.hypot(x, y) - a.size - b.size >= clevr.MIN_GAP - 1e-5
                    behind, beside = np.array([x, y]) @ raycast.AWAY, x * raycast.AWAY[1] - y * raycast.AWAY[0]
                    assert min(abs(behind), abs(beside)) >= clevr.MIN_MARGIN - 1e-5
            seen = raycast.visible(solids, camera)
            # One ray on an edge may be found on either side.
            assert np.bincount(seen[seen != GROUND], minlength=len(solids)).min() >= clevr.MIN_RAYS - 1
            assert abs(camera - clevr.CAMERA).max() <= clevr.CAMERA_JITTER + 1e-5
            moved = np.subtract([lamp.position for lamp in lamps], [lamp.position for lamp in clevr.LAMPS])
            assert abs(moved).max() <= clevr.LAMP_JITTER + 1e-5


def test_centres_tell_what_all_rays_would():
    """Scenes are accepted by the same rule as one by one, also where the cheap test does not suffice."""
    present = torch.ones(60, 6, dtype=torch.bool)
    world, _ = clevr_batch._try(present, seeded(1))
    decided = clevr_batch.all_show(world)
    expected = []
    for scene in range(60):
        solids, camera, _ = apart(world, scene)
        seen = raycast.visible(solids, camera)
        expected.append(np.bincount(seen[seen != GROUND], minlength=6).min() >= clevr.MIN_RAYS)
    assert 10 < sum(expected) < 50
    assert decided.tolist() == expected


def test_shares_of_scenes_to_be_drawn_again_are_what_the_rounds_reckon_with():
    for number in (1, 3, 6, 10):
        _, complete = clevr_batch._try(torch.ones(100, number, dtype=torch.bool), seeded(2))
        failed = 1 - complete.double().mean().item()
        error = (failed * (1 - failed) / 100) ** 0.5
        assert failed - 3 * error < clevr_batch.FAILING[number]
        drawn = 1 + sum(spares for _, spares in clevr_batch._rounds(256, (number, number)))
        assert clevr_batch.FAILING[number] ** drawn < 1e-9


@lru_cache
def both() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Features of scenes made at once and one by one, by name: of objects O,F and of scenes S,F."""
    batch = clevr_batch.batch(120, clevr.OBJECTS, seeded(0))
    ours = features(
        batch.images.permute(0, 2, 3, 1).numpy(),
        batch.segmentation.numpy(),
        [
            {name: values[scene][present].numpy() for name, values in batch.factors.items() if name != "present"}
            for scene, present in enumerate(batch.factors["present"])
        ],
    )
    scenes = [clevr.generate((0, index)) for index in range(45)]
    images, labels = (np.array([getattr(s, name) for s in scenes]) for name in ("image", "segmentation"))
    return ours, features(images, labels, [scene.factors for scene in scenes])


def features(images: np.ndarray, labels: np.ndarray, factors: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    objects = []
    for own, drawn in zip(labels, factors, strict=True):
        area = np.bincount(own.ravel(), minlength=len(drawn["x"]) + 1)[1:]
        numbers = np.column_stack([drawn[name] for name in ("x", "y", "place", "size", "material", "color", "angle")])
        kinds = drawn["shape"][:, None] == np.arange(3)
        objects.append(np.column_stack([area, numbers, numbers**2, kinds]))
    pixels = images.astype(float)
    thirds = pixels[:, :63, :63].reshape(-1, 3, 21, 3, 21, 3).mean((2, 4)).reshape(len(images), -1)
    of_scenes = np.column_stack([labels.max((1, 2)), (labels > 0).mean((1, 2)), thirds, pixels.std((1, 2))])
    return {"objects": np.concatenate(objects), "scenes": of_scenes}


@pytest.mark.parametrize("of", ["objects", "scenes"])
def test_scenes_are_drawn_alike(of):
    """Means differ by less than five standard errors."""
    ours, theirs = (made[of] for made in both())
    error = np.sqrt(ours.var(0) / len(ours) + theirs.var(0) / len(theirs))
    difference = abs(ours.mean(0) - theirs.mean(0))
    assert (difference <= 5 * error).all(), (difference / error).round(1)


def test_factors_tell_where_objects_are():
    batch = clevr_batch.batch(20, (1, 1), seeded(3))
    scenes = [clevr.generate(index, (1, 1)) for index in range(20)]
    found = [*zip(batch.segmentation.numpy(), batch.factors["x"][:, 0], batch.factors["y"][:, 0], strict=True)]
    found += [(scene.segmentation, scene.factors["x"][0], scene.factors["y"][0]) for scene in scenes]
    for labels, x, y in found:
        rows, columns = np.nonzero(labels)
        if rows.min() > 0 and rows.max() < 63 and columns.min() > 0 and columns.max() < 63:
            assert abs(rows.mean() - y) < 1.5 and abs(columns.mean() - x) < 1.5


# ------------------------------------------------------------------ the contract


def test_batch_has_the_shapes_that_it_says_and_follows_its_generator():
    generator = seeded(3)
    first, following = (DATASETS["clevr6"].batch(6, (2, 4), generator) for _ in range(2))
    again = DATASETS["clevr6"].batch(6, (2, 4), seeded(3))
    assert torch.equal(first.images, again.images) and torch.equal(first.segmentation, again.segmentation)
    assert not torch.equal(first.images, following.images)
    assert first.images.shape == (6, 3, 64, 64) and first.images.is_contiguous()
    assert first.images.dtype == first.segmentation.dtype == torch.uint8
    assert first.segmentation.shape == (6, 64, 64)
    present = first.factors["present"]
    assert torch.equal(present, torch.arange(4) < present.sum(1)[:, None])
    assert present.sum(1).min() >= 2 and present.sum(1).max() <= 4
    for name, values in first.factors.items():
        assert values.shape == (6, 4, *{"color": (3,), "place": (2,)}.get(name, ()))
    pixels = torch.nn.functional.one_hot(first.segmentation.long(), 5).sum((1, 2))[:, 1:]
    assert (pixels[present] >= 15).all() and not pixels[~present].any()


@pytest.mark.parametrize("objects", [(-1, 2), (3, 2), (0, 11)])
def test_impossible_numbers_of_objects_are_refused_as_for_single_scenes(objects):
    with pytest.raises(ValueError, match="must satisfy 0 <= fewest <= most <= 10"):
        clevr_batch.batch(1, objects, seeded(0))
