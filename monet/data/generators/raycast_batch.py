"""Draws many CLEVR scenes at once on any device: the pictures of ``raycast.py``, in PyTorch, with fewer rays.

``raycast.py`` sends nine rays through every pixel. Here one goes through each pixel's centre first. The other eight
follow only where they can differ from it: where an edge or a shadow's edge is near, on metal, whose mirror is blurred
by the nine, and where the light bends. Vectors are tensors 3,..., rays R,M as in ``solids_batch.py``.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from monet.data.generators import raycast as rc
from monet.data.generators.light_batch import NINE, Light, World
from monet.data.generators.raycast import RAYS, SIZE, Lamp
from monet.data.generators.solids import GROUND
from monet.data.generators.solids_batch import pick, put

PIXELS = SIZE * SIZE
CENTER = NINE // 2
"""Rank of the ray through a pixel's centre."""
BENT = 6.0
"""Sum of a pixel's second differences, in grey levels, from which on nine rays go through it. The mean of nine differs
from the middle one by a 27th of it."""


def visible(world: World, rank: int | None = None) -> Tensor:
    """The solid that each ray meets first: slot, or ``GROUND``.

    Args:
        world: what is in the scenes.
        rank: of the rays of each pixel; None for all nine.

    Returns:
        int B,R,4096 for R rays of each pixel.
    """
    return torch.cat([_visible(part, rank) for part in _parts(world)])


def _visible(world: World, rank: int | None) -> Tensor:
    batch = len(world.camera)
    scene, directions = _through_pixels(world)
    directions = directions if rank is None else directions[:, rank : rank + 1]
    _, slot = world.solids.first(scene, world.camera.T[:, None, scene], directions, None)
    return slot.view(directions.shape[1], batch, PIXELS).transpose(0, 1)


def _parts(world: World) -> list[World]:
    """Scenes that are looked at together: few on a CPU, whose cache they fill, many on other devices."""
    size = 8 if world.camera.device.type == "cpu" else 512
    return [World(*part) for part in zip(*(values.split(size) for values in world), strict=True)]


def _through_pixels(world: World) -> tuple[Tensor, Tensor]:
    """Scenes M and directions 3,9,M of rays through all pixels of all scenes."""
    batch, device = len(world.camera), world.camera.device
    scene = torch.arange(batch, device=device).repeat_interleave(PIXELS)
    return scene, _rays(device)[0].repeat(1, 1, batch)


def render(world: World, lamps: tuple[Lamp, ...]) -> tuple[Tensor, Tensor]:
    """Draws scenes.

    Args:
        world: what is in them; the lamps' places are those in ``world``.
        lamps: their sides and intensities.

    Returns:
        images uint8 B,3,64,64 and segmentation uint8 B,64,64: 0 ground, 1.. the slots of solids.
    """
    images, segmentation = zip(*(_render(part, lamps) for part in _parts(world)), strict=True)
    return torch.cat(images), torch.cat(segmentation)


def _render(world: World, lamps: tuple[Lamp, ...]) -> tuple[Tensor, Tensor]:
    device, batch = world.camera.device, len(world.camera)
    scene, directions = _through_pixels(world)
    world = _with_empty(world)
    light = Light(world, lamps)
    middle = directions[:, CENTER : CENTER + 1]
    # Lamps light from their centres, but shadows fall from a ninth of them, another one in neighbouring pixels: where
    # these differ, a shadow has its edge.
    dither = _rays(device)[1].repeat(batch)[None]
    seen = light.trace(
        scene, world.camera.T[:, None, scene], middle, torch.zeros_like(dither[:, :1]), None, False, 0.25, dither
    )
    values = _srgb(seen.light).view(3, batch, SIZE, SIZE)
    slot = seen.slot.view(batch, SIZE, SIZE)

    again = _again(values, slot, seen.shadows.view(batch, SIZE, SIZE)) | seen.metal.view(batch, SIZE, SIZE)
    source, target = pick(again, 0.35 * light.solids.crowd, batch)
    scene = F.pad(scene, (0, 1), value=batch)[target]
    ranks = torch.arange(NINE, device=device)[:, None]
    all_nine = light.trace(scene, world.camera.T[:, None, scene], directions[:, :, source], ranks, None, True, 0.3)
    images = put(values, target, _srgb(all_nine.light).mean(1))
    return images.transpose(0, 1).round().to(torch.uint8).contiguous(), (slot - GROUND).to(torch.uint8)


def _with_empty(world: World) -> World:
    """Scenes and, behind them, one without solids: there go the rays of unfilled ends of lists, and meet nothing."""
    world = World(*(torch.cat((values, values[:1])) for values in world))
    world.present[-1], world.metal[-1] = False, False
    return world


def _again(values: Tensor, slot: Tensor, shadows: Tensor) -> Tensor:
    """Pixels that need nine rays, bool B,64,64: an edge is near or the values 3,B,64,64 bend."""
    key = (16 * slot + shadows).float()[:, None]
    edge = F.max_pool2d(key, 3, 1, 1) != -F.max_pool2d(-key, 3, 1, 1)
    padded = F.pad(values, (1, 1, 1, 1), "replicate")
    around = padded[..., :-2, 1:-1] + padded[..., 2:, 1:-1] + padded[..., 1:-1, :-2] + padded[..., 1:-1, 2:]
    return edge[:, 0] | ((around - 4 * values).abs().amax(0) > BENT)


def _srgb(light: Tensor) -> Tensor:
    return 255 * (1.055 * light.clamp(rc.DARKEST, 1) ** (1 / 2.4) - 0.055)


@lru_cache
def _rays(device: torch.device) -> tuple[Tensor, Tensor]:
    """The nine rays of each pixel, float32 3,9,4096, and a ninth of a lamp for each, int 4096, of which any 3x3 pixels
    have all nine."""
    rays = rc.DIRECTIONS.reshape(SIZE, RAYS, SIZE, RAYS, 3).transpose(4, 1, 3, 0, 2).reshape(3, NINE, PIXELS)
    pixels = np.arange(SIZE) % RAYS
    ninths = (RAYS * pixels[:, None] + pixels).ravel()
    return torch.from_numpy(np.ascontiguousarray(rays)).to(device), torch.from_numpy(ninths).to(device)
