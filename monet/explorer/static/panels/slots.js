// Slots: what the component VAE makes of each mask.

import { Columns, symbol } from "../columns.js";
import { drawColors, drawValues } from "../draw.js";
import { h } from "../dom.js";

/** @param {HTMLElement} root */
export function mount(root, { store, frames }) {
  const toggles = (k) => {
    const hide = h("button", {
      type: "button", class: "mx-toggle", "data-toggle": "hide", "aria-label": `Hide slot ${k + 1}`, title: "Hide or show this slot",
      onclick: () => store.editSlot(k, (s) => ({ hidden: !s.hidden })),
    }, "◉");
    const solo = h("button", {
      type: "button", class: "mx-toggle", "data-toggle": "solo", "aria-label": `Show slot ${k + 1} alone`, title: "Show this slot alone",
      onclick: () => store.look({ solo: store.view.solo === k ? null : k }),
    }, "S");
    return [hide, solo];
  };
  const columns = new Columns(store, [
    { name: "component", label: h("span", {}, "component ", symbol("x", "k")), title: "Component mean: what the decoder paints for this slot, everywhere" },
    { name: "masked", label: h("span", {}, symbol("m", "k"), " ", symbol("x", "k")), title: "Masked component: its part in the recomposed scene" },
    { name: "decoded", label: h("span", {}, "decoded ", symbol("m̂", "k")), title: "The decoder's own mask: softmax of the mask logits over the slots" },
  ], toggles);
  root.append(h("div", { class: "mx-head" }, h("h2", {}, "Slots"),
    h("span", { class: "mx-muted" }, "select one to take hold of its latents")), columns.element);

  let last = null;
  frames.onFrame((frame) => {
    const { scene, document, view } = frame;
    columns.fit(document.slots);
    if (last?.image !== frame.image) {
      document.slots.forEach((slot, k) => {
        const panel = columns.canvases[k];
        if (panel.drawn !== frame.decoded[k]) {
          drawColors(panel.component, scene.size, frame.decoded[k], 4);
          panel.drawn = frame.decoded[k];
        }
        drawColors(panel.masked, scene.size, frame.decoded[k], 4, frame.masks[k] ?? new Float32Array(scene.size ** 2));
        drawValues(panel.decoded, scene.size, frame.decodedMasks[k]);
        const [hide, solo] = columns.heads[k].element.querySelectorAll(".mx-toggle");
        hide.setAttribute("aria-pressed", String(slot.hidden));
        hide.textContent = slot.hidden ? "○" : "◉";
        solo.setAttribute("aria-pressed", String(view.solo === k));
      });
    }
    columns.mark({ slot: view.slot, step: null });
    last = frame;
  });
}
