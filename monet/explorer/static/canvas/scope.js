// What counts as explained before the recursion begins: the scope s_0 is 1 minus that (Burgess et al. 2019, section 2.2).

import { uint8 } from "../engine/arrays.js";
import { FOG } from "../drawing/draw.js";
import { encode } from "../scene/permalink.js";
import { margin } from "./render.js";
import { strokes } from "./strokes.js";

/** How much of each pixel counts as explained, in 255ths: [side][side]. @typedef {Uint8Array} Explained */
/** @typedef {import("./render.js").Frame} Frame */
/** @typedef {import("./render.js").Spot} Spot */

/** The most that a pixel can be explained. */
const WHOLE = 255;

/** How much of the veil hides what lies below. */
const THICKNESS = 0.76;

/** @param {Explained} explained @returns {Explained | null} null of nothing, so that there is one way to say it */
const orNull = (explained) => (explained.some((e) => e) ? explained : null);

/**
 * A brush goes from one place to another.
 * @param {Explained | null | undefined} before
 * @param {[Spot, Spot]} way in the picture
 * @param {{width: number, gives: boolean}} brush in pixels; one that gives back leaves everything to explain
 * @param {Frame} frame
 */
export function brushed(before, way, { width, gives }, frame) {
  const start = margin(frame);
  const explained = before?.slice() ?? new Uint8Array(frame.side ** 2);
  const points = way.map(([x, y]) => /** @type {Spot} */ ([x + start, y + start]));
  const line = { id: 0, shape: "stroke", x: 0, y: 0, scale: 1, angle: 0, alpha: 1, color: null, width, points };
  strokes.draw(line, frame.side, (row, column) => (explained[row * frame.side + column] = gives ? 0 : WHOLE));
  return orNull(explained);
}

/** What a slot took counts as explained, too: s - m_k. @param {Explained | null | undefined} before @param {Float32Array} mask [side*side] */
export const withSlot = (before, mask) =>
  orNull(Uint8Array.from(mask, (m, p) => Math.min(WHOLE, Math.round((before?.[p] ?? 0) + WHOLE * m))));

/** The scope that is left, null for everything. @param {Explained | null | undefined} explained */
export const scopeOf = (explained) => (explained ? Float32Array.from(explained, (e) => 1 - e / WHOLE) : null);

/** Pixels under the veil, 0 to 1. @param {Uint8Array} pixels [side][side][3] @param {Explained | null | undefined} explained @returns {Float32Array} */
export const veiled = (pixels, explained) =>
  Float32Array.from(pixels, (value, i) => {
    const fog = explained ? (THICKNESS * explained[Math.floor(i / 3)]) / WHOLE : 0;
    return value / 255 + fog * (FOG[i % 3] - value / 255);
  });

/** For a link: pairs of bytes, how often and what, in letters for addresses. @param {Explained} explained */
export function toText(explained) {
  const pairs = [];
  for (let p = 0, end = 0; p < explained.length; p = end) {
    while (end < explained.length && end - p < 255 && explained[end] === explained[p]) end += 1;
    pairs.push(end - p, explained[p]);
  }
  return encode(Uint8Array.from(pairs));
}

/** @param {string} text as toText wrote it, or anybody @param {Frame} frame @returns {Explained | null} null if it is none of this frame */
export function fromText(text, { side }) {
  const explained = new Uint8Array(side ** 2);
  let pairs;
  try {
    pairs = uint8(text.replaceAll("-", "+").replaceAll("_", "/"));
  } catch {
    return null; // no base64
  }
  let p = 0;
  for (let i = 0; i + 1 < pairs.length; p += pairs[i], i += 2) explained.fill(pairs[i + 1], p, p + pairs[i]);
  return p === explained.length && pairs.length % 2 === 0 ? explained : null;
}
