// Table of all attention steps: scope before the step, share, mask, and scope after the step.

import { Columns, symbol } from "../drawing/columns.js";
import { blend, mean } from "../scene/compose.js";
import { canvas, drawColors, drawValues, slotColor } from "../drawing/draw.js";
import { h, svg } from "../page/dom.js";
import { onGround } from "../drawing/ground.js";
import { zoomable } from "../page/lightbox.js";

/** @typedef {import("../scene/frames.js").Frame} Frame */

/**
 * Creates the table, with the picture and the curve of what is explained beside it.
 * @param {{store: import("../scene/store.js").Store, frames: import("../scene/frames.js").FrameLoop}} context
 * @returns {{element: HTMLElement, draw: (frame: Frame) => void}}
 */
export function stepsTable({ store, frames }) {
  const columns = new Columns(store, [
    {
      name: "before",
      label: h("span", {}, "scope ", symbol("s", "k−1")),
      title: "Scope: what is left to explain before this step",
    },
    {
      name: "alpha",
      label: h("span", {}, "share ", symbol("α", "k")),
      title: "Alpha: the share of the scope that the attention network takes",
    },
    {
      name: "mask",
      label: h("span", {}, "mask ", symbol("m", "k")),
      title: "Attention mask: scope times alpha; the last step takes what is left",
    },
    { name: "after", label: h("span", {}, "left ", symbol("s", "k")), title: "Scope that is left after this step" },
  ]);
  const text = h("figcaption", { role: "status" });
  const soFar = zoomable(canvas("What the steps so far explain", "mx-large"));
  soFar.tabIndex = 0;
  const curve = h("div", { class: "mx-curve" });
  const element = h(
    "div",
    { class: "mx-with-side" },
    columns.element,
    h("div", { class: "mx-aside" }, h("figure", { class: "mx-figure" }, soFar, text), curve),
  );

  /** @type {Frame | null} */
  let last = null;
  /** @param {Frame} frame */
  function draw(frame) {
    const { scene, view } = frame;
    if (last?.scene !== scene) {
      columns.fit(store.original.slots);
      scene.masks.forEach((mask, k) => {
        const panel = columns.canvases[k];
        drawValues(panel.before, scene.size, scene.scopes[k]);
        drawValues(panel.alpha, scene.size, scene.alphas[k]);
        drawValues(panel.mask, scene.size, mask);
        drawValues(panel.after, scene.size, scene.scopes[k + 1]);
      });
      curve.replaceChildren(scopeCurve(scene, (k) => store.lookAtStep(k, { step: k })));
    }
    if (last?.view.step !== view.step || last?.scene !== scene) {
      frames
        .decode(store.original.slots.map((s) => s.latent))
        .then((slots) => {
          const upTo = scene.masks.map((mask, j) => (view.step === null || j <= view.step ? mask : null));
          drawColors(soFar, scene.size, onGround(blend(slots, upTo), upTo, scene.size));
        })
        .catch((error) => {
          console.warn("the explained part was not decoded:", error.message);
          last = null; // the next frame tries again
        });
      /** @type {NodeListOf<SVGElement>} */
      const bars = curve.querySelectorAll("[data-step]");
      bars.forEach((bar) =>
        bar.classList.toggle("mx-later", view.step !== null && Number(bar.dataset.step) > view.step),
      );
    }
    if (last?.document !== frame.document) {
      const { slots } = frame.document;
      const places = scene.masks.map((_, step) => slots.findIndex((slot) => slot.step === step));
      const differ = slots.length !== scene.slots || places.some((place, step) => place !== step);
      columns.annotate(
        places.map((place) =>
          place < 0 ? { note: "deleted", slot: null } : { note: differ ? `slot ${place + 1}` : "", slot: place },
        ),
      );
    }
    if (last?.view !== view || last?.document !== frame.document) {
      columns.mark({ slot: frame.document.slots[view.slot]?.step ?? null, step: view.step });
      const k = view.step;
      /** @param {Float32Array} values */
      const percent = (values) => `${(100 * mean(values)).toFixed(1)} %`;
      text.textContent =
        k === null
          ? scene.slots === 1
            ? "explained by the only step"
            : `explained by all ${scene.slots} steps`
          : `step ${k + 1} of ${scene.slots}: ${percent(scene.scopes[k])} unexplained, takes ${percent(scene.masks[k])}; the remaining part is chequered`;
    }
    last = frame;
  }
  return { element, draw };
}

/** Draws the unexplained share before each step as a falling line, and the share of each step as a bar. @param {Frame["scene"]} scene @param {(k: number) => void} select */
function scopeCurve(scene, select) {
  const count = scene.slots;
  const [width, height] = [100, 46];
  /** @param {number} k */
  const x = (k) => (k * width) / count;
  /** @param {number} share */
  const y = (share) => height * (1 - share);
  const left = scene.scopes.map(mean);
  const stair = left
    .slice(0, count)
    .map((share, k) => `${k ? "L" : "M"}${x(k)},${y(share)} L${x(k + 1)},${y(share)}`)
    .join(" ");
  /** @param {string} text @param {Record<string, string | number>} attributes */
  const label = (text, attributes) => svg("text", { "font-size": 6, ...attributes }, text);
  const axes = [
    svg("path", { d: `M0,0V${height}H${width}`, fill: "none", stroke: "currentColor", "stroke-width": 0.4 }),
    ...[0, 50, 100].map((share) => label(String(share), { x: -2, y: y(share / 100) + 2, "text-anchor": "end" })),
    ...scene.masks.map((_, k) => label(String(k + 1), { x: x(k + 0.5), y: height + 8, "text-anchor": "middle" })),
    label("step k", { x: width / 2, y: height + 16, "text-anchor": "middle" }),
    label("% unexplained", {
      x: -16,
      y: height / 2,
      "text-anchor": "middle",
      transform: `rotate(-90 -16 ${height / 2})`,
    }),
  ];
  const bars = scene.masks.map((mask, k) => {
    const share = mean(mask);
    const bar = svg(
      "rect",
      {
        x: x(k) + 0.8,
        y: y(left[k]),
        width: width / count - 1.6,
        height: Math.max(0.6, height * share),
        fill: slotColor(k),
        "data-step": k,
      },
      svg(
        "title",
        {},
        `step ${k + 1}: ${(100 * left[k]).toFixed(1)} % unexplained, takes ${(100 * share).toFixed(1)} %`,
      ),
    );
    bar.addEventListener("click", () => select(k));
    return bar;
  });
  return h(
    "figure",
    { class: "mx-figure" },
    svg(
      "svg",
      {
        viewBox: `-22 -4 ${width + 24} ${height + 22}`,
        role: "img",
        "aria-label": `Unexplained before each step: ${left
          .slice(0, count)
          .map((s) => `${(100 * s).toFixed(0)} %`)
          .join(", ")}`,
      },
      ...axes,
      ...bars,
      svg("path", { d: stair, fill: "none", stroke: "currentColor", "stroke-width": 0.8 }),
    ),
  );
}
