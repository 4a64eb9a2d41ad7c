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
"""Smallest and largest area of an object's decoded mask, as a share of the picture; excludes empty slots and ground."""
MIN_IOU = 0.5
"""IoU above which slot and object match; above 0.5 a match is unique."""


@dataclass(frozen=True)
class Slots:
    """N slots that are objects.

    Attributes:
        latents: N,Z, posterior means.
        kl: N,Z, each latent's KL divergence from the prior in nats.
        rivals: N,H,W, logsumexp of the mask logits of the scene's other slots, including the border around a smaller
            picture.
        scene: N, index into ``scenes``.
        label: N, label of its object in the segmentation; -1 if unknown.
        scenes: the preprocessed scenes.
        objects: number of visible objects in the scenes.
    """

    latents: np.ndarray
    kl: np.ndarray
    rivals: np.ndarray
    scene: np.ndarray
    label: np.ndarray
    scenes: list[Scene]
    objects: int

    def first(self, number: int) -> Slots:
        """Returns the first ``number`` slots, or all if there are fewer."""
        cut = {name: x[:number] for name, x in vars(self).items() if isinstance(x, np.ndarray)}
        return Slots(**cut, scenes=self.scenes, objects=self.objects)


def collect(model: MONet, data: str, split: int, number: int, how: How = "crop") -> Slots:
    """Collects at least ``number`` object slots of a split's first scenes, from at most ``number`` scenes.

    A slot is an object if its decoded mask covers 0.5 to 25 % of the picture. If the segmentation is known, the pixels
    that its attention mask wins must also overlap with one object by an IoU above 0.5.

    Raises:
        ValueError: no such data, or no slot is an object.
    """
    parts: dict[str, list[np.ndarray]] = {name: [] for name in ("latents", "kl", "rivals", "scene", "label")}
    scenes: list[Scene] = []
    found = objects = 0
    most = min(number, batches.size(data, split) or number)  # no more scenes than slots, and no scene twice
    for start in range(0, most, evaluation.BATCH):
        if found >= number:
            break
        fresh = batches.scenes(data, split, range(start, min(start + evaluation.BATCH, most)))
        for batch, _, decomposition in evaluation.decompositions(model, fresh, how):
            size = model.config.picture_size or model.config.resolution
            logits = array(decomposition.mask_logits)
            winners = extract(decomposition.log_masks.argmax(1).numpy(), size, axes=(-2, -1))
            rivals = _rivals(logits)
            chosen = are_objects(extract(masks(logits, rivals), size, axes=(-2, -1)))
            labels = np.full(chosen.shape, -1)
            for index, scene in enumerate(batch):
                if scene.segmentation is not None:
                    true = extract(scene.segmentation, size, axes=(-2, -1)).astype(np.int64)
                    labels[index] = match(true, winners[index], scene.background, chosen.shape[1])
                    chosen[index] &= labels[index] >= 0
                    objects += len(np.setdiff1d(true, scene.background))
            mean, log_std = array(decomposition.latent_mean), array(decomposition.latent_log_std)
            kl = 0.5 * (mean**2 + np.exp(2 * log_std) - 1) - log_std
            owner = np.repeat(start + np.arange(len(batch))[:, None], chosen.shape[1], 1)
            of_batch = (mean, kl, rivals, owner, labels)
            for values, x in zip(parts.values(), of_batch, strict=True):
                values.append(x[chosen])
            scenes += batch
            found += int(chosen.sum())
    if not found:
        raise ValueError(f"No slot of {len(scenes)} scenes of {data} is an object: there is nothing to measure.")
    return Slots(**{name: np.concatenate(values) for name, values in parts.items()}, scenes=scenes, objects=objects)


def masks(logits: np.ndarray, rivals: np.ndarray) -> np.ndarray:
    """Computes decoded masks ...,H,W: the softmax of a slot's mask logits against the logsumexp of the others'."""
    return expit(logits - rivals)


def are_objects(decoded: np.ndarray) -> np.ndarray:
    """Tells which slots are objects by the area of their decoded masks: bool ... from ...,H,W."""
    area = decoded.mean((-2, -1))
    return (area >= AREA[0]) & (area <= AREA[1])


def match(true: np.ndarray, winners: np.ndarray, background: tuple[int, ...], slots: int) -> np.ndarray:
    """Matches slots with true objects; returns each slot's label, or -1.

    Args:
        true: integer H,W.
        winners: integer H,W, the slot that wins each pixel.
        background: labels that are not objects.
        slots: K.
    """
    iou = metrics.intersection_over_union(metrics.contingency(true[None], winners[None]))[0]  # T,P
    iou[[label for label in background if label < len(iou)]] = 0
    labels = np.full(slots, -1)
    labels[: iou.shape[1]] = np.where(iou.max(0) > MIN_IOU, iou.argmax(0), -1)
    return labels


def _rivals(logits: np.ndarray) -> np.ndarray:
    """Computes for each slot of B,K,H,W the logsumexp of the others; -inf if there is no other."""
    rivals = np.full_like(logits, -np.inf)
    for slot in range(logits.shape[1]):
        for other in range(logits.shape[1]):
            if other != slot:
                rivals[:, slot] = np.logaddexp(rivals[:, slot], logits[:, other])
    return rivals
