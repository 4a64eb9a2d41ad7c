// What a decomposition makes of objects that are known: pure functions of true owners and the slots' masks.

import { segment } from "../scene/compose.js";

/**
 * A composed scene and what the network says of it.
 * @typedef {object} Answered
 * @property {Uint8Array} owners [P], from 1; 0 is the ground
 * @property {number[]} areas pixels of each object, hidden ones too
 * @property {Float32Array[]} masks [P] per slot, sum to one
 */

/** @param {Uint8Array} owners @param {number} n @returns {number[]} the pixels of object n that are seen */
export const pixelsOf = (owners, n) => {
  /** @type {number[]} */
  const pixels = [];
  owners.forEach((owner, p) => owner === n && pixels.push(p));
  return pixels;
};

/** What part of some pixels each slot takes; null of no pixels. @param {Float32Array[]} masks @param {number[]} pixels @returns {number[] | null} */
export const sharesOf = (masks, pixels) =>
  pixels.length ? masks.map((mask) => pixels.reduce((sum, p) => sum + mask[p], 0) / pixels.length) : null;

/** The slot that takes most of some pixels, null of no pixels. @param {Float32Array[]} masks @param {number[]} pixels */
export function bestSlot(masks, pixels) {
  const shares = sharesOf(masks, pixels);
  return shares ? shares.indexOf(Math.max(...shares)) : null;
}

/** The share of object `b` that the best slot of object `a` takes; null if one is not seen. @param {Answered} answered @param {number} a @param {number} b */
export function takenAlong({ owners, masks }, a, b) {
  const slot = bestSlot(masks, pixelsOf(owners, a));
  const shares = sharesOf(masks, pixelsOf(owners, b));
  return slot === null || !shares ? null : shares[slot];
}

/** Intersection over union of an object's visible pixels with those where its best slot has the largest mask. @param {Answered} answered @param {number} n */
export function overlap({ owners, masks }, n) {
  const pixels = pixelsOf(owners, n);
  const slot = bestSlot(masks, pixels);
  if (slot === null) return null;
  const labels = segment(masks);
  const both = pixels.filter((p) => labels[p] === slot).length;
  return both / (pixels.length + labels.filter((k) => k === slot).length - both);
}

/** What part of an object is seen; null if it lies outside the picture. @param {Pick<Answered, "owners" | "areas">} answered @param {number} n */
export const visibleShare = ({ owners, areas }, n) => (areas[n - 1] ? pixelsOf(owners, n).length / areas[n - 1] : null);

/** How many objects have a best slot that is nobody else's, nor the ground's. @param {Answered} answered */
export function ownSlots({ owners, areas, masks }) {
  const slots = Array.from({ length: areas.length + 1 }, (_, n) => bestSlot(masks, pixelsOf(owners, n)));
  return slots.slice(1).filter((slot, i) => slot !== null && slots.every((other, j) => j === i + 1 || other !== slot))
    .length;
}

/** The step, from 1, by which more than half of an object is explained; null if it is not seen. @param {Pick<Answered, "owners" | "masks">} answered @param {number} n */
export function stepTaken({ owners, masks }, n) {
  const shares = sharesOf(masks, pixelsOf(owners, n));
  if (!shares) return null;
  let taken = 0;
  return shares.findIndex((share) => (taken += share) > 0.5) + 1;
}

/** The middle of some pixels, null of none. @param {number[]} pixels @param {number} side @returns {[number, number] | null} x, y */
export function middleOf(pixels, side) {
  /** @param {(pixel: number) => number} of */
  const mean = (of) => pixels.reduce((sum, p) => sum + of(p) + 0.5, 0) / pixels.length;
  return pixels.length ? [mean((p) => p % side), mean((p) => Math.floor(p / side))] : null;
}

/** How far the middles of two objects are apart, in pixels; null if one is not seen. @param {Uint8Array} owners @param {number} side @param {number} a @param {number} b */
export function distance(owners, side, a, b) {
  const [from, to] = [a, b].map((n) => middleOf(pixelsOf(owners, n), side));
  return from && to ? Math.hypot(from[0] - to[0], from[1] - to[1]) : null;
}

/**
 * How much an object differs from the ground behind it: the largest channel's difference, its mean over the pixels, 0 to 1.
 * @param {Uint8Array} pixels [P][3] @param {Uint8Array} ground [P][3] @param {number[]} own the object's pixels
 */
export function contrast(pixels, ground, own) {
  if (!own.length) return null;
  /** @param {number} p */
  const difference = (p) => Math.max(...[0, 1, 2].map((c) => Math.abs(pixels[3 * p + c] - ground[3 * p + c])));
  return own.reduce((sum, p) => sum + difference(p), 0) / (255 * own.length);
}
