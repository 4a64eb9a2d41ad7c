// Line chart that grows point by point: keeps the newest point of each x bin, joined from left to right.

import { h, svg } from "../page/dom.js";

/** Bins along x. */
const BINS = 72;

/** Margins in the chart's own units. */
const [LEFT, TOP, RIGHT, BOTTOM] = [30, 8, 8, 30];
const [WIDTH, HEIGHT] = [360, 190];

/** `y` has a value for each line, null where it is unknown. @typedef {{x: number, y: (number | null)[]}} Point */
/** @typedef {{x: {label: string, range: [number, number]}, y: {label: string, range: [number, number], lines: string[]}}} Axes */

/** Round tick values in a range, about five. @param {[number, number]} range */
export function ticks([low, high]) {
  const rough = (high - low) / 4;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((times) => times * unit).find((size) => size >= rough - 1e-9) ?? rough;
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, i) =>
    Number(((first + i) * step).toPrecision(6)),
  );
}

export class Chart {
  element;
  #plot = svg("svg", { class: "mx-trial-plot", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
  #key = h("p", { class: "mx-row mx-muted mx-trial-key", "aria-hidden": "true" });
  /** @type {Map<number, Point>} */
  #points = new Map();
  /** @type {Axes} */
  #axes = { x: { label: "", range: [0, 1] }, y: { label: "", range: [0, 1], lines: [] } };

  constructor() {
    this.element = h("figure", { class: "mx-figure" }, this.#key, this.#plot);
  }

  /** Empties the chart and sets its axes. @param {Axes} axes */
  begin(axes) {
    this.#axes = axes;
    this.#points.clear();
    const { lines } = axes.y;
    this.#key.replaceChildren(
      h("span", {}, `↑ ${axes.y.label}`),
      ...(lines.length > 1
        ? lines.map((name, i) =>
            h(
              "span",
              { class: `mx-key mx-trial-line-${i}` },
              svg("svg", { viewBox: "0 0 22 6" }, svg("path", { d: "M0 3H22" })),
              name,
            ),
          )
        : []),
    );
    this.#draw(null);
  }

  /** @param {Point} point */
  add(point) {
    const [low, high] = this.#axes.x.range;
    this.#points.set(Math.round((BINS * (point.x - low)) / (high - low)), point);
    this.#draw(point);
  }

  /** Points from left to right. */
  get points() {
    return [...this.#points.values()].sort((a, b) => a.x - b.x);
  }

  /** @param {Point | null} newest marked by dots */
  #draw(newest) {
    const { x, y } = this.#axes;
    /** @param {number} value @param {[number, number]} range */
    const share = (value, [low, high]) => Math.max(0, Math.min(1, (value - low) / (high - low)));
    /** @param {number} value */
    const toX = (value) => LEFT + (WIDTH - LEFT - RIGHT) * share(value, x.range);
    /** @param {number} value */
    const toY = (value) => HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share(value, y.range);
    /** @param {string} words @param {Record<string, string | number>} attributes */
    const text = (words, attributes) => svg("text", attributes, words);
    const grid = [
      ...ticks(x.range).flatMap((v) => [
        svg("line", { x1: toX(v), x2: toX(v), y1: TOP, y2: HEIGHT - BOTTOM }),
        text(String(v), { x: toX(v), y: HEIGHT - BOTTOM + 11, "text-anchor": "middle" }),
      ]),
      ...ticks(y.range).flatMap((v) => [
        svg("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: toY(v), y2: toY(v) }),
        text(String(v), { x: LEFT - 4, y: toY(v) + 3.5, "text-anchor": "end" }),
      ]),
    ];
    const { points } = this;
    const curves = y.lines.flatMap((_, i) => {
      const known = points.flatMap(({ x: at, y: { [i]: value } }) =>
        value === null ? [] : [`${toX(at).toFixed(1)} ${toY(value).toFixed(1)}`],
      );
      const d = known.join("L");
      const value = newest?.y[i] ?? null;
      const dot =
        newest && value !== null
          ? [svg("circle", { class: `mx-trial-line-${i}`, cx: toX(newest.x), cy: toY(value), r: 4.5 })]
          : [];
      return [svg("path", { class: `mx-trial-line-${i}`, d: d && `M${d}` }), ...dot];
    });
    this.#plot.setAttribute("aria-label", `${y.label} by ${x.label}, ${points.length} points`);
    this.#plot.replaceChildren(
      svg("g", { class: "mx-trial-grid" }, ...grid),
      ...curves,
      text(x.label, { class: "mx-trial-axis", x: (LEFT + WIDTH - RIGHT) / 2, y: HEIGHT - 4, "text-anchor": "middle" }),
    );
  }
}
