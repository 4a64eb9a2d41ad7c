// Highlights the slot under the pointer on the stage: darkens everything else and shows the slot's number and share.

import { context2d, h, setText } from "../page/dom.js";
import { inkOn, slotColor } from "../drawing/draw.js";
import { placeOf } from "./outline.js";

/** Opacity of the shade over everything else, 0 to 255. */
const SHADE = 120;

const percent = (/** @type {number} */ share) => `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;

/** @param {HTMLCanvasElement} screen of the scene; its cursor shows whether an object can be dragged */
export function spotlight(screen) {
  const shade = h("canvas", { class: "mx-shade", "aria-hidden": "true" });
  const tag = h("div", { class: "mx-tag", hidden: true });

  /** @param {import("../scene/frames.js").Frame} frame @param {number | null} k the slot that is pointed at */
  function update({ scene: { size }, document, labels, masks }, k) {
    const place = k === null ? null : placeOf(labels, size, k);
    tag.hidden = !place;
    screen.style.cursor = place?.object ? "grab" : "";
    if (place && k !== null) {
      const { color } = document.slots[k];
      setText(tag, `slot ${k + 1} · ${percent(place.share)}${place.object ? "" : place.pixels ? " · background" : ""}`);
      tag.style.background = slotColor(color);
      tag.style.color = inkOn(color);
      const [left, top, , bottom] = place.object ? place.box : [0, 0, 0, 0];
      const above = top > 5 || !place.object;
      tag.style.left = `${Math.min(70, (100 * left) / size)}%`;
      tag.style.top = above ? `${(100 * Math.max(0, top)) / size}%` : `${(100 * bottom) / size}%`;
      tag.style.translate = above && place.object ? "0 -110%" : "0 10%";
    }
    shade.style.opacity = place?.object ? "1" : "0";
    if (!place?.object || k === null) return;
    if (shade.width !== size) shade.width = shade.height = size;
    const context = context2d(shade);
    const pixels = context.createImageData(size, size);
    const mask = masks[k];
    for (let p = 0; p < size * size; p++) pixels.data[4 * p + 3] = SHADE * (1 - (mask ? mask[p] : 0));
    context.putImageData(pixels, 0, 0);
  }

  return { shade, tag, update };
}
