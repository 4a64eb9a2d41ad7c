// Scene panel: input, reconstruction with the stage, segmentation, error, figures and pixel inspector.

import { canvas, drawColors, drawLabels, drawValues, ERROR_GRADIENT, inkOn, slotColor } from "../drawing/draw.js";
import { button, find, h, setText } from "../page/dom.js";
import { explanation } from "../page/explain.js";
import { unfold } from "../page/folding.js";
import { enlarge, zoomable } from "../page/lightbox.js";
import { pointable } from "../page/pointing.js";
import { present, PRESENTING } from "../page/presenting.js";
import { roving } from "../page/roving.js";
import { stage } from "../stage/stage.js";
import { strangerNote } from "../scene/stranger.js";

const FIGURES = [
  ["mse", "MSE", "Mean squared error of the reconstruction, pixels in [0, 1]"],
  ["ari_fg", "ARI-FG", "Adjusted Rand index over the true objects' pixels: 1 is perfect, 0 is chance"],
  ["ari", "ARI", "Adjusted Rand index over all pixels, background included"],
  ["covering", "mSC", "Mean segmentation covering: best overlap (IoU) of a slot with each true object, averaged"],
  ["reconstruction", "−log p(x|z)", "Reconstruction term of the loss, nats; negative where the density p exceeds 1"],
  ["latent_kl", "KL(z)", "Divergence of the latents from their prior, nats, all slots"],
  ["mask_kl", "KL(mask)", "Divergence of the attention's masks from the decoder's, nats"],
];

/** Figures that are shown beside the model's mean on test scenes, if its checkpoint has one. */
const USUAL = ["mse", "ari_fg"];

/** Squared error that is drawn brightest: half the value range in every channel. */
const ERROR_TOP = 0.25;

/** @param {string} name @param {number} value */
const number = (name, value) =>
  name === "mse" ? value.toFixed(4) : Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(2);

/** Rows and columns that a key moves by. @type {Record<string, [number, number]>} */
const KEYS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

const numbers = new Intl.ListFormat("en-GB");
/** Lists slots: "slot 2", "slots 2 and 4". @param {number[]} slots from 0 */
const slotList = (slots) =>
  `${slots.length === 1 ? "slot" : "slots"} ${numbers.format(slots.map((k) => String(k + 1)))}`;

/** Says which slots have the attention's mask and which the decoder's. @param {import("../scene/frames.js").Frame} frame */
export function provenance({ scene, document, steps, view }) {
  const present = document.slots
    .map((slot, k) => (!slot.hidden || k === view.solo ? k : null))
    .filter((k) => k !== null);
  const decoded = present.filter((k) => steps[k] === null);
  const missing = scene.slots - present.filter((k) => document.slots[k].step !== null).length;
  if (!present.length) return "every slot is hidden";
  if (decoded.length === present.length) return "decoder’s masks";
  const hole = missing ? "; decoder’s masks where slots are missing" : "";
  return decoded.length
    ? `decoder’s mask for ${slotList(decoded)}, attention’s for the others${hole}`
    : `attention’s masks${hole}`;
}

/** @param {HTMLElement} root @param {import("../main.js").Context} context */
export function mount(root, { store, frames, engine, opening }) {
  /** @type {Record<string, HTMLCanvasElement>} */
  const panels = {
    input: canvas("Input picture, as the model is fed it", "mx-large"),
    image: canvas("The scene recomposed from its slots", "mx-large"),
    labels: canvas("Segmentation: the slot with the largest mask at each pixel", "mx-large"),
    error: canvas("Squared error at each pixel", "mx-large"),
  };
  const captions = Object.fromEntries(Object.keys(panels).map((name) => [name, h("figcaption")]));
  /** Marks of the inspected pixel, one per picture. @type {HTMLElement[]} */
  const marks = [];
  /** @param {string} name */
  const figure = (name) => {
    const mark = h("i", { class: "mx-mark", hidden: true });
    marks.push(mark);
    return h(
      "figure",
      { class: "mx-figure", "data-name": name },
      h(
        "div",
        { class: "mx-frame" },
        zoomable(panels[name], { click: name === "image" ? "hold" : "point" }),
        mark,
        large(name),
      ),
      captions[name],
      ...(name === "error" ? [scale()] : []),
    );
  };
  const scale = () => {
    const bar = h("i");
    bar.style.background = ERROR_GRADIENT;
    return h(
      "div",
      {
        class: "mx-scale",
        "data-top": String(ERROR_TOP),
        title: "Squared error of a pixel, mean over its three channels, which go from 0 to 1",
      },
      "0",
      bar,
      `≥ ${ERROR_TOP}`,
    );
  };
  /** @param {string} name */
  const large = (name) =>
    h(
      "button",
      {
        type: "button",
        class: "mx-toggle mx-enlarge",
        tabIndex: -1,
        title: "Enlarge (Enter on the picture)",
        "aria-label": `Open ${name} large`,
        onclick: () => enlarge(panels[name]),
      },
      "⤢",
    );
  const title = h("span", { class: "mx-muted" });
  const figures = h("dl", { class: "mx-figures" });
  const stranger = strangerNote({ store, engine, opening });
  const back = h("p", { class: "mx-back", role: "status", hidden: true });
  const stale = h("p", { class: "mx-stale-note", hidden: true }, "of the unedited scene");
  const inspector = h("div", {
    class: "mx-inspector",
    tabIndex: 0,
    role: "application",
    "aria-label": "Pixel inspector: arrow keys move, Enter selects the slot",
    onfocus: () =>
      inspector.matches(":focus-visible") && store.loaded && store.look({ pixel: store.view.pixel ?? middle() }),
    onblur: () => store.loaded && store.look({ pixel: null }),
    onkeydown: (event) => {
      const by = KEYS[event.key];
      const { pixel } = store.view;
      if (event.key === "Enter" && pixel !== null) selectSlotAt(pixel);
      if (!by || !store.loaded) return;
      event.preventDefault();
      const { size } = store.scene;
      /** @param {number} v */
      const inside = (v) => Math.max(0, Math.min(size - 1, v));
      const [row, column] = [Math.floor((pixel ?? middle()) / size), (pixel ?? middle()) % size];
      const pixels = event.shiftKey ? 8 : 1;
      store.look({ pixel: inside(row + pixels * by[0]) * size + inside(column + pixels * by[1]) });
    },
  });
  const spoken = h("span", { class: "mx-sr", "aria-live": "polite" });
  const middle = () => (store.scene.size * (store.scene.size + 1)) / 2;
  /** @param {number} pixel */
  const selectSlotAt = (pixel) => frames.frame && store.look({ slot: frames.frame.labels[pixel] });
  const masks = h(
    "select",
    {
      class: "mx-select",
      "aria-label": "Masks that recompose the scene",
      title:
        "Automatic: edited slots get the decoder’s mask, because the object may have moved; others keep the attention’s",
      onchange: () => store.look({ masks: /** @type {import("../scene/compose.js").MaskSource} */ (masks.value) }),
    },
    h("option", { value: "auto" }, "automatic"),
    h("option", { value: "attention" }, "attention’s"),
    h("option", { value: "decoder" }, "decoder’s"),
  );
  const compare = button("Original", () => {}, { title: "Hold to see the scene before the edits (key C)" });
  /** @param {boolean} on */
  const hold = (on) => () => store.view.compare !== on && store.look({ compare: on });
  compare.addEventListener("pointerdown", hold(true));
  for (const event of ["pointerup", "pointerleave", "pointercancel", "blur"])
    compare.addEventListener(event, hold(false));
  compare.addEventListener("keydown", (e) => [" ", "Enter"].includes(e.key) && hold(true)());
  compare.addEventListener("keyup", (e) => [" ", "Enter"].includes(e.key) && hold(false)());

  const others = h("div", { class: "mx-others" }, ...["input", "labels", "error"].map(figure));
  const scene = figure("image");
  const below = h("div", { class: "mx-below" }, inspector, h("div", { class: "mx-measured" }, figures, stale));
  root.append(
    h(
      "div",
      { class: "mx-head" },
      h("h2", {}, "Scene"),
      title,
      h("span", { class: "mx-spring" }),
      h("label", { class: "mx-label" }, "masks ", masks),
      compare,
      button("Compose", () => unfold("compose"), {
        title: "A canvas to arrange and paint objects on; the network takes it apart while you draw",
      }),
      button("Present", () => present(), {
        title: "Shows only the stage, the latents and the animation, large (key F)",
        id: PRESENTING,
        ariaPressed: "false",
      }),
      explanation("scene"),
    ),
    h("div", { class: "mx-scene" }, scene, others, below),
    stranger.element,
    back,
    spoken,
  );
  roving(others, ".mx-canvas");
  stage(find(scene, ".mx-frame"), panels.image, { store, frames, opening });

  for (const element of Object.values(panels)) {
    pointable(element, store, (pixel, event) => (element !== panels.image || event.detail < 2) && selectSlotAt(pixel));
  }

  /** @type {import("../scene/frames.js").Frame | null} */
  let last = null;
  frames.onFrame((frame) => {
    const { scene, view } = frame;
    if (last?.scene !== scene) {
      drawColors(panels.input, scene.size, scene.image);
      title.textContent = title.title = scene.title;
      const scaled = scene.scaled ? `, scaled from ${scene.scaled[0]} × ${scene.scaled[1]}` : "";
      captions.input.textContent = `input, ${scene.size} × ${scene.size}${scaled}`;
      /** @param {string} name @param {string} label @param {string} help @param {number} value @param {{[data: `data-${string}`]: string}} data */
      const row = (name, label, help, value, data) =>
        h("div", { title: help }, h("dt", {}, label), h("dd", data, number(name, value)));
      figures.replaceChildren(
        ...FIGURES.flatMap(([name, label, help]) => {
          const value = scene.figures[name];
          return value == null ? [] : [row(name, label, help, value, { "data-figure": name })];
        }),
        ...FIGURES.filter(([name]) => USUAL.includes(name) && scene.usual[name] != null).map(([name, label]) =>
          row(
            name,
            `usual ${label}`,
            `Mean over ${scene.usual.scenes} test scenes of this model’s own data set`,
            scene.usual[name],
            { "data-usual": name },
          ),
        ),
      );
    }
    if (last?.image !== frame.image) {
      drawColors(panels.image, scene.size, frame.image);
      drawLabels(
        panels.labels,
        scene.size,
        frame.labels,
        frame.document.slots.map((s) => s.color),
      );
      // The figures are measured on the unedited scene; they do not follow the edits.
      figures.classList.toggle("mx-stale", frame.edited);
      stale.hidden = !frame.edited;
      drawValues(panels.error, scene.size, frame.error, { top: ERROR_TOP, map: "cividis" });
      const what = view.compare ? "before the edits" : frame.edited ? "edited scene" : "reconstruction";
      setText(captions.image, `${what}: ${provenance(frame)}`);
      setText(captions.labels, "segmentation: largest mask");
      setText(captions.error, `squared error, mean ${frame.mse.toFixed(4)}`);
    }
    const { sceneBefore } = store;
    back.hidden = !sceneBefore;
    if (sceneBefore) {
      const {
        scene: { title, slots },
        document,
        original,
      } = sceneBefore;
      setText(
        back,
        `Undo (Ctrl+Z) brings back ${title}, K = ${slots}${document === original ? "" : ", with its edits"}.`,
      );
    }
    stranger.update(frame);
    inspect(frame);
    last = frame;
  });

  /** @param {import("../scene/frames.js").Frame} frame */
  function inspect(frame) {
    const { pixel } = frame.view;
    for (const mark of marks) mark.hidden = pixel === null;
    if (pixel === null) {
      setText(inspector, "Point at a pixel: shares of all slots. Click: select its slot.");
      setText(spoken, "");
      return;
    }
    const { size } = frame.scene;
    const [row, column] = [Math.floor(pixel / size), pixel % size];
    for (const mark of marks) {
      for (const [name, value] of Object.entries({ left: column, top: row, width: 1, height: 1 }))
        mark.style.setProperty(name, `${(100 * value) / size}%`);
    }
    const shares = frame.masks.map((mask) => (mask ? mask[pixel] : 0));
    /** @param {number} share */
    const percent = (share) => `${(100 * share).toFixed(1)} %`;
    inspector.replaceChildren(
      h("span", { class: "mx-muted" }, `row ${row}, column ${column}`),
      ...shares.map((share, k) => {
        const bar = h("span", { class: "mx-share", title: `slot ${k + 1}: ${percent(share)}` }, `${k + 1}`);
        bar.style.flexGrow = String(Math.max(0.001, share));
        const { color } = frame.document.slots[k];
        bar.style.background = slotColor(color);
        bar.style.color = share > 0.03 ? inkOn(color) : "transparent";
        return bar;
      }),
    );
    if (document.activeElement === inspector) {
      const most = shares
        .map((share, k) => [share, k])
        .sort((a, b) => b[0] - a[0])
        .slice(0, 2);
      spoken.textContent = `row ${row}, column ${column}: ${most.map(([share, k]) => `slot ${k + 1} ${percent(share)}`).join(", ")}`;
    }
  }
}
