"""Pool of slots from the frozen attention, for training the VAE on single slots."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from monet.model import MONet
from monet.vae import Lattice

AT_ONCE = 64
"""Pictures that the attention decomposes at once."""
SMALLEST, LARGEST = 15, 0.25
"""Smallest mask in pixels and largest as a share of the picture, of a slot that counts as an object."""
OTHERS = 1 / 16
"""Share of a batch that is drawn from slots without an object: backgrounds and empty slots."""
JITTER = 6
"""Largest offset of a window from the middle of its object in pixels."""
ELSEWHERE = 0.2
"""Share of the windows at random places, where the decoder must learn that the mask is 0."""


def hold_objects(log_masks: Tensor) -> Tensor:
    """Tells by the area of their masks which slots hold an object: bool ... from log masks ...,H,W."""
    area = log_masks.float().exp().sum((-2, -1))
    return (area > SMALLEST) & (area < LARGEST * log_masks.shape[-1] * log_masks.shape[-2])


class Slots(NamedTuple):
    """A batch of single slots.

    Attributes:
        images: N,3,H,W in [0, 1].
        log_masks: N,H,W, ``log m_k``.
        first: bool N, whether it is the first slot, whose component has the background's scale.
        windows: the window of each slot that is decoded and scored.
    """

    images: Tensor
    log_masks: Tensor
    first: Tensor
    windows: Lattice


class Pool:
    """Pictures and their attention masks on the training device.

    Attributes:
        images: uint8 P,3,H,W.
        log_masks: float16 P,K,H,W; masks are at least exp(-12).
    """

    def __init__(self, images: Tensor, log_masks: Tensor):
        self.images, self.log_masks = images, log_masks
        holding = torch.cat([hold_objects(part) for part in log_masks.split(AT_ONCE)]).flatten()
        # Indices, because selecting by mask at every step would make the host wait for the device.
        self.objects, self.others = holding.nonzero()[:, 0], (~holding).nonzero()[:, 0]

    @classmethod
    @torch.no_grad()
    def fill(cls, model: MONet, images: Tensor, num_slots: int, bfloat16: bool) -> Pool:
        """Decomposes pictures, uint8 P,3,H,W, with the attention; the first slot of each is the background's.

        Raises:
            ValueError: no slot holds an object.
        """
        masks = []
        with torch.autocast(images.device.type, torch.bfloat16, enabled=bfloat16):
            for part in images.split(AT_ONCE):
                log_masks, _ = model.attention(part.float() / 255, num_slots)
                masks.append(log_masks.clamp(min=-12).half())
        pool = cls(images, torch.cat(masks))
        if not len(pool.objects):
            raise ValueError(
                "no slot of the frozen attention holds an object: train the attention first, or start from a "
                "checkpoint with --weights"
            )
        return pool

    def draw(self, count: int, window: int, symmetric: bool) -> Slots:
        """Draws ``count`` random slots with a window around each object, rotated and mirrored if ``symmetric``.

        Uses the global generator of the pool's device.
        """
        device, (slots, side) = self.images.device, self.log_masks.shape[1:3]
        others = round(count * OTHERS) if len(self.others) else 0
        chosen = torch.cat([
            numbers[torch.randint(len(numbers), (n,), device=device)]
            for numbers, n in ((self.objects, count - others), (self.others, others)) if n
        ])  # fmt: skip
        picture, slot = chosen // slots, chosen % slots
        images, log_masks = self.images[picture].float() / 255, self.log_masks[picture, slot].float()
        if symmetric:
            # From the host's generator: one rotation for the whole batch.
            turns, mirror = torch.randint(4, ()), torch.randint(2, ())
            images, log_masks = (torch.rot90(x, int(turns), (-2, -1)) for x in (images, log_masks))
            if mirror:
                images, log_masks = images.flip(-1), log_masks.flip(-1)
        return Slots(images, log_masks, slot == 0, self._windows(log_masks, count - others, side, window))

    @staticmethod
    def _windows(log_masks: Tensor, objects: int, side: int, window: int) -> Lattice:
        """Places a window around the middle of each of the first ``objects`` masks, at random for the others."""
        masks, count, device = log_masks.exp(), len(log_masks), log_masks.device
        pixels = torch.arange(side, device=device, dtype=torch.float32)
        weight = masks.sum((1, 2)) + 1e-6
        anywhere = (torch.rand(count, device=device) < ELSEWHERE) | (torch.arange(count, device=device) >= objects)
        places = []
        for axis in (2, 1):
            middle = (masks.sum(axis) * pixels).sum(1) / weight
            jitter = torch.randint(-JITTER, JITTER + 1, (count,), device=device)
            around = (middle - window / 2 + jitter).round().clamp(0, side - window).long()
            places.append(torch.where(anywhere, torch.randint(side - window + 1, (count,), device=device), around))
        return Lattice(1, places[0], places[1], window)
