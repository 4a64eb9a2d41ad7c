// Bar chart of a slot's posterior: a bar for each latent's mean, and a whisker of one sigma to each side.

import { decimals, subscript, svg } from "../page/dom.js";

/** Least extent of the scale, in sigma of the prior. */
const REACH = 3;

const [LEFT, RIGHT, TOP, BOTTOM] = [13, 100, 4, 96];

export class Bars {
  element = svg("svg", { viewBox: "0 0 100 100", class: "mx-story-bars", role: "img" });
  /** @type {SVGGElement | null} */
  #grow = null;

  /** Extent of a scale that shows every latent of a scene. @param {import("../scene/scene.js").Scene} scene */
  static reachOf(scene) {
    return Math.max(
      REACH,
      ...scene.mean.flatMap((means, k) => [...means].map((mean, d) => Math.ceil(Math.abs(mean) + scene.std[k][d]))),
    );
  }

  /**
   * @param {Float32Array} mean @param {Float32Array} std @param {number} reach
   * @param {string} color @param {number} strongest the latent with the largest KL; it gets a label
   */
  draw(mean, std, reach, color, strongest) {
    const middle = (TOP + BOTTOM) / 2;
    const unit = (BOTTOM - TOP) / 2 / reach;
    const width = (RIGHT - LEFT) / mean.length;
    /** @param {number} d */
    const center = (d) => LEFT + (d + 0.5) * width;
    /** @param {number} value */
    const line = (value) =>
      svg("path", {
        d: `M${LEFT},${middle - value * unit}H${RIGHT}`,
        class: value ? "mx-story-grid" : "mx-story-zero",
      });
    /** @param {number} value */
    const label = (value) =>
      svg(
        "text",
        { x: LEFT - 2, y: middle - value * unit + 2.4, "text-anchor": "end" },
        String(value).replace("-", "−"),
      );
    const name = svg(
      "text",
      {
        x: Math.min(center(strongest), RIGHT - 6),
        y: middle + (mean[strongest] > 0 ? 9 : -4),
        "text-anchor": "middle",
      },
      `z${subscript(strongest)}`,
    );
    /** @param {number} d */
    const bar = (d) =>
      svg(
        "g",
        {},
        svg("title", {}, `z${subscript(d)}: mean ${decimals(mean[d])}, σ ${decimals(std[d])}`),
        svg("rect", {
          x: center(d) - 0.36 * width,
          width: 0.72 * width,
          y: Math.min(0, -mean[d] * unit),
          height: Math.abs(mean[d]) * unit,
          fill: color,
          class: "mx-story-bar",
        }),
        svg("path", {
          d: `M${center(d)},${-(mean[d] - std[d]) * unit}V${-(mean[d] + std[d]) * unit}`,
          class: "mx-story-whisker",
        }),
      );
    this.#grow = svg("g", {}, ...Array.from(mean, (_, d) => bar(d)));
    this.element.replaceChildren(
      svg(
        "rect",
        { x: LEFT, width: RIGHT - LEFT, y: middle - unit, height: 2 * unit, class: "mx-story-prior" },
        svg("title", {}, "one σ of the prior to each side"),
      ),
      ...[-reach, 0, reach].map(line),
      ...[-reach, 0, reach].map(label),
      svg("g", { transform: `translate(0 ${middle})` }, this.#grow),
      name,
    );
    this.element.setAttribute(
      "aria-label",
      `Posterior means of ${mean.length} latents: ${Array.from(mean, decimals).join(", ")}`,
    );
  }

  /** Scales the bars for the animation. @param {number} share of their full length, 0 to 1 */
  grow(share) {
    this.#grow?.setAttribute("transform", `scale(1 ${share})`);
  }
}
