// Draws the object at both ends of each latent, once no edit has happened for a moment, so that it delays nothing.

import { maskAmong } from "./compose.js";
import { canvas, drawOnGround, hatch } from "../drawing/draw.js";

/** Values of a latent at both ends, in sigmas of the prior. */
const ENDS = [-2, 2];

/** Milliseconds without a change before the ends are drawn. */
const REST_MS = 180;

/** An object counts as dissolved if less than this share of its area is left. */
export const DISSOLVED = 0.25;

/** @param {Float32Array} mask */
const area = (mask) => mask.reduce((sum, share) => sum + share, 0);

export class Ends {
  #frames;
  /** Two pictures of each latent, by its dimension. @type {Map<number, HTMLCanvasElement[]>} */
  #pictures = new Map();
  #timer = 0;
  #drawn = ""; // key of the state that the pictures show
  /** @type {import("./frames.js").Frame | null} the newest */
  #frame = null;

  /** @param {import("./frames.js").FrameLoop} frames */
  constructor(frames) {
    this.#frames = frames;
  }

  /** Forgets all pictures. */
  clear() {
    this.#pictures.clear();
    this.#drawn = "";
  }

  /** Creates the two pictures of a latent, to stand beside its slider. @param {number} dimension @returns {HTMLCanvasElement[]} */
  pair(dimension) {
    const pictures = ENDS.map((value) => canvas(`The object with latent ${dimension} at ${value}`, "mx-end"));
    this.#pictures.set(dimension, pictures);
    return pictures;
  }

  /** Draws the ends of a new frame, after a pause. @param {import("./frames.js").Frame} frame */
  update(frame) {
    this.#frame = frame;
    const { scene, document, view } = frame;
    const wanted = `${scene.model}/${view.slot}/${document.slots.map((slot) => slot.latent.join()).join("/")}`;
    if (wanted === this.#drawn) return;
    this.#drawn = wanted;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => this.#draw(wanted).catch((error) => console.warn("the ends were not drawn:", error.message)),
      REST_MS,
    );
  }

  /** Draws latent by latent, and lets the page handle events in between. @param {string} wanted key of the state */
  async #draw(wanted) {
    if (!this.#frame) return;
    const {
      scene,
      document: { slots },
      decoded,
      decodedMasks,
      view: { slot },
    } = this.#frame;
    const others = decoded.filter((_, k) => k !== slot && !slots[k].hidden);
    const before = area(decodedMasks[slot]);
    for (const [dimension, pictures] of this.#pictures) {
      const pixels = await this.#frames.decode(
        ENDS.map((value) => slots[slot].latent.map((v, d) => (d === dimension ? value : v))),
      );
      if (this.#drawn !== wanted) return;
      pixels.forEach((pixel, end) => {
        const mask = maskAmong(others, pixel);
        drawOnGround(pictures[end], scene.size, pixel, mask);
        if (area(mask) < DISSOLVED * before) hatch(pictures[end]);
      });
      await new Promise((resolve) => setTimeout(resolve));
    }
  }
}
