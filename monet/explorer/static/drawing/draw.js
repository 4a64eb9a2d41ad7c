// Draws arrays on canvases at model resolution; CSS scales them (nearest neighbour).

import { context2d } from "../page/dom.js";

/** Colours of the slots, same as monet.figures.SLOT_COLORS: grey, then Okabe and Ito's palette. */
export const SLOT_COLORS = [
  [110, 110, 110],
  [230, 159, 0],
  [86, 180, 233],
  [0, 158, 115],
  [240, 228, 66],
  [0, 114, 178],
  [213, 94, 0],
  [204, 121, 167],
  [140, 86, 75],
  [148, 203, 236],
  [190, 190, 60],
  [90, 60, 140],
];

/** @param {number} k @returns {string} CSS colour of a slot */
export const slotColor = (k) => `rgb(${SLOT_COLORS[k % SLOT_COLORS.length].join(" ")})`;

/** Colour of the scope's veil, in [0, 1], visible on black and on white scenes. */
export const FOG = [0.2, 0.24, 0.38];

/** Colour number of the veil, in place of a slot's. */
export const VEIL = -1;

/** Black or white, whichever is readable on a slot's colour. @param {number} k */
export function inkOn(k) {
  const [r, g, b] = SLOT_COLORS[k % SLOT_COLORS.length];
  return 0.299 * r + 0.587 * g + 0.114 * b > 140 ? "#000" : "#fff";
}

// Stops of the cividis map (Nuñez, Anderton and Renslow 2018), readable with every kind of colour vision.
const CIVIDIS = [
  [0, 32, 76],
  [0, 42, 102],
  [0, 52, 110],
  [39, 63, 108],
  [60, 74, 107],
  [76, 85, 107],
  [91, 95, 109],
  [104, 106, 112],
  [117, 117, 117],
  [131, 129, 120],
  [146, 140, 120],
  [161, 152, 118],
  [176, 165, 114],
  [192, 178, 109],
  [209, 191, 102],
  [225, 204, 92],
  [243, 219, 79],
  [255, 233, 69],
];
/** The colour map of errors as a CSS gradient. */
export const ERROR_GRADIENT = `linear-gradient(to right, ${CIVIDIS.map((c) => `rgb(${c.join(" ")})`).join(", ")})`;

/** CSS colour of an error. @param {number} share of the maximum, 0 to 1 */
export function errorColor(share) {
  const [position, low] = place(CIVIDIS, share);
  return `rgb(${mix(CIVIDIS, position, low).join(" ")})`;
}

/** @typedef {number[][]} Stops evenly spaced colours of a map, RGB from 0 to 255 */

/** @param {Stops} stops @param {number} share */
const place = (stops, share) => {
  const position = Math.max(0, Math.min(1, share)) * (stops.length - 1);
  return [position, Math.min(Math.floor(position), stops.length - 2)];
};
/** @param {Stops} stops @param {number} position @param {number} low */
const mix = (stops, position, low) =>
  stops[low].map((c, j) => Math.round(c + (position - low) * (stops[low + 1][j] - c)));

/** Lookup table of 256 ABGR pixels. @param {Stops} stops */
const lookup = (stops) => {
  const table = new Uint32Array(256);
  for (let i = 0; i < 256; i++) {
    const [position, low] = place(stops, i / 255);
    const [r, g, b] = mix(stops, position, low);
    table[i] = 0xff000000 | (b << 16) | (g << 8) | r;
  }
  return table;
};
const CIVIDIS_TABLE = lookup(CIVIDIS);
const GREY_TABLE = lookup([
  [0, 0, 0],
  [255, 255, 255],
]);

/** Creates a canvas element. @param {string} label for screen readers */
export function canvas(label, className = "") {
  const element = document.createElement("canvas");
  element.className = `mx-canvas ${className}`;
  element.setAttribute("role", "img");
  element.setAttribute("aria-label", label);
  return element;
}

/** Pixel buffers by canvas; `pixels` is a view of `picture`, ABGR. @type {WeakMap<HTMLCanvasElement, {picture: ImageData, pixels: Uint32Array}>} */
const buffers = new WeakMap();

/** @param {HTMLCanvasElement} element @param {number} size @param {(pixels: Uint32Array) => void} fill */
function paint(element, size, fill) {
  const context = context2d(element);
  let buffer = buffers.get(element);
  if (!buffer || element.width !== size || element.height !== size) {
    element.width = element.height = size;
    const picture = context.createImageData(size, size);
    buffer = { picture, pixels: new Uint32Array(picture.data.buffer) };
    buffers.set(element, buffer);
  }
  fill(buffer.pixels);
  context.putImageData(buffer.picture, 0, 0);
}

/** @param {number} x */
const byte = (x) => (x <= 0 ? 0 : x >= 1 ? 255 : (x * 255 + 0.5) | 0);

/**
 * Draws colours in [0, 1], multiplied by a mask if given.
 * @param {HTMLCanvasElement} element @param {number} size
 * @param {Float32Array} colors [H*W][stride]
 * @param {number} [stride]
 * @param {Float32Array | null} [mask] [H*W]
 */
export function drawColors(element, size, colors, stride = 3, mask = null) {
  paint(element, size, (pixels) => {
    for (let p = 0; p < pixels.length; p++) {
      const m = mask ? mask[p] : 1;
      const i = stride * p;
      pixels[p] = 0xff000000 | (byte(m * colors[i + 2]) << 16) | (byte(m * colors[i + 1]) << 8) | byte(m * colors[i]);
    }
  });
}

/** Grey behind a single object. */
const GROUND = 0.5;

/**
 * Draws a decoded slot under its mask on grey.
 * @param {HTMLCanvasElement} element @param {number} size @param {Float32Array} decoded [H*W][4] @param {Float32Array} mask [H*W]
 */
export function drawOnGround(element, size, decoded, mask) {
  paint(element, size, (pixels) => {
    for (let p = 0; p < pixels.length; p++) {
      const [m, rest, i] = [mask[p], GROUND * (1 - mask[p]), 4 * p];
      pixels[p] =
        0xff000000 |
        (byte(m * decoded[i + 2] + rest) << 16) |
        (byte(m * decoded[i + 1] + rest) << 8) |
        byte(m * decoded[i] + rest);
    }
  });
}

/** Width and height in the picture's own pixels. @param {HTMLCanvasElement | HTMLImageElement} picture @returns {[number, number]} */
export const sizeOf = (picture) =>
  picture instanceof HTMLImageElement ? [picture.naturalWidth, picture.naturalHeight] : [picture.width, picture.height];

/** Hatches a picture that is unreliable. @param {HTMLCanvasElement} element */
export function hatch(element) {
  const context = context2d(element);
  const { width } = element;
  context.strokeStyle = "#0008";
  context.lineWidth = Math.max(1, width / 64);
  context.beginPath();
  for (let x = -width; x < width; x += width / 6) {
    context.moveTo(x, width);
    context.lineTo(x + width, 0);
  }
  context.stroke();
}

/**
 * Draws values from 0 to `top`: grey for shares of the scene, cividis for errors.
 * @param {HTMLCanvasElement} element @param {number} size
 * @param {Float32Array} values [H*W]
 * @param {{top?: number, map?: "grey" | "cividis"}} [scale]
 */
export function drawValues(element, size, values, { top = 1, map = "grey" } = {}) {
  const table = map === "grey" ? GREY_TABLE : CIVIDIS_TABLE;
  paint(element, size, (pixels) => {
    for (let p = 0; p < pixels.length; p++) pixels[p] = table[byte(values[p] / top)];
  });
}

/**
 * Draws labels in the slots' colours, or the veil's.
 * @param {HTMLCanvasElement} element @param {number} size
 * @param {Uint8Array} labels [H*W]
 * @param {number[]} colors colour number of each label, or VEIL
 */
export function drawLabels(element, size, labels, colors) {
  const palette = colors.map((k) => (k === VEIL ? FOG.map((c) => byte(c)) : SLOT_COLORS[k % SLOT_COLORS.length]));
  paint(element, size, (pixels) => {
    for (let p = 0; p < pixels.length; p++) {
      const [r, g, b] = palette[labels[p]];
      pixels[p] = 0xff000000 | (b << 16) | (g << 8) | r;
    }
  });
}
