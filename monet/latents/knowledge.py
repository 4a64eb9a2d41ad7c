"""Predicts an object's true factors from the latents of its slot.

Downstream property prediction as in Dittadi et al. 2022, "Generalization and Robustness Implications in Object-Centric
Learning".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from monet.data import Scene
from monet.latents.record import UNUSED
from monet.latents.slots import Slots

TURNS: dict[str, dict[int, tuple[str, int]]] = {
    "multi_dsprites": {0: ("squares", 4), 1: ("ellipses", 2), 2: ("hearts", 1)},
    "clevr6": {0: ("cubes", 4)},
}
"""By prefix of a data set's name: shapes that have an angle, with their number of rotational symmetries."""
CATEGORIES = ("shape", "material")
FEWEST = 30
"""Least number of slots for fitting and for scoring; other factors are left out."""


@dataclass(frozen=True)
class Known:
    """Accuracy of the prediction of a factor from the latents of unseen slots.

    Attributes:
        factor: display name of the factor.
        slots: number of scored slots.
        linear: score of ridge regression: R2, mean over a factor's numbers, or accuracy for a category.
        boosted: score of gradient-boosted trees.
        single: score of such trees on the single best latent, mean over a factor's numbers.
        best: that latent, for each of the factor's numbers.
        chance: accuracy of always predicting the most frequent category; None for numbers, whose R2 would be 0.
    """

    factor: str
    slots: int
    linear: float
    boosted: float
    single: float
    best: tuple[int, ...]
    chance: float | None


def knowledge(fitted: Slots, scored: Slots, data: str) -> list[Known]:
    """Fits predictors of every true factor on some slots and scores them on slots of other scenes.

    Angles are predicted by shape, as cosine and sine of the angle times the shape's symmetry.

    Args:
        fitted: slots whose objects are known.
        scored: slots of other scenes.
        data: name of the data set.

    Raises:
        ImportError: scikit-learn is not installed.
    """
    from threadpoolctl import threadpool_limits  # comes with scikit-learn

    train_factors, test_factors = factors(fitted, data), factors(scored, data)
    used = np.flatnonzero(fitted.kl.mean(0) >= UNUSED)
    results = []
    for name, values in train_factors.items():
        train_rows, test_rows = np.isfinite(values).all(1), np.isfinite(test_factors[name]).all(1)
        if min(train_rows.sum(), test_rows.sum()) < FEWEST:
            continue
        train, test = fitted.latents[train_rows], scored.latents[test_rows]
        train_true, test_true = values[train_rows], test_factors[name][test_rows]
        # Small trees gain little from a second thread, and wait long for it if other work uses the cores.
        with threadpool_limits(1):
            linear, boosted = (
                float(np.mean([p.fit(train, x).score(test, y) for x, y in zip(train_true.T, test_true.T, strict=True)]))
                for p in _predictors(name in CATEGORIES)
            )
            _, trees = _predictors(name in CATEGORIES)
            singles = [
                max((trees.fit(train[:, [z]], x).score(test[:, [z]], y), int(z)) for z in used)
                for x, y in zip(train_true.T, test_true.T, strict=True)
            ]
        chance = None
        if name in CATEGORIES:
            chance = float((test_true == np.bincount(train_true[:, 0].astype(int)).argmax()).mean())
        single, best = float(np.mean([score for score, _ in singles])), tuple(z for _, z in singles)
        results.append(Known(name, len(test), linear, boosted, single, best, chance))
    return results


def factors(slots: Slots, data: str) -> dict[str, np.ndarray]:
    """Returns the true factors of the slots' objects, N,C each; NaN if an object has no such factor.

    Without a generator's factors, centre, area and mean colour of the visible pixels are measured.
    """
    objects = [_object(slots.scenes[scene], label) for scene, label in zip(slots.scene, slots.label, strict=True)]
    table = {
        name: np.array([np.atleast_1d(each[name]) for each in objects], float) for name in objects[0] if name != "angle"
    }
    if "angle" in objects[0]:
        angle, shape = (np.array([each[name] for each in objects]) for name in ("angle", "shape"))
        known: dict[int, tuple[str, int]] = next((v for k, v in TURNS.items() if data.startswith(k)), {})
        for index, (title, turns) in known.items():
            turned = np.column_stack((np.cos(turns * angle), np.sin(turns * angle)))
            table[f"angle of {title}"] = np.where((shape == index)[:, None], turned, np.nan)
    return table


def _object(scene: Scene, label: int) -> dict[str, Any]:
    """Returns the factors of one object of a scene."""
    if scene.factors is not None:
        number = label - 1 - (len(scene.background) - 1)
        return {name: values[number] for name, values in scene.factors.items()}
    assert scene.segmentation is not None  # because the object has a label
    rows, columns = np.nonzero(scene.segmentation == label)
    color = scene.image[rows, columns].mean(0) / 255
    return {"x": columns.mean(), "y": rows.mean(), "area": len(rows), "color": color}


def _predictors(category: bool) -> tuple[Any, Any]:
    from sklearn import ensemble, linear_model  # for development only, and a second of import
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    strengths = np.logspace(-3, 3, 13)
    if category:
        ridge, boosted = linear_model.RidgeClassifierCV, ensemble.HistGradientBoostingClassifier
    else:
        ridge, boosted = linear_model.RidgeCV, ensemble.HistGradientBoostingRegressor
    return make_pipeline(StandardScaler(), ridge(strengths)), boosted(random_state=0)
