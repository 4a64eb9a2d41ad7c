// Renders a composition to the model's input pixels and the true owner of each pixel.

import { strokes } from "./strokes.js";

/** Red, green and blue, 0 to 255. @typedef {[number, number, number]} Color */
/** A position in pixels of the picture: x from the left, y from the top. @typedef {[number, number]} Spot */
/**
 * An object on the canvas. Positions are in pixels of the data set's picture from its left and upper edge; the first
 * pixel's centre is 0.5.
 * @typedef {object} Thing
 * @property {number} id unique on the canvas
 * @property {string} shape one of its world's, or "stroke"
 * @property {number} x of its centre
 * @property {number} y of its centre
 * @property {number} scale 1 is the data set's largest
 * @property {number} angle clockwise, in radians
 * @property {number} alpha opacity, 0 to 1
 * @property {Color | null} color null: a cut-out's own colours, or an eraser stroke
 * @property {number} [width] of a stroke, in pixels
 * @property {Spot[]} [points] of a stroke, relative to its centre
 */
/**
 * The background: one colour, or a picture [H][W][3] with its origin for links. One that `stays` is not sent to the
 * server.
 * @typedef {{color: Color, pixels?: undefined, origin?: undefined, stays?: undefined} | {color?: undefined, pixels: Uint8Array, origin: import("../engine/engine.js").Origin | GroundOrigin | null, stays?: boolean}} Ground
 */
/** One of a world's own grounds. @typedef {{kind: "ground", index: number}} GroundOrigin */
/**
 * Things from back to front, the ground, and the part of the picture marked as explained, if any.
 * @typedef {{things: Thing[], ground: Ground, explained?: import("./scope.js").Explained | null}} Composition
 */
/** Sides in pixels of the picture and of the model's input, which adds a black border. @typedef {{picture: number, side: number}} Frame */
/**
 * @typedef {object} Rendered
 * @property {Uint8Array} pixels [side][side][3]
 * @property {Uint8Array} owners [side][side]: the number of the visible thing, from 1; 0 is the ground
 * @property {number[]} areas pixels of each thing inside the picture, including occluded ones
 * @property {Uint8Array} base [side][side][3]: the ground without any thing
 */

/** Width of the border on the left and at the top. @param {Frame} frame */
export const margin = ({ picture, side }) => Math.floor((side - picture) / 2);

/** The kind that draws a thing. @param {Pick<Thing, "shape">} thing @param {import("./worlds.js").World} world */
export const kindOf = (thing, world) => (thing.shape === "stroke" ? strokes : world.kind);

/**
 * Visits all pixels of one thing, including occluded ones.
 * @param {Thing} thing @param {import("./worlds.js").World} world @param {Frame} frame
 * @param {(pixel: number, r: number, g: number, b: number) => void} put given the pixel's index in the model's input
 */
function cover(thing, world, frame, put) {
  const [start, { picture, side }] = [margin(frame), frame];
  kindOf(thing, world).draw(thing, picture, (row, column, r, g, b) => {
    if (row >= 0 && column >= 0 && row < picture && column < picture)
      put((start + row) * side + start + column, r, g, b);
  });
}

/** Draws the things over the ground, from back to front. @param {Composition} composition @param {import("./worlds.js").World} world @param {Frame} frame @returns {Rendered} */
export function render({ things, ground }, world, frame) {
  const base = groundPixels(ground, frame);
  const pixels = base.slice();
  const owners = new Uint8Array(frame.side ** 2);
  const areas = things.map((thing, n) => {
    const erases = thing.shape === "stroke" && !thing.color;
    let area = 0;
    cover(thing, world, frame, (p, ...color) => {
      for (let c = 0; c < 3; c++) {
        const at = 3 * p + c;
        pixels[at] = erases ? base[at] : Math.round(pixels[at] + thing.alpha * (color[c] - pixels[at]));
      }
      owners[p] = erases ? 0 : n + 1;
      area += 1;
    });
    return area;
  });
  return { pixels, owners, areas, base };
}

/** The ground without things, inside the black border. @param {Ground} ground @param {Frame} frame @returns {Uint8Array} */
function groundPixels(ground, frame) {
  const [start, { picture, side }] = [margin(frame), frame];
  const pixels = new Uint8Array(3 * side * side);
  for (let row = 0; row < picture; row++) {
    const at = 3 * ((start + row) * side + start);
    if (ground.pixels) pixels.set(ground.pixels.subarray(3 * row * picture, 3 * (row + 1) * picture), at);
    else for (let p = 0; p < picture; p++) pixels.set(ground.color, at + 3 * p);
  }
  return pixels;
}

/**
 * A thing's mask as if nothing occluded it: 1 at its pixels, [side][side].
 * @param {Thing} thing @param {import("./worlds.js").World} world @param {Frame} frame
 */
export function outline(thing, world, frame) {
  const covered = new Uint8Array(frame.side ** 2);
  cover(thing, world, frame, (p) => (covered[p] = 1));
  return covered;
}

/** Crops the border from a model's input. @param {ArrayLike<number>} input [side][side][3], 0 to 1 @param {Frame} frame */
export function pictureOf(input, frame) {
  const [start, { picture, side }] = [margin(frame), frame];
  return Uint8Array.from({ length: 3 * picture * picture }, (_, i) => {
    const [row, rest] = [Math.floor(i / (3 * picture)), i % (3 * picture)];
    return Math.max(0, Math.min(255, Math.round(255 * input[3 * ((start + row) * side + start) + rest])));
  });
}
