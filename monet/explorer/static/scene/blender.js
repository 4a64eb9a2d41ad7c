// Slider that blends the current document into another one. A drag is a single edit; any other edit resets the slider.

import { h } from "../page/dom.js";

/** @typedef {import("./store.js").Document} Document */

/**
 * @param {{store: import("./store.js").Store, frames: import("./frames.js").FrameLoop}} context
 * @param {{label: string, title: string, at: (start: Document, t: number) => Document}} what
 *   `at` returns the blended document for t in (0, 1]
 * @returns {{element: HTMLInputElement, update: () => void, reset: () => void, again: () => void}} call `update` after
 *   every frame, `reset` when one of the two documents changed, `again` when the interpolation changed
 */
export function blender({ store, frames }, { label, title, at }) {
  /** The document at the start of the drag, and the latest blend. @type {{start: Document, latest?: Document} | null} */
  let blending = null;
  const reset = () => {
    blending = null;
    element.value = "0";
  };
  const update = () => blending && blending.latest !== store.document && reset();
  /** @param {NonNullable<typeof blending>} gesture */
  const apply = (gesture) => {
    const t = Number(element.value);
    const latest = t === 0 ? gesture.start : at(gesture.start, t);
    gesture.latest = latest;
    store.edit(() => latest, { gesture: `blend/${label}` });
  };
  const element = h("input", {
    type: "range",
    class: "mx-range",
    min: "0",
    max: "1",
    step: "0.01",
    value: "0",
    "aria-label": label,
    title,
    oninput: (event) => {
      frames.answer(event);
      if (blending?.latest !== store.document) blending = { start: store.document };
      apply(blending);
    },
    onchange: () => store.endGesture(),
  });
  return { element, update, reset, again: () => blending && apply(blending) };
}
