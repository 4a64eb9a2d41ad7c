"""Slot map: 2-D projection of the latents of all sample slots."""

from __future__ import annotations

from typing import Any

import numpy as np

from monet import inference
from monet.data import DATASETS, samples
from monet.data.batches import prepare
from monet.explorer.models import Models


def slot_map(models: Models, name: str) -> dict[str, Any]:
    """All slots of all samples of the model's data set, and the plane of their largest variance.

    Args:
        models: locked scene by scene, so that visitors' requests run in between.
        name: of the model.

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
        prepared = prepare(samples.read(data, index), checkpoint.config)
        with models.use(name) as model:
            scene = inference.describe(*inference.forward(model, prepared.image))
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
    """The data set whose samples a model uses: its training data, or the first data set if that is none of ours."""
    return data if data in DATASETS else next(iter(DATASETS))


def principal_plane(latents: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Principal components of latents N,Z: mean Z, two axes 2,Z of unit length, and each axis's share of the variance.

    The sign of an axis makes its largest entry positive, so that the map is deterministic.
    """
    mean = latents.mean(0)
    _, singular, axes = np.linalg.svd(latents - mean, full_matrices=False)
    plane = axes[:2]
    plane *= np.sign(plane[np.arange(2), np.abs(plane).argmax(1)])[:, None]
    variance = singular**2
    return mean, plane, variance[:2] / max(variance.sum(), np.finfo(float).tiny)
