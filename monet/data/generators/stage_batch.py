"""Holds what is drawn of many CLEVR scenes at once, as tensors on a device: camera rays, solids and lamps."""

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
"""Of the number of a pixel: ``n >> BITS`` and ``n & PIXELS - 1`` are quotient and remainder by ``PIXELS``."""


class Lights(NamedTuple):
    """What lights scenes: L lamps, the sun among them.

    Attributes:
        spots: float32 3,L,B*9, the centres of the lamps' ninths.
        ahead: float32 3,L,B, unit directions in which the lamps shine.
        middle: float32 3,L,B, their centres.
        reach: float32 L,1, how far spots are from these.
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
        camera: float32 3,B.
        solids: N of each scene.
        lights: of the scenes.
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
        """How much of a mask a list has room for that takes less than ``usual`` of many scenes with six solids; few
        scenes, and those with more solids that cover, shade and mirror one another, may take more."""
        return min(1, usual * (1 + 16 / self.scenes) * max(1, self.most / 6))


class _Tables(NamedTuple):
    """Constants on a device.

    Attributes:
        rays: float32 3,9,4096, unit directions of the rays of each pixel, by their rank.
        middle: float32 3,4096, those through the pixels' centres.
        tilt: float32 2,9, how metal's normals are tilted by rank.
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
    """Prepares scenes to be drawn, a few at a time: so many as suit a CPU's cache, or a card's memory.

    Args:
        factors: of the scenes, as ``clevr_batch.batch`` gives them.
        camera: B,3.
        lamps: B,K,3, the places of K lamps; without them the scenes can be seen, but not lit.
        kinds: the lamps otherwise.
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
    """Lamps at places B,3,3, and the sun."""
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
    """Whether solids are between points and what lies ``toward`` from there, bool."""
    enter, leave = solids_batch.span(table, points, toward)
    return (enter < leave) & (enter > 0) & (enter < 1)


def split(length: int, by: int, at: Tensor) -> tuple[Tensor, Tensor]:
    """Quotient and remainder by ``by`` of whole numbers below ``length``, looked up; to divide would take longer."""
    numbers = torch.arange(max(length, 1), device=at.device)
    quotient = numbers.div(max(by, 1), rounding_mode="floor")
    return quotient.index_select(0, at), (numbers - by * quotient).index_select(0, at)


def divide(at: Tensor, by: int) -> tuple[Tensor, Tensor]:
    """Quotient and remainder of whole numbers below 2^50; quicker than their own division, and exact."""
    quotient = ((at.double() + 0.5) / max(by, 1)).long()
    return quotient, at - by * quotient
