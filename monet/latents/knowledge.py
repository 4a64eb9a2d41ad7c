"""What the latents know of what was drawn: regression from them to the true factors (Dittadi et al. 2022)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from monet import evaluation
from monet.data import Scene
from monet.model import MONet

OVERLAP = 0.5
"""A slot belongs to the object that it covers with at least this intersection over union."""
SYMMETRY = {"multi_dsprites": (4, 2, 1)}
"""By data set and shape: turned by this part of a circle, it looks the same."""
NUMBERS = ("x", "y", "size", "scale", "color")
KINDS = ("shape", "material")


def known(model: MONet, data: str, fit: Sequence[Scene], test: Sequence[Scene]) -> dict[str, float]:
    """How much the latents tell of each factor, in the better of two ways: linear (ridge) and by boosted trees.

    Args:
        model: in eval mode.
        data: name of the generated data set.
        fit: scenes that the regressions learn from, with their factors.
        test: scenes that they are scored on.

    Returns:
        By factor: R2 for numbers (colour over its channels), accuracy for shape and material, and for ``angle`` the
        correlation of the angle's sine and cosine, once round per symmetry of the shape. Empty without factors.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.linear_model import LogisticRegression, RidgeCV
    from sklearn.metrics import r2_score
    from sklearn.multioutput import MultiOutputRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    (z, true), (z_test, true_test) = pairs(model, fit), pairs(model, test)
    ways = [make_pipeline(StandardScaler(), RidgeCV()), MultiOutputRegressor(HistGradientBoostingRegressor())]
    kinds = [make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)), HistGradientBoostingClassifier()]
    told: dict[str, float] = {}
    for name in true:
        if name in NUMBERS:
            values, expected = _columns(true[name]), _columns(true_test[name])
            told[name] = max(r2_score(expected, way.fit(z, values).predict(z_test)) for way in ways)
        elif name in KINDS:
            told[name] = max(float(way.fit(z, true[name]).score(z_test, true_test[name])) for way in kinds)
    if data in SYMMETRY and "angle" in true:
        fold, fold_test = (np.array(SYMMETRY[data])[t["shape"].astype(int)] for t in (true, true_test))
        around, expected = _around(true["angle"], fold), _around(true_test["angle"], fold_test)
        found = []
        for way in ways:
            guess = np.empty_like(expected)
            for turns in np.unique(fold_test):
                chosen = fold == turns
                guess[fold_test == turns] = way.fit(z[chosen], around[chosen]).predict(z_test[fold_test == turns])
            found.append(np.corrcoef(guess.ravel(), expected.ravel())[0, 1])
        told["angle"] = float(max(found))
    return told


def pairs(model: MONet, scenes: Sequence[Scene]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Latents N,Z of the slots that cover a true object, and its factors, each N or N,C."""
    latents: list[np.ndarray] = []
    true: dict[str, list[np.ndarray]] = {}
    for batch, _, said in evaluation.decompositions(model, scenes):
        labels, means = said.log_masks.argmax(1).numpy(), said.latent_mean.numpy()
        for scene, found, mean in zip(batch, labels, means, strict=True):
            for n, slot in _matches(scene, found):
                latents.append(mean[slot])
                for name, values in (scene.factors or {}).items():
                    true.setdefault(name, []).append(values[n])
    return np.array(latents), {name: np.array(values) for name, values in true.items()}


def _matches(scene: Scene, found: np.ndarray) -> Iterator[tuple[int, int]]:
    """Objects by number, and the slot that covers each."""
    if scene.factors is None or scene.segmentation is None:
        return
    for n in range(len(next(iter(scene.factors.values())))):
        inside = scene.segmentation == n + len(scene.background)
        if not inside.any():
            continue
        slot = int(np.bincount(found[inside]).argmax())
        both = (inside & (found == slot)).sum()
        if both >= OVERLAP * (inside | (found == slot)).sum():
            yield n, slot


def _columns(values: np.ndarray) -> np.ndarray:
    return values.reshape(len(values), -1).astype(float)


def _around(angle: np.ndarray, fold: np.ndarray) -> np.ndarray:
    return np.stack((np.cos(fold * angle), np.sin(fold * angle)), 1)
