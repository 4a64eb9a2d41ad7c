"""Tests of segmentation metrics, against scikit-learn, brute force and cases worked by hand."""

import itertools

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from monet.metrics import (
    adjusted_rand_index,
    adjusted_rand_index_foreground,
    contingency,
    intersection_over_union,
    matched_iou,
    mean_squared_error,
    segmentation_covering,
)


def labels(seed: int, true_labels: int, slots: int, side: int = 9) -> tuple[np.ndarray, np.ndarray]:
    """Label maps of six scenes whose slots match the objects increasingly; label 0 is the background."""
    rng = np.random.default_rng(seed)
    true = rng.integers(true_labels, size=(6, side, side))
    follows = rng.random(true.shape) < np.linspace(0, 0.9, 6)[:, None, None]
    return true, np.where(follows, true % slots, rng.integers(slots, size=true.shape))


def ious(true: np.ndarray, predicted: np.ndarray, background: tuple[int, ...] = (0,)) -> list[list[float]]:
    """Computes the IoU of every object with every used slot of one scene, from sets of pixels."""

    def regions(segmentation: np.ndarray) -> dict[int, set[int]]:
        flat = segmentation.ravel().tolist()
        return {label: {i for i, other in enumerate(flat) if other == label} for label in set(flat)}

    slots = regions(predicted).values()
    return [[len(o & s) / len(o | s) for s in slots] for label, o in regions(true).items() if label not in background]


RANDOM = [(0, 4, 4), (1, 5, 3), (2, 2, 7), (3, 6, 2), (4, 3, 1), (5, 1, 4)]
"""Seed, true labels and slots: more objects than slots and fewer, a single slot, nothing but background."""


@pytest.mark.parametrize(("seed", "true_labels", "slots"), RANDOM)
def test_adjusted_rand_index_is_scikit_learns(seed, true_labels, slots):
    true, predicted = labels(seed, true_labels, slots)
    expected = [adjusted_rand_score(t.ravel(), p.ravel()) for t, p in zip(true, predicted, strict=True)]
    np.testing.assert_allclose(adjusted_rand_index(contingency(true, predicted)), expected, atol=1e-12)


@pytest.mark.parametrize(("seed", "true_labels", "slots"), RANDOM[:-1])
def test_foreground_index_is_scikit_learns_over_object_pixels(seed, true_labels, slots):
    true, predicted = labels(seed, true_labels, slots)
    expected = [adjusted_rand_score(t[t > 0], p[t > 0]) for t, p in zip(true, predicted, strict=True)]
    np.testing.assert_allclose(adjusted_rand_index_foreground(contingency(true, predicted)), expected, atol=1e-12)


@pytest.mark.parametrize(("seed", "true_labels", "slots"), RANDOM[:-1])
def test_covering_is_the_mean_of_every_objects_best_overlap(seed, true_labels, slots):
    true, predicted = labels(seed, true_labels, slots)
    expected = [np.mean([max(row) for row in ious(t, p)]) for t, p in zip(true, predicted, strict=True)]
    np.testing.assert_allclose(segmentation_covering(contingency(true, predicted)), expected)


@pytest.mark.parametrize(("seed", "true_labels", "slots"), RANDOM[:-1])
def test_matched_iou_is_the_best_of_all_one_to_one_matchings(seed, true_labels, slots):
    true, predicted = labels(seed, true_labels, slots)
    expected = []
    for t, p in zip(true, predicted, strict=True):
        overlap = ious(t, p)
        # Objects without a slot of their own count as zero.
        padded = [row + [0.0] * len(overlap) for row in overlap]
        sums = (
            sum(row[slot] for row, slot in zip(padded, matching, strict=True))
            for matching in itertools.permutations(range(len(padded[0])), len(padded))
        )
        expected.append(max(sums) / len(overlap))
    np.testing.assert_allclose(matched_iou(contingency(true, predicted)), expected)


METRICS = [adjusted_rand_index, adjusted_rand_index_foreground, segmentation_covering, matched_iou]


@pytest.mark.parametrize("metric", METRICS)
def test_perfect_is_one_whatever_the_slots_are_called(metric):
    true, _ = labels(6, true_labels=5, slots=5)
    called = np.array([3, 6, 0, 5, 1])
    np.testing.assert_allclose(metric(contingency(true, called[true])), 1)


@pytest.mark.parametrize(
    ("metric", "expected"),
    # Both objects have 3 of 9 pixels; by hand, and a single slot is no better than chance.
    [
        (adjusted_rand_index, 0),
        (adjusted_rand_index_foreground, 0),
        (segmentation_covering, 1 / 3),
        (matched_iou, 1 / 6),
    ],
)
def test_all_in_one_slot(metric, expected):
    true = np.array([[[0, 0, 0], [1, 1, 1], [2, 2, 2]]])
    np.testing.assert_allclose(metric(contingency(true, np.full_like(true, 4))), expected, atol=1e-12)


def test_foreground_index_does_not_see_the_background_but_covering_does():
    true = np.array([[[0, 0, 1], [0, 0, 1], [0, 0, 2]]])
    predicted = np.array([[[1, 1, 1], [1, 1, 1], [0, 0, 2]]])
    table = contingency(true, predicted)
    assert adjusted_rand_index_foreground(table) == 1
    assert adjusted_rand_index(table) < 0.3
    # The slot of object 1 also holds four pixels of background, that of object 2 none.
    np.testing.assert_allclose(segmentation_covering(table), (2 / 6 + 1) / 2)


def test_one_slot_covers_two_objects_but_matches_only_one():
    true = np.array([[[0, 0, 1, 2], [0, 0, 1, 2]]])
    table = contingency(true, np.where(true > 0, 1, 0))
    np.testing.assert_allclose(segmentation_covering(table), 1 / 2)
    np.testing.assert_allclose(matched_iou(table), 1 / 4)
    assert adjusted_rand_index_foreground(table) == 0


@pytest.mark.parametrize("predicted", [0, 1])
def test_scene_without_objects_has_no_object_metric(predicted):
    true = np.zeros((1, 3, 3), int)
    table = contingency(true, np.full_like(true, predicted))
    assert adjusted_rand_index(table) == 1
    assert np.isnan(adjusted_rand_index_foreground(table))
    assert np.isnan(segmentation_covering(table)).all()
    assert np.isnan(matched_iou(table)).all()


def test_one_object_in_one_slot_is_perfect_and_split_over_two_is_not():
    true = np.array([[[0, 1, 1], [0, 1, 1]]] * 2)
    table = contingency(true, np.array([[[0, 1, 1], [0, 1, 1]], [[0, 1, 1], [0, 2, 2]]]))
    np.testing.assert_allclose(adjusted_rand_index_foreground(table), [1, 0])
    np.testing.assert_allclose(segmentation_covering(table), [1, 1 / 2])
    np.testing.assert_allclose(matched_iou(table), [1, 1 / 2])


@pytest.mark.parametrize("background", [(0, 2), (1,), (0, 1, 7)])
def test_data_sets_may_have_other_background_labels(background):
    true, predicted = labels(8, true_labels=5, slots=4)
    table, pairs = contingency(true, predicted), list(zip(true, predicted, strict=True))
    inside = [~np.isin(t, background) for t, _ in pairs]
    expected = [adjusted_rand_score(t[i], p[i]) for (t, p), i in zip(pairs, inside, strict=True)]
    np.testing.assert_allclose(adjusted_rand_index_foreground(table, background), expected, atol=1e-12)
    expected = [np.mean([max(row) for row in ious(t, p, background)]) for t, p in pairs]
    np.testing.assert_allclose(segmentation_covering(table, background), expected)
    matched = [
        matched_iou(contingency(np.where(i, t + 1, 0)[None], p[None]))[0]
        for (t, p), i in zip(pairs, inside, strict=True)
    ]
    np.testing.assert_allclose(matched_iou(table, background), matched)


def test_labels_that_only_other_scenes_of_the_batch_use_change_nothing():
    true, predicted = labels(7, true_labels=4, slots=3)
    true[0] %= 2
    true[1] = np.where(true[1] == 2, 0, true[1])
    predicted[0] //= 2
    together = contingency(true, predicted)
    for metric in METRICS:
        alone = [metric(contingency(true[i : i + 1], predicted[i : i + 1]))[0] for i in range(len(true))]
        np.testing.assert_allclose(metric(together), alone)


def test_contingency_counts_pixels():
    true, predicted = np.array([[[0, 0], [1, 1]], [[2, 2], [2, 0]]]), np.array([[[0, 1], [1, 1]], [[0, 0], [1, 0]]])
    assert contingency(true, predicted).tolist() == [[[1, 1], [0, 2], [0, 0]], [[1, 0], [0, 0], [2, 1]]]


def test_segmentations_of_different_shapes_are_refused_in_words():
    with pytest.raises(ValueError, match="segmentations of different shapes"):
        contingency(np.zeros((1, 3, 4), int), np.zeros((1, 4, 3), int))


def test_labels_without_a_pixel_have_no_overlap():
    table = np.array([[[2, 0, 0], [0, 0, 0], [1, 0, 3]]])
    np.testing.assert_allclose(intersection_over_union(table), [[[2 / 3, 0, 0], [0, 0, 0], [1 / 6, 0, 3 / 4]]])


def test_mean_squared_error_is_per_scene():
    images = np.zeros((2, 3, 4, 4), np.float32)
    reconstructions = images + np.array([0.5, 0.1], np.float32)[:, None, None, None]
    reconstructions[1, 0, 0, 0] += 0.2
    np.testing.assert_allclose(mean_squared_error(images, reconstructions), [0.25, (47 * 0.01 + 0.09) / 48], rtol=1e-5)
