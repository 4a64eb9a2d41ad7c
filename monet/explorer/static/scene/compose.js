// A scene from its slots: the same few formulas as monet.inference, on arrays in the page.
// Decoded slots are Float32Array [H*W][4]: red, green, blue, mask logit.

import { isEdited } from "./slots.js";

/**
 * The decoder's masks: softmax of the mask logits over the slots that take part.
 * @param {Float32Array[]} decoded one per slot
 * @param {boolean[]} present whether a slot takes part
 * @returns {Float32Array[]} [H*W] per slot; zero for a slot that does not take part
 */
export function softmaxMasks(decoded, present) {
  const pixels = decoded[0].length / 4;
  const masks = decoded.map(() => new Float32Array(pixels));
  const active = decoded.map((_, k) => k).filter((k) => present[k]);
  // Slot after slot, so that each loop runs along one array.
  const largest = new Float32Array(pixels).fill(-Infinity);
  const sum = new Float32Array(pixels);
  for (const k of active) {
    const slot = decoded[k];
    for (let p = 0; p < pixels; p++) if (slot[4 * p + 3] > largest[p]) largest[p] = slot[4 * p + 3];
  }
  for (const k of active) {
    const [slot, mask] = [decoded[k], masks[k]];
    for (let p = 0; p < pixels; p++) sum[p] += mask[p] = Math.exp(slot[4 * p + 3] - largest[p]);
  }
  for (const k of active) {
    const mask = masks[k];
    for (let p = 0; p < pixels; p++) mask[p] /= sum[p];
  }
  return masks;
}

/**
 * The decoder's mask of one slot among others: a softmax of which only one share is wanted.
 * @param {Float32Array[]} others decoded, [H*W][4] each
 * @param {Float32Array} slot decoded
 * @returns {Float32Array} [H*W]
 */
export function maskAmong(others, slot) {
  const mask = new Float32Array(slot.length / 4);
  for (let p = 0; p < mask.length; p++) {
    let rivals = 0;
    for (const other of others) rivals += Math.exp(other[4 * p + 3] - slot[4 * p + 3]);
    mask[p] = 1 / (1 + rivals);
  }
  return mask;
}

/** Weight of the decoder's share where an edited slot has left its place. */
const HOLE = 0.02;

/** Masks whose sum is nearer to one than this are those of all slots. */
const WHOLE = 1e-3;

/**
 * Masks of a scene of which some slots are edited: only those change theirs. With E the edited slots, U the others, m_k
 * the attention masks and p_k the decoder's masks, at each pixel
 *
 *     w_k = p_k                                                  for k in E
 *     w_k = (1 - sum_E p) n_k / sum_U n,  n_k = m_k + 0.02 g p_k    for k in U
 *     g = 1 - sum_U m
 *
 * g is the attention mass that edited, deleted and hidden slots gave up: the hole that they leave goes to the slot that
 * the decoder believes in. The same as monet.compose_masks.
 * @param {(Float32Array | null)[]} attention [H*W] per slot, values in [0, 1]; null for a slot that is edited or hidden
 * @param {Float32Array[]} decodedMasks as softmaxMasks gives them; zero for a hidden slot
 * @returns {Float32Array[]} [H*W] per slot, sum to one: `attention` if no slot is edited, deleted or hidden,
 *   `decodedMasks` if none has an attention mask
 */
export function composeMasks(attention, decodedMasks) {
  const kept = attention.flatMap((mask, k) => (mask ? [{ k, mask }] : []));
  if (!kept.length) return decodedMasks;
  const pixels = decodedMasks[0].length;
  // Slot after slot, so that each loop runs along one array.
  const total = new Float32Array(pixels);
  for (const { mask } of kept) {
    for (let p = 0; p < pixels; p++) total[p] += mask[p];
  }
  if (kept.length === attention.length && total.every((sum) => Math.abs(sum - 1) < WHOLE))
    return kept.map(({ mask }) => mask);
  const masks = decodedMasks.slice();
  const left = new Float32Array(pixels);
  const whole = new Float32Array(pixels);
  for (const { k, mask } of kept) {
    const [decoded, share] = [decodedMasks[k], (masks[k] = new Float32Array(pixels))];
    for (let p = 0; p < pixels; p++) {
      left[p] += decoded[p];
      whole[p] += share[p] = mask[p] + HOLE * Math.max(1 - total[p], 0) * decoded[p];
    }
  }
  for (let p = 0; p < pixels; p++) left[p] = whole[p] > 0 ? left[p] / whole[p] : 0;
  for (const { k } of kept) {
    const share = masks[k];
    for (let p = 0; p < pixels; p++) share[p] *= left[p];
  }
  return masks;
}

/** What the masks of a scene come from, as the menu offers it. @typedef {"auto" | "attention" | "decoder"} MaskSource */

/**
 * The masks of a scene as it is edited.
 * @param {{masks: Float32Array[]}} scene with the attention's mask of each step
 * @param {import("./store.js").Document} document
 * @param {Float32Array[]} decoded one per slot
 * @param {{source?: MaskSource, solo?: number | null}} [view] "auto": edited slots as decoded, the others as attended;
 *   "attention": as attended, copies and guests as decoded; `solo` takes part even if it is hidden
 * @returns {{decodedMasks: Float32Array[], masks: Float32Array[], steps: (number | null)[]}} `masks` to compose with,
 *   and the `steps` whose attention masks they keep, null where a slot is as decoded or hidden
 */
export function masksOf(scene, document, decoded, { source = "auto", solo = null } = {}) {
  const present = document.slots.map((slot, k) => !slot.hidden || k === solo);
  const decodedMasks = softmaxMasks(decoded, present);
  const steps = document.slots.map((slot, k) => {
    const attended = present[k] && source !== "decoder" && (source === "attention" || !isEdited(slot));
    return attended ? slot.step : null;
  });
  return {
    decodedMasks,
    steps,
    masks: composeMasks(
      steps.map((step) => (step === null ? null : scene.masks[step])),
      decodedMasks,
    ),
  };
}

/**
 * sum_k m_k x_k.
 * @param {Float32Array[]} decoded
 * @param {(Float32Array | null)[]} masks null or all zero: the slot is left out
 * @returns {Float32Array} [H*W][3]
 */
export function blend(decoded, masks) {
  const pixels = decoded[0].length / 4;
  const image = new Float32Array(3 * pixels);
  decoded.forEach((slot, k) => {
    const mask = masks[k];
    if (!mask) return;
    for (let p = 0; p < pixels; p++) {
      const m = mask[p];
      image[3 * p] += m * slot[4 * p];
      image[3 * p + 1] += m * slot[4 * p + 1];
      image[3 * p + 2] += m * slot[4 * p + 2];
    }
  });
  return image;
}

/** The slot with the largest mask at each pixel. @param {Float32Array[]} masks @returns {Uint8Array} */
export function segment(masks) {
  const labels = new Uint8Array(masks[0].length);
  const largest = Float32Array.from(masks[0]);
  for (let k = 1; k < masks.length; k++) {
    const mask = masks[k];
    for (let p = 0; p < labels.length; p++) {
      if (mask[p] > largest[p]) [largest[p], labels[p]] = [mask[p], k];
    }
  }
  return labels;
}

/**
 * Squared error per pixel, mean over the channels, and its mean over the picture.
 * @param {Float32Array} truth [H*W][3] in [0, 1]
 * @param {Float32Array} image [H*W][3]
 */
export function squaredError(truth, image) {
  const map = new Float32Array(truth.length / 3);
  let total = 0;
  for (let p = 0; p < map.length; p++) {
    for (let i = 3 * p; i < 3 * p + 3; i++) map[p] += (truth[i] - image[i]) ** 2 / 3;
    total += map[p];
  }
  return { map, mse: total / map.length };
}

/**
 * What is left to explain before each step and after the last: s_0 = 1, s_k = s_{k-1} - m_k.
 * @param {Float32Array[]} masks of all steps, in order
 * @returns {Float32Array[]} K+1 scopes
 */
export function scopes(masks) {
  const all = [new Float32Array(masks[0].length).fill(1)];
  for (const mask of masks) all.push(all[all.length - 1].map((s, p) => Math.max(0, s - mask[p])));
  return all;
}

/** @param {Float32Array} a @returns {number} */
export const mean = (a) => a.reduce((sum, x) => sum + x, 0) / a.length;
