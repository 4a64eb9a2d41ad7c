// Plays a latent traversal as an animation: component, mask and scene while the selected latent sweeps its range.

import { canvas, drawColors, drawValues } from "./draw.js";
import { button, decimals, h } from "../page/dom.js";
import { zoomable } from "../page/lightbox.js";
import { lessMotion, onMotionChange } from "../page/motion.js";
import { reasonOf } from "../page/reason.js";
import { roving } from "../page/roving.js";
import { film, still, values } from "../scene/sweep.js";

/** @typedef {import("../scene/sweep.js").Still} Still */

/** Duration from one end to the other. */
const SWEEP_MS = 1800;

/** Step of one press of Play with reduced motion. */
const REDUCED_STEP = 1 / 8;

/** Value of `playing` while the film is being decoded. */
const DECODING = 0;

/**
 * @param {{store: import("../scene/store.js").Store, frames: import("../scene/frames.js").FrameLoop}} context
 * @returns {{element: HTMLElement, refresh: () => void}} call `refresh` when the scene, an edit or the view changes
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
      decodeFilm().then(show);
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

  /** Frames of the film; null until first needed and after an edit. @type {Still[] | null} */
  let stills = null;
  /** @type {Promise<Still[]> | null} */
  let making = null;
  /** @type {Still | null} */
  let shown = null;
  let place = 0.5; // position in the film, 0 to 1
  let direction = 1;
  /** Id of the requested animation frame, DECODING, or null if paused. @type {number | null} */
  let playing = null;
  /** Time of the last animation frame in milliseconds. @type {number | null} */
  let lastTime = null;

  /** Decodes the film if needed; if an edit intervenes, decodes the newer film instead. */
  async function decodeFilm() {
    if (stills) return;
    const made = (making ??= film(frames, store));
    try {
      const list = await made;
      if (made === making) stills = list;
      else await decodeFilm();
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
    if (lessMotion()) return stepOnce();
    playing = DECODING;
    lastTime = null;
    play.textContent = "❚❚ Pause";
    play.setAttribute("aria-label", "Pause the traversal");
    await decodeFilm();
    if (playing === DECODING) playing = requestAnimationFrame(tick);
  }

  /** Moves one step, reversing at the ends: replaces playing with reduced motion. */
  async function stepOnce() {
    await decodeFilm();
    seek(Math.round(place / REDUCED_STEP) * REDUCED_STEP + direction * REDUCED_STEP);
    scrub.value = String(place);
    show();
  }

  /** @param {number} to position, clipped to 0 to 1 */
  function seek(to) {
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
    seek(place + (direction * (time - (lastTime ?? time))) / SWEEP_MS);
    lastTime = time;
    scrub.value = String(place);
    show();
    playing = requestAnimationFrame(tick);
  }

  /** Paused: shows the current scene. Playing: decodes the film anew and continues from the same position. */
  function refresh() {
    stills = making = null;
    const { document, view } = store;
    const slot = document.slots[view.slot];
    if (playing !== null) return void decodeFilm().then(show);
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
