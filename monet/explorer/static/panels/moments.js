// “Through training” panel: the model at a dozen steps of its training, on the same few scenes.

import { canvas, drawColors, drawLabels, drawValues } from "../drawing/draw.js";
import { button, h } from "../page/dom.js";
import { explanation } from "../page/explain.js";
import { zoomable } from "../page/lightbox.js";
import { labels, load, sum } from "../moments/sheet.js";
import { track } from "../moments/track.js";
import { lessMotion, onMotionChange } from "../page/motion.js";
import { reasonOf } from "../page/reason.js";
import { roving } from "../page/roving.js";
import { numbered } from "../story/strip.js";

/** Milliseconds that a moment is shown while playing. */
const STAY_MS = 650;

/** @param {HTMLElement} root @param {import("../main.js").Context} context */
export function mount(root, { store, frames, request }) {
  const curves = track((share) => sheet && go(Math.round(share * (sheet.course.moments.length - 1))));
  const slider = h("input", {
    type: "range",
    class: "mx-range",
    min: "0",
    step: "1",
    "aria-label": "Moment of the training",
    oninput: () => {
      pause();
      show(Number(slider.value));
    },
  });
  const play = button("▶ Play", () => (timer === null ? start() : pause()), {
    class: "mx-button mx-play",
    hidden: true,
  });
  const step = h("output", { class: "mx-course-step" });
  const masks = h("input", { type: "checkbox", onchange: () => show(moment) });
  const scenes = h("div", { class: "mx-course-scenes" });
  const note = h("p", { class: "mx-muted" });
  const body = h("div", { class: "mx-course", hidden: true }, curves.plot, slider, curves.key, scenes, note);
  const empty = h(
    "p",
    { class: "mx-muted", hidden: true },
    "This model’s checkpoint contains no moments of its training.",
  );
  const masksLabel = h("label", { class: "mx-label", hidden: true }, masks, "masks instead of slots");
  root.append(
    h(
      "div",
      { class: "mx-head" },
      h("h2", {}, "Through training"),
      play,
      step,
      masksLabel,
      h("span", { class: "mx-spring" }),
      explanation("moments"),
    ),
    body,
    empty,
  );
  roving(scenes, ".mx-canvas");

  /** @typedef {import("../moments/sheet.js").Sheet} Sheet @typedef {import("../moments/sheet.js").Course} Course */
  /** @type {Sheet | null} */
  let sheet = null;
  let moment = 0;
  /** Canvases of each scene. @type {HTMLCanvasElement[][]} */
  let tiles = [];
  /** @type {number | null} */
  let timer = null;

  /** @param {Sheet} sheet */
  function build(sheet) {
    const { course } = sheet;
    const slots = Array.from({ length: course.slots }, (_, k) => k);
    const names = ["picture", "sum of the slots", "segmentation", ...slots.map((k) => `slot ${k + 1}`)];
    const heads = [
      ...["scene", "sum", "parts"].map((head) => h("span", {}, head)),
      ...slots.map((k) => numbered(h("span", { class: "mx-chip mx-static" }), k)),
    ];
    tiles = course.scenes.map((title) => names.map((name) => canvas(`${title}, ${name}`)));
    scenes.style.setProperty("--columns", String(course.slots));
    scenes.replaceChildren(
      ...heads,
      ...tiles.flatMap(([picture, ...others], i) => [
        course.samples.length ? opener(course, i, picture) : zoomable(picture),
        ...others.map((tile) => zoomable(tile)),
      ]),
    );
    note.textContent = course.note;
    slider.max = String(course.moments.length - 1);
    curves.draw(course);
    course.scenes.forEach((_, i) => drawColors(tiles[i][0], course.size, sheet.at(0, i).picture.colors));
    go(course.moments.length - 1);
  }

  /** @param {Course} course @param {number} i @param {HTMLCanvasElement} picture */
  const opener = ({ scenes: titles, data, samples }, i, picture) =>
    h(
      "button",
      {
        type: "button",
        class: "mx-thumbnail",
        title: "Open this scene",
        "aria-label": `Open ${titles[i]}`,
        onclick: () => request({ kind: "sample", data, index: samples[i] }),
      },
      picture,
    );

  /** @param {number} number */
  function show(number) {
    moment = number;
    const current = sheet;
    if (!current) return;
    const { course } = current;
    const label = `step ${course.moments[moment].toLocaleString("en")}`;
    step.textContent = label;
    slider.setAttribute("aria-valuetext", label);
    curves.show(course, moment);
    const identity = Array.from({ length: course.slots }, (_, k) => k);
    tiles.forEach(([, total, segments, ...slots], i) => {
      const parts = current.at(moment, i).tiles;
      drawColors(total, course.size, sum(parts));
      drawLabels(segments, course.size, labels(parts), identity);
      slots.forEach((tile, k) =>
        masks.checked
          ? drawValues(tile, course.size, parts[k].mask)
          : drawColors(tile, course.size, parts[k].colors, 3, parts[k].mask),
      );
    });
  }

  /** @param {number} number */
  function go(number) {
    slider.value = String(number);
    show(Number(slider.value));
  }

  /** Plays, from the beginning if it is at the end. With reduced motion it only advances one moment. */
  function start() {
    if (!sheet) return;
    const last = sheet.course.moments.length - 1;
    if (moment === last) go(0);
    else if (lessMotion()) go(moment + 1);
    if (lessMotion()) return;
    play.textContent = "❚❚ Pause";
    timer = setInterval(() => {
      go(moment + 1);
      if (moment === last) pause();
    }, STAY_MS);
  }

  function pause() {
    if (timer !== null) clearInterval(timer);
    timer = null;
    play.textContent = "▶ Play";
  }

  /** The model whose moments are loaded or loading. @type {string | null} */
  let loaded = null;
  let visible = false;
  async function draw() {
    const model = store.scene?.model;
    if (!visible || !model || model === loaded) return;
    loaded = model;
    pause();
    try {
      const fetched = await load(model);
      if (loaded !== model) return;
      sheet = fetched;
      body.hidden = play.hidden = step.hidden = masksLabel.hidden = !sheet;
      empty.hidden = Boolean(sheet);
      if (sheet) build(sheet);
    } catch (error) {
      loaded = null; // the next visit of the panel tries again
      console.warn("the moments of the training were not loaded:", reasonOf(error));
    }
  }

  new IntersectionObserver(
    (entries) => {
      visible = Boolean(entries.at(-1)?.isIntersecting);
      draw();
    },
    { rootMargin: "200px" },
  ).observe(root);
  frames.onFrame(draw);
  onMotionChange(pause);
}
