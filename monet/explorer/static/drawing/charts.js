// Loads Plotly on demand; styles figures for the page or for paper, and converts them to SVG.

import { errorColor, slotColor } from "./draw.js";
import { find, h, svg } from "../page/dom.js";
import { gunzip, isSite } from "../site/site.js";

/** @typedef {import("../scene/scene.js").Scene} Scene */
/** @typedef {import("../scene/store.js").Document} Document */

/** Title and help text of each chart, by the name of its figure in figures.js. @type {Record<string, [title: string, help: string]>} */
export const CHARTS = {
  posterior: [
    "Posterior of every latent",
    "Mean and one σ per slot; the grey band is two σ of the prior, diamonds are edited values. Click selects; drag zooms, double click shows all.",
  ],
  kl: ["KL divergence of every latent", "From the prior, in nats; a dark latent holds no information. Click selects."],
  scope: [
    "Scope left per step",
    "Unexplained share of the scene before each step, and the share that each step explains. Click selects.",
  ],
};

// No mode bar: it would cover the legends. A drag zooms, Shift and a drag pans, a double click shows all.
export const CONFIG = { responsive: true, displayModeBar: false };

/**
 * A Plotly figure.
 * @typedef {{data: Record<string, any>[], layout: Record<string, any>}} Figure
 */
/**
 * The part of Plotly used here.
 * @typedef {object} Plotly
 * @property {(element: HTMLElement, data: object[], layout: object, config: object) => Promise<PlotElement>} react
 * @property {(element: HTMLElement, change: object, traces: number[]) => Promise<PlotElement>} restyle
 * @property {(figure: object, how: {format: "svg", width: number, height: number}) => Promise<string>} toImage
 */
/** A chart's element, which emits Plotly's events. @typedef {HTMLElement & {on: (event: string, listener: (event: {points: Record<string, any>[]}) => void) => void}} PlotElement */

/** @type {Promise<Plotly> | null} */
let library = null;
/** Loads Plotly once; it is large, so only when charts come into view. @returns {Promise<Plotly>} */
export function plotly() {
  library ??= sourceUrl()
    .then(
      (src) =>
        new Promise((resolve, reject) => {
          document.head.append(
            h("script", { src, onload: () => resolve(Reflect.get(window, "Plotly")), onerror: reject }),
          );
        }),
    )
    .catch((cause) => {
      library = null;
      throw new Error("the chart library could not be loaded", { cause });
    });
  return library;
}

/** URL of the Plotly script; the static site unzips it first. */
async function sourceUrl() {
  const address = new URL("monet/plotly/plotly.min.js", document.baseURI).href;
  if (!isSite) return address;
  return URL.createObjectURL(new Blob([await gunzip(`${address}.gz.bin`)], { type: "text/javascript" }));
}

/** Applies colours and font size to a figure. @param {Figure} figure @param {{ink: string, grid: string}} colours @returns {Figure} */
export function styled(figure, { ink, grid }, size = 11) {
  const { data, layout } = structuredClone(figure);
  const axis = { gridcolor: grid, linecolor: grid };
  return {
    data,
    layout: {
      ...layout,
      font: { ...layout.font, color: ink, size },
      xaxis: { ...axis, ...layout.xaxis },
      yaxis: { ...axis, ...layout.yaxis },
    },
  };
}

/** The page's text and grid colours at an element, light or dark. @param {Element} element */
export function coloursAt(element) {
  const style = getComputedStyle(element);
  return { ink: style.color, grid: style.getPropertyValue("--border-color-primary") };
}

/**
 * Adds edited latents to the posterior's chart as diamonds; copies and slots of other scenes have none.
 * @param {Figure} figure @param {{scene: Scene, document: Document}} shown @returns {Figure}
 */
export function withEdits(figure, { scene, document }) {
  const moved = document.slots
    .flatMap(({ step, color, latent, mean }) =>
      step === null ? [] : Array.from(latent, (value, d) => ({ step, color, value, mean: mean[d], d })),
    )
    .filter(({ value, mean }) => value !== mean);
  if (!moved.length) return figure;
  return {
    ...figure,
    data: [
      ...figure.data,
      {
        type: "scatter",
        mode: "markers",
        showlegend: false,
        x: moved.map(({ step, d }) => d + ((step - (scene.slots - 1) / 2) * 0.8) / scene.slots),
        y: moved.map(({ value }) => value),
        customdata: moved.map(({ step, d }) => [step + 1, d]),
        marker: {
          symbol: "diamond-open",
          size: 9,
          line: { width: 2 },
          color: moved.map(({ color }) => slotColor(color)),
        },
        hovertemplate: "slot %{customdata[0]}, z<sub>%{customdata[1]}</sub> = %{y:.2f}, edited<extra></extra>",
      },
    ],
  };
}

/**
 * Converts a figure to SVG for paper: black on transparent.
 * @param {Figure} figure @param {number} width @param {number} height @returns {Promise<SVGSVGElement>}
 */
export async function drawn(figure, width, height) {
  const Plotly = await plotly();
  const paper = styled(figure, { ink: "#000", grid: "#ddd" }, 13);
  paper.layout.margin = { ...paper.layout.margin, b: 54 }; // for the larger axis labels
  const url = await Plotly.toImage({ ...paper, config: CONFIG }, { format: "svg", width, height });
  const text = decodeURIComponent(url.slice(url.indexOf(",") + 1));
  /** @type {SVGSVGElement} */
  const parsed = find(new DOMParser().parseFromString(text, "image/svg+xml"), "svg");
  const drawing = document.importNode(parsed, true);
  if (!drawing.hasAttribute("viewBox")) drawing.setAttribute("viewBox", `0 0 ${width} ${height}`);
  for (const [n, image] of drawing.querySelectorAll(".heatmaplayer image").entries()) {
    const heat = figure.data.filter(({ type }) => type === "heatmap")[n];
    if (heat) image.replaceWith(...cells(image, heat.z, heat.zmax));
  }
  return drawing;
}

/** The cells of a heat map as SVG rectangles; Plotly embeds them as a bitmap. @param {Element} image @param {number[][]} z @param {number} top value of the last colour */
function cells(image, z, top) {
  const [x, y, width, height] = ["x", "y", "width", "height"].map((name) => Number(image.getAttribute(name)));
  return z.flatMap((row, r) =>
    row.map((value, c) =>
      svg("rect", {
        x: x + (c * width) / row.length,
        y: y + (r * height) / z.length,
        width: width / row.length,
        height: height / z.length,
        fill: errorColor(Math.min(1, value / top)),
        "shape-rendering": "crispEdges",
      }),
    ),
  );
}
