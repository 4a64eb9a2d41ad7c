// Live decomposition beside the canvas: segmentation, reconstruction, and each slot's mask and masked component.

import { blend, mean, segment } from "../scene/compose.js";
import { canvas, drawColors, drawLabels, drawValues, FOG, inkOn, slotColor, VEIL } from "../drawing/draw.js";
import { h, setText } from "../page/dom.js";
import { enlarge, zoomable } from "../page/lightbox.js";
import { roving } from "../page/roving.js";
import { Loop } from "./loop.js";

/** Least time between two updates of the status line, in milliseconds, so that it stays readable. */
const STATUS_MS = 400;

/** Below this rate, in answers a second, the status line gives milliseconds per answer instead. */
const LEAST_RATE = 1.5;

/** @param {import("./loop.js").Status} status */
function sentence({ where, reason, rate, milliseconds, failed }) {
  if (failed) return `No answer: ${failed}`;
  if (!where) return "Loading the network into your browser…";
  const speed =
    rate >= LEAST_RATE ? `${Math.round(rate)} frames a second` : `${Math.round(milliseconds)} ms for the last picture`;
  return where === "browser" ? `in your browser, ${speed}` : `by the server, ${speed}. ${reason}`;
}

/** The veil in the format of a decoded slot: [pixels][4]. @param {number} pixels */
const fog = (pixels) => Float32Array.from({ length: 4 * pixels }, (_, i) => FOG[i % 4] ?? 0);

/** @typedef {import("./place.js").Subject} Subject */

export class Live {
  element;
  /** The last answer and its subject. @type {{answer: import("./loop.js").Answer, about: Subject} | null} */
  shown = null;
  #loop;
  #size = 0;
  #statusLine = h("p", { class: "mx-live-status mx-muted" });
  #segments = canvas("Segmentation of the canvas: the slot with the largest mask at each pixel");
  #reconstruction = canvas("Reconstruction of the canvas: the sum of the slots");
  #slots = h("div", {
    class: "mx-live-slots",
    role: "group",
    "aria-label": "Slots: arrow keys move, Enter opens a picture large",
  });
  /** @type {{mask: HTMLCanvasElement, piece: HTMLCanvasElement, share: HTMLElement}[]} */
  #tiles = [];
  #statusTime = 0;
  /** Handles a click on a slot; null: the click enlarges its picture. @type {((k: number) => void) | null} */
  #pick = null;

  /** @param {import("../engine/engine.js").Engine} engine */
  constructor(engine) {
    this.#loop = new Loop(engine);
    /** @param {HTMLCanvasElement} picture @param {string} caption */
    const figure = (picture, caption) =>
      h("figure", { class: "mx-figure" }, zoomable(picture), h("figcaption", {}, caption));
    const pair = h(
      "div",
      { class: "mx-live-pair" },
      figure(this.#segments, "segmentation"),
      figure(this.#reconstruction, "reconstruction"),
    );
    this.element = h(
      "div",
      { class: "mx-live" },
      this.#statusLine,
      pair,
      h(
        "figure",
        { class: "mx-figure" },
        this.#slots,
        h("figcaption", {}, "each slot’s share of the picture, its mask, and its component under the mask"),
      ),
    );
    roving(pair, ".mx-canvas");
    roving(this.#slots, ".mx-canvas");
    setText(this.#statusLine, sentence(this.#loop.status));
    this.#loop.onAnswer((answer, about, status) => this.#show(answer, about, status));
  }

  /** @param {import("../engine/engine.js").Choices} choices @param {number} size side of the pictures in pixels */
  use(choices, size) {
    this.#loop.use(choices);
    this.#size = size;
    this.#statusTime = 0;
    setText(this.#statusLine, sentence(this.#loop.status));
  }

  /**
   * @param {Uint8Array} pixels [size][size][3]
   * @param {Subject} about given back with the answer
   * @param {{scope?: Float32Array | null, stays?: boolean}} [options] as Loop.ask takes them
   */
  ask(pixels, about, options) {
    this.#loop.ask(pixels, about, options);
  }

  /** @param {(answer: import("./loop.js").Answer, about: Subject) => void} listener */
  onAnswer(listener) {
    this.#loop.onAnswer((answer, about) => answer && listener(answer, about));
  }

  /** Who answers, and how fast. */
  get status() {
    return this.#loop.status;
  }

  /** @param {() => void} listener called when browser or server takes over, or answers fail */
  onCourse(listener) {
    let last = "";
    this.#loop.onAnswer((_answer, _about, { where, failed }) => {
      const now = `${where} ${failed}`;
      if (now !== last) listener();
      last = now;
    });
  }

  /** @param {((k: number) => void) | null} pick handles a click on a slot; null: the click enlarges its picture */
  onPick(pick) {
    this.#pick = pick;
    this.#slots.classList.toggle("mx-live-picks", pick !== null);
    this.#title();
  }

  #title() {
    this.#tiles.forEach(({ mask, piece }, k) => {
      mask.title = piece.title = this.#pick
        ? `Click: mark slot ${k + 1} as explained; Enter: enlarge`
        : "Click or Enter: enlarge";
    });
  }

  /** @param {import("./loop.js").Answer | null} answer @param {Subject} about @param {import("./loop.js").Status} status */
  #show(answer, about, status) {
    const now = performance.now();
    if (now - this.#statusTime > STATUS_MS || status.failed) {
      setText(this.#statusLine, sentence(status));
      this.#statusTime = now;
    }
    if (!answer) return;
    this.shown = { answer, about };
    const { masks, decoded, scope } = answer;
    this.#fit(masks.length);
    // The part marked as explained belongs to no slot; it is drawn as the veil.
    const explained = scope ? [scope.map((s) => 1 - s)] : [];
    drawLabels(this.#segments, this.#size, segment([...masks, ...explained]), [...masks.keys(), VEIL]);
    drawColors(
      this.#reconstruction,
      this.#size,
      blend([...decoded, ...explained.map((e) => fog(e.length))], [...masks, ...explained]),
    );
    this.#tiles.forEach(({ mask, piece, share }, k) => {
      setText(share, `${Math.round(100 * mean(masks[k]))} %`);
      drawValues(mask, this.#size, masks[k]);
      drawColors(piece, this.#size, decoded[k], 4, masks[k]);
    });
  }

  /** Builds a tile for each slot. @param {number} count */
  #fit(count) {
    if (this.#tiles.length === count) return;
    /** @param {string} label @param {number} k */
    const picture = (label, k) => {
      const element = zoomable(canvas(label), { click: "select" });
      element.addEventListener("click", () => (this.#pick ? this.#pick(k) : enlarge(element)));
      return element;
    };
    this.#tiles = Array.from({ length: count }, (_, k) => ({
      mask: picture(`Mask of slot ${k + 1}`, k),
      piece: picture(`Slot ${k + 1}: its component under its mask`, k),
      share: h("span", { class: "mx-live-share mx-muted" }),
    }));
    this.#title();
    this.#slots.style.setProperty("--columns", String(count));
    /** @param {number} k @param {HTMLElement} share */
    const head = (k, share) => {
      const chip = h("span", { class: "mx-chip mx-static" }, String(k + 1));
      chip.style.background = slotColor(k);
      chip.style.color = inkOn(k);
      return h("span", { class: "mx-live-head" }, chip, share);
    };
    this.#slots.replaceChildren(
      ...this.#tiles.map(({ share }, k) => head(k, share)),
      ...this.#tiles.map(({ mask }) => mask),
      ...this.#tiles.map(({ piece }) => piece),
    );
  }
}
