// Training curves of a run: small charts, each with its newest value or the value under the pointer.

import { h, setText, svg } from "../page/dom.js";

/** Title, unit and name of each curve. @type {[title: string, unit: string, name: string][]} */
const CURVES = [
  ["Reconstruction", "nats", "reconstruction"],
  ["KL of the latents", "nats", "latent_kl"],
  ["KL of the masks", "nats", "mask_kl"],
  ["Squared error", "", "mse"],
  ["ARI-FG", "", "ari_fg"],
];

const [WIDTH, HEIGHT, TOP, BOTTOM, EDGE] = [300, 96, 18, 84, 4];

/** Share of the first rows that is ignored for the vertical scale, so that early values do not flatten the curve. */
const FIRST = 0.06;

/** @param {number} value */
const number = (value) => value.toLocaleString("en", { maximumSignificantDigits: 4 }).replace("-", "−");
/** @param {number} value */
const brief = (value) =>
  value.toLocaleString("en", { notation: "compact", maximumSignificantDigits: 3 }).replace("-", "−");
/** @param {number} step */
const integer = (step) => Math.round(step).toLocaleString("en");

/** @typedef {import("./client.js").Columns} Columns */
/** A step and its value. @typedef {[step: number, value: number]} Point */

/** The points of a column, without missing values. @param {Columns} rows @param {string} name @returns {Point[]} */
const points = ({ step = [], ...columns }, name) =>
  (columns[name] ?? []).flatMap((value, i) => (value === null ? [] : [[step[i], value]]));

export class Curves {
  #charts = CURVES.map(([title, unit, name]) => chart(title, unit, name));
  #legend = h(
    "p",
    { class: "mx-muted mx-train-legend" },
    h("i", { class: "mx-train-key" }),
    "training batches",
    h("i", { class: "mx-train-key mx-train-dot" }),
    "held-out pictures",
  );
  element = h(
    "div",
    { class: "mx-train-course", hidden: true },
    this.#legend,
    h("div", { class: "mx-train-curves" }, ...this.#charts.map(({ figure }) => figure)),
  );

  /** @param {{training: Columns, held_out: Columns}} rows from the server */
  draw(rows) {
    this.element.hidden = !rows.training.step && !rows.held_out.step;
    const last = Math.max(1, ...[rows.training, rows.held_out].map(({ step }) => step?.at(-1) ?? 0));
    for (const each of this.#charts)
      each.draw(points(rows.training, each.name), points(rows.held_out, each.name), last);
  }

  /** Marks a step. @param {number | null} step */
  mark(step) {
    for (const each of this.#charts) each.mark(step);
  }
}

/** @param {string} title @param {string} unit @param {string} name */
function chart(title, unit, name) {
  const value = h("output", { class: "mx-train-value" });
  const drawing = svg("svg", {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    preserveAspectRatio: "none",
    class: "mx-train-plot",
    role: "img",
  });
  const [highest, lowest, end] = [h("span"), h("span"), h("span")];
  const figure = h(
    "figure",
    { class: "mx-figure mx-train-curve" },
    h("figcaption", {}, h("strong", {}, title), h("span", {}, unit), value),
    h("div", { class: "mx-train-axes" }, drawing, highest, lowest),
    h("div", { class: "mx-train-end mx-muted" }, h("span", {}, "0"), end),
  );
  const line = svg("path", { class: "mx-train-line", "stroke-linecap": "round" });
  const held = svg("g", { class: "mx-train-held" });
  const marker = svg("line", { class: "mx-train-marker", y1: 0, y2: HEIGHT, visibility: "hidden" });
  drawing.append(marker, line, held);
  /** @type {[training: Point[], measured: Point[], last: number, marked: number | null]} */
  let [training, measured, last, marked] = [[], [], 1, null];
  /** @param {number} step */
  const x = (step) => EDGE + ((WIDTH - 2 * EDGE) * step) / last;

  /** @param {Point[]} rows @param {Point[]} heldOut @param {number} until */
  function draw(rows, heldOut, until) {
    [training, measured, last] = [rows, heldOut, until];
    const all = [...rows, ...heldOut];
    figure.hidden = !all.length;
    if (!all.length) return;
    const scaled = [
      ...rows.slice(Math.floor(FIRST * rows.length)),
      ...heldOut.slice(Math.floor(FIRST * heldOut.length)),
    ].map(([, v]) => v);
    const [low, high] = [Math.min(...scaled), Math.max(...scaled)];
    /** @param {number} v */
    const y = (v) => Math.max(-HEIGHT, BOTTOM - ((BOTTOM - TOP) * (v - low)) / (high - low || 1));
    /** @param {Point[]} list */
    const path = (list) =>
      list.map(([step, v], i) => `${i ? "L" : "M"}${x(step).toFixed(1)},${y(v).toFixed(1)}`).join("");
    line.setAttribute("d", path(rows) + (rows.length === 1 ? "h0" : ""));
    // A line of length zero with round ends stays a round dot when the drawing is stretched.
    held.replaceChildren(
      ...heldOut.map(([step, v]) => svg("path", { d: `M${x(step).toFixed(1)},${y(v).toFixed(1)}h0` })),
    );
    setText(highest, brief(high));
    setText(lowest, high > low ? brief(low) : "");
    setText(end, `step ${integer(last)}`);
    showValue();
    mark(marked);
  }

  /** @param {number | null} step */
  function mark(step) {
    marked = step;
    marker.setAttribute("visibility", step === null ? "hidden" : "visible");
    if (step !== null) for (const end of ["x1", "x2"]) marker.setAttribute(end, String(x(step)));
  }

  /** @param {Point[]} list @param {number} step @returns {Point | undefined} */
  const nearest = ([first, ...others], step) =>
    others.reduce((best, point) => (Math.abs(point[0] - step) < Math.abs(best[0] - step) ? point : best), first);
  function showValue(step = Infinity) {
    const [a, b] =
      step === Infinity ? [training.at(-1), measured.at(-1)] : [nearest(training, step), nearest(measured, step)];
    const at = a ?? b;
    setText(
      value,
      [step < Infinity && at && `step ${integer(at[0])}:`, a && number(a[1]), b && `● ${number(b[1])}`]
        .filter(Boolean)
        .join(" "),
    );
    const values = [a && `${number(a[1])} in training`, b && `${number(b[1])} held out`].filter(Boolean).join(", ");
    drawing.setAttribute("aria-label", `${title}${unit && `, ${unit}`}, at step ${integer(last)}: ${values}`);
  }
  drawing.addEventListener("pointermove", (event) => showValue((last * event.offsetX) / drawing.clientWidth));
  drawing.addEventListener("pointerleave", () => showValue());
  return { figure, name, draw, mark };
}
