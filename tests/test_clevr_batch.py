"""CLEVR6 in batches: the same solids give the same picture as one by one, and are drawn alike."""

from functools import lru_cache

import numpy as np
import pytest
import torch

from monet.data.generators import clevr, raycast, raycast_batch
from monet.data.generators.raycast import AWAY, Lamp
from monet.data.generators.raycast_batch import Solids
from monet.data.generators.solids import GROUND, Solid


def batched(scenes: list[list[Solid]]) -> Solids:
    """Scenes of equally many solids as a batch."""

    def each(value) -> torch.Tensor:
        return torch.tensor([[value(solid) for solid in solids] for solids in scenes])

    return Solids(
        each(lambda s: True), each(lambda s: clevr.SHAPES.index(s.shape)), each(lambda s: float(s.place[0])),
        each(lambda s: float(s.place[1])), each(lambda s: s.size), each(lambda s: s.turn),
        each(lambda s: tuple(map(float, s.color))), each(lambda s: s.metal),
    )  # fmt: skip


@lru_cache
def composed(count: int, scenes: int) -> list[tuple[list[Solid], np.ndarray, np.ndarray]]:
    return [clevr.composed(np.random.default_rng((1, n)), count) for n in range(scenes)]


def test_the_same_solids_give_the_same_picture():
    scenes = composed(5, 6)
    kinds = {(solid.shape, solid.metal) for solids, *_ in scenes for solid in solids}
    assert len(kinds) == 6, "every shape of every material"
    rng = np.random.default_rng(0)
    lamps = [[clevr._moved(rng, lamp.position, 1.0) for lamp in clevr.LAMPS] for _ in scenes]
    ours, labels = raycast_batch.render(
        batched([solids for solids, *_ in scenes]),
        torch.from_numpy(np.stack([camera for _, camera, _ in scenes])),
        clevr.LAMPS,
        torch.tensor(np.array(lamps), dtype=torch.float32),
    )
    for picture, label_map, (solids, camera, index), places in zip(ours, labels, scenes, lamps, strict=True):
        moved = [Lamp(tuple(place), lamp.side, lamp.intensity) for place, lamp in zip(places, clevr.LAMPS, strict=True)]
        theirs = raycast.render(solids, camera, moved).astype(int)
        difference = abs(picture.permute(1, 2, 0).numpy().astype(int) - theirs)
        # A ray that grazes an edge may meet the other side of it where sums are rounded otherwise.
        assert (difference > 1).mean() < 1e-3
        assert (label_map.numpy() != raycast.centers(index) - GROUND).sum() <= 2


def test_solids_are_drawn_alike_keep_their_distances_and_show():
    count, number = 4, 150
    present = torch.ones(8 * number, count, dtype=torch.bool)
    solids, camera, suits = clevr._candidates(present, torch.Generator().manual_seed(0))
    chosen = suits.nonzero()[:number, 0]
    assert len(chosen) == number
    ours = {
        "x": solids.x, "y": solids.y, "large": (solids.size > 0.5).float(), "cubes": (solids.shape == 0).float(),
        "spheres": (solids.shape == 2).float(), "metal": solids.metal.float(), "turn": solids.turn,
        "red": solids.color[..., 0], "camera": camera[:, :1].expand(-1, count),
    }  # fmt: skip
    theirs = [
        {
            "x": s.place[0], "y": s.place[1], "large": s.size > 0.5, "cubes": s.shape == "cube",
            "spheres": s.shape == "sphere", "metal": s.metal, "turn": s.turn, "red": s.color[0], "camera": at[0],
        }
        for all_solids, at, _ in composed(count, 100) for s in all_solids
    ]  # fmt: skip
    for name, values in ours.items():
        a, b = values[chosen].flatten().double().numpy(), np.array([float(s[name]) for s in theirs])
        # Solids of a scene are not independent, so the error is that of the scenes' means.
        error = np.hypot(*(v.reshape(-1, count).mean(1).std() / np.sqrt(len(v) / count) for v in (a, b)))
        assert abs(a.mean() - b.mean()) < 4.5 * error, name
        assert a.std() == pytest.approx(b.std(), rel=0.15), name
    for scene in chosen[:50]:
        shown = raycast.visible(_solids(solids, scene), camera[scene].numpy())
        assert (np.bincount(shown[shown != GROUND], minlength=count) >= 0.8 * clevr.MIN_RAYS).all()
        for k in range(count):
            for m in range(k):
                offset = np.array(
                    [(solids.x[scene, k] - solids.x[scene, m]), (solids.y[scene, k] - solids.y[scene, m])]
                )
                gap = np.hypot(*offset) - float(solids.size[scene, k] + solids.size[scene, m])
                assert gap > clevr.MIN_GAP - 1e-5
                assert min(abs(offset @ AWAY), abs(offset @ (AWAY[1], -AWAY[0]))) > clevr.MIN_MARGIN - 1e-5


def _solids(solids: Solids, scene: int) -> list[Solid]:
    return [
        Solid(
            clevr.SHAPES[int(solids.shape[scene, k])], (float(solids.x[scene, k]), float(solids.y[scene, k])),
            float(solids.size[scene, k]), float(solids.turn[scene, k]), (0.5, 0.5, 0.5), False,
        )
        for k in range(solids.size.shape[1])
    ]  # fmt: skip


def test_judging_by_the_pixels_centres_decides_as_all_rays_do():
    scenes = [clevr.arrange(np.random.default_rng((2, n)), 4) for n in range(80)]
    scenes = [solids for solids in scenes if solids is not None]
    camera = torch.tensor(clevr.CAMERA, dtype=torch.float32).expand(len(scenes), 3)
    few = raycast_batch.visible(batched(scenes), camera, centers=True)
    agreed = 0
    for solids, index in zip(scenes, few, strict=True):
        every = raycast.visible(solids, camera[0].numpy())
        all_rays = (np.bincount(every[every != GROUND], minlength=4) >= clevr.MIN_RAYS).all()
        centers = all(((index == k).sum() >= clevr.MIN_RAYS / 9) for k in range(4))
        agreed += all_rays == centers
    assert agreed >= 0.95 * len(scenes)


def test_a_batch_is_what_its_factors_say():
    batch = clevr.batch(3, (0, 2), torch.Generator().manual_seed(3))
    again = clevr.batch(3, (0, 2), torch.Generator().manual_seed(3))
    assert torch.equal(batch.images, again.images)
    assert batch.images.shape == (3, 3, 64, 64) and batch.images.dtype == batch.segmentation.dtype == torch.uint8
    present = batch.factors["present"]
    for n, labels in enumerate(batch.segmentation):
        assert set(labels.unique().tolist()) == {0, *(k + 1 for k in range(2) if present[n, k])}
        for k in present[n].nonzero()[:, 0].tolist():
            row, column = (float(axis.float().mean()) for axis in (labels == k + 1).nonzero(as_tuple=True))
            if 8 < row < 56 and 8 < column < 56:  # neither cut off by the frame nor, of two, much by the other
                assert abs(row - batch.factors["y"][n, k]) < 4 and abs(column - batch.factors["x"][n, k]) < 4
    assert clevr.batch(1, (0, 0), torch.Generator().manual_seed(0)).segmentation.sum() == 0
    for objects in ((3, 11), (2, 1), (-1, 3)):
        with pytest.raises(ValueError, match="fewest <= most <= 10"):
            clevr.batch(1, objects, torch.Generator())
