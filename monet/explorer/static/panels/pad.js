// Two latents at once, under one finger.

import { setLatents } from "../actions.js";
import { slotColor } from "../draw.js";
import { h, svg } from "../dom.js";
import { explanation } from "../explain.js";

const REACH = 3;
const EDGE = 0.2;

/** @param {HTMLElement} root */
export function mount(root, { store, frames }) {
  const choose = (label) => h("select", { class: "mx-select", "aria-label": label, onchange: () => frames.redraw() });
  const across = choose("Latent across the pad");
  const up = choose("Latent up the pad");
  const spread = svg("ellipse", { fill: "none", stroke: "currentColor", "stroke-width": 0.04 });
  const knob = svg("circle", { r: 0.16, stroke: "currentColor", "stroke-width": 0.04 });
  const surface = svg("svg", {
    viewBox: `${-REACH} ${-REACH} ${2 * REACH} ${2 * REACH}`, class: "mx-pad", tabindex: 0, role: "application",
    "aria-label": "Pad for two latents; arrow keys move",
  },
    ...[1, 2].map((r) => svg("circle", { r, fill: "none", stroke: "currentColor", "stroke-width": 0.015, opacity: 0.5 })),
    svg("path", { d: `M${-REACH},0H${REACH}M0,${-REACH}V${REACH}`, stroke: "currentColor", "stroke-width": 0.012, opacity: 0.5 }),
    spread, knob);
  const set = (x, y, gesture) => {
    const clamp = (v) => Math.max(-REACH, Math.min(REACH, v));
    store.edit(setLatents(store.view.slot, [[Number(across.value), clamp(x)], [Number(up.value), clamp(y)]]), { gesture });
  };
  const follow = (event) => {
    const box = surface.getBoundingClientRect();
    frames.answer(event);
    set(((event.clientX - box.left) / box.width - 0.5) * 2 * REACH, (0.5 - (event.clientY - box.top) / box.height) * 2 * REACH, "pad");
  };
  surface.addEventListener("pointerdown", (event) => {
    surface.setPointerCapture(event.pointerId);
    follow(event);
  });
  surface.addEventListener("pointermove", (event) => event.buttons && follow(event));
  surface.addEventListener("pointerup", () => store.endGesture());
  surface.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] }[event.key];
    if (!step) return;
    event.preventDefault();
    frames.answer(event);
    const { latent } = store.document.slots[store.view.slot];
    set(latent[Number(across.value)] + step[0], latent[Number(up.value)] + step[1], "pad");
  });
  root.append(h("div", { class: "mx-pad-row" }, surface,
    h("div", { class: "mx-pad-text" }, h("div", { class: "mx-head" }, h("h2", {}, "Two at once"), explanation("pad")),
      h("label", { class: "mx-label" }, "across ", across), h("label", { class: "mx-label" }, "up ", up),
      h("span", { class: "mx-muted" }, "rings: 1 and 2 σ of the prior; ellipse: the posterior"))));

  let last = null;
  frames.onFrame(({ view, document }) => {
    const slot = document.slots[view.slot];
    if (!slot) return;
    if (last?.mean !== slot.mean) {
      const order = slot.kl.map((_, d) => d).sort((a, b) => slot.kl[b] - slot.kl[a]);
      for (const [select, first] of [[across, order[0]], [up, order[1]]]) {
        select.replaceChildren(...order.map((d) => h("option", { value: String(d) }, `z${d}`)));
        select.value = String(first);
      }
    }
    const [x, y] = [Number(across.value), Number(up.value)];
    const inside = (v) => Math.max(-REACH + EDGE, Math.min(REACH - EDGE, v));
    const [left, top] = [slot.latent[x], -slot.latent[y]];
    knob.setAttribute("cx", inside(left));
    knob.setAttribute("cy", inside(top));
    // hollow at the rim: the value lies further out
    knob.setAttribute("fill", Math.max(Math.abs(left), Math.abs(top)) > REACH ? "none" : slotColor(slot.color));
    for (const [name, value] of [["cx", slot.mean[x]], ["cy", -slot.mean[y]], ["rx", slot.std[x]], ["ry", slot.std[y]]]) spread.setAttribute(name, value);
    last = { mean: slot.mean };
  });
}
