// Colour of an object on the stage: hue and brightness of its features, and the ring of hues around it.

import { svg } from "../page/dom.js";

const SEGMENTS = 36;

/** Gap between an object's box and the ring, in CSS pixels. */
const GAP_PX = 12;

/** Least chroma after choosing a hue, so that the hue of a grey object is visible. */
const LEAST_CHROMA = 0.3;

/** @typedef {import("../scene/grasp.js").Features} Features */

/** @param {Features} features @returns {[number, number, number]} hue in [0, 1), chroma, value */
function hcv({ red, green, blue }) {
  const [value, least] = [Math.max(red, green, blue), Math.min(red, green, blue)];
  const chroma = value - least;
  if (chroma < 1e-6) return [0, 0, value];
  const sixth =
    value === red ? (green - blue) / chroma : value === green ? 2 + (blue - red) / chroma : 4 + (red - green) / chroma;
  return [(sixth / 6 + 1) % 1, chroma, value];
}

/** Changes an object's hue; its brightness stays. @param {Features} features @param {number} hue in [0, 1) @returns {Features} */
export function tinted(features, hue) {
  const [, chroma, value] = hcv(features);
  const width = Math.min(value, Math.max(chroma, LEAST_CHROMA));
  /** @param {number} n */
  const channel = (n) => {
    const k = (n + 6 * hue) % 6;
    return value - width * Math.max(0, Math.min(k, 4 - k, 1));
  };
  return { ...features, red: channel(5), green: channel(3), blue: channel(1) };
}

/** Makes an object brighter or darker. @param {Features} features @param {number} by added to its brightest channel @returns {Features} */
export function lit(features, by) {
  const [, , value] = hcv(features);
  const times = Math.max(0.05, Math.min(1, value + by)) / Math.max(value, 1e-3);
  return { ...features, red: features.red * times, green: features.green * times, blue: features.blue * times };
}

/** The hue at a point of the ring: red at the right, then clockwise. @param {[number, number]} point @param {{x: number, y: number}} middle @returns {number} in [0, 1) */
export const hueAt = ([x, y], middle) => (Math.atan2(y - middle.y, x - middle.x) / (2 * Math.PI) + 1) % 1;

/** Creates the ring of hues. @returns {{element: SVGElement, place: (box: number[], pixel: number) => void}} `place` puts it around a box; `pixel` is the size of a scene pixel in CSS pixels */
export function hueRing() {
  const arcs = Array.from({ length: SEGMENTS }, (_, i) =>
    svg("path", { stroke: `hsl(${(360 * (i + 0.5)) / SEGMENTS} 90% 55%)` }),
  );
  const element = svg("g", { class: "mx-ring" }, ...arcs);
  return {
    element,
    place([left, top, right, bottom], pixel) {
      const [x, y, radius] = [
        (left + right) / 2,
        (top + bottom) / 2,
        Math.hypot(right - left, bottom - top) / 2 + GAP_PX / pixel,
      ];
      /** @param {number} i */
      const at = (i) =>
        `${x + radius * Math.cos((2 * Math.PI * i) / SEGMENTS)},${y + radius * Math.sin((2 * Math.PI * i) / SEGMENTS)}`;
      arcs.forEach((arc, i) => arc.setAttribute("d", `M${at(i)}A${radius},${radius} 0 0 1 ${at(i + 1)}`));
    },
  };
}
