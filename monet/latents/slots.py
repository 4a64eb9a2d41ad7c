"""Collects object slots of many scenes: latents, true objects, and the mask logits of the other slots."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from monet import evaluation, metrics
from monet.data import Scene, batches
from monet.inference import array
from monet.model import MONet
from monet.pictures import How, extract

AREA = (0.005, 0.25)
"""Smallest and largest area of an object's decoded mask, as a share of the picture: no empty slot, no ground."""
MIN_IOU = 0.5
"""Above it at most one slot belongs to an object, and one object to a slot."""


@dataclass(frozen=True)
class Slots:
    """N slots that are objects.

    Attributes:
        latents: N,Z, posterior means.
        kl: N,Z, each latent's KL divergence from the prior in nats.
        rivals: N,H,W, logsumexp of the mask logits of the other slots of its scene, with the border around a smaller
            picture.
        scene: N, which of ``scenes`` it is from.
        label: N, of its object in the segmentation; -1 where nobody knows.
        scenes: the scenes, as the network sees them.
        objects: how many objects with a visible pixel the scenes have.
    """

    latents: np.ndarray
    kl: np.ndarray
    rivals: np.ndarray
    scene: np.ndarray
    label: np.ndarray
    scenes: list[Scene]
    objects: int

    def first(self, number: int) -> Slots:
        """The first slots, fewer where there are fewer."""
        cut = {name: x[:number] for name, x in vars(self).items() if isinstance(x, np.ndarray)}
        return Slots(**cut, scenes=self.scenes, objects=self.objects)


def collect(model: MONet, data: str, split: int, number: int, how: How = "crop") -> Slots:
    """Object slots of a split's first scenes: at least ``number``, or all of ``number`` scenes or of
    the split, whichever ends first.

    A slot is an object if its decoded mask covers 0.5 to 25 % of the picture and, where the segmentation is known,
    if the pixels that its attention mask wins overlap with one object's by an IoU above 0.5.

    Raises:
        ValueError: there is no such data, or no slot is an object.
    """
    parts: dict[str, list[np.ndarray]] = {name: [] for name in ("latents", "kl", "rivals", "scene", "label")}
    scenes: list[Scene] = []
    found = objects = 0
    most = min(number, batches.size(data, split) or number)  # of scenes: one slot in each at least, and none twice
    for start in range(0, most, evaluation.BATCH):
        if found >= number:
            break
        fresh = batches.scenes(data, split, range(start, min(start + evaluation.BATCH, most)))
        for batch, _, decomposition in evaluation.decompositions(model, fresh, how):
            size = model.config.picture_size or model.config.resolution
            logits = array(decomposition.mask_logits)
            winners = extract(decomposition.log_masks.argmax(1).numpy(), size, axes=(-2, -1))
            rivals = _rivals(logits)
            area = extract(masks(logits, rivals), size, axes=(-2, -1)).mean((2, 3))
            labels = np.full(area.shape, -1)
            chosen = (area >= AREA[0]) & (area <= AREA[1])
            for index, scene in enumerate(batch):
                if scene.segmentation is not None:
                    true = extract(scene.segmentation, size, axes=(-2, -1)).astype(np.int64)
                    labels[index] = match(true, winners[index], scene.background, area.shape[1])
                    chosen[index] &= labels[index] >= 0
                    objects += len(np.setdiff1d(true, scene.background))
            mean, log_std = array(decomposition.latent_mean), array(decomposition.latent_log_std)
            kl = 0.5 * (mean**2 + np.exp(2 * log_std) - 1) - log_std
            owner = np.repeat(start + np.arange(len(batch))[:, None], area.shape[1], 1)
            of_batch = (mean, kl, rivals, owner, labels)
            for values, x in zip(parts.values(), of_batch, strict=True):
                values.append(x[chosen])
            scenes += batch
            found += int(chosen.sum())
    if not found:
        raise ValueError(f"No slot of {len(scenes)} scenes of {data} is an object: there is nothing to measure.")
    return Slots(**{name: np.concatenate(values) for name, values in parts.items()}, scenes=scenes, objects=objects)


def masks(logits: np.ndarray, rivals: np.ndarray) -> np.ndarray:
    """Decoded masks: the softmax over the slots of a scene, from a slot's mask logits and the logsumexp of the others',
    ...,H,W each."""
    return expit(logits - rivals)


def match(true: np.ndarray, winners: np.ndarray, background: tuple[int, ...], slots: int) -> np.ndarray:
    """The true label of each slot's object, -1 for a slot without one.

    Args:
        true: integer H,W.
        winners: integer H,W, the slot that wins each pixel.
        background: labels that are no object.
        slots: K.
    """
    iou = metrics.intersection_over_union(metrics.contingency(true[None], winners[None]))[0]  # T,P
    iou[[label for label in background if label < len(iou)]] = 0
    labels = np.full(slots, -1)
    labels[: iou.shape[1]] = np.where(iou.max(0) > MIN_IOU, iou.argmax(0), -1)
    return labels


def _rivals(logits: np.ndarray) -> np.ndarray:
    """For each slot of B,K,H,W the logsumexp of the others; -inf where there is no other."""
    rivals = np.full_like(logits, -np.inf)
    for slot in range(logits.shape[1]):
        for other in range(logits.shape[1]):
            if other != slot:
                rivals[:, slot] = np.logaddexp(rivals[:, slot], logits[:, other])
    return rivals
