// The latents of the selected slot: take hold of one and drag, the object changes under the finger.

import { canvas, drawColors, drawValues, inkOn, slotColor } from "../draw.js";
import { button, h } from "../dom.js";
import { normal } from "../random.js";

/** A latent that says less than this about the slot, in nats, is folded away. */
const DEAD_NATS = 0.01;

/** @param {HTMLElement} root */
export function mount(root, { store, frames }) {
  const chip = h("span", { class: "mx-chip mx-static" });
  const sort = h("select", {
    class: "mx-select", "aria-label": "Order of the latents", onchange: () => {
      built = null;
      frames.redraw();
    },
  }, h("option", { value: "kl" }, "by KL"), h("option", { value: "index" }, "by number"));
  const seed = h("input", { type: "number", class: "mx-number", value: "0", min: "0", max: "999999", "aria-label": "Seed of the samples" });
  const undo = button("↶", () => store.undo(), { "aria-label": "Undo", title: "Undo (Ctrl+Z)" });
  const redo = button("↷", () => store.redo(), { "aria-label": "Redo", title: "Redo (Ctrl+Shift+Z)" });
  const rows = h("div", { class: "mx-latents" });
  const dead = h("div", { class: "mx-latents" });
  const deadTitle = h("summary");
  const fold = h("details", { class: "mx-fold" }, deadTitle, dead);
  const warning = h("div", { class: "mx-note", role: "status" });
  const previews = {
    component: canvas("Component of the selected slot", "mx-medium"),
    mask: canvas("Decoded mask of the selected slot", "mx-medium"),
    scene: canvas("Recomposed scene", "mx-medium"),
  };

  const status = h("span", { class: "mx-badge", role: "status" });
  frames.onStatus(({ ok, note, where }) => {
    status.textContent = ok ? (where === "browser" ? "in your browser" : "on the server") : note;
    status.title = note;
    status.classList.toggle("mx-bad", !ok);
  });

  const sample = (from) => () => {
    const draw = normal(Number(seed.value) || 0);
    seed.value = String((Number(seed.value) || 0) + 1);
    const { slot } = store.view;
    const origin = store.document.slots[slot].from;
    store.editSlot(slot, () => ({
      latent: Float32Array.from(store.scene.mean[origin], (mean, d) =>
        from === "prior" ? draw() : mean + store.scene.std[origin][d] * draw()),
    }));
  };
  const resetSlot = () => {
    const { slot } = store.view;
    const mean = store.scene.mean[store.document.slots[slot].from];
    store.editSlot(slot, () => ({ latent: mean }));
  };

  root.append(
    h("div", { class: "mx-head" }, h("h2", {}, "Latents of slot"), chip, h("span", { class: "mx-spring" }), status, undo, redo),
    h("div", { class: "mx-previews" },
      h("figure", { class: "mx-figure" }, previews.component, h("figcaption", {}, "component")),
      h("figure", { class: "mx-figure" }, previews.mask, h("figcaption", {}, "decoded mask")),
      h("figure", { class: "mx-figure" }, previews.scene, h("figcaption", {}, "scene"))),
    h("div", { class: "mx-row" },
      button("Reset slot", resetSlot, { title: "Every latent of this slot back to its posterior mean" }),
      button("Reset scene", () => store.reset(), { title: "Everything as the model saw it" }),
      button("Sample posterior", sample("posterior"), { title: "Draw from q(z|x, m): mean plus sigma times noise" }),
      button("Sample prior", sample("prior"), { title: "Draw from N(0, 1): an object that was never seen" }),
      h("label", { class: "mx-label" }, "seed ", seed), h("span", { class: "mx-spring" }), sort),
    warning, rows, fold,
  );

  let built = null; // what the rows were built for: scene and slot
  let inputs = [];

  function build({ scene, view }) {
    const origin = store.document.slots[view.slot].from;
    const order = scene.kl[origin].map((_, d) => d);
    if (sort.value === "kl") order.sort((a, b) => scene.kl[origin][b] - scene.kl[origin][a]);
    const most = Math.max(...scene.kl[origin], 1e-6);
    inputs = [];
    const living = [];
    const sleeping = [];
    for (const d of order) {
      const [mean, std, kl] = [scene.mean[origin][d], scene.std[origin][d], scene.kl[origin][d]];
      const low = Math.min(-4, mean - 4 * std);
      const high = Math.max(4, mean + 4 * std);
      const name = `z${d}`;
      const set = (value) => store.setLatent(view.slot, d, value, `${view.slot}/${d}`);
      const range = h("input", {
        type: "range", class: "mx-range", min: String(low), max: String(high), step: "any",
        "aria-label": `Latent ${d} of slot ${view.slot + 1}`,
        title: `posterior ${mean.toFixed(2)} ± ${std.toFixed(2)}; double click resets`,
        oninput: (event) => {
          frames.answer(event);
          set(Number(range.value));
        },
        onchange: () => store.endGesture(),
        onfocus: () => store.view.dimension !== d && store.look({ dimension: d }),
        ondblclick: () => {
          store.endGesture();
          store.setLatent(view.slot, d, mean);
        },
        onkeydown: (event) => {
          const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 }[event.key];
          if (step === undefined) return;
          event.preventDefault();
          frames.answer(event);
          set(Math.max(low, Math.min(high, store.document.slots[view.slot].latent[d] + 0.05 * step)));
        },
      });
      const place = (value) => String((value - low) / (high - low));
      range.style.setProperty("--band-from", place(mean - std));
      range.style.setProperty("--band-to", place(mean + std));
      range.style.setProperty("--mean", place(mean));
      const entry = h("input", {
        type: "number", class: "mx-number", step: "0.05", "aria-label": `Value of latent ${d}`,
        onchange: () => {
          const value = Number(entry.value);
          if (entry.value !== "" && Number.isFinite(value)) set(value);
          store.endGesture();
        },
      });
      const bar = h("span", { class: "mx-kl", title: `${kl.toFixed(2)} nats: how much this latent says about the slot` }, h("span"));
      bar.firstChild.style.width = `${(100 * kl) / most}%`;
      const reset = h("button", {
        type: "button", class: "mx-toggle", "aria-label": `Reset latent ${d}`, title: "Back to the posterior mean",
        onclick: () => {
          store.endGesture();
          store.setLatent(view.slot, d, mean);
        },
      }, "⟲");
      inputs.push({ d, mean, std, range, entry, reset });
      const row = h("div", { class: "mx-latent", "data-dimension": String(d) },
        h("span", { class: "mx-z" }, "z", h("sub", {}, String(d))), bar, range, entry, reset);
      (kl < DEAD_NATS ? sleeping : living).push(row);
    }
    rows.replaceChildren(...living);
    dead.replaceChildren(...sleeping);
    fold.hidden = sleeping.length === 0;
    deadTitle.textContent = `${sleeping.length} latents that say nothing here (KL under ${DEAD_NATS} nats)`;
  }

  let last = null;
  frames.onFrame((frame) => {
    const { scene, view, document } = frame;
    const slot = document.slots[view.slot];
    if (!slot) return;
    const key = `${view.slot}/${slot.from}`;
    if (built?.key !== key || built.scene !== scene) {
      build(frame);
      built = { key, scene };
      chip.textContent = String(view.slot + 1);
      chip.style.background = slotColor(slot.from);
      chip.style.color = inkOn(slot.from);
    }
    if (last?.image !== frame.image || last?.view.slot !== view.slot) {
      drawColors(previews.component, scene.size, frame.decoded[view.slot], 4);
      drawValues(previews.mask, scene.size, frame.decodedMasks[view.slot]);
      drawColors(previews.scene, scene.size, frame.image);
    }
    let far = 0;
    for (const { d, mean, std, range, entry, reset } of inputs) {
      const value = slot.latent[d];
      if (Number(range.value) !== value) range.value = String(value);
      if (entry !== globalThis.document.activeElement) entry.value = value.toFixed(2);
      reset.disabled = value === mean;
      const offPosterior = Math.abs(value - mean) > 3 * std;
      entry.classList.toggle("mx-far", Math.abs(value) > 3);
      if (Math.abs(value) > 3 && offPosterior) far += 1;
      range.setAttribute("aria-valuetext", value.toFixed(2));
    }
    warning.textContent = far ? `${far} of these latents lie further out than the prior ever goes: expect the unexpected` : "";
    undo.disabled = !store.canUndo;
    redo.disabled = !store.canRedo;
    last = frame;
  });
}
