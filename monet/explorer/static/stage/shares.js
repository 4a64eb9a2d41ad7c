// The slots' shares of the pixel under the pointer, as a bar that goes with it.

import { inkOn, slotColor } from "../drawing/draw.js";
import { h, say } from "../page/dom.js";

/** A smaller share has no room for its number. */
const READABLE = 0.17;

/** Pixels of the window between the pointer and the bar: below it, or above near the lower edge. */
const [BELOW_PX, ABOVE_PX] = [34, 24];

/** @typedef {import("../scene/frames.js").Frame} Frame */

/** @param {HTMLElement} frameElement that the bar is put into, and stays inside of */
export function pointerShares(frameElement) {
  const element = h("div", { class: "mx-pointer-shares", hidden: true });
  /** The pixel. @type {number | null} */
  let at = null;

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
      say(bar, share > READABLE ? `${k + 1} · ${(100 * share).toFixed(0)} %` : "");
    });
  }

  return {
    element,
    hide: () => {
      at = null;
      element.hidden = true;
    },
    /** @param {PointerEvent} event @param {number | null} pixel under it @param {Frame} frame */
    show(event, pixel, frame) {
      at = pixel;
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
    follow(frame) {
      if (at !== null && at < frame.labels.length) draw(frame, at);
    },
  };
}
