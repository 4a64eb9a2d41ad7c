// Pixels in, a live answer shown: segmentation, reconstruction, and each slot's mask and piece of the picture.

import { blend, mean, segment } from "../scene/compose.js";
import { canvas, drawColors, drawLabels, drawValues, FOG, inkOn, slotColor, VEIL } from "../drawing/draw.js";
import { h, say } from "../page/dom.js";
import { enlarge, zoomable } from "../page/lightbox.js";
import { roving } from "../page/roving.js";
import { Loop } from "./loop.js";

/** The line about the rate changes no more often, in milliseconds, so that it can be read. */
const STATUS_MS = 400;

/** Fewer answers a second than this are told by how long one takes. */
const STREAM = 1.5;

/** @param {import("./loop.js").Course} course */
function sentence({ where, reason, rate, milliseconds, failed }) {
  if (failed) return `No answer: ${failed}`;
  if (!where) return "Loading the network into your browser…";
  const often =
    rate >= STREAM ? `${Math.round(rate)} frames a second` : `${Math.round(milliseconds)} ms for the last one`;
  return where === "browser" ? `in your browser, ${often}` : `by the server, ${often}. ${reason}`;
}

/** The veil as a slot would be decoded: [pixels][4]. @param {number} pixels */
const fog = (pixels) => Float32Array.from({ length: 4 * pixels }, (_, i) => FOG[i % 4] ?? 0);

/** @typedef {import("./place.js").Subject} Subject */

export class Live {
  element;
  /** What was last answered, and about what. @type {{answer: import("./loop.js").Answer, about: Subject} | null} */
  shown = null;
  #loop;
  #size = 0;
  #status = h("p", { class: "mx-live-status mx-muted" });
  #segments = canvas("Segmentation of the canvas: the slot with the largest mask at each pixel");
  #whole = canvas("Reconstruction of the canvas: the sum of the slots");
  #slots = h("div", {
    class: "mx-live-slots",
    role: "group",
    "aria-label": "Slots: arrow keys move, Enter opens a picture large",
  });
  /** @type {{mask: HTMLCanvasElement, piece: HTMLCanvasElement, share: HTMLElement}[]} */
  #tiles = [];
  #told = 0;
  /** What a click on a slot does, if it does not open its picture large. @type {((k: number) => void) | null} */
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
      figure(this.#whole, "reconstruction"),
    );
    this.element = h(
      "div",
      { class: "mx-live" },
      this.#status,
      pair,
      h(
        "figure",
        { class: "mx-figure" },
        this.#slots,
        h("figcaption", {}, "each slot’s share of the picture, its mask, and the piece that it paints"),
      ),
    );
    roving(pair, ".mx-canvas");
    roving(this.#slots, ".mx-canvas");
    say(this.#status, sentence(this.#loop.course));
    this.#loop.onAnswer((answer, about, course) => this.#show(answer, about, course));
  }

  /** @param {import("../engine/engine.js").Choices} choices @param {number} size side of the pictures in pixels */
  use(choices, size) {
    this.#loop.use(choices);
    this.#size = size;
    this.#told = 0;
    say(this.#status, sentence(this.#loop.course));
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

  /** How the questions are answered. */
  get course() {
    return this.#loop.course;
  }

  /** @param {() => void} listener called when somebody else answers, or nobody */
  onCourse(listener) {
    let last = "";
    this.#loop.onAnswer((_answer, _about, { where, failed }) => {
      const now = `${where} ${failed}`;
      if (now !== last) listener();
      last = now;
    });
  }

  /** @param {((k: number) => void) | null} pick what a click on a slot does; null: it opens its picture large */
  picks(pick) {
    this.#pick = pick;
    this.#slots.classList.toggle("mx-live-picks", pick !== null);
    this.#title();
  }

  #title() {
    this.#tiles.forEach(({ mask, piece }, k) => {
      mask.title = piece.title = this.#pick
        ? `Click: count slot ${k + 1} as explained; Enter: enlarge`
        : "Click or Enter: enlarge";
    });
  }

  /** @param {import("./loop.js").Answer | null} answer @param {Subject} about @param {import("./loop.js").Course} course */
  #show(answer, about, course) {
    const now = performance.now();
    if (now - this.#told > STATUS_MS || course.failed) {
      say(this.#status, sentence(course));
      this.#told = now;
    }
    if (!answer) return;
    this.shown = { answer, about };
    const { masks, decoded, scope } = answer;
    this.#fit(masks.length);
    // What counts as explained is one more part of the picture, which no slot has.
    const explained = scope ? [scope.map((s) => 1 - s)] : [];
    drawLabels(this.#segments, this.#size, segment([...masks, ...explained]), [...masks.keys(), VEIL]);
    drawColors(
      this.#whole,
      this.#size,
      blend([...decoded, ...explained.map((e) => fog(e.length))], [...masks, ...explained]),
    );
    this.#tiles.forEach(({ mask, piece, share }, k) => {
      say(share, `${Math.round(100 * mean(masks[k]))} %`);
      drawValues(mask, this.#size, masks[k]);
      drawColors(piece, this.#size, decoded[k], 4, masks[k]);
    });
  }

  /** As many tiles as there are slots. @param {number} count */
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
