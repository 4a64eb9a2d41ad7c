// The traversal as a film: component, mask and scene while the selected latent goes from end to end and back.

import { canvas, drawColors, drawValues } from "./draw.js";
import { button, decimals, h } from "../page/dom.js";
import { zoomable } from "../page/lightbox.js";
import { lessMotion, onMotionChange } from "../page/motion.js";
import { reasonOf } from "../page/reason.js";
import { roving } from "../page/roving.js";
import { film, still, values } from "../scene/sweep.js";

/** @typedef {import("../scene/sweep.js").Still} Still */

/** From one end to the other. */
const SWEEP_MS = 1800;

/** How far one press of Play goes where motion is not wanted. */
const LEAP = 1 / 8;

/** Instead of an animation frame while the film is still being decoded. */
const AWAITED = 0;

/**
 * @param {{store: import("../scene/store.js").Store, frames: import("../scene/frames.js").FrameLoop}} context
 * @returns {{element: HTMLElement, refresh: () => void}} `refresh` after anything that the film is made of has changed
 */
export function player({ store, frames }) {
  const pictures = {
    component: canvas("The traversal’s component", "mx-small"),
    mask: canvas("The traversal’s mask", "mx-small"),
    scene: canvas("The traversal’s scene", "mx-small"),
  };
  const play = button("▶ Play", () => (playing === null ? start() : stop()), {
    class: "mx-button mx-play",
    "aria-label": "Play the traversal",
  });
  const scrub = h("input", {
    type: "range",
    class: "mx-range",
    min: "0",
    max: "1",
    step: "any",
    value: "0.5",
    "aria-label": "Place in the traversal",
    oninput: () => {
      stop();
      place = Number(scrub.value);
      develop().then(show);
    },
  });
  const where = h("output", { class: "mx-z" });
  const element = h(
    "div",
    { class: "mx-player" },
    h(
      "div",
      { class: "mx-previews" },
      ...Object.entries(pictures).map(([name, picture]) =>
        h("figure", { class: "mx-figure" }, zoomable(picture), h("figcaption", {}, name)),
      ),
    ),
    h("div", { class: "mx-row mx-nowrap" }, play, scrub, where),
  );

  /** Of the film; null until it is asked for, and again after an edit. @type {Still[] | null} */
  let stills = null;
  /** @type {Promise<Still[]> | null} */
  let making = null;
  /** @type {Still | null} */
  let shown = null;
  let place = 0.5; // in the film, 0 to 1
  let direction = 1;
  /** The animation frame that is awaited. @type {number | null} */
  let playing = null;
  /** When the last one was drawn, milliseconds. @type {number | null} */
  let before = null;

  /** Decodes the film once; after an edit meanwhile, the newer one. */
  async function develop() {
    if (stills) return;
    const made = (making ??= film(frames, store));
    try {
      const list = await made;
      if (made === making) stills = list;
      else await develop();
    } catch (error) {
      making = null;
      stop();
      console.warn("the traversal was not decoded:", reasonOf(error));
    }
  }

  function show() {
    const now = stills?.[Math.round(place * (stills.length - 1))];
    if (now && now !== shown) draw(now);
  }

  /** @param {Still} now */
  function draw(now) {
    shown = now;
    const { size } = store.scene;
    drawColors(pictures.component, size, now.decoded, 4);
    drawValues(pictures.mask, size, now.mask);
    drawColors(pictures.scene, size, now.image);
    where.replaceChildren("z", h("sub", {}, String(store.view.dimension)), ` = ${decimals(now.value)}`);
  }

  async function start() {
    if (lessMotion()) return leap();
    playing = AWAITED;
    before = null;
    play.textContent = "❚❚ Pause";
    play.setAttribute("aria-label", "Pause the traversal");
    await develop();
    if (playing === AWAITED) playing = requestAnimationFrame(tick);
  }

  /** One picture on, and back again from the end. */
  async function leap() {
    await develop();
    go(Math.round(place / LEAP) * LEAP + direction * LEAP);
    scrub.value = String(place);
    show();
  }

  /** @param {number} to */
  function go(to) {
    place = Math.max(0, Math.min(1, to));
    if (place === 1 || place === 0) direction = place === 1 ? -1 : 1;
  }

  function stop() {
    if (playing !== null) cancelAnimationFrame(playing);
    playing = null;
    play.textContent = "▶ Play";
    play.setAttribute("aria-label", "Play the traversal");
  }

  /** @param {number} time */
  function tick(time) {
    go(place + (direction * (time - (before ?? time))) / SWEEP_MS);
    before = time;
    scrub.value = String(place);
    show();
    playing = requestAnimationFrame(tick);
  }

  /** At rest the pictures are the scene as it is; a film that plays is made anew and goes on from the same place. */
  function refresh() {
    stills = making = null;
    const { document, view } = store;
    const slot = document.slots[view.slot];
    if (playing !== null) return void develop().then(show);
    const { frame } = frames;
    if (frame?.document !== document) return; // while comparing
    const [from, to] = values(slot, view.dimension, view.reach, 2);
    place = Math.max(0, Math.min(1, (slot.latent[view.dimension] - from) / (to - from)));
    scrub.value = String(place);
    draw(still(slot.latent[view.dimension], store.scene, document, frame.decoded, view));
  }

  roving(element, ".mx-canvas");
  onMotionChange(stop);
  return { element, refresh };
}
