// Measures of a decomposition against the true objects: pure functions of pixel owners and slot masks.

import { segment } from "../scene/compose.js";

/**
 * A composed scene and its decomposition.
 * @typedef {object} Answered
 * @property {Uint8Array} owners [P], object numbers from 1; 0 is the ground
 * @property {number[]} areas pixels of each object, including occluded ones
 * @property {Float32Array[]} masks [P] per slot, sum to one
 */

/** @param {Uint8Array} owners @param {number} n @returns {number[]} the visible pixels of object n */
export const pixelsOf = (owners, n) => {
  /** @type {number[]} */
  const pixels = [];
  owners.forEach((owner, p) => owner === n && pixels.push(p));
  return pixels;
};

/** Each slot's share of the given pixels; null without pixels. @param {Float32Array[]} masks @param {number[]} pixels @returns {number[] | null} */
const sharesOf = (masks, pixels) =>
  pixels.length ? masks.map((mask) => pixels.reduce((sum, p) => sum + mask[p], 0) / pixels.length) : null;

/** The slot with the largest share of the given pixels; null without pixels. @param {Float32Array[]} masks @param {number[]} pixels */
function bestSlot(masks, pixels) {
  const shares = sharesOf(masks, pixels);
  return shares ? shares.indexOf(Math.max(...shares)) : null;
}

/** The share of object `b` in the best slot of object `a`; null if one is not visible. @param {Answered} answered @param {number} a @param {number} b */
export function takenAlong({ owners, masks }, a, b) {
  const slot = bestSlot(masks, pixelsOf(owners, a));
  const shares = sharesOf(masks, pixelsOf(owners, b));
  return slot === null || !shares ? null : shares[slot];
}

/** IoU of an object's visible pixels with the segment of its best slot; null if it is not visible. @param {Answered} answered @param {number} n */
export function overlap({ owners, masks }, n) {
  const pixels = pixelsOf(owners, n);
  const slot = bestSlot(masks, pixels);
  if (slot === null) return null;
  const labels = segment(masks);
  const both = pixels.filter((p) => labels[p] === slot).length;
  return both / (pixels.length + labels.filter((k) => k === slot).length - both);
}

/** Visible share of an object; null if it lies outside the picture. @param {Pick<Answered, "owners" | "areas">} answered @param {number} n */
export const visibleShare = ({ owners, areas }, n) => (areas[n - 1] ? pixelsOf(owners, n).length / areas[n - 1] : null);

/** Number of objects whose best slot is neither another object's nor the ground's. @param {Answered} answered */
export function ownSlots({ owners, areas, masks }) {
  const slots = Array.from({ length: areas.length + 1 }, (_, n) => bestSlot(masks, pixelsOf(owners, n)));
  return slots.slice(1).filter((slot, i) => slot !== null && slots.every((other, j) => j === i + 1 || other !== slot))
    .length;
}

/** The step, from 1, after which more than half of an object is explained; null if it is not visible. @param {Pick<Answered, "owners" | "masks">} answered @param {number} n */
export function stepTaken({ owners, masks }, n) {
  const shares = sharesOf(masks, pixelsOf(owners, n));
  if (!shares) return null;
  let taken = 0;
  return shares.findIndex((share) => (taken += share) > 0.5) + 1;
}

/** Centroid of the given pixels; null without pixels. @param {number[]} pixels @param {number} side @returns {[number, number] | null} x, y */
function centroid(pixels, side) {
  /** @param {(pixel: number) => number} of */
  const mean = (of) => pixels.reduce((sum, p) => sum + of(p) + 0.5, 0) / pixels.length;
  return pixels.length ? [mean((p) => p % side), mean((p) => Math.floor(p / side))] : null;
}

/** Distance between the centroids of two objects, in pixels; null if one is not visible. @param {Uint8Array} owners @param {number} side @param {number} a @param {number} b */
export function distance(owners, side, a, b) {
  const [from, to] = [a, b].map((n) => centroid(pixelsOf(owners, n), side));
  return from && to ? Math.hypot(from[0] - to[0], from[1] - to[1]) : null;
}

/**
 * Contrast of an object with the ground behind it, 0 to 1: the largest channel difference, averaged over its pixels.
 * @param {Uint8Array} pixels [P][3] @param {Uint8Array} ground [P][3] @param {number[]} own the object's pixels
 */
export function contrast(pixels, ground, own) {
  if (!own.length) return null;
  /** @param {number} p */
  const difference = (p) => Math.max(...[0, 1, 2].map((c) => Math.abs(pixels[3 * p + c] - ground[3 * p + c])));
  return own.reduce((sum, p) => sum + difference(p), 0) / (255 * own.length);
}
