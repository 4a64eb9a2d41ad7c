// Pad panel: changes two latents of the selected slot at once by dragging in a plane.

import { setLatents } from "../scene/actions.js";
import { draggable } from "../page/fingers.js";
import { slotColor } from "../drawing/draw.js";
import { h, subscript, svg } from "../page/dom.js";
import { explanation } from "../page/explain.js";

const REACH = 3;
const EDGE = 0.2;
const TICKS = [-2, 0, 2];
/** Space for the axis names on the left and below (MARGIN), and for half a digit on the other sides (RIM). */
const MARGIN = 1.3;
const RIM = 0.15;
/** How far a key moves the dot. @type {Record<string, [across: number, up: number]>} */
const KEYS = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] };

/** @param {HTMLElement} root @param {import("../main.js").Context} context */
export function mount(root, { store, frames }) {
  /** @param {string} label */
  const choose = (label) => h("select", { class: "mx-select", "aria-label": label, onchange: () => frames.redraw() });
  const across = choose("Latent across the pad");
  const up = choose("Latent up the pad");
  const spread = svg("ellipse", { fill: "none", stroke: "currentColor", "stroke-width": 0.04 });
  const knob = svg("circle", { r: 0.16, stroke: "currentColor", "stroke-width": 0.04 });
  const grip = svg("circle", { class: "mx-grip", r: 0.8, fill: "transparent" }); // large enough for a finger
  /** @param {string} content @param {number} x @param {number} y @param {Record<string, string>} attributes */
  const text = (content, x, y, attributes = {}) =>
    svg("text", { x, y, "font-size": 0.4, "text-anchor": "middle", ...attributes }, content);
  const up90 = { transform: `rotate(-90 ${-REACH - 0.85} 0)` };
  const names = { across: text("", 0, REACH + 1.1), up: text("", -REACH - 0.85, 0, up90) };
  const surface = svg(
    "svg",
    {
      viewBox: `${-REACH - MARGIN} ${-REACH - RIM} ${2 * REACH + MARGIN + RIM} ${2 * REACH + MARGIN + RIM}`,
      class: "mx-pad",
      tabindex: 0,
      role: "application",
      "aria-label": "Pad for two latents; arrow keys move",
    },
    ...[1, 2].map((r) =>
      svg("circle", { r, fill: "none", stroke: "currentColor", "stroke-width": 0.015, opacity: 0.5 }),
    ),
    svg("path", {
      d: `M${-REACH},0H${REACH}M0,${-REACH}V${REACH}`,
      stroke: "currentColor",
      "stroke-width": 0.012,
      opacity: 0.5,
    }),
    svg("rect", {
      x: -REACH,
      y: -REACH,
      width: 2 * REACH,
      height: 2 * REACH,
      fill: "none",
      stroke: "currentColor",
      "stroke-width": 0.02,
    }),
    ...TICKS.flatMap((value) => [
      text(String(value).replace("-", "−"), value, REACH + 0.5),
      text(String(value).replace("-", "−"), -REACH - 0.3, -value + 0.14),
    ]),
    names.across,
    names.up,
    svg(
      "clipPath",
      { id: "mx-pad-inside" },
      svg("rect", { x: -REACH, y: -REACH, width: 2 * REACH, height: 2 * REACH }),
    ),
    svg("g", { "clip-path": "url(#mx-pad-inside)" }, spread),
    knob,
    grip,
  );
  /** @param {number} x @param {number} y @param {string} gesture */
  const set = (x, y, gesture) => {
    /** @param {number} v */
    const clamp = (v) => Math.max(-REACH, Math.min(REACH, v));
    store.edit(
      setLatents(store.view.slot, [
        [Number(across.value), clamp(x)],
        [Number(up.value), clamp(y)],
      ]),
      { gesture },
    );
  };
  /** @param {PointerEvent} event */
  const follow = (event) => {
    const matrix = surface.getScreenCTM();
    if (!matrix) return;
    const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
    frames.answer(event);
    set(x, -y, "pad");
  };
  draggable(surface, grip, { follow, end: () => store.endGesture() });
  surface.addEventListener("keydown", (event) => {
    const step = KEYS[event.key];
    if (!step) return;
    event.preventDefault();
    frames.answer(event);
    const { latent } = store.document.slots[store.view.slot];
    set(latent[Number(across.value)] + step[0], latent[Number(up.value)] + step[1], "pad");
  });
  root.append(
    h("div", { class: "mx-head" }, h("h2", {}, "Two latents"), h("span", { class: "mx-spring" }), explanation("pad")),
    h(
      "div",
      { class: "mx-pad-row" },
      surface,
      h(
        "div",
        { class: "mx-pad-text" },
        h("label", { class: "mx-label" }, "across ", across),
        h("label", { class: "mx-label" }, "up ", up),
        h("span", { class: "mx-muted" }, "rings: 1 and 2 σ of the prior; ellipse: the posterior"),
      ),
    ),
  );

  /** @type {{mean: Float32Array} | null} */
  let last = null;
  frames.onFrame(({ view, document }) => {
    const slot = document.slots[view.slot];
    if (!slot) return;
    if (last?.mean !== slot.mean) {
      const order = slot.kl.map((_, d) => d).sort((a, b) => slot.kl[b] - slot.kl[a]);
      for (const { select, first } of [
        { select: across, first: order[0] },
        { select: up, first: order[1] },
      ]) {
        select.replaceChildren(...order.map((d) => h("option", { value: String(d) }, `z${subscript(d)}`)));
        select.value = String(first);
      }
    }
    const [x, y] = [Number(across.value), Number(up.value)];
    names.across.textContent = `z${subscript(x)}, in σ of the prior`;
    names.up.textContent = `z${subscript(y)}, in σ of the prior`;
    /** @param {number} v */
    const inside = (v) => Math.max(-REACH + EDGE, Math.min(REACH - EDGE, v));
    const [left, top] = [slot.latent[x], -slot.latent[y]];
    for (const circle of [knob, grip]) {
      circle.setAttribute("cx", String(inside(left)));
      circle.setAttribute("cy", String(inside(top)));
    }
    // A hollow knob at the rim: the value lies further out.
    knob.setAttribute("fill", Math.max(Math.abs(left), Math.abs(top)) > REACH ? "none" : slotColor(slot.color));
    const ellipse = { cx: slot.mean[x], cy: -slot.mean[y], rx: slot.std[x], ry: slot.std[y] };
    for (const [name, value] of Object.entries(ellipse)) spread.setAttribute(name, String(value));
    last = { mean: slot.mean };
  });
}
