// A pixel of the scene, pointed at on any of its pictures: by mouse, by a tap, or by arrow keys.

import { h } from "../page/dom.js";
import { pointable } from "../page/pointing.js";

/** Rows and columns that a key goes. @type {Record<string, [number, number]>} */
const KEYS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

/**
 * A picture in a frame, on which a pixel can be pointed at and is marked.
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
 * Arrow keys move the pixel while a picture has the focus, Shift eight at a time.
 * @param {HTMLElement} picture
 * @param {import("../scene/store.js").Store} store
 * @param {() => number} start where they begin
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
    const far = event.shiftKey ? 8 : 1;
    store.look({ pixel: inside(Math.floor(pixel / size) + far * by[0]) * size + inside((pixel % size) + far * by[1]) });
  });
  picture.addEventListener("blur", () => store.loaded && store.view.pixel !== null && store.look({ pixel: null }));
}

/** A mask is strong where it is nearly as large as anywhere. */
const STRONG = 0.9;

/** Where to look if nobody points: of the pixels where a mask is strong, the one nearest to its centre. @param {Float32Array} mask @param {number} size */
export function middleOf(mask, size) {
  let [total, row, column, most] = [0, 0, 0, 0];
  mask.forEach((m, p) => {
    total += m;
    row += m * Math.floor(p / size);
    column += m * (p % size);
    most = Math.max(most, m);
  });
  /** @param {number} p */
  const far = (p) => Math.hypot(Math.floor(p / size) - row / total, (p % size) - column / total);
  let best = -1;
  mask.forEach((m, p) => {
    if (m >= STRONG * most && (best < 0 || far(p) < far(best))) best = p;
  });
  return best;
}
