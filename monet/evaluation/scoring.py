"""Metrics of a model over scenes with ground truth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from monet import metrics
from monet.data import Scene
from monet.data.batches import prepare, to_tensor
from monet.model import Decomposition, MONet, MONetConfig
from monet.objective import Likelihood, loss
from monet.pictures import How, extract

BATCH = 32
"""Scenes in a batch."""


@dataclass(frozen=True)
class Result:
    """Values per scene, by metric; NaN if a scene has no such metric."""

    values: dict[str, np.ndarray]

    @property
    def means(self) -> dict[str, float]:
        """Means over scenes; NaN if no scene has the metric."""
        return {name: float(v.mean()) if len(v) else float("nan") for name, v in self._existing()}

    @property
    def standard_errors(self) -> dict[str, float]:
        """Standard errors of the means; NaN if fewer than two scenes have the metric."""
        return {
            name: float(v.std(ddof=1) / np.sqrt(len(v))) if len(v) > 1 else float("nan") for name, v in self._existing()
        }

    def _existing(self) -> Iterator[tuple[str, np.ndarray]]:
        return ((name, v[np.isfinite(v)]) for name, v in self.values.items())


def evaluate(
    model: MONet,
    scenes: Sequence[Scene],
    likelihood: Likelihood = "per_channel",
    *,
    how: How = "crop",
    num_slots: int | None = None,
) -> Result:
    """Computes all metrics of a model in eval mode over scenes; see :func:`scores`.

    Scenes may differ in their background labels. A scene without segmentation has only MSE and loss terms. A scene
    without objects has NaN for the object metrics.

    Args:
        model: the model, on any device.
        scenes: scenes of any size.
        likelihood: likelihood of the reconstruction term.
        how: how to make pictures square.
        num_slots: K; the model's if None.
    """
    values: dict[str, np.ndarray] = {}
    start = 0
    for batch, images, decomposition in decompositions(model, scenes, how, num_slots):
        groups: dict[tuple[bool, tuple[int, ...]], list[int]] = {}
        for index, scene in enumerate(batch):
            groups.setdefault((scene.segmentation is not None, scene.background), []).append(index)
        for (_, background), at in groups.items():
            part = Decomposition(**{name: x[at] for name, x in vars(decomposition).items()})
            labels = [label_map for index in at if (label_map := batch[index].segmentation) is not None]
            true = np.stack(labels) if labels else None
            for name, value in scores(model.config, images[at], part, true, background, likelihood).items():
                values.setdefault(name, np.full(len(scenes), np.nan))[start + np.array(at)] = value
        start += len(batch)
    return Result(values)


def scores(
    config: MONetConfig,
    images: torch.Tensor,
    decomposition: Decomposition,
    true: np.ndarray | None = None,
    background: tuple[int, ...] = metrics.BACKGROUND,
    likelihood: Likelihood = "per_channel",
) -> dict[str, np.ndarray]:
    """Computes all metrics of a batch, B values each.

    ``mse`` is that of sum_k m_k x_k; ``reconstruction``, ``latent_kl`` and ``mask_kl`` are the loss terms in nats.
    ``ari``, ``ari_fg``, ``covering`` and ``matched_iou`` compare the true segmentation, if given, with the slot of the
    largest attention mask at each pixel; with the suffix ``_decoded``, of the largest decoder mask. The border around a
    smaller picture counts in the loss terms only.

    Args:
        config: configuration of the model.
        images: B,3,H,W in [0, 1].
        decomposition: decomposition of these images.
        true: integer B,H,W.
        background: true labels that are not objects; if empty, they are unknown, and the object metrics (all but
            ``ari``) are left out.
        likelihood: likelihood of the reconstruction term.
    """

    def inside(x: np.ndarray) -> np.ndarray:
        return extract(x, config.picture_size or config.resolution, axes=(-2, -1))

    values = {"mse": metrics.mean_squared_error(inside(images.numpy()), inside(decomposition.reconstruction.numpy()))}
    terms = loss(images, decomposition, config, likelihood)
    values |= {name: term.double().numpy() for name, term in vars(terms).items()}
    if true is not None:
        for suffix, masks in (("", decomposition.log_masks), ("_decoded", decomposition.mask_logits)):
            table = metrics.contingency(inside(true).astype(np.int64), inside(masks.argmax(1).numpy()))
            values[f"ari{suffix}"] = metrics.adjusted_rand_index(table)
            if not background:
                continue
            values[f"ari_fg{suffix}"] = metrics.adjusted_rand_index_foreground(table, background)
            values[f"covering{suffix}"] = metrics.segmentation_covering(table, background)
            values[f"matched_iou{suffix}"] = metrics.matched_iou(table, background)
    return values


def decompositions(
    model: MONet, scenes: Sequence[Scene], how: How = "crop", num_slots: int | None = None
) -> Iterator[tuple[list[Scene], torch.Tensor, Decomposition]]:
    """Yields batches of prepared scenes, their images B,3,H,W and their decompositions, on the CPU."""
    device = next(model.parameters()).device
    for start in range(0, len(scenes), BATCH):
        batch = [prepare(scene, model.config, how) for scene in scenes[start : start + BATCH]]
        images = to_tensor(batch)
        with torch.inference_mode():
            decomposition = model(images.to(device)) if num_slots is None else model(images.to(device), num_slots)
        yield batch, images, Decomposition(**{k: v.cpu() for k, v in vars(decomposition).items()})
