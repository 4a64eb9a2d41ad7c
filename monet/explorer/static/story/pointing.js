// Selects and marks a pixel on the pictures of the animation, by mouse, tap or arrow keys.

import { h } from "../page/dom.js";
import { pointable } from "../page/pointing.js";

/** Rows and columns that a key moves by. @type {Record<string, [number, number]>} */
const KEYS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

/**
 * Puts a picture in a frame that marks the pixel pointed at.
 * @param {HTMLCanvasElement} picture
 * @param {import("../scene/store.js").Store} store
 */
export function pointed(picture, store) {
  const mark = h("i", { class: "mx-mark", hidden: true });
  pointable(picture, store);

  /** @param {number} pixel @param {number} size */
  function point(pixel, size) {
    mark.hidden = false;
    const place = { left: pixel % size, top: Math.floor(pixel / size), width: 1, height: 1 };
    for (const [name, value] of Object.entries(place)) mark.style.setProperty(name, `${(100 * value) / size}%`);
  }
  return { element: h("div", { class: "mx-frame" }, picture, mark), point };
}

/**
 * Makes arrow keys move the pixel while a picture has the focus; with Shift by eight.
 * @param {HTMLElement} picture
 * @param {import("../scene/store.js").Store} store
 * @param {() => number} start the pixel to start from
 */
export function pointByKeys(picture, store, start) {
  picture.addEventListener("keydown", (event) => {
    const by = KEYS[event.key];
    if (!by || !store.loaded) return;
    event.preventDefault();
    event.stopPropagation();
    const { size } = store.scene;
    const pixel = store.view.pixel ?? start();
    /** @param {number} v */
    const inside = (v) => Math.max(0, Math.min(size - 1, v));
    const step = event.shiftKey ? 8 : 1;
    const [row, column] = [inside(Math.floor(pixel / size) + step * by[0]), inside((pixel % size) + step * by[1])];
    store.look({ pixel: row * size + column });
  });
  picture.addEventListener("blur", () => store.loaded && store.view.pixel !== null && store.look({ pixel: null }));
}

/** A mask is strong where it has at least this share of its maximum. */
const STRONG = 0.9;

/** Default pixel of a mask: the one nearest to its centroid among those where it is strong. @param {Float32Array} mask @param {number} size */
export function middleOf(mask, size) {
  let [total, row, column, most] = [0, 0, 0, 0];
  mask.forEach((m, p) => {
    total += m;
    row += m * Math.floor(p / size);
    column += m * (p % size);
    most = Math.max(most, m);
  });
  /** @param {number} p */
  const distance = (p) => Math.hypot(Math.floor(p / size) - row / total, (p % size) - column / total);
  let best = -1;
  mask.forEach((m, p) => {
    if (m >= STRONG * most && (best < 0 || distance(p) < distance(best))) best = p;
  });
  return best;
}
