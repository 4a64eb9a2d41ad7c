// The painted scope, s_0 = 1 - explained (Burgess et al. 2019, section 2.2): brush, slots, veil, link text.

import { uint8 } from "../engine/arrays.js";
import { FOG } from "../drawing/draw.js";
import { encode } from "../scene/permalink.js";
import { margin } from "./render.js";
import { strokes } from "./strokes.js";

/** Explained share of each pixel, in 255ths: [side][side]. @typedef {Uint8Array} Explained */
/** @typedef {import("./render.js").Frame} Frame */
/** @typedef {import("./render.js").Spot} Spot */

/** A fully explained pixel. */
const FULL = 255;

/** Opacity of the veil. */
const OPACITY = 0.76;

/** @param {Explained} explained @returns {Explained | null} null if nothing is explained, so that this state has one value */
const orNull = (explained) => (explained.some((e) => e) ? explained : null);

/**
 * Marks or unmarks the pixels under a brush that moves from one spot to another.
 * @param {Explained | null | undefined} before
 * @param {[Spot, Spot]} path in the picture
 * @param {{width: number, unmarks: boolean}} brush width in pixels; `unmarks`: removes marks
 * @param {Frame} frame
 */
export function brushed(before, path, { width, unmarks }, frame) {
  const start = margin(frame);
  const explained = before?.slice() ?? new Uint8Array(frame.side ** 2);
  const points = path.map(([x, y]) => /** @type {Spot} */ ([x + start, y + start]));
  const line = { id: 0, shape: "stroke", x: 0, y: 0, scale: 1, angle: 0, alpha: 1, color: null, width, points };
  strokes.draw(line, frame.side, (row, column) => (explained[row * frame.side + column] = unmarks ? 0 : FULL));
  return orNull(explained);
}

/** Marks a slot's mask as explained, too: s - m_k. @param {Explained | null | undefined} before @param {Float32Array} mask [side*side] */
export const withSlot = (before, mask) =>
  orNull(Uint8Array.from(mask, (m, p) => Math.min(FULL, Math.round((before?.[p] ?? 0) + FULL * m))));

/** The scope, 1 - explained; null: 1 everywhere. @param {Explained | null | undefined} explained */
export const scopeOf = (explained) => (explained ? Float32Array.from(explained, (e) => 1 - e / FULL) : null);

/** The picture under the veil, 0 to 1. @param {Uint8Array} pixels [side][side][3] @param {Explained | null | undefined} explained @returns {Float32Array} */
export const veiled = (pixels, explained) =>
  Float32Array.from(pixels, (value, i) => {
    const fog = explained ? (OPACITY * explained[Math.floor(i / 3)]) / FULL : 0;
    return value / 255 + fog * (FOG[i % 3] - value / 255);
  });

/** Run-length code for links: pairs of bytes (count, value) in URL-safe base64. @param {Explained} explained */
export function toText(explained) {
  const pairs = [];
  for (let p = 0, end = 0; p < explained.length; p = end) {
    while (end < explained.length && end - p < 255 && explained[end] === explained[p]) end += 1;
    pairs.push(end - p, explained[p]);
  }
  return encode(Uint8Array.from(pairs));
}

/** Inverse of toText. @param {string} text untrusted @param {Frame} frame @returns {Explained | null} null if it is invalid or of another size */
export function fromText(text, { side }) {
  const explained = new Uint8Array(side ** 2);
  let pairs;
  try {
    pairs = uint8(text.replaceAll("-", "+").replaceAll("_", "/"));
  } catch {
    return null; // not base64
  }
  let p = 0;
  for (let i = 0; i + 1 < pairs.length; p += pairs[i], i += 2) explained.fill(pairs[i + 1], p, p + pairs[i]);
  return p === explained.length && pairs.length % 2 === 0 ? explained : null;
}
