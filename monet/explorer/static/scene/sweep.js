// Sweeps one latent of a slot from end to end with everything else fixed: for the strip, the animation and the GIF.

import { changeSlot } from "./actions.js";
import { blend, masksOf } from "./compose.js";

/** @typedef {"2" | "3" | "posterior"} Reach in sigma of the prior, or three of the posterior */

/** Labels of the ranges of a traversal. @type {Record<Reach, string>} */
export const REACHES = { 2: "± 2 (prior)", 3: "± 3 (prior)", posterior: "± 3 σ (posterior)" };

/** Pictures of an animation from end to end; the way back repeats them. */
const FILM_COUNT = 25;

/**
 * Evenly spaced values of a latent.
 * @param {import("./store.js").Slot} slot
 * @param {number} dimension
 * @param {Reach} reach
 * @param {number} count
 * @returns {number[]} from end to end
 */
export function values(slot, dimension, reach, count) {
  const [mean, std] = [slot.mean[dimension], slot.std[dimension]];
  const [from, to] = reach === "posterior" ? [mean - 3 * std, mean + 3 * std] : [-Number(reach), Number(reach)];
  return Array.from({ length: count }, (_, i) => from + ((to - from) * i) / (count - 1));
}

/** Copies of the latent with one dimension set to each value. @param {Float32Array} latent @param {number} dimension @param {number[]} values */
export const along = (latent, dimension, values) =>
  values.map((value) => latent.map((v, d) => (d === dimension ? value : v)));

/**
 * @typedef {object} Still
 * @property {number} value of the latent
 * @property {Float32Array} decoded [H*W][4] of the slot
 * @property {Float32Array} mask [H*W] of the slot in the scene
 * @property {Float32Array} image [H*W][3] the scene recomposed
 */

/**
 * Sweeps the selected latent of the selected slot in the edited scene.
 * @param {import("./frames.js").FrameLoop} frames
 * @param {import("./store.js").Store} store
 * @returns {Promise<Still[]>}
 */
export async function film(frames, { scene, document, view }) {
  const slot = document.slots[view.slot];
  const steps = values(slot, view.dimension, view.reach, FILM_COUNT);
  const latents = along(slot.latent, view.dimension, steps);
  const others = await frames.decode(document.slots.map((s) => s.latent));
  const swept = await frames.decode(latents);
  return swept.map((decoded, i) =>
    still(
      steps[i],
      scene,
      changeSlot(view.slot, () => ({ latent: latents[i] }))(document),
      others.with(view.slot, decoded),
      view,
    ),
  );
}

/**
 * Composes one picture of a sweep.
 * @param {number} value
 * @param {import("./scene.js").Scene} scene
 * @param {import("./store.js").Document} document with the value in its slot
 * @param {Float32Array[]} decoded its slots
 * @param {import("./store.js").View} view
 * @returns {Still}
 */
export function still(value, scene, document, decoded, view) {
  const { masks } = masksOf(scene, document, decoded, { source: view.masks });
  return { value, decoded: decoded[view.slot], mask: masks[view.slot], image: blend(decoded, masks) };
}
