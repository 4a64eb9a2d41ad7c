// Composes a scene from its slots: the same formulas as monet.inference, on arrays in the page.
// Decoded slots are Float32Array [H*W][4]: red, green, blue, mask logit.

import { isEdited } from "./slots.js";

/**
 * Computes the decoder's masks: softmax of the mask logits over the present slots.
 * @param {Float32Array[]} decoded one per slot
 * @param {boolean[]} present whether a slot is in the softmax
 * @returns {Float32Array[]} [H*W] per slot; zero for a slot that is not present
 */
export function softmaxMasks(decoded, present) {
  const pixels = decoded[0].length / 4;
  const masks = decoded.map(() => new Float32Array(pixels));
  const active = decoded.map((_, k) => k).filter((k) => present[k]);
  // Slot by slot, so that each loop reads memory in order.
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
 * Computes the decoder's mask of one slot among others.
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

/** Weight of the decoder's masks where an edited slot has left a hole. */
const HOLE = 0.02;

/** Tolerance for masks that sum to one. */
const SUM_TOLERANCE = 1e-3;

/**
 * Computes the masks of an edited scene. With E the edited slots, U the others, m_k the attention masks and p_k the
 * decoder's masks, at each pixel
 *
 *     w_k = p_k                                                  for k in E
 *     w_k = (1 - sum_E p) n_k / sum_U n,  n_k = m_k + 0.02 g p_k    for k in U
 *     g = 1 - sum_U m
 *
 * g is the attention mass of edited, deleted and hidden slots: the hole that they leave is filled by the slots with a
 * large decoder mask there. Equal to monet.compose_masks.
 * @param {(Float32Array | null)[]} attention [H*W] per slot, values in [0, 1]; null for a slot that is edited or hidden
 * @param {Float32Array[]} decodedMasks as softmaxMasks gives them; zero for a hidden slot
 * @returns {Float32Array[]} [H*W] per slot, sum to one: `attention` if no slot is edited, deleted or hidden,
 *   `decodedMasks` if none has an attention mask
 */
export function composeMasks(attention, decodedMasks) {
  const kept = attention.flatMap((mask, k) => (mask ? [{ k, mask }] : []));
  if (!kept.length) return decodedMasks;
  const pixels = decodedMasks[0].length;
  // Slot by slot, so that each loop reads memory in order.
  const total = new Float32Array(pixels);
  for (const { mask } of kept) {
    for (let p = 0; p < pixels; p++) total[p] += mask[p];
  }
  if (kept.length === attention.length && total.every((value) => Math.abs(value - 1) < SUM_TOLERANCE))
    return kept.map(({ mask }) => mask);
  const masks = decodedMasks.slice();
  const left = new Float32Array(pixels); // first sum_U p = 1 - sum_E p, then divided by sum_U n
  const sum = new Float32Array(pixels); // sum_U n
  for (const { k, mask } of kept) {
    const [decoded, share] = [decodedMasks[k], (masks[k] = new Float32Array(pixels))];
    for (let p = 0; p < pixels; p++) {
      left[p] += decoded[p];
      sum[p] += share[p] = mask[p] + HOLE * Math.max(1 - total[p], 0) * decoded[p];
    }
  }
  for (let p = 0; p < pixels; p++) left[p] = sum[p] > 0 ? left[p] / sum[p] : 0;
  for (const { k } of kept) {
    const share = masks[k];
    for (let p = 0; p < pixels; p++) share[p] *= left[p];
  }
  return masks;
}

/** Source of a scene's masks: the choices of the menu. @typedef {"auto" | "attention" | "decoder"} MaskSource */

/**
 * Computes the masks of a document.
 * @param {{masks: Float32Array[]}} scene with the attention's mask of each step
 * @param {import("./store.js").Document} document
 * @param {Float32Array[]} decoded one per slot
 * @param {{source?: MaskSource, solo?: number | null}} [view] "auto": decoder's masks for edited slots,
 *   attention's for the others; "attention": decoder's masks only for slots without an attention mask (copies, slots of
 *   other scenes); the slot `solo` is present even if it is hidden
 * @returns {{decodedMasks: Float32Array[], masks: Float32Array[], steps: (number | null)[]}} `masks` to compose with,
 *   and for each slot the step whose attention mask it keeps, null if it has the decoder's or is hidden
 */
export function masksOf(scene, document, decoded, { source = "auto", solo = null } = {}) {
  const present = document.slots.map((slot, k) => !slot.hidden || k === solo);
  const decodedMasks = softmaxMasks(decoded, present);
  const steps = document.slots.map((slot, k) => {
    const keepsAttention = present[k] && source !== "decoder" && (source === "attention" || !isEdited(slot));
    return keepsAttention ? slot.step : null;
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
 * Computes the picture sum_k m_k x_k.
 * @param {Float32Array[]} decoded
 * @param {(Float32Array | null)[]} masks null or all zero leaves a slot out
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
 * Computes the squared error per pixel, averaged over the channels, and its mean over the picture.
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
 * Computes the scope before each step and after the last: s_0 = 1, s_k = s_{k-1} - m_k.
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
