// Row of one latent: name, slider with the object at both ends, value, reset and lock.

import { setLatent } from "../scene/actions.js";
import { h, svg } from "../page/dom.js";
import { limits } from "../scene/evidence.js";

/** Steps of 0.05 that a key moves a slider. @type {Record<string, number | undefined>} */
const KEYS = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 };

/**
 * The controls of a latent; `drawn` is the state that they show.
 * @typedef {{d: number, mean: number, std: number, range: HTMLInputElement, entry: HTMLInputElement,
 *   reset: HTMLButtonElement, lock: HTMLButtonElement, drawn?: string}} Controls
 */

/**
 * @param {import("../main.js").Context} page
 * @param {number} d which latent
 * @param {object} of
 * @param {number} of.place index of the slot in the document
 * @param {import("../scene/store.js").Slot} of.slot
 * @param {number} of.share KL, relative to the slot's largest KL
 * @param {import("../scene/evidence.js").Evidence | null} of.evidence
 * @param {Node[]} of.ends pictures of the object at both ends; empty for a latent without information
 * @returns {{element: HTMLElement, controls: Controls}}
 */
export function latentRow({ store, frames }, d, { place, slot, share, evidence, ends }) {
  const [mean, std, kl] = [slot.mean[d], slot.std[d], slot.kl[d]];
  const measured = evidence?.latents[d];
  const name = measured?.name ?? "";
  const low = Math.min(-4, mean - 4 * std);
  const high = Math.max(4, mean + 4 * std);
  /** @param {number} value */
  const set = (value) => store.edit(setLatent(place, d, value), { gesture: `${place}/${d}` });
  const resetLatent = () => {
    store.endGesture();
    set(mean);
    store.endGesture();
  };
  const range = h("input", {
    type: "range",
    class: "mx-range",
    min: String(low),
    max: String(high),
    step: "any",
    "aria-label": `Latent ${d} of slot ${place + 1}`,
    "aria-description": name,
    title: `posterior ${mean.toFixed(2)} ± ${std.toFixed(2)}; double click resets`,
    oninput: (event) => {
      frames.answer(event);
      set(Number(range.value));
    },
    onchange: () => store.endGesture(),
    onfocus: () => store.view.dimension !== d && store.look({ dimension: d }),
    ondblclick: resetLatent,
    onkeydown: (event) => {
      const step = KEYS[event.key];
      if (step === undefined) return;
      event.preventDefault();
      frames.answer(event);
      set(Math.max(low, Math.min(high, store.document.slots[place].latent[d] + 0.05 * step)));
    },
  });
  /** @param {number} value */
  const along = (value) => String((value - low) / (high - low));
  range.style.setProperty("--band-from", along(mean - std));
  range.style.setProperty("--band-to", along(mean + std));
  range.style.setProperty("--mean", along(mean));
  if (evidence && measured) {
    /** Infinite limits are moved off the track. @param {number} value */
    const inside = (value) => String(Math.max(-1, Math.min(2, (value - low) / (high - low))));
    const [below, above] = limits(measured, evidence.sweep);
    range.style.setProperty("--dead-to", inside(below));
    range.style.setProperty("--dead-from", inside(above));
  }
  const entry = h("input", {
    type: "number",
    class: "mx-number",
    step: "0.05",
    "aria-label": `Value of latent ${d}`,
    onchange: () => {
      const value = Number(entry.value);
      store.endGesture();
      if (entry.value !== "" && Number.isFinite(value)) set(value);
      store.endGesture();
    },
    // Leaving the field applies its value; on the slider, arrow keys and undo work again.
    onkeydown: (event) => event.key === "Enter" && range.focus(),
  });
  const klShare = h("span");
  klShare.style.width = `${100 * share}%`;
  const bar = h(
    "span",
    { class: "mx-kl", title: `${kl.toFixed(2)} nats: the information that this latent carries about the slot` },
    klShare,
  );
  const reset = h(
    "button",
    {
      type: "button",
      class: "mx-toggle",
      "aria-label": `Reset latent ${d}`,
      title: "Back to the posterior mean",
      onclick: resetLatent,
    },
    "⟲",
  );
  const lock = h(
    "button",
    {
      type: "button",
      class: "mx-toggle",
      "data-toggle": "lock",
      "aria-label": `Lock latent ${d}`,
      title: "A locked latent keeps its value when you sample",
      onclick: () => {
        const locks = new Set(store.view.locks);
        if (!locks.delete(d)) locks.add(d);
        store.look({ locks });
      },
    },
    svg(
      "svg",
      { viewBox: "0 0 12 12", width: 11, height: 11 },
      svg("path", {
        d: "M3 5V3.5a3 3 0 0 1 6 0V5M2 5h8v6H2z",
        fill: "none",
        stroke: "currentColor",
        "stroke-width": 1.4,
      }),
    ),
  );
  const [first, final] = ends;
  const label = measured && first ? name + (measured.evidence && `, ${measured.evidence}`) : "";
  const element = h(
    "div",
    { class: `mx-latent${label ? " mx-named" : ""}`, "data-dimension": String(d) },
    h("span", { class: "mx-z" }, "z", h("sub", {}, String(d))),
    bar,
    h(
      "span",
      {
        class: "mx-name",
        title: evidence
          ? `${label}. Measured on ${evidence.slots} objects of other scenes: python -m monet.latents ${store.scene.model}`
          : "",
      },
      label,
    ),
    h("span", { class: "mx-track" }, ...(first ? [first, range, final] : [range])),
    entry,
    reset,
    lock,
  );
  return { element, controls: { d, mean, std, range, entry, reset, lock } };
}
