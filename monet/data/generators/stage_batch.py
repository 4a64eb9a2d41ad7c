"""Batches of CLEVR scenes as tensors on a device: camera rays, solids and lamps."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from monet.data.generators import raycast, solids_batch
from monet.data.generators.raycast import RAYS, SIZE, SUN, Lamp
from monet.data.generators.solids_batch import Solids, Vectors, unit

PIXELS, NINE = SIZE * SIZE, RAYS * RAYS
BITS = 12
"""log2 of ``PIXELS``: ``n >> BITS`` and ``n & PIXELS - 1`` are quotient and remainder."""


class Lights(NamedTuple):
    """L lamps of each scene, including the sun.

    Attributes:
        spots: float32 3,L,B*9, centres of the lamps' ninths.
        ahead: float32 3,L,B, unit directions in which the lamps shine.
        middle: float32 3,L,B, centres of the lamps.
        reach: float32 L,1, distance of the spots from the centre.
        intensity: float32 3,L.
    """

    spots: Tensor
    ahead: Tensor
    middle: Tensor
    reach: Tensor
    intensity: Tensor


class Stage(NamedTuple):
    """Scenes B to be drawn.

    Attributes:
        camera: float32 3,B, camera positions.
        solids: N solids of each scene.
        lights: lamps of the scenes.
        most: N.
    """

    camera: Tensor
    solids: Solids
    lights: Lights
    most: int

    @property
    def scenes(self) -> int:
        return self.camera.shape[1]

    def share(self, usual: float) -> float:
        """Returns the share of a mask that a GPU's list has room for.

        ``usual`` is enough for many scenes with six solids. Few scenes, and scenes with more solids that hide, shade
        and reflect one another, may need more.
        """
        return min(1, usual * (1 + 16 / self.scenes) * max(1, self.most / 6))


class _Tables(NamedTuple):
    """Constants on a device.

    Attributes:
        rays: float32 3,9,4096, unit directions of each pixel's rays by rank.
        middle: float32 3,4096, rays through the pixels' centres.
        tilt: float32 2,9, tilt of metal's normals by rank.
        ranks: int64 9,1.
    """

    rays: Tensor
    middle: Tensor
    tilt: Tensor
    ranks: Tensor


@lru_cache
def tables(device: torch.device) -> _Tables:
    rays = raycast.DIRECTIONS.reshape(SIZE, RAYS, SIZE, RAYS, 3).transpose(4, 1, 3, 0, 2).reshape(3, NINE, PIXELS)
    made = rays, rays[:, NINE // 2], raycast.TILTS.T, np.arange(NINE)[:, None]
    return _Tables(*(torch.from_numpy(np.ascontiguousarray(array)).to(device) for array in made))


def stages(
    factors: dict[str, Tensor], camera: Tensor, lamps: Tensor | None = None, kinds: tuple[Lamp, ...] = ()
) -> Iterator[Stage]:
    """Prepares scenes for drawing, in chunks that fit a CPU's cache or a GPU's memory.

    Args:
        factors: factors of the scenes, as ``clevr_batch.batch`` returns them.
        camera: B,3.
        lamps: B,K,3, positions of K lamps; without them, visibility can be computed but no shading.
        kinds: the lamps' sides and intensities.
    """
    most = factors["present"].shape[1]
    step = 12 if solids_batch.counts(camera.device) else 256
    camera = camera.to(torch.float32)
    lamps = camera.new_zeros(len(camera), 0, 3) if lamps is None else lamps.to(torch.float32)
    for start in range(0, len(camera), step):
        chosen = slice(start, start + step)
        solids = solids_batch.solids({name: values[chosen] for name, values in factors.items()})
        yield Stage(camera[chosen].T.contiguous(), solids, _lights(lamps[chosen], kinds), most)


def _lights(places: Tensor, kinds: tuple[Lamp, ...]) -> Lights:
    """Builds the lamps at places B,3,3, and the sun."""
    device = places.device
    batch = len(places)
    sun = torch.tensor(SUN.position, device=device).expand(batch, 1, 3)
    middle = torch.cat([places, sun], 1).permute(2, 1, 0).contiguous()  # 3,L,B
    ahead = -unit(middle)
    right = torch.stack([ahead[1], -ahead[0], torch.zeros_like(ahead[0])])
    right = unit(right)
    up = torch.linalg.cross(right, ahead, dim=0)
    kinds = (*kinds, SUN)
    sides = torch.tensor([lamp.side for lamp in kinds], device=device)
    ninths = torch.from_numpy(raycast.NINTHS).to(device, torch.float32)  # 9,2
    offsets = sides[None, :, None, None] * (right[..., None] * ninths[:, 0] + up[..., None] * ninths[:, 1])
    spots = (middle[..., None] + offsets).flatten(2)
    intensity = torch.tensor([lamp.intensity for lamp in kinds], device=device).T.contiguous()
    return Lights(spots, ahead, middle, sides[:, None] * 2**0.5 / 3, intensity)


def in_way(table: Tensor, points: Vectors, toward: Vectors) -> Tensor:
    """Tests whether solids block the segments from ``points`` to ``points + toward``, bool."""
    enter, leave = solids_batch.span(table, points, toward)
    return (enter < leave) & (enter > 0) & (enter < 1)


def split(length: int, by: int, at: Tensor) -> tuple[Tensor, Tensor]:
    """Looks up quotient and remainder by ``by`` of integers below ``length``; faster than dividing."""
    numbers = torch.arange(max(length, 1), device=at.device)
    quotient = numbers.div(max(by, 1), rounding_mode="floor")
    return quotient.index_select(0, at), (numbers - by * quotient).index_select(0, at)


def divide(at: Tensor, by: int) -> tuple[Tensor, Tensor]:
    """Computes quotient and remainder of integers below 2^50 exactly, faster than integer division."""
    quotient = ((at.double() + 0.5) / max(by, 1)).long()
    return quotient, at - by * quotient
