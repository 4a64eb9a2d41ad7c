"""CLEVR6, generated: the rules of CLEVR's own generator (Johnson et al. 2017), drawn without Blender.

3 to 6 solids on a grey ground, of three shapes, two sizes, two materials and eight colours; camera and lamps stand a
little differently in every scene. ``monet/data/generators/raycast.py`` draws them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from monet.data.generators import drawing, raycast
from monet.data.generators.raycast import AWAY, CAMERA_AXES, RAYS, SIZE, Lamp, centers, pixel
from monet.data.generators.raycast_batch import Solids, render, visible
from monet.data.generators.solids import GROUND, Shape, Solid
from monet.data.scene import Scene, SceneBatch
from monet.data.seeds import Seed

__all__ = ["MOST", "OBJECTS", "SIZE", "generate"]

OBJECTS = (3, 6)
MOST = 10
SHAPES: tuple[Shape, ...] = get_args(Shape)
SIZES = (0.35, 0.7)
COLORS = (
    np.array(
        [
            [87, 87, 87], [173, 35, 35], [42, 75, 215], [29, 105, 20],
            [129, 74, 25], [129, 38, 192], [41, 208, 208], [255, 238, 51],
        ]
    )
    / 255
)  # fmt: skip
"""Grey, red, blue, green, brown, purple, cyan, yellow; taken as linear, which is why they look paler than named."""
CAMERA = np.array([7.4811, -6.5076, 5.3437])
LAMPS = (
    Lamp((6.4467, -2.9052, 4.2584), 0.5, (25.0, 23.3, 20.425)),
    Lamp((-4.6711, -4.0136, 3.0112), 0.5, (5.715, 6.135, 7.5)),
    Lamp((-1.1685, 2.646, 5.8157), 1.0, (12.5, 12.5, 12.5)),
)
"""Key, fill and back light of 78.54, 23.56 and 39.27 watts; straight ahead a flat lamp gives power / pi."""
CAMERA_JITTER, LAMP_JITTER = 0.5, 1.0
"""At most, along each axis."""
REACH = 3.0
"""Centres lie at most as far from the origin in x and in y."""
MIN_GAP, MIN_MARGIN = 0.25, 0.4
"""Between the circles around two solids; between their centres as seen from the camera and from the side."""
MIN_RAYS = 200
"""A solid shows at least as many pixels of the 320x240 picture, here of its 192x192 crop."""
_TRIES = 50
TRIES, MOST_TRIES = 32, 10_000
"""Times that a batch of scenes is drawn anew: on a card, and at most."""
CHUNK = 1, 64
"""Scenes of a batch that are rendered together: on a processor, in whose cache they stay, and on a card."""


def generate(seed: Seed, objects: tuple[int, int] = OBJECTS) -> Scene:
    """One scene; every object shows in it.

    Unlike in the data set, objects outside of the crop do not occur.

    Args:
        seed: the same seed, the same scene.
        objects: fewest and most solids, at most 10.

    Raises:
        ValueError: ``objects`` out of range.
    """
    fewest, most = objects
    if not 0 <= fewest <= most <= MOST:
        raise ValueError(f"objects {objects} must satisfy 0 <= fewest <= most <= {MOST}")
    rng = np.random.default_rng(seed)
    solids, camera, index = composed(rng, int(rng.integers(fewest, most + 1)))
    lamps = [Lamp(tuple(_moved(rng, lamp.position, LAMP_JITTER)), lamp.side, lamp.intensity) for lamp in LAMPS]
    labels = (centers(index) - GROUND).astype(np.uint8)
    return Scene(raycast.render(solids, camera, lamps), labels, f"CLEVR6, generated, seed {seed}")


def composed(rng: np.random.Generator, count: int) -> tuple[list[Solid], np.ndarray, np.ndarray]:
    """Draws ``count`` solids that all show, the camera's place, float32 3, and which solid each ray meets, 192,192."""
    while True:
        camera = _moved(rng, CAMERA, CAMERA_JITTER).astype(np.float32)
        solids = arrange(rng, count)
        if solids is None:
            continue
        index = raycast.visible(solids, camera)
        if (np.bincount(index[index != GROUND], minlength=count) >= MIN_RAYS).all():
            return solids, camera, index


def batch(count: int, objects: tuple[int, int], generator: torch.Generator) -> SceneBatch:
    """Draws many scenes at once, with the distribution of :func:`generate`.

    The pictures of the same solids differ by more than a grey level in one value of 5,000. Whether every solid shows is
    judged by the rays through the pixels' centres, a ninth of all. On a card a scene that does not suit is drawn anew a
    fixed number of times, so that nobody has to ask how many are left; hardly one in a thousand then hides a solid.

    Args:
        count: of scenes.
        objects: fewest and most solids, at most 10.
        generator: the same state, the same scenes on the same kind of device; they are made on its device.

    Returns:
        64x64 pictures; factors ``present``; ``shape`` (index into cube, cylinder, sphere); ``place`` (B,N,2) on the
        ground; ``x`` and ``y``, where the centre is seen; ``size``, half of the height; ``material`` (1: metal);
        ``color``, linear; ``angle`` about the vertical.

    Raises:
        ValueError: ``objects`` out of range.
    """
    fewest, most = objects
    if not 0 <= fewest <= most <= MOST:
        raise ValueError(f"objects {objects} must satisfy 0 <= fewest <= most <= {MOST}")
    on_cpu = generator.device.type == "cpu"
    present = F.pad(drawing.present(count, objects, generator), (0, int(not most)))  # a column at least
    solids, camera, suits = _candidates(present, generator)
    for _ in range(MOST_TRIES if on_cpu else TRIES):
        # On a CPU only those that do not suit are drawn anew; on a card all are, and the others stay.
        bad = (~suits).nonzero()[:, 0] if on_cpu else torch.arange(count, device=present.device)
        if not len(bad):
            break
        again = _candidates(present[bad], generator)
        for old, new in zip((*solids, camera), (*again[0], again[1]), strict=True):
            keep = suits[bad].view(-1, *[1] * (old.dim() - 1))
            old[bad] = torch.where(keep, old[bad], new)
        suits[bad] |= again[2]
    jitter = drawing.uniform(-LAMP_JITTER, LAMP_JITTER, (count, len(LAMPS), 3), generator)
    lamps = camera.new_tensor([lamp.position for lamp in LAMPS]) + jitter
    chunk = CHUNK[0] if on_cpu else CHUNK[1]
    made = [
        render(Solids(*some), at, LAMPS, places)
        for *some, at, places in zip(*(t.split(chunk) for t in (*solids, camera, lamps)), strict=True)
    ]
    x, y = seen(solids.x, solids.y, solids.size, camera)
    factors = {
        "present": present, "shape": solids.shape, "place": torch.stack((solids.x, solids.y), -1), "x": x, "y": y,
        "size": solids.size, "material": solids.metal.long(), "color": solids.color, "angle": solids.turn,
    }  # fmt: skip
    images, segmentation = (torch.cat(parts) for parts in zip(*made, strict=True))
    return SceneBatch(images, segmentation, factors)


def _candidates(present: Tensor, generator: torch.Generator) -> tuple[Solids, Tensor, Tensor]:
    """Draws scenes of these solids, the camera's places B,3, and whether the solids suit each other and all show."""
    shape, device = tuple(present.shape), generator.device

    def choice(number: int) -> Tensor:
        return torch.randint(number, shape, generator=generator, device=device)

    size = torch.where(choice(2) == 0, SIZES[0], SIZES[1])
    places = drawing.uniform(-REACH, REACH, (*shape, _TRIES, 2), generator)
    x, y, suits = places[..., 0, 0].clone(), places[..., 0, 1].clone(), present.new_ones(len(present))
    for k in range(1, shape[1]):
        offset = places[:, k, :, None] - torch.stack((x[:, :k], y[:, :k]), -1)[:, None]  # B,tries,k,2
        behind, beside = offset @ offset.new_tensor(AWAY), offset @ offset.new_tensor((AWAY[1], -AWAY[0]))
        apart = offset.norm(dim=-1) - size[:, k, None, None] - size[:, None, :k] >= MIN_GAP
        fits = (apart & (torch.minimum(behind.abs(), beside.abs()) >= MIN_MARGIN)).all(-1)  # B,tries
        first = fits.int().argmax(1)
        x[:, k], y[:, k] = places[:, k].gather(1, first[:, None, None].expand(-1, 1, 2))[:, 0].unbind(-1)
        suits = suits & (fits.any(1) | ~present[:, k])
    colors = torch.tensor(COLORS, dtype=torch.float32, device=device)
    turn = drawing.uniform(0, 2 * np.pi, shape, generator)
    solids = Solids(present, choice(len(SHAPES)), x, y, size, turn, colors[choice(len(COLORS))], choice(2) == 1)
    jitter = drawing.uniform(-CAMERA_JITTER, CAMERA_JITTER, (len(present), 3), generator)
    camera = torch.tensor(CAMERA, dtype=torch.float32, device=device) + jitter
    index = visible(solids, camera, centers=True)
    for k in range(shape[1]):
        suits = suits & (((index == k).sum(1) >= MIN_RAYS / RAYS**2) | ~present[:, k])
    return solids, camera, suits


def seen(x: Tensor, y: Tensor, height: Tensor, camera: Tensor) -> tuple[Tensor, Tensor]:
    """Column and row, in pixels of the 64x64 picture, at which the camera B,3 sees points B,N."""
    away = torch.stack((x, y, height), -1) - camera[:, None]
    right, up, back = (away @ away.new_tensor(CAMERA_AXES)).unbind(-1)
    return pixel(right / -back, up / -back)


def arrange(rng: np.random.Generator, count: int) -> list[Solid] | None:
    """Solids at places that suit each other; None when 50 tries have found none for one of them."""
    solids: list[Solid] = []
    for _ in range(count):
        size = SIZES[rng.integers(len(SIZES))]
        places = rng.uniform(-REACH, REACH, (_TRIES, 2))
        fitting = (place for place in places if all(_apart(place - s.place, size + s.size) for s in solids))
        if (place := next(fitting, None)) is None:
            return None
        solids.append(
            Solid(
                shape=SHAPES[rng.integers(len(SHAPES))],
                place=tuple(place),
                size=size,
                turn=rng.uniform(0, 2 * np.pi),
                color=tuple(COLORS[rng.integers(len(COLORS))]),
                metal=bool(rng.integers(2)),
            )
        )
    return solids


def _apart(offset: np.ndarray, sizes: float) -> bool:
    behind, beside = offset @ AWAY, offset @ (AWAY[1], -AWAY[0])
    return bool(np.hypot(*offset) - sizes >= MIN_GAP and min(abs(behind), abs(beside)) >= MIN_MARGIN)


def _moved(rng: np.random.Generator, position: Sequence[float] | np.ndarray, jitter: float) -> np.ndarray:
    return position + rng.uniform(-jitter, jitter, 3)
