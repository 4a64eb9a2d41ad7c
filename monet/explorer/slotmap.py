"""The map of slots: where the slots of all sample scenes lie among each other, in two dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np

from monet import inference
from monet.data import DATASETS, samples
from monet.data.batches import prepare
from monet.explorer.models import Models


def slot_map(models: Models, name: str) -> dict[str, Any]:
    """Every slot of every sample of the data set that a model knows, and the plane they spread over most.

    Args:
        name: of the model; entered scene by scene, so that visitors get in between.

    Returns:
        ``data`` and ``title`` of the data set; ``mean`` Z and ``axes`` 2,Z of the plane (principal components, unit
        length); ``explained`` 2, the share of the latents' variance along each axis; and ``slots``, each with the
        ``index`` of its sample, its ``step`` of the attention, its ``share`` of the scene's pixels and its ``latent``
        Z, the posterior's mean.
    """
    checkpoint = models.checkpoints[name]
    data = samples_of(checkpoint.data)
    slots = []
    for index in range(samples.count(data)):
        fed = prepare(samples.read(data, index), checkpoint.config)
        with models.use(name) as model:
            scene = inference.describe(*inference.forward(model, fed.image))
        for step, (mask, latent) in enumerate(zip(scene.masks, scene.latent_mean, strict=True)):
            slots.append({"index": index, "step": step, "share": float(mask.mean()), "latent": latent.tolist()})
    mean, axes, explained = principal_plane(np.array([slot["latent"] for slot in slots]))
    return {
        "data": data,
        "title": DATASETS[data].title,
        "mean": mean.tolist(),
        "axes": axes.tolist(),
        "explained": explained.tolist(),
        "slots": slots,
    }


def samples_of(data: str | None) -> str:
    """The data set whose samples belong to a model: the one that it was trained with, or the first."""
    return data if data in DATASETS else next(iter(DATASETS))


def principal_plane(latents: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Principal components of latents N,Z: their mean Z, two axes 2,Z of unit length, and the share of the variance
    along each. An axis points to where its largest entry is positive, so that the same latents give the same map.
    """
    mean = latents.mean(0)
    _, spread, axes = np.linalg.svd(latents - mean, full_matrices=False)
    plane = axes[:2]
    plane *= np.sign(plane[np.arange(2), np.abs(plane).argmax(1)])[:, None]
    variance = spread**2
    return mean, plane, variance[:2] / max(variance.sum(), np.finfo(float).tiny)
