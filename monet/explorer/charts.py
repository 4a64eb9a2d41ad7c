"""Plotly figures of a decomposed scene, as plain JSON: colours of text and grid are the page's to set."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import plotly.graph_objects as go

from monet.figures import SLOT_COLORS
from monet.inference import DecomposedScene


def scene_charts(scene: DecomposedScene) -> dict[str, Any]:
    """The figures by name: ``posterior``, ``kl`` and ``scope``."""
    figures = {"posterior": posterior(scene), "kl": latent_kl(scene), "scope": scope_left(scene)}
    return {name: json.loads(figure.to_json()) for name, figure in figures.items()}


def posterior(scene: DecomposedScene) -> go.Figure:
    """Mean and one standard deviation of every latent, a trace per slot; the prior's two sigmas behind."""
    figure = go.Figure()
    figure.add_hrect(y0=-2, y1=2, fillcolor="rgba(128,128,128,0.15)", line_width=0)
    for k, (mean, std) in enumerate(zip(scene.latent_mean, scene.latent_std, strict=True)):
        # Slots side by side within a latent's column, so that their bars do not cover one another.
        offset = (k - (len(scene.latent_mean) - 1) / 2) * 0.8 / len(scene.latent_mean)
        figure.add_trace(
            go.Scatter(
                x=(np.arange(len(mean)) + offset).round(3).tolist(),
                y=mean.round(4).tolist(),
                error_y={"type": "data", "array": std.round(4).tolist(), "thickness": 1.2, "width": 0},
                mode="markers",
                marker={"color": slot_color(k), "size": 6},
                name=f"slot {k + 1}",
                customdata=[[k + 1, d] for d in range(len(mean))],
                hovertemplate="slot %{customdata[0]}, z<sub>%{customdata[1]}</sub> = %{y:.2f}<extra></extra>",
            )
        )
    return _style(figure, x="latent dimension d of z<sub>d</sub>", y="posterior μ ± σ, in σ of the prior")


def latent_kl(scene: DecomposedScene) -> go.Figure:
    """D_KL of every latent from its prior, slots down, dimensions across, in nats."""
    kl = scene.latent_kl
    figure = go.Figure(
        go.Heatmap(
            z=kl.round(4).tolist(),
            y=[f"slot {k + 1}" for k in range(len(kl))],
            colorscale="Cividis",
            zmin=0,
            colorbar={"title": {"text": "nats"}, "thickness": 10},
            hovertemplate="%{y}, z<sub>%{x}</sub>: %{z:.2f} nats<extra></extra>",
        )
    )
    figure.update_yaxes(autorange="reversed")
    return _style(figure, x="latent dimension d of z<sub>d</sub>", y="").update_layout(margin_t=8)


def scope_left(scene: DecomposedScene) -> go.Figure:
    """Share of the scene that is still unexplained before each step, and what each step took."""
    left = scene.scopes.mean((1, 2))
    taken = scene.masks.mean((1, 2))
    steps = list(range(1, len(left) + 1))
    figure = go.Figure()
    figure.add_trace(
        go.Bar(
            x=steps,
            y=(100 * taken).round(3).tolist(),
            marker={"color": [slot_color(k) for k in range(len(taken))]},
            name="mask of this step",
            hovertemplate="step %{x} takes %{y:.1f} %<extra></extra>",
        )
    )
    figure.add_trace(
        go.Scatter(
            x=steps,
            y=(100 * left).round(3).tolist(),
            mode="lines+markers",
            line={"shape": "hv", "color": "#888"},
            name="scope before this step",
            hovertemplate="before step %{x}: %{y:.1f} % unexplained<extra></extra>",
        )
    )
    return _style(figure, x="step k", y="share of the pixels, %").update_xaxes(dtick=1)


def slot_color(k: int) -> str:
    """A slot's colour as CSS writes it."""
    return "#" + "".join(f"{int(channel):02x}" for channel in SLOT_COLORS[k % len(SLOT_COLORS)])


def _style(figure: go.Figure, x: str, y: str) -> go.Figure:
    figure.update_layout(
        template="none",
        margin={"l": 48, "r": 8, "t": 44, "b": 40},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        uirevision="scene",  # zoom survives new data
    )
    figure.update_xaxes(title_text=x, zeroline=False)
    figure.update_yaxes(title_text=y, zeroline=False)
    return figure
