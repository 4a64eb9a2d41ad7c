// Latents panel: a slider for each latent of the selected slot, previews, reset, sampling, undo and redo.

import { canvas, drawColors, drawValues, inkOn, slotColor } from "../drawing/draw.js";
import { resetSlot, sample } from "../scene/actions.js";
import { button, decimals, h, setText, subscript } from "../page/dom.js";
import { Ends } from "../scene/ends.js";
import { heatMap } from "../scene/evidence.js";
import { explanation } from "../page/explain.js";
import { zoomable } from "../page/lightbox.js";
import { normal } from "../scene/random.js";
import { roving } from "../page/roving.js";
import { latentRow } from "./latent.js";

/** Latents with a smaller KL, in nats, are folded away. */
const DEAD_NATS = 0.01;

/** Latents further from the mean than this, in sigmas, get a warning. */
const FAR = 3;

/** @param {number[]} dimensions */
const names = (dimensions) =>
  dimensions
    .slice(0, 3)
    .map((d) => `z${subscript(d)}`)
    .join(", ") + (dimensions.length > 3 ? ` and ${dimensions.length - 3} more` : "");

/** @typedef {import("./latent.js").Controls} Controls */

/** Focuses the first slider in an element. @param {Element} element */
function focusSlider(element) {
  /** @type {HTMLInputElement | null} */
  const slider = element.querySelector("input[type=range]");
  slider?.focus();
}

/** @param {HTMLElement} root @param {import("../main.js").Context} page */
export function mount(root, page) {
  const { store, frames, opening } = page;
  const chip = h("span", { class: "mx-chip mx-static" });
  const sort = h(
    "select",
    {
      class: "mx-select",
      "aria-label": "Order of the latents",
      onchange: () => {
        built = null;
        frames.redraw();
      },
    },
    h("option", { value: "kl" }, "by KL"),
    h("option", { value: "name" }, "by name"),
    h("option", { value: "index" }, "by number"),
  );
  const seed = h("input", {
    type: "number",
    class: "mx-number",
    value: "0",
    min: "0",
    max: "999999",
    "aria-label": "Seed of the samples",
  });
  const undo = button("↶", () => store.undo(), { "aria-label": "Undo", title: "Undo (Ctrl+Z)" });
  const redo = button("↷", () => store.redo(), { "aria-label": "Redo", title: "Redo (Ctrl+Shift+Z)" });
  const rows = h("div", { class: "mx-latents" });
  const dead = h("div", { class: "mx-latents" });
  const deadTitle = h("summary");
  const fold = h("details", { class: "mx-fold" }, deadTitle, dead);
  const note = h("div", { class: "mx-note", role: "status" });
  const picture = h(
    "details",
    { class: "mx-evidence", hidden: true },
    h("summary", {}, "Chart: what each latent changes"),
  );
  const ends = new Ends(frames);
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

  const everySlot = h("input", { type: "checkbox", "aria-label": "Sample every slot" });
  /** @param {"posterior" | "prior"} from */
  const draw = (from) => () => {
    const number = Math.floor(Number(seed.value)) || 0;
    const { slot, locks } = store.view;
    const slots = everySlot.checked ? store.document.slots.map((_, k) => k) : [slot];
    store.edit(sample(slots, from, normal(number), locks));
    seed.value = String(number + 1); // the next sample differs; typing the old seed repeats this one
  };

  const previewRow = h(
    "div",
    { class: "mx-previews" },
    h("figure", { class: "mx-figure" }, zoomable(previews.component), h("figcaption", {}, "component")),
    h("figure", { class: "mx-figure" }, zoomable(previews.mask), h("figcaption", {}, "decoded mask")),
    h("figure", { class: "mx-figure" }, zoomable(previews.scene), h("figcaption", {}, "scene")),
  );
  roving(previewRow, ".mx-canvas");
  root.append(
    h(
      "div",
      { class: "mx-head" },
      h("h2", {}, "Latents of slot"),
      chip,
      h("span", { class: "mx-spring" }),
      status,
      undo,
      redo,
      explanation("latents"),
    ),
    previewRow,
    h(
      "div",
      { class: "mx-row" },
      button("Reset slot", () => store.edit(resetSlot(store.view.slot)), {
        title: "Sets every latent of this slot back to its posterior mean",
      }),
      button("Reset scene", () => store.reset(), { title: "Takes back all edits of the scene" }),
      h("span", { class: "mx-spring" }),
      sort,
    ),
    h(
      "div",
      { class: "mx-row mx-sample" },
      h("span", { class: "mx-muted" }, "Sample"),
      button("posterior", draw("posterior"), {
        "aria-label": "Sample posterior",
        title: "Draw from the posterior q(z|x, m): mean plus σ times noise",
      }),
      button("prior", draw("prior"), {
        "aria-label": "Sample prior",
        title: "Draw from the prior N(0, 1): a new, random object",
      }),
      h("label", { class: "mx-label" }, "seed ", seed),
      h("label", { class: "mx-label", title: "Sample all slots, not only this one" }, everySlot, "all slots"),
    ),
    note,
    rows,
    fold,
    picture,
  );

  /** The posterior and the slot that the rows were built for. @type {{mean: Float32Array, index: number} | null} */
  let built = null;
  /** @type {Controls[]} */
  let rowControls = [];
  let heatMapModel = ""; // the model whose heat map is shown

  /** @param {import("../scene/store.js").Slot} slot @param {import("../scene/store.js").View} view */
  function build(slot, view) {
    const order = slot.kl.map((_, d) => d);
    const evidence = opening.offer.models[store.scene.model]?.latents ?? null;
    /** @param {number} d */
    const nameOf = (d) => evidence?.latents[d].name ?? "";
    order.sort((a, b) => slot.kl[b] - slot.kl[a]);
    if (sort.value === "index") order.sort((a, b) => a - b);
    if (sort.value === "name") order.sort((a, b) => nameOf(a).localeCompare(nameOf(b)));
    const most = Math.max(...slot.kl, 1e-6);
    rowControls = [];
    ends.clear();
    /** @type {[liveRows: Node[], deadRows: Node[]]} */
    const [liveRows, deadRows] = [[], []];
    for (const d of order) {
      const isDead = slot.kl[d] < DEAD_NATS;
      const { element, controls } = latentRow(page, d, {
        place: view.slot,
        slot,
        share: slot.kl[d] / most,
        evidence,
        ends: isDead ? [] : ends.pair(d),
      });
      rowControls.push(controls);
      (isDead ? deadRows : liveRows).push(element);
    }
    const hadFocus = rows.contains(document.activeElement) || dead.contains(document.activeElement);
    rows.replaceChildren(...liveRows);
    dead.replaceChildren(...deadRows);
    if (hadFocus) focusSlider(rows);
    picture.hidden = !evidence;
    if (evidence && heatMapModel !== store.scene.model) {
      heatMapModel = store.scene.model;
      picture.querySelector("figure")?.remove();
      picture.append(
        heatMap(evidence, (dimension) => {
          store.look({ dimension });
          const row = root.querySelector(`.mx-latent[data-dimension="${dimension}"]`);
          if (row) focusSlider(row);
        }),
      );
    }
    fold.hidden = deadRows.length === 0;
    deadTitle.textContent = `${deadRows.length} ${deadRows.length === 1 ? "latent carries" : "latents carry"} no information here (KL under ${DEAD_NATS} nats)`;
  }

  /** @type {import("../scene/frames.js").Frame | null} */
  let last = null;
  frames.onFrame((frame) => {
    const { scene, view, document } = frame;
    const slot = document.slots[view.slot];
    if (!slot) return;
    // Rows depend on the slot and its posterior, not on the values of the latents.
    if (built?.mean !== slot.mean || built.index !== view.slot) {
      build(slot, view);
      built = { mean: slot.mean, index: view.slot };
      chip.textContent = String(view.slot + 1);
      chip.style.background = slotColor(slot.color);
      chip.style.color = inkOn(slot.color);
    }
    if (last?.image !== frame.image || last?.view.slot !== view.slot) {
      drawColors(previews.component, scene.size, frame.decoded[view.slot], 4);
      drawValues(previews.mask, scene.size, frame.decodedMasks[view.slot]);
      drawColors(previews.scene, scene.size, frame.image);
    }
    /** @type {[number[], number[]]} */
    const [offPrior, offPosterior] = [[], []];
    for (const controls of rowControls) {
      const { d, mean, std, range, entry, reset, lock } = controls;
      const value = slot.latent[d];
      const far = Math.abs(value) > FAR;
      if (far) offPrior.push(d);
      else if (Math.abs(value - mean) > FAR * std) offPosterior.push(d);
      // A number field that is being typed in is not overwritten.
      const state = `${value}/${view.locks.has(d)}/${entry === globalThis.document.activeElement}`;
      if (controls.drawn === state) continue;
      controls.drawn = state;
      if (Number(range.value) !== value) range.value = String(value);
      if (entry !== globalThis.document.activeElement) entry.value = decimals(value);
      reset.disabled = value === mean;
      lock.setAttribute("aria-pressed", String(view.locks.has(d)));
      entry.classList.toggle("mx-far", far);
      range.setAttribute("aria-valuetext", decimals(value));
    }
    const warning = [
      offPrior.length ? `beyond ${FAR} σ of the prior: ${names(offPrior)}` : "",
      offPosterior.length ? `beyond ${FAR} σ of the posterior: ${names(offPosterior)}` : "",
    ]
      .filter(Boolean)
      .join("; ");
    setText(note, warning);
    note.classList.toggle("mx-far", offPrior.length > 0);
    ends.update(frame);
    undo.disabled = !store.canUndo;
    redo.disabled = !store.canRedo;
    last = frame;
  });
}
