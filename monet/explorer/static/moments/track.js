// Training curves behind the slider: moments are evenly spaced, steps between two moments are interpolated linearly.

import { h, svg } from "../page/dom.js";

/** Curves by name in `figures`; `range` null: that of the values. */
export const CURVES = {
  loss: { className: "mx-loss", words: "loss", digits: 0, range: null },
  ari_fg: { className: "mx-ari", words: "ARI-FG, attention’s masks", digits: 2, range: [0, 1] },
  ari_fg_decoded: { className: "mx-ari-decoded", words: "ARI-FG, decoder’s masks", digits: 2, range: [0, 1] },
};

/** Position of a step on the slider, 0 to 1. @param {number} step @param {number[]} moments ascending */
export function place(step, moments) {
  const last = moments.length - 1;
  if (last === 0) return 0;
  const after = moments.findIndex((moment) => moment >= step);
  if (after <= 0) return after === 0 ? 0 : 1;
  const [from, to] = [moments[after - 1], moments[after]];
  return (after - 1 + (step - from) / (to - from)) / last;
}

/** Formats a figure, a dash if it was not measured at that step. @param {number | null | undefined} value @param {number} digits */
const format = (value, digits) =>
  value == null
    ? "–"
    : value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }).replace("-", "−");

/** Line sample for the legend. @param {string} className */
const sample = (className) =>
  svg("svg", { viewBox: "0 0 22 6", "aria-hidden": "true" }, svg("path", { class: className, d: "M0 3H22" }));

/** Plot of the curves, and legend with the figures of a moment. @param {(share: number) => void} pick handles a click, 0 to 1 from the left */
export function track(pick) {
  const now = h("i", { class: "mx-course-now" });
  const picture = svg("svg", { viewBox: "0 0 1 1", preserveAspectRatio: "none", "aria-hidden": "true" });
  const plot = h(
    "div",
    {
      class: "mx-course-plot",
      onclick: ({ clientX }) => {
        const { left, width } = plot.getBoundingClientRect();
        pick((clientX - left) / width);
      },
    },
    picture,
    now,
  );
  const values = Object.fromEntries(Object.keys(CURVES).map((name) => [name, h("b")]));
  const key = h(
    "div",
    { class: "mx-row mx-course-key" },
    ...Object.entries(CURVES).map(([name, { className, words }]) =>
      h("span", { class: "mx-key" }, sample(className), words, values[name]),
    ),
  );
  return {
    plot,
    key,
    /** @param {import("./sheet.js").Course} course */
    draw({ moments, steps, figures }) {
      const paths = Object.entries(CURVES).map(([name, { className, range }]) => {
        const known = figures[name].flatMap((value, i) =>
          value === null ? [] : [{ x: place(steps[i], moments), value }],
        );
        const [low, high] = range ?? [Math.min(...known.map((v) => v.value)), Math.max(...known.map((v) => v.value))];
        const points = known.map(
          ({ x, value }) => `${x.toFixed(4)} ${(1 - (value - low) / (high - low || 1)).toFixed(4)}`,
        );
        return svg("path", { class: className, d: points.length ? `M${points.join("L")}` : "" });
      });
      picture.replaceChildren(svg("line", { x1: 0, x2: 1, y1: 1, y2: 1 }), ...paths);
    },
    /** @param {import("./sheet.js").Course} course @param {number} moment */
    show({ moments, steps, figures }, moment) {
      now.style.left = `${100 * place(moments[moment], moments)}%`;
      const row = steps.indexOf(moments[moment]);
      for (const [name, { digits }] of Object.entries(CURVES))
        values[name].textContent = format(figures[name][row], digits);
    },
  };
}
