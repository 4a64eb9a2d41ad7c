// Pixels in, a live answer shown: segmentation, reconstruction, and each slot's mask and piece of the picture.

import { blend, segment } from "../compose.js";
import { canvas, drawColors, drawLabels, drawValues, inkOn, slotColor } from "../draw.js";
import { h, say } from "../dom.js";
import { zoomable } from "../lightbox.js";
import { roving } from "../roving.js";
import { Loop } from "./loop.js";

/** The line about the rate changes no more often, in milliseconds, so that it can be read. */
const STATUS_MS = 400;

/** Fewer answers a second than this are told by how long one takes. */
const STREAM = 1.5;

/** @param {import("./loop.js").Course} course */
function sentence({ where, reason, rate, milliseconds, failed }) {
  if (failed) return `No answer: ${failed}`;
  if (!where) return "Loading the network into your browser…";
  const often = rate >= STREAM ? `${Math.round(rate)} frames a second` : `${Math.round(milliseconds)} ms for the last one`;
  return where === "browser" ? `in your browser, ${often}` : `by the server, ${often}. ${reason}`;
}

export class Live {
  element;
  /** What was last answered, and about what. @type {{answer: import("./loop.js").Answer, about: any} | null} */
  shown = null;
  #loop;
  #size = 0;
  #status = h("p", { class: "mx-live-status mx-muted" });
  #segments = canvas("Segmentation of the canvas: the slot with the largest mask at each pixel");
  #whole = canvas("Reconstruction of the canvas: the sum of the slots");
  #slots = h("div", { class: "mx-live-slots", role: "group", "aria-label": "Slots: arrow keys move, Enter opens a picture large" });
  #tiles = [];
  #told = 0;

  /** @param {import("../engine.js").Engine} engine */
  constructor(engine) {
    this.#loop = new Loop(engine);
    const figure = (picture, caption) => h("figure", { class: "mx-figure" }, zoomable(picture), h("figcaption", {}, caption));
    const pair = h("div", { class: "mx-live-pair" }, figure(this.#segments, "segmentation"), figure(this.#whole, "reconstruction"));
    this.element = h("div", { class: "mx-live" }, this.#status, pair,
      h("figure", { class: "mx-figure" }, this.#slots, h("figcaption", {}, "each slot’s mask, and below it the piece that it paints")));
    roving(pair, ".mx-canvas");
    roving(this.#slots, ".mx-canvas");
    say(this.#status, sentence(this.#loop.course));
    this.#loop.onAnswer((answer, about, course) => this.#show(answer, about, course));
  }

  /** @param {import("../engine.js").Choices} choices @param {number} size side of the pictures in pixels */
  use(choices, size) {
    this.#loop.use(choices);
    this.#size = size;
    this.#told = 0;
    say(this.#status, sentence(this.#loop.course));
  }

  /** @param {Uint8Array} pixels [size][size][3] @param {any} about given back with the answer */
  ask(pixels, about) {
    this.#loop.ask(pixels, about);
  }

  /** @param {(answer: import("./loop.js").Answer, about: any) => void} listener */
  onAnswer(listener) {
    this.#loop.onAnswer((answer, about) => answer && listener(answer, about));
  }

  #show(answer, about, course) {
    const now = performance.now();
    if (now - this.#told > STATUS_MS || course.failed) {
      say(this.#status, sentence(course));
      this.#told = now;
    }
    if (!answer) return;
    this.shown = { answer, about };
    const { masks, decoded } = answer;
    this.#fit(masks.length);
    drawLabels(this.#segments, this.#size, segment(masks), masks.map((_, k) => k));
    drawColors(this.#whole, this.#size, blend(decoded, masks));
    this.#tiles.forEach(({ mask, piece }, k) => {
      drawValues(mask, this.#size, masks[k]);
      drawColors(piece, this.#size, decoded[k], 4, masks[k]);
    });
  }

  /** As many tiles as there are slots. */
  #fit(count) {
    if (this.#tiles.length === count) return;
    this.#tiles = Array.from({ length: count }, (_, k) => ({
      mask: canvas(`Mask of slot ${k + 1}`), piece: canvas(`Slot ${k + 1}: its component under its mask`),
    }));
    this.#slots.style.setProperty("--columns", String(count));
    const head = (k) => {
      const chip = h("span", { class: "mx-chip mx-static" }, String(k + 1));
      chip.style.background = slotColor(k);
      chip.style.color = inkOn(k);
      return chip;
    };
    this.#slots.replaceChildren(...this.#tiles.map((_, k) => head(k)),
      ...this.#tiles.map(({ mask }) => zoomable(mask)), ...this.#tiles.map(({ piece }) => zoomable(piece)));
  }
}
