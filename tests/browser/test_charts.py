"""The figures that the page makes of a scene: valid for Plotly, and of the numbers that inference gives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from playwright.sync_api import BrowserContext

import monet
from monet import checkpoints
from monet.data import samples
from monet.figures import SLOT_COLORS
from tests.browser.laboratory import open_page

pytestmark = pytest.mark.browser

FIGURES = """import(new URL("monet/static/figures.js", document.baseURI)).then(({ FIGURES }) =>
    Object.fromEntries(Object.entries(FIGURES).map(([name, make]) => [name, make(monetExplorer.store.scene)])))"""


@pytest.fixture(scope="module")
def figures(context: BrowserContext) -> Iterator[dict[str, Any]]:
    """Of the first scene."""
    page = context.new_page()
    open_page(page)
    yield page.evaluate(FIGURES)
    page.close()


@pytest.fixture(scope="module")
def said(checkpoints_folder: Path) -> monet.DecomposedScene:
    model = checkpoints.load(checkpoints_folder / "multi_dsprites")
    return monet.decompose(model, samples.read("multi_dsprites", 0).image)


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
