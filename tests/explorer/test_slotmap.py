"""Tests of the slot map, against scikit-learn's principal components."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.decomposition import PCA

import monet
from monet.data import samples
from monet.explorer.models import Models
from monet.explorer.slotmap import principal_plane, slot_map


@pytest.mark.slow
def test_the_map_has_every_slot_of_every_sample_as_inference_sees_it(checkpoints_folder: Path) -> None:
    table = slot_map(Models(checkpoints_folder), "tetrominoes")
    scene = monet.decompose(monet.load(checkpoints_folder / "tetrominoes"), samples.read("tetrominoes", 3).image)
    slots = [slot for slot in table["slots"] if slot["index"] == 3]
    assert len(table["slots"]) == samples.count("tetrominoes") * 4
    assert [slot["step"] for slot in slots] == [0, 1, 2, 3]
    np.testing.assert_allclose([slot["latent"] for slot in slots], scene.latent_mean, atol=1e-5)
    np.testing.assert_allclose([slot["share"] for slot in slots], scene.masks.mean((1, 2)), atol=1e-5)


def test_the_plane_is_that_of_the_principal_components() -> None:
    latents = np.random.default_rng(0).standard_normal((60, 16)) * np.linspace(3, 0.1, 16)
    mean, axes, explained = principal_plane(latents)
    expected = PCA(2, svd_solver="full").fit(latents)
    np.testing.assert_allclose(np.abs(axes @ expected.components_.T), np.eye(2), atol=1e-9)
    np.testing.assert_allclose(explained, expected.explained_variance_ratio_)
    np.testing.assert_allclose(mean, latents.mean(0))


@pytest.mark.parametrize("flip", [1, -1])
def test_the_same_latents_give_the_same_map_however_the_solver_turns_them(flip: int) -> None:
    latents = np.random.default_rng(1).standard_normal((30, 16))
    _, axes, _ = principal_plane(flip * latents)
    assert (axes[np.arange(2), np.abs(axes).argmax(1)] > 0).all()
    np.testing.assert_allclose(axes, principal_plane(latents)[1], atol=1e-12)
