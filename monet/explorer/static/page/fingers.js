// Touch handling: a finger that scrolls past a slider, a pad or a chart does not change it.

import { targetIn } from "./dom.js";

/** A touch becomes a drag after this many pixels along the slider, if it moved less across it. */
const ALONG_PX = 10;

/** After a tap the browser emulates mouse events; they come within this time. */
const ECHO_MS = 700;

/** @typedef {{x: number, y: number, dragging: boolean}} Touch */

/** Updates and returns whether a touch is a drag. @param {Touch} touch @param {PointerEvent} event */
function isDrag(touch, event) {
  const [dx, dy] = [Math.abs(event.clientX - touch.x), Math.abs(event.clientY - touch.y)];
  touch.dragging ||= dx >= ALONG_PX && dx > dy;
  return touch.dragging;
}

/** Makes every slider of the page, Gradio's included, follow a finger only once it moves along the slider. */
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
          ? { slider, value: slider.value, x: event.clientX, y: event.clientY, dragging: false }
          : null;
    },
    true,
  );
  addEventListener("pointermove", (event) => touch && event.pointerType === "touch" && isDrag(touch, event), true);
  addEventListener("keydown", forget, true);
  for (const end of /** @type {const} */ (["pointerup", "pointercancel"])) {
    addEventListener(
      end,
      (event) => {
        if (!touch || event.pointerType !== "touch") return;
        if (!touch.dragging && event.target === touch.slider) event.stopImmediatePropagation();
        timer = setTimeout(forget, ECHO_MS);
      },
      true,
    );
  }
  for (const name of ["input", "change"]) {
    addEventListener(
      name,
      (event) => {
        if (!touch || touch.dragging || event.target !== touch.slider) return;
        event.stopImmediatePropagation();
        touch.slider.value = touch.value;
      },
      true,
    );
  }
}

/**
 * Makes a surface draggable: by mouse from anywhere, by touch from its handle or after moving sideways. CSS gives the
 * surface `touch-action: pan-y` and the handle `none`.
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
      dragging: event.pointerType !== "touch" || (event.target instanceof Node && handle.contains(event.target)),
    };
    if (event.pointerType !== "touch") follow(event);
    surface.setPointerCapture(event.pointerId);
  });
  surface.addEventListener("pointermove", (event) => touch && event.buttons && isDrag(touch, event) && follow(event));
  for (const name of ["pointerup", "pointercancel"]) {
    surface.addEventListener(name, () => {
      touch = null;
      end();
    });
  }
}

/** Lets the browser handle touches on a chart: the page scrolls, and a tap arrives as a click. @param {HTMLElement} plot */
export function leaveTouches(plot) {
  plot.addEventListener("touchstart", (event) => event.stopPropagation(), { capture: true, passive: true });
}
