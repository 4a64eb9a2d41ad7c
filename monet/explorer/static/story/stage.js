// Pictures of one step, from left to right: scene under its veil, piece, latents, component and mask; animates them.

import { canvas, drawColors, drawValues, slotColor } from "../drawing/draw.js";
import { find, h } from "../page/dom.js";
import { zoomable } from "../page/lightbox.js";
import { roving } from "../page/roving.js";
import { Bars } from "./bars.js";
import { strongest } from "./equation.js";
import { hat, inline, row, sub } from "./mathml.js";
import { drawCutOut, drawPiece, drawVeiled } from "./pictures.js";
import { pointByKeys, pointed } from "./pointing.js";

/** @typedef {import("../scene/scene.js").Scene} Scene */
/** @typedef {import("./pictures.js").Decoded} Decoded */
/** @typedef {import("./timeline.js").Moment} Moment */

const k = () => "k";
/** Title, symbol and accessible name of each picture. @type {Record<string, [title: string, symbol: () => MathMLElement, label: string]>} */
const PICTURES = {
  scene: [
    "scene under scope",
    () => inline(sub("s", row("k", "−", 1))),
    "The scene: parts of earlier steps are chequered, the unexplained rest is veiled, this step’s part is bright",
  ],
  piece: ["piece", () => inline(sub("m", k()), "x"), "The piece: picture times mask"],
  component: ["component", () => inline(sub(hat("x"), k())), "The component that the decoder paints from the latents"],
  mask: [
    "its mask",
    () => inline(sub(hat("m"), k())),
    "The mask that the decoder paints, after the softmax over the slots",
  ],
};

/** Relative height of a picture at the moment when it turns into bars. */
const FLAT = 0.02;

export class Stage {
  pictures = Object.fromEntries(
    Object.entries(PICTURES).map(([name, [, , label]]) => [name, zoomable(canvas(label), { click: "point" })]),
  );
  #bars = new Bars();
  #flyer = h("canvas", { class: "mx-story-flyer", hidden: true, "aria-hidden": "true" });
  /** @type {Record<string, ReturnType<typeof pointed>>} */
  #frames = {};
  /** Key of the state that each part shows. @type {Record<string, string | number>} */
  #drawn = {};
  /** @type {Scene | null} */
  #scene = null;
  #reach = 1;

  /**
   * @param {import("../scene/store.js").Store} store
   * @param {() => number} pixel where arrow keys start
   */
  constructor(store, pixel) {
    for (const name of Object.keys(PICTURES)) this.#frames[name] = pointed(this.pictures[name], store);
    const { scene } = this.pictures;
    scene.tabIndex = 0;
    scene.classList.add("mx-story-scene");
    scene.title = "Point at a pixel, or choose it with the arrow keys. Double-click or Enter: enlarge";
    pointByKeys(scene, store, pixel);
    /** @param {string} name @param {() => MathMLElement} symbol @param {string} title @param {HTMLElement} picture */
    const part = (name, symbol, title, picture) =>
      h("div", { class: "mx-story-part", "data-part": name }, h("h3", {}, title, " ", symbol()), picture);
    const pictures = Object.entries(PICTURES).map(([name, [title, symbol]]) =>
      part(name, symbol, title, this.#frames[name].element),
    );
    pictures.splice(
      2,
      0,
      part("latents", () => inline(sub("z", k())), "latents", h("div", { class: "mx-frame" }, this.#bars.element)),
    );
    this.element = h("div", { class: "mx-story-stage" }, ...pictures, this.#flyer);
    roving(this.element, ".mx-canvas:not(.mx-story-scene)");
  }

  /** Opens another scene. @param {Scene} scene */
  open(scene) {
    this.#scene = scene;
    this.#reach = Bars.reachOf(scene);
    this.#drawn = {};
  }

  /** Marks a pixel on every picture. @param {number} pixel */
  point(pixel) {
    const scene = this.#scene;
    if (scene) for (const frame of Object.values(this.#frames)) frame.point(pixel, scene.size);
  }

  /**
   * Draws a moment of the animation.
   * @param {Moment} moment
   * @param {Decoded | null} decoded null until the slots are decoded
   * @param {Element | null} [target] element of the strip that the component flies to
   */
  show({ step, done }, decoded, target = null) {
    const scene = this.#scene;
    if (!scene) return;
    const { size, image, masks } = scene;
    this.#draw("scene", `${step} ${done.scope} ${done.mask}`, () => drawVeiled(this.pictures.scene, scene, step, done));
    this.#reveal("piece", done.piece === 1, step, () => drawPiece(this.pictures.piece, size, image, 3, masks[step]));
    this.#reveal("latents", done.latents > 0.5, step, () =>
      this.#bars.draw(scene.mean[step], scene.std[step], this.#reach, slotColor(step), strongest(scene, step)),
    );
    this.#bars.grow(Math.max(0, 2 * done.latents - 1));
    this.#reveal(
      "component",
      decoded !== null && done.component === 1,
      step,
      () => decoded && drawColors(this.pictures.component, size, decoded.slots[step], 4),
    );
    this.#reveal(
      "mask",
      decoded !== null && done.component > 0.5,
      step,
      () => decoded && drawValues(this.pictures.mask, size, decoded.masks[step]),
    );
    this.#fly(scene, step, done, decoded, target);
  }

  /** Draws a part if its state has changed. @param {string} name @param {string | number} key of the state @param {() => void} draw */
  #draw(name, key, draw) {
    if (this.#drawn[name] === key) return;
    this.#drawn[name] = key;
    draw();
  }

  /**
   * Shows a part once the animation has reached it; until then the last step's part fades.
   * @param {string} name @param {boolean} reached @param {number} step @param {() => void} draw
   */
  #reveal(name, reached, step, draw) {
    if (reached) this.#draw(name, step, draw);
    find(this.element, `[data-part=${name}]`).classList.toggle("mx-there", reached);
  }

  /**
   * Moves the flying picture: from the scene to the piece, into the bars, from the bars to the component, into its slot.
   * @param {Scene} shown @param {number} step @param {Moment["done"]} done @param {Decoded | null} decoded @param {Element | null} target
   */
  #fly({ size, image, masks }, step, done, decoded, target) {
    /** @param {number} share */
    const moving = (share) => share > 0 && share < 1;
    const { scene, piece, component } = this.pictures;
    const bars = this.#bars.element;
    this.#flyer.hidden = false;
    if (moving(done.piece)) {
      this.#load(`piece ${step}`, size, image, 3, masks[step]);
      this.#place(scene, piece, done.piece);
    } else if (moving(done.latents) && done.latents <= 0.5) {
      this.#load(`piece ${step}`, size, image, 3, masks[step]);
      this.#place(piece, bars, 2 * done.latents, { to: FLAT });
    } else if (decoded && moving(done.component)) {
      this.#load(`component ${step}`, size, decoded.slots[step], 4, null);
      this.#place(bars, component, done.component, { from: FLAT });
    } else if (decoded && target && moving(done.slot)) {
      this.#load(`slot ${step}`, size, decoded.slots[step], 4, masks[step]);
      this.#place(component, target, done.slot);
    } else this.#flyer.hidden = true;
  }

  /** Draws the flying picture. @param {string} key @param {number} size @param {Float32Array} colors @param {number} stride @param {Float32Array | null} mask */
  #load(key, size, colors, stride, mask) {
    this.#draw("flyer", key, () => drawCutOut(this.#flyer, size, colors, stride, mask));
  }

  /**
   * Places the flying picture between two elements.
   * @param {Element} start @param {Element} end @param {number} share of the way, 0 to 1
   * @param {{from?: number, to?: number}} [heights] relative height at the start and at the end
   */
  #place(start, end, share, { from = 1, to = 1 } = {}) {
    const origin = this.element.getBoundingClientRect();
    const [a, b] = [start, end].map((element) => element.getBoundingClientRect());
    /** @param {number} x @param {number} y */
    const mix = (x, y) => x + share * (y - x);
    const [width, height] = [mix(a.width, b.width), mix(a.height * from, b.height * to)];
    const [x, y] = [mix(a.left + a.width / 2, b.left + b.width / 2), mix(a.top + a.height / 2, b.top + b.height / 2)];
    const lift = Math.sin(Math.PI * share) * 0.06 * a.height; // an arc, so that it appears to fly
    Object.assign(this.#flyer.style, {
      width: `${width}px`,
      height: `${height}px`,
      translate: `${x - width / 2 - origin.left}px ${y - height / 2 - lift - origin.top}px`,
    });
  }
}
