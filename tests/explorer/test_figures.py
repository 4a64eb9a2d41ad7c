"""Tests of the page's figures: valid for Plotly, with the numbers of inference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

import monet
from monet import checkpoints
from monet.data import samples
from monet.explorer.payload import scene_payload
from monet.figures import SLOT_COLORS
from tests import node

FIGURES = """({ FIGURES }, { sceneFrom }, payload) => {
    const scene = sceneFrom(payload);
    return Object.fromEntries(Object.entries(FIGURES).map(([name, make]) => [name, make(scene)]));
}"""


@pytest.fixture(scope="module")
def model(checkpoints_folder: Path) -> monet.MONet:
    return checkpoints.load(checkpoints_folder / "multi_dsprites")


@pytest.fixture(scope="module")
def figures(model: monet.MONet, checkpoints_folder: Path) -> dict[str, Any]:
    """The figures of the first scene, as the server sends it."""
    checkpoint = checkpoints.read(checkpoints_folder / "multi_dsprites")
    origin = {"kind": "sample", "data": "multi_dsprites", "index": 0}
    payload = scene_payload(model, checkpoint, samples.read("multi_dsprites", 0), origin)
    figures: dict[str, Any] = node.evaluate(FIGURES, ["drawing/figures.js", "scene/scene.js"], payload)
    return figures


@pytest.fixture(scope="module")
def said(model: monet.MONet) -> monet.DecomposedScene:
    return monet.decompose(model, samples.read("multi_dsprites", 0).image)


@pytest.mark.slow
def test_they_are_valid(figures: dict[str, Any]) -> None:
    assert set(figures) == {"posterior", "kl", "scope"}
    for figure in figures.values():
        checked = go.Figure(figure)  # Plotly checks every property
        assert checked.data and checked.layout.xaxis.title.text


def test_the_posterior_has_a_trace_for_each_slot_in_its_colour(
    figures: dict[str, Any], said: monet.DecomposedScene
) -> None:
    traces = figures["posterior"]["data"]
    assert len(traces) == len(said.latent_mean)
    for k, trace in enumerate(traces):
        np.testing.assert_allclose(trace["y"], said.latent_mean[k], atol=1e-4)
        np.testing.assert_allclose(trace["error_y"]["array"], said.latent_std[k], atol=1e-4)
        assert trace["marker"]["color"] == f"rgb({' '.join(map(str, SLOT_COLORS[k]))})"
        assert trace["customdata"] == [[k + 1, d] for d in range(16)]


def test_the_heat_map_has_a_row_for_each_slot(figures: dict[str, Any], said: monet.DecomposedScene) -> None:
    (trace,) = figures["kl"]["data"]
    np.testing.assert_allclose(trace["z"], said.latent_kl, atol=1e-3)
    assert trace["y"] == [f"slot {k + 1}" for k in range(len(said.latent_kl))]


def test_the_scope_chart_hands_out_the_whole_scene(figures: dict[str, Any], said: monet.DecomposedScene) -> None:
    taken, left = figures["scope"]["data"]
    np.testing.assert_allclose(taken["y"], 100 * said.masks.mean((1, 2)), atol=0.05)
    assert len(taken["y"]) == len(left["y"]) == len(said.masks)
    assert left["y"][0] == 100
    np.testing.assert_allclose(left["y"][1:], 100 - np.cumsum(taken["y"])[:-1], atol=0.05)
