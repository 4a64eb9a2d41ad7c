"""Metrics of a decomposition against the true objects (ARI, covering, IoU, MSE), one value per scene of a batch.

All segmentation metrics read one contingency table of true and predicted labels.
"""

from __future__ import annotations

import numpy as np


def contingency(true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Counts the pixels of true label i and predicted label j.

    Args:
        true: integer B,H,W from 0 (0 = background).
        predicted: integer B,H,W from 0.

    Returns:
        int64 B,T,P, T and P the largest labels plus one.
    """
    if true.shape != predicted.shape:
        raise ValueError(f"segmentations of different shapes: {true.shape} and {predicted.shape}")
    batch, (rows, columns) = len(true), (int(true.max(initial=0)) + 1, int(predicted.max(initial=0)) + 1)
    scene = np.arange(batch).reshape(-1, *[1] * (true.ndim - 1))
    cell = (scene * rows + true) * columns + predicted
    return np.bincount(cell.ravel(), minlength=batch * rows * columns).reshape(batch, rows, columns)


def adjusted_rand_index(table: np.ndarray) -> np.ndarray:
    """Adjusted Rand index (Hubert and Arabie 1985) from a contingency table B,T,P: B values, at most 1.

    1 where both sides are a single cluster or all singletons, as in scikit-learn; 1 for a table without pixels.
    """

    def pairs(n: np.ndarray) -> np.ndarray:
        return n * (n - 1) / 2

    both = pairs(table).sum((1, 2))
    true, predicted = pairs(table.sum(2)).sum(1), pairs(table.sum(1)).sum(1)
    total = pairs(table.sum((1, 2)))
    expected = true * predicted / np.maximum(total, 1)
    most = (true + predicted) / 2
    return np.where(most == expected, 1.0, (both - expected) / np.where(most == expected, 1, most - expected))


BACKGROUND = (0,)
"""True labels that are background, unless a data set names others (Objects Room: sky, floor and two walls)."""


def adjusted_rand_index_foreground(table: np.ndarray, background: tuple[int, ...] = BACKGROUND) -> np.ndarray:
    """ARI-FG: the adjusted Rand index over true foreground pixels, with all slots; NaN for a scene without objects."""
    objects = _objects(table, background)
    return np.where(objects.any((1, 2)), adjusted_rand_index(objects), np.nan)


def segmentation_covering(table: np.ndarray, background: tuple[int, ...] = BACKGROUND) -> np.ndarray:
    """Mean segmentation covering of the foreground (Engelcke et al. 2020).

    The mean over true objects of the best IoU with any slot; NaN for a scene without objects.
    """
    iou = _objects(intersection_over_union(table), background)
    present = _objects(table, background).sum(2) > 0
    with np.errstate(invalid="ignore"):
        return np.where(present, iou.max(2, initial=0), 0).sum(1) / present.sum(1)


def matched_iou(table: np.ndarray, background: tuple[int, ...] = BACKGROUND) -> np.ndarray:
    """Mean IoU of the true objects with the slots under the best one-to-one matching; NaN without objects."""
    from scipy.optimize import linear_sum_assignment  # lazy: the import takes a third of a second

    values = np.full(len(table), np.nan)
    present = _objects(table, background).sum(2) > 0
    for scene, iou in enumerate(_objects(intersection_over_union(table), background)):
        objects = iou[present[scene]]
        if len(objects):
            values[scene] = objects[linear_sum_assignment(objects, maximize=True)].sum() / len(objects)
    return values


def intersection_over_union(table: np.ndarray) -> np.ndarray:
    """IoU of every true label with every predicted one, B,T,P; 0 where neither has a pixel."""
    union = table.sum(2, keepdims=True) + table.sum(1, keepdims=True) - table
    return table / np.maximum(union, 1)


def _objects(rows: np.ndarray, background: tuple[int, ...]) -> np.ndarray:
    """B,T,... without the rows of labels that are background."""
    return np.delete(rows, [label for label in background if label < rows.shape[1]], axis=1)


def mean_squared_error(images: np.ndarray, reconstructions: np.ndarray) -> np.ndarray:
    """Mean squared difference over pixels and channels of two batches B,3,H,W in [0, 1]; B values."""
    return ((images - reconstructions) ** 2).mean((1, 2, 3))
