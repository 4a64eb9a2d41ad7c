// A slider from the scene as it is to another: one gesture is one edit, whoever edits otherwise begins anew.

import { h } from "./dom.js";

/**
 * @param {{store: import("./store.js").Store, frames: import("./frames.js").FrameLoop}} context
 * @param {{label: string, title: string, at: (start: import("./store.js").Document, t: number) => import("./store.js").Document}} what
 *   `at` gives the document a share of the way, t in (0, 1]
 * @returns {{element: HTMLInputElement, follow: () => void, reset: () => void, again: () => void}} `follow` after every
 *   frame, `reset` when the ends are others, `again` when the way between them is another
 */
export function blender({ store, frames }, { label, title, at }) {
  let blending = null; // {start, latest}: where the gesture began, and what it made last
  const reset = () => {
    blending = null;
    element.value = "0";
  };
  const follow = () => blending && blending.latest !== store.document && reset();
  const apply = () => {
    const t = Number(element.value);
    blending.latest = t === 0 ? blending.start : at(blending.start, t);
    store.edit(() => blending.latest, { gesture: `blend/${label}` });
  };
  const element = h("input", {
    type: "range", class: "mx-range", min: "0", max: "1", step: "0.01", value: "0", "aria-label": label, title,
    oninput: (event) => {
      frames.answer(event);
      if (blending?.latest !== store.document) blending = { start: store.document };
      apply();
    },
    onchange: () => store.endGesture(),
  });
  return { element, follow, reset, again: () => blending && apply() };
}
