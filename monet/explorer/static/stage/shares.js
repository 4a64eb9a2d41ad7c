// Bar beside the pointer with every slot's share of the pixel under it.

import { inkOn, slotColor } from "../drawing/draw.js";
import { h, setText } from "../page/dom.js";

/** Smallest share whose bar has space for its number. */
const READABLE = 0.17;

/** CSS pixels between the pointer and the bar: below the pointer, or above it near the lower edge. */
const [BELOW_PX, ABOVE_PX] = [34, 24];

/** @typedef {import("../scene/frames.js").Frame} Frame */

/** @param {HTMLElement} frameElement parent of the bar, which stays inside it */
export function pointerShares(frameElement) {
  const element = h("div", { class: "mx-pointer-shares", hidden: true });
  /** @type {number | null} */
  let current = null;

  /** @param {Frame} frame @param {number} pixel */
  function draw({ masks, document }, pixel) {
    while (element.children.length < masks.length) element.append(h("i"));
    while (element.children.length > masks.length) element.lastChild?.remove();
    const bars = element.querySelectorAll("i");
    masks.forEach((mask, k) => {
      const [bar, share] = [bars[k], mask ? mask[pixel] : 0];
      bar.style.flexGrow = String(share);
      bar.style.background = slotColor(document.slots[k].color);
      bar.style.color = inkOn(document.slots[k].color);
      setText(bar, share > READABLE ? `${k + 1} · ${(100 * share).toFixed(0)} %` : "");
    });
  }

  return {
    element,
    hide: () => {
      current = null;
      element.hidden = true;
    },
    /** @param {PointerEvent} event @param {number | null} pixel under it @param {Frame} frame */
    show(event, pixel, frame) {
      current = pixel;
      element.hidden = pixel === null;
      if (pixel === null) return;
      const box = frameElement.getBoundingClientRect();
      const [x, y] = [event.clientX - box.left, event.clientY - box.top];
      const { offsetWidth: width, offsetHeight: height } = element;
      element.style.left = `${Math.max(0, Math.min(box.width - width, x - width / 2))}px`;
      element.style.top = `${y + BELOW_PX + height > box.height ? y - ABOVE_PX - height : y + BELOW_PX}px`;
      draw(frame, pixel);
    },
    /** @param {Frame} frame */
    update(frame) {
      if (current !== null && current < frame.labels.length) draw(frame, current);
    },
  };
}
