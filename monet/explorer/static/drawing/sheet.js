// Collects a panel's pictures, captions, drawings and charts into a sheet for paper.js.

import { CHARTS, drawn, withEdits } from "./charts.js";
import { decimals, find, subscript, svg } from "../page/dom.js";
import { FIGURES } from "./figures.js";
import { CHART_PX } from "./paper.js";

/** @typedef {import("./paper.js").Sheet} Sheet */
/** @typedef {import("./paper.js").Part} Part */
/** @typedef {import("./charts.js").Figure} Figure */

/** @typedef {import("../scene/store.js").Store} Store */

/** @param {Element} element @returns {HTMLCanvasElement} */
const canvasIn = (element) => find(element, "canvas");

/** @param {Element} element @param {string} selector */
const textIn = (element, selector) => find(element, selector).textContent ?? "";

/** @param {HTMLElement} panel @returns {Part[]} */
const figures = (panel) =>
  [...panel.querySelectorAll("figure:has(canvas)")].map((figure) => ({
    picture: canvasIn(figure),
    caption: textIn(figure, "figcaption"),
    errors: Number(figure.querySelector("[data-top]")?.getAttribute("data-top")) || undefined,
  }));

/** Sheet of a panel of figures. @param {HTMLElement} panel @returns {Sheet} */
export const pictures = (panel) => ({ rows: [{ parts: figures(panel) }] });

/** Sheet of a table with a column per slot, and the figures beside it. @param {HTMLElement} panel @returns {Sheet} */
export function table(panel) {
  const grid = find(panel, ".mx-columns");
  const count = grid.querySelectorAll(".mx-column-head").length;
  /** @type {NodeListOf<HTMLCanvasElement>} */
  const pictures = grid.querySelectorAll(".mx-cell canvas");
  const cells = [...pictures];
  const labels = [...grid.querySelectorAll(".mx-row-label")].slice(1);
  /** @type {SVGSVGElement | null} */
  const curve = panel.querySelector(".mx-curve svg");
  const beside = [
    ...figures(panel),
    ...(curve ? [{ drawing: curve, letters: 6, caption: "unexplained before step k", weight: 1.6 }] : []),
  ];
  return {
    columns: Array.from({ length: count }, (_, k) => `slot ${k + 1}`),
    rows: [
      ...labels.map((label, r) => ({
        label,
        parts: cells.slice(r * count, (r + 1) * count).map((picture) => ({ picture })),
      })),
      ...(beside.length ? [{ label: " ", parts: beside }] : []),
    ],
  };
}

/** Sheet of traversals, a row for each latent. @param {HTMLElement} panel @returns {Sheet} */
export const strips = (panel) => ({
  rows: [...panel.querySelectorAll(".mx-strip")].map((strip) => ({
    label: `${textIn(strip, ".mx-z").replace(/\d+/, (digits) => subscript(Number(digits)))} ${[...strip.querySelectorAll(".mx-change span")].map((s) => s.textContent).join(" ")}`,
    parts: [...strip.querySelectorAll(".mx-thumbnail")].map((thumbnail) => ({
      picture: canvasIn(thumbnail),
      caption: textIn(thumbnail, ".mx-value").replace("-", "−"),
    })),
  })),
});

/**
 * Sheet of the selected slot: its pictures, and all its latents below.
 * @param {HTMLElement} panel @param {Store} store @param {number} width millimetres @returns {Sheet}
 */
export const latents = (panel, { document, view }, width) => ({
  rows: [
    ...pictures(panel).rows,
    {
      parts: [
        {
          drawing: scales(document.slots[view.slot], Math.round(width * CHART_PX)),
          caption:
            "bar: divergence from the prior, nats; tick: posterior mean, band: one σ, dot: value, in σ of the prior",
        },
      ],
    },
  ],
});

/** @param {HTMLElement} panel @returns {SVGSVGElement} */
const padIn = (panel) => find(panel, ".mx-pad");

/** Sheet of the pad, with the slot's and the scene's pictures beside it. @param {HTMLElement} panel @returns {Sheet} */
export const pad = (panel) => ({
  rows: [
    {
      parts: [
        {
          drawing: padIn(panel),
          letters: 0.4,
          weight: 1.6,
          caption: "rings: 1 and 2 σ of the prior; ellipse: σ of the posterior; dot: value",
        },
        ...figures(find(document, "#mx-latents")),
      ],
    },
  ],
});

/**
 * Drawing of a slot's latents on their scales, by falling KL divergence.
 * @param {import("../scene/store.js").Slot} slot @param {number} width in chart pixels
 */
function scales(slot, width) {
  const row = 26;
  const [bar, nats, from, to] = [34, 94, 180, width - 60];
  const order = slot.kl.map((_, d) => d).sort((a, b) => slot.kl[b] - slot.kl[a]);
  const most = Math.max(...slot.kl, 1e-6);
  const limit = Math.max(
    4,
    ...order.map((d) => Math.max(Math.abs(slot.mean[d]) + 4 * slot.std[d], Math.abs(slot.latent[d]))),
  );
  /** @param {number} value */
  const x = (value) => from + ((value + limit) / (2 * limit)) * (to - from);
  /** @param {string} fill @param {number} left @param {number} top @param {number} wide @param {number} high */
  const box = (fill, left, top, wide, high) => svg("rect", { x: left, y: top, width: wide, height: high, fill });
  /** @param {string} words @param {number} left @param {number} base */
  const text = (words, left, base, anchor = "start") =>
    svg("text", { x: left, y: base, "font-size": 13, "text-anchor": anchor }, words);
  /** @param {number} value */
  const minus = (value) => decimals(value).replace("-", "−");
  const rows = order.flatMap((d, r) => {
    const middle = row * (r + 0.5);
    const [mean, std, value] = [slot.mean[d], slot.std[d], slot.latent[d]];
    return [
      box("#0072b2", bar, middle - 4, ((nats - bar - 8) * slot.kl[d]) / most, 8),
      box("#bbb", x(-limit), middle - 1, x(limit) - x(-limit), 2),
      box("#9cc3dd", x(mean - std), middle - 7, x(mean + std) - x(mean - std), 14),
      box("#000", x(mean) - 1, middle - 9, 2, 18),
      svg("circle", { cx: x(value), cy: middle, r: 5.5, fill: "#0072b2", stroke: "#fff", "stroke-width": 1 }),
      text(`z${subscript(d)}`, 0, middle + 4),
      text(`${slot.kl[d].toFixed(2)} nats`, nats, middle + 4),
      text(minus(value), width, middle + 4, "end"),
    ];
  });
  const foot = row * order.length + 18;
  const integers = Array.from({ length: 2 * Math.floor(limit) + 1 }, (_, i) => i - Math.floor(limit));
  const ticks = integers.flatMap((tick) => [
    svg("path", { d: `M${x(tick)},${foot - 16}v4`, stroke: "#000" }),
    text(String(tick).replace("-", "−"), x(tick), foot, "middle"),
  ]);
  return svg(
    "svg",
    { viewBox: `0 0 ${width} ${foot + 22}` },
    ...rows,
    ...ticks,
    text("value, in σ of the prior", x(0), foot + 16, "middle"),
  );
}

/** Sheet of the charts, one below the other. @param {HTMLElement} _panel @param {Store} store @param {number} width millimetres @returns {Promise<Sheet>} */
export const charts = async (_panel, store, width) => ({
  rows: await Promise.all(
    Object.entries(CHARTS).map(async ([name, [title, help]]) => {
      const figure = FIGURES[name](store.scene);
      const caption = `${title}: ${help.replace(/ Click selects.*/, "")}`;
      return { parts: [await chart(name === "posterior" ? withEdits(figure, store) : figure, caption, width)] };
    }),
  ),
});

/** Sheet of the slot map as currently shown. @param {HTMLElement} panel @param {Store} _store @param {number} width millimetres @returns {Promise<Sheet>} */
export async function map(panel, _store, width) {
  /** @type {HTMLElement & {figure: () => Promise<Figure>}} */
  const section = find(panel, "section");
  const figure = await section.figure();
  return {
    rows: [
      {
        parts: [
          await chart(
            figure,
            "every slot of the sample scenes by its latents; size: share of the pixels; rings: this scene’s slots; PC: principal component, with its share of the variance",
            width,
          ),
        ],
      },
    ],
  };
}

/** @param {Figure} figure @param {string} caption @param {number} width @returns {Promise<Part>} */
async function chart(figure, caption, width) {
  const pixels = Math.max(320, Math.round(width * CHART_PX));
  return { drawing: await drawn(figure, pixels, Math.round(Math.max(260, 0.42 * pixels))), caption };
}
