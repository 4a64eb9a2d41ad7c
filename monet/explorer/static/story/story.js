// Animation of the attention's steps, of the unedited scene. With reduced motion it shows all steps one below the other.

import { mean, softmaxMasks } from "../scene/compose.js";
import { button, h, setText, targetIn } from "../page/dom.js";
import { lessMotion, onMotionChange } from "../page/motion.js";
import { reasonOf } from "../page/reason.js";
import { Equation, numbersAt } from "./equation.js";
import { Film } from "./film.js";
import { middleOf } from "./pointing.js";
import { Stage } from "./stage.js";
import { numbered, Strip } from "./strip.js";
import { endOf, momentAt, wholeStep } from "./timeline.js";
import { ideas, sentence } from "./words.js";

const SPEEDS = { 0.5: "½ ×", 1: "1 ×", 2: "2 ×" };

/** @typedef {import("../scene/scene.js").Scene} Scene */
/** Elements that show a step. @typedef {{stage: Stage, equation: Equation, where: HTMLElement}} StepView */

/**
 * @param {{store: import("../scene/store.js").Store, frames: import("../scene/frames.js").FrameLoop}} context
 * @returns {{element: HTMLElement, controls: Node[], draw: () => void}} `draw` after anything changed
 */
export function story({ store, frames }) {
  const film = new Film(moved, played);
  const play = button("▶ Play", toggle, {
    class: "mx-button mx-play",
    title: "Play the animation of the steps (Space)",
  });
  const scrub = h("input", {
    type: "range",
    class: "mx-range",
    min: "0",
    step: "any",
    "aria-label": "Step of the attention",
    oninput: () => film.go(Number(scrub.value)),
  });
  const ticks = h("span", { class: "mx-story-ticks", "aria-hidden": "true" });
  const speed = h(
    "select",
    { class: "mx-select", "aria-label": "Speed of the film", onchange: () => (film.speed = Number(speed.value)) },
    ...Object.entries(SPEEDS).map(([value, label]) => h("option", { value, selected: value === "1" }, label)),
  );
  /** @param {number} by steps */
  const move = (by) => () => {
    if (!scene) return;
    const { slots } = scene;
    film.rest(Math.max(0, Math.min(slots - 1, (film.step ?? (by > 0 ? -1 : slots)) + by)));
  };
  const controls = [
    button("◀", move(-1), { "aria-label": "Previous step" }),
    play,
    button("▶", move(1), { "aria-label": "Next step" }),
    h("span", { class: "mx-story-scrub" }, scrub, ticks),
    speed,
    button("All steps", () => film.rest(null)),
  ];

  const stage = new Stage(store, () => pixel());
  const strip = new Strip((step) => {
    store.lookAtStep(step);
    film.rest(step);
  });
  const caption = captionLine();
  const where = h("p", { class: "mx-story-where" });
  const equation = new Equation();
  const edited = h(
    "p",
    { class: "mx-note mx-far", hidden: true },
    "You have edited this scene. The animation shows it without the edits.",
  );
  const filmElement = h(
    "div",
    {
      class: "mx-story-film",
      tabIndex: 0,
      role: "group",
      "aria-label": "Animation of the attention: arrow keys move phase by phase, Space plays and pauses",
    },
    stage.element,
    caption.element,
    equation.element,
    where,
  );
  const laid = h("div", { class: "mx-story-laid" });
  const notes = h("div", { class: "mx-story-ideas" });
  const element = h("div", { class: "mx-story", onkeydown: onKey }, edited, filmElement, laid, strip.element, notes);
  /** @type {Scene} undefined until the first scene is open */
  let scene;
  /** @type {import("./pictures.js").Decoded | null} */
  let decoded = null;
  /** The scene whose slots are decoded or being decoded. @type {Scene | null} */
  let decoding = null;
  /** One row for each step, with reduced motion. @type {(StepView & {caption: ReturnType<typeof captionLine>, element: HTMLElement})[]} */
  let rows = [];
  /** Cached default pixel of each step's mask. @type {number[]} */
  let middles = [];
  let latents = 0; // number of latents that the texts name

  const currentStep = () => film.step ?? store.document.slots[store.view.slot]?.step ?? scene.slots - 1;
  const moment = () => (film.all ? wholeStep(currentStep(), scene.slots) : momentAt(film.position));

  /** The pixel whose numbers are shown: the one pointed at, or one where the step's mask is strong. */
  const pixel = (step = currentStep()) =>
    store.view.pixel ?? (middles[step] ??= middleOf(scene.masks[step], scene.size));

  function moved() {
    if (!scene || store.scene !== scene) return film.pause(); // the next frame brings another scene
    if (store.view.step !== film.step) store.look({ step: film.step });
    show();
  }

  function played() {
    play.textContent = film.playing ? "❚❚ Pause" : "▶ Play";
    caption.element.setAttribute("aria-live", film.running ? "off" : "polite"); // too fast for a screen reader
  }

  function toggle() {
    if (film.playing || !scene) return film.pause();
    if (lessMotion()) return film.rest(((film.step ?? -1) + 1) % scene.slots);
    filmElement.scrollIntoView({ block: "nearest" });
    film.play();
  }

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || targetIn(event, "button, canvas, .mx-story-strip")) return;
    /** @type {Record<string, () => void>} */
    const actions = {
      ArrowRight: lessMotion() ? move(1) : () => film.onward(),
      ArrowLeft: lessMotion() ? move(-1) : () => film.back(),
      Home: () => film.go(0),
      End: () => film.go(film.end),
      " ": toggle,
    };
    const action = actions[event.key];
    if (!action || event.defaultPrevented) return;
    event.preventDefault();
    action();
  }
  scrub.addEventListener("keydown", onKey);

  function open() {
    scene = store.scene;
    decoded = null;
    middles = [];
    stage.open(scene);
    strip.open(scene);
    layOut();
    scrub.max = String(endOf(scene.slots - 1));
    ticks.replaceChildren(...scene.masks.map((_, k) => h("i", {}, String(k + 1))));
    if (latents !== scene.mean[0].length) {
      latents = scene.mean[0].length;
      notes.replaceChildren(
        ...ideas(latents).map(([phases, title, text]) =>
          h("section", { "data-phases": phases.join(" ") }, h("h3", {}, title), h("p", {}, text)),
        ),
      );
    }
    film.open(scene.slots);
  }

  /** With reduced motion: creates a row for each step, one below the other. */
  function layOut() {
    element.classList.toggle("mx-laid-out", lessMotion());
    rows = !lessMotion()
      ? []
      : scene.masks.map((_, step) => {
          const row = {
            stage: new Stage(store, () => pixel(step)),
            equation: new Equation(),
            caption: captionLine(),
            where: h("p", { class: "mx-story-where" }),
          };
          row.stage.open(scene);
          row.equation.light(null);
          const element = h(
            "section",
            { "aria-label": `Step ${step + 1}` },
            row.caption.element,
            row.stage.element,
            row.equation.element,
            row.where,
          );
          return { ...row, element };
        });
    laid.replaceChildren(...rows.map((row) => row.element));
  }

  /** @param {number} step */
  const facts = (step) => ({
    count: scene.slots,
    latents,
    left: mean(scene.scopes[step]),
    taken: mean(scene.masks[step]),
  });

  /** Fills in the numbers of the pixel, and its position. @param {StepView} target @param {number} step */
  function fill(target, step) {
    const at = pixel(step);
    target.stage.point(at);
    target.equation.fill(numbersAt(scene, decoded, step, at), step === scene.slots - 1);
    const place = `row ${Math.floor(at / scene.size)}, column ${at % scene.size}`;
    setText(
      target.where,
      store.view.pixel === null
        ? `The numbers are for a pixel where this mask is strong: ${place}. Point at a picture to choose another pixel.`
        : `The numbers are for the pixel that you point at: ${place}.`,
    );
  }

  function show() {
    if (!scene) return;
    const now = moment();
    rows.forEach((row, step) => {
      row.stage.show(wholeStep(step, scene.slots), decoded);
      fill(row, step);
      row.caption.setText(step, sentence({ step, phase: "mask" }, facts(step)));
      row.element.classList.toggle("mx-now", step === film.step);
    });
    strip.show(now, decoded);
    if (!rows.length) {
      stage.show(now, decoded, strip.target(now.step));
      fill({ stage, equation, where }, now.step);
      equation.light(now.phase);
      caption.setText(now.step, sentence(now, facts(now.step)));
    }
    for (const note of notes.querySelectorAll("section"))
      note.classList.toggle(
        "mx-lit",
        now.phase !== null && Boolean(note.dataset.phases?.split(" ").includes(now.phase)),
      );
    scrub.value = String(film.position);
    scrub.setAttribute(
      "aria-valuetext",
      film.all ? "all steps" : `step ${now.step + 1} of ${scene.slots}, ${now.phase}`,
    );
    edited.hidden = !store.edited;
  }

  onMotionChange(() => {
    film.pause();
    if (!scene) return;
    layOut();
    show();
  });
  new IntersectionObserver(([entry]) => !entry.isIntersecting && film.pause()).observe(filmElement);

  /** Decodes the slots; if that fails, the next frame tries again. */
  async function decode() {
    const requested = (decoding = scene);
    try {
      const slots = await frames.decode(store.original.slots.map((slot) => slot.latent));
      if (requested !== scene) return;
      decoded = {
        slots,
        masks: softmaxMasks(
          slots,
          slots.map(() => true),
        ),
      };
      show();
    } catch (error) {
      console.warn("the slots of the animation were not decoded:", reasonOf(error));
      if (requested === decoding) decoding = null;
    }
  }

  function draw() {
    if (store.scene !== scene) open();
    if (store.view.step !== film.step) film.rest(store.view.step);
    if (decoding !== scene) decode();
    show();
  }
  return { element, controls, draw };
}

/** A caption: the number of a step, and a sentence about it. */
function captionLine() {
  const number = h("span", { class: "mx-story-number" });
  const sentence = h("span");
  return {
    element: h("p", { class: "mx-story-sentence" }, number, sentence),
    /** @param {number} step @param {string} text */
    setText(step, text) {
      numbered(number, step);
      setText(sentence, text);
    },
  };
}
