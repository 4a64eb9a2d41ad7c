// Fingers scroll first: nothing is set by one that only passes over a slider, a pad or a chart on its way.

import { targetIn } from "./dom.js";

/** So many pixels along a slider, and further along than across, and a finger means it. */
const ALONG_PX = 10;

/** A tap is followed by mouse events that the browser makes up; they come within this time. */
const ECHO_MS = 700;

/** @typedef {{x: number, y: number, meant: boolean}} Touch */

/** Whether a touch has gone along far enough by now. @param {Touch} touch @param {PointerEvent} event */
function meant(touch, event) {
  const [dx, dy] = [Math.abs(event.clientX - touch.x), Math.abs(event.clientY - touch.y)];
  touch.meant ||= dx >= ALONG_PX && dx > dy;
  return touch.meant;
}

/** Every slider of the page, Gradio's included, follows a finger only once it has moved along the slider. */
export function guardSliders() {
  /** @type {(Touch & {slider: HTMLInputElement, value: string}) | null} */
  let touch = null;
  let timer = 0;
  const forget = () => (touch = null);
  addEventListener(
    "pointerdown",
    (event) => {
      /** @type {HTMLInputElement | null} */
      const slider = targetIn(event, "input[type=range]");
      clearTimeout(timer);
      touch =
        slider && event.pointerType === "touch"
          ? { slider, value: slider.value, x: event.clientX, y: event.clientY, meant: false }
          : null;
    },
    true,
  );
  addEventListener("pointermove", (event) => touch && event.pointerType === "touch" && meant(touch, event), true);
  addEventListener("keydown", forget, true);
  for (const end of /** @type {const} */ (["pointerup", "pointercancel"])) {
    addEventListener(
      end,
      (event) => {
        if (!touch || event.pointerType !== "touch") return;
        if (!touch.meant && event.target === touch.slider) event.stopImmediatePropagation();
        timer = setTimeout(forget, ECHO_MS);
      },
      true,
    );
  }
  for (const name of ["input", "change"]) {
    addEventListener(
      name,
      (event) => {
        if (!touch || touch.meant || event.target !== touch.slider) return;
        event.stopImmediatePropagation();
        touch.slider.value = touch.value;
      },
      true,
    );
  }
}

/**
 * A surface that is dragged on: by a mouse from anywhere, by a finger from its handle or once it has moved across. CSS
 * gives the surface `touch-action: pan-y` and the handle `none`.
 * @param {GlobalEventHandlers & Element} surface
 * @param {Element} handle a part of it
 * @param {{follow: (event: PointerEvent) => void, end: () => void}} drag
 */
export function draggable(surface, handle, { follow, end }) {
  /** @type {Touch | null} */
  let touch = null;
  surface.addEventListener("pointerdown", (event) => {
    touch = {
      x: event.clientX,
      y: event.clientY,
      meant: event.pointerType !== "touch" || (event.target instanceof Node && handle.contains(event.target)),
    };
    if (event.pointerType !== "touch") follow(event);
    surface.setPointerCapture(event.pointerId);
  });
  surface.addEventListener("pointermove", (event) => touch && event.buttons && meant(touch, event) && follow(event));
  for (const name of ["pointerup", "pointercancel"]) {
    surface.addEventListener(name, () => {
      touch = null;
      end();
    });
  }
}

/** A chart that leaves touches to the browser: it scrolls by, and what a tap means comes as a click. @param {HTMLElement} plot */
export function leaveTouches(plot) {
  plot.addEventListener("touchstart", (event) => event.stopPropagation(), { capture: true, passive: true });
}
