// Equations of a step (Burgess et al. 2019, section 2), with the numbers of one pixel below the symbols.

import { decimals, h, setText } from "../page/dom.js";
import { hat, m, row, sub, subsup, table } from "./mathml.js";

/** @typedef {import("../scene/scene.js").Scene} Scene */
/** @typedef {import("./timeline.js").Phase} Phase */

/**
 * The numbers of one pixel, by the names of the equation's terms.
 * @typedef {object} Numbers
 * @property {number} scope s_(k-1)
 * @property {number} alpha
 * @property {number} mask m_k
 * @property {number} left s_k
 * @property {{dimension: number, mean: number, std: number}} latent the one with the largest KL; of the slot, not of the pixel
 * @property {number[]} [painted] red, green and blue of the component
 * @property {number} [logit] of the decoder's mask
 * @property {number} [decodedMask]
 * @property {number[]} [sum] red, green and blue of the recomposed scene
 */

/**
 * A step's numbers at a pixel.
 * @param {Scene} scene @param {import("./pictures.js").Decoded | null} decoded @param {number} step @param {number} pixel @returns {Numbers}
 */
export function numbersAt(scene, decoded, step, pixel) {
  const dimension = strongest(scene, step);
  return {
    scope: scene.scopes[step][pixel],
    alpha: scene.alphas[step][pixel],
    mask: scene.masks[step][pixel],
    left: scene.scopes[step + 1][pixel],
    latent: { dimension, mean: scene.mean[step][dimension], std: scene.std[step][dimension] },
    ...(decoded && {
      painted: [...decoded.slots[step].subarray(4 * pixel, 4 * pixel + 3)],
      logit: decoded.slots[step][4 * pixel + 3],
      decodedMask: decoded.masks[step][pixel],
      sum: [0, 1, 2].map((c) =>
        scene.masks.reduce((all, mask, k) => all + mask[pixel] * decoded.slots[k][4 * pixel + c], 0),
      ),
    }),
  };
}

/** The latent of a slot with the largest KL. @param {Scene} scene @param {number} step */
export const strongest = (scene, step) => scene.kl[step].indexOf(Math.max(...scene.kl[step]));

const [K, BEFORE] = [() => "k", () => row("k", "−", 1)];
/** @param {string} name */
const of = (name) => sub(name, K());
const scope = () => sub("s", BEFORE());
const latent = () => of("z");
const painted = () => sub(hat("x"), K());

/** Marks an element that is highlighted during a phase. @param {Phase} phase @param {MathMLElement} element */
function lit(phase, element) {
  element.dataset.lit = phase;
  return element;
}

export class Equation {
  element = h("div", { class: "mx-equations" });
  /** @type {Record<string, MathMLElement>} */
  #terms = {};
  /** Terms that the last step does not have. @type {MathMLElement[]} */
  #last = [];
  /** The highlighted phase; "" before the first call of `light`. @type {Phase | "" | null} */
  #phase = "";

  constructor() {
    /** @param {string} name */
    const number = (name) => (this.#terms[name] = m("mn", { "data-term": name }));
    /** @param {string} name */
    const color = (name) =>
      (this.#terms[name] = m("mspace", {
        class: "mx-swatch",
        width: "1.1em",
        height: "0.75em",
        depth: "0.15em",
        "data-term": name,
      }));
    /** @param {MathMLElement} element */
    const notLast = (element) => {
      this.#last.push(element);
      return element;
    };
    /** @param {Phase} phase @param {...MathMLElement[]} rows */
    const formula = (phase, ...rows) => lit(phase, m("math", { display: "block" }, table(rows)));
    const equals = () => row("=");
    this.element.append(
      formula(
        "mask",
        [of("m"), equals(), lit("scope", scope()), notLast(row("·")), notLast(of("α"))],
        [number("mask"), equals(), lit("scope", number("scope")), notLast(row("·")), notLast(number("alpha"))],
      ),
      formula(
        "slot",
        [of("s"), equals(), scope(), row("(", 1, "−", of("α"), ")")],
        [number("left"), equals(), number("scope2"), row("(", 1, "−", number("alpha2"), ")")],
      ),
      formula(
        "latents",
        [
          row("q", "(", latent(), "|", lit("piece", row("x", ",", of("m"))), ")"),
          equals(),
          row("𝒩", "(", of("μ"), ",", subsup("σ", K(), 2), ")"),
        ],
        [
          row("q", "(", sub("z", number("dimension")), ")"),
          equals(),
          row("𝒩", "(", number("mean"), ",", m("msup", {}, number("std"), m("mn", {}, "2")), ")"),
        ],
      ),
      formula(
        "component",
        [row("(", painted(), ",", of("ℓ"), ")"), equals(), row(m("mi", {}, "decoder"), "(", latent(), ")")],
        [row("(", color("painted"), ",", number("logit"), ")"), m("mspace"), m("mspace")],
      ),
      formula(
        "component",
        [sub(hat("m"), K()), equals(), row(sub(m("mi", {}, "softmax"), K()), of("ℓ"))],
        [number("decodedMask"), m("mspace"), m("mspace")],
      ),
      formula(
        "slot",
        [row(hat("x")), equals(), row(sub("∑", K()), of("m"), painted())],
        [color("sum"), equals(), row("…", "+", number("mask2"), "·", color("painted2"), "+", "…")],
      ),
    );
  }

  /** Fills in the numbers. @param {Numbers} numbers @param {boolean} last whether this is the last step, which takes the whole scope */
  fill(numbers, last) {
    const {
      latent: { dimension, mean, std },
      painted: paint,
      sum,
      ...values
    } = numbers;
    const all = { ...values, mean, scope2: values.scope, alpha2: values.alpha, mask2: values.mask };
    for (const [name, value] of Object.entries(all)) setText(this.#terms[name], decimals(value).replace("-", "−"));
    setText(this.#terms.std, std.toFixed(3)); // the strongest latents have a small sigma
    setText(this.#terms.dimension, String(dimension));
    if (paint && sum) {
      for (const [name, color] of Object.entries({ painted: paint, painted2: paint, sum })) {
        this.#terms[name].style.background =
          `rgb(${color.map((v) => Math.round(255 * Math.max(0, Math.min(1, v)))).join(" ")})`;
      }
    }
    for (const element of this.#last) element.classList.toggle("mx-none", last);
  }

  /** Highlights the terms of a phase. @param {Phase | null} phase null for none */
  light(phase) {
    if (phase === this.#phase) return;
    this.#phase = phase;
    this.element.classList.toggle("mx-in-turn", phase !== null);
    /** @type {NodeListOf<MathMLElement>} */
    const parts = this.element.querySelectorAll("[data-lit]");
    for (const element of parts) element.classList.toggle("mx-lit", element.dataset.lit === phase);
  }
}
