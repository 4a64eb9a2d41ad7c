// Plotly figures of a decomposed scene: posterior, KL divergence and scope. charts.js sets text and grid colours.

import { slotColor } from "./draw.js";

/** @typedef {import("./charts.js").Figure} Figure */
/** @typedef {import("../scene/scene.js").Scene} Scene */

/** @param {string} text */
const axis = (text) => ({ title: { text }, zeroline: false });
/** @param {object[]} data @param {string} x @param {string} y @param {object} [more] of the layout @returns {Figure} */
const styled = (data, x, y, more = {}) => ({
  data,
  layout: {
    margin: { l: 48, r: 8, t: 44, b: 40 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    legend: { orientation: "h", y: 1.02, yanchor: "bottom" },
    uirevision: "scene", // zoom survives new data
    xaxis: axis(x),
    yaxis: axis(y),
    ...more,
  },
});

/** Mean and standard deviation of every latent, a trace per slot, over a band of two sigmas of the prior. @param {Scene} scene */
function posterior({ mean, std }) {
  const traces = mean.map((values, k) => ({
    type: "scatter",
    mode: "markers",
    name: `slot ${k + 1}`,
    // Offsets the slots within a latent's column, so that their error bars do not overlap.
    x: Array.from(values, (_, d) => d + ((k - (mean.length - 1) / 2) * 0.8) / mean.length),
    y: Array.from(values),
    error_y: { type: "data", array: Array.from(std[k]), thickness: 1.2, width: 0 },
    marker: { color: slotColor(k), size: 6 },
    customdata: Array.from(values, (_, d) => [k + 1, d]),
    hovertemplate: "slot %{customdata[0]}, z<sub>%{customdata[1]}</sub> = %{y:.2f}<extra></extra>",
  }));
  const prior = {
    type: "rect",
    xref: "x domain",
    x0: 0,
    x1: 1,
    yref: "y",
    y0: -2,
    y1: 2,
    fillcolor: "rgba(128,128,128,0.15)",
    line: { width: 0 },
  };
  return styled(traces, "latent dimension d of z<sub>d</sub>", "posterior μ ± σ, in σ of the prior", {
    shapes: [prior],
  });
}

/** Largest KL divergence with a colour of its own; a background's latent can have a hundred nats, an object's has five. */
const MOST_NATS = 8;

/** Heat map of D_KL from the prior, in nats: slots by rows, latents by columns. @param {Scene} scene */
function kl(scene) {
  const most = Math.max(...scene.kl.flatMap((values) => [...values]));
  const ticks = Array.from({ length: MOST_NATS / 2 + 1 }, (_, n) => 2 * n);
  const heat = {
    type: "heatmap",
    z: scene.kl,
    y: scene.kl.map((_, k) => `slot ${k + 1}`),
    colorscale: "Cividis",
    zmin: 0,
    zmax: Math.min(most, MOST_NATS),
    colorbar: {
      title: { text: "nats" },
      thickness: 10,
      ...(most > MOST_NATS && {
        tickvals: ticks,
        ticktext: ticks.map((tick) => (tick === MOST_NATS ? `≥ ${tick}` : `${tick}`)),
      }),
    },
    hovertemplate: "%{y}, z<sub>%{x}</sub>: %{z:.2f} nats<extra></extra>",
  };
  return styled([heat], "latent dimension d of z<sub>d</sub>", "", {
    margin: { l: 48, r: 8, t: 8, b: 40 },
    yaxis: { ...axis(""), autorange: "reversed" },
  });
}

/** Unexplained share of the scene before each step, and the share of each step's mask. @param {Scene} scene */
function scope({ masks, scopes }) {
  /** @param {Float32Array} image */
  const share = (image) => (100 * image.reduce((sum, value) => sum + value, 0)) / image.length;
  const steps = masks.map((_, k) => k + 1);
  const taken = {
    type: "bar",
    x: steps,
    y: masks.map(share),
    marker: { color: steps.map((k) => slotColor(k - 1)) },
    name: "mask of this step",
    hovertemplate: "step %{x} takes %{y:.1f} %<extra></extra>",
  };
  const left = {
    type: "scatter",
    mode: "lines+markers",
    x: steps,
    y: scopes.slice(0, masks.length).map(share),
    line: { shape: "hv", color: "#888" },
    name: "scope before this step",
    hovertemplate: "before step %{x}: %{y:.1f} % unexplained<extra></extra>",
  };
  return styled([taken, left], "step k", "share of the pixels, %", { xaxis: { ...axis("step k"), dtick: 1 } });
}

/** Functions that make a scene's figures, by name. @type {Record<string, (scene: Scene) => Figure>} */
export const FIGURES = { posterior, kl, scope };
