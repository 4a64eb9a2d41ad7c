// A composed scene as the pixels that the model is fed, and the truth about them: which object owns which.

import { strokes } from "./strokes.js";

/** Red, green and blue, 0 to 255. @typedef {[number, number, number]} Color */
/** A place in pixels of the picture: from the left, from the top. @typedef {[number, number]} Spot */
/**
 * Something on the canvas. Places are in pixels of the data set's picture from its left and upper edge, so that the
 * middle of the first pixel is 0.5.
 * @typedef {object} Thing
 * @property {number} id its own as long as it exists
 * @property {string} shape one of its world's, or "stroke"
 * @property {number} x of its middle
 * @property {number} y of its middle
 * @property {number} scale 1 as the data set's largest
 * @property {number} angle clockwise, in radians
 * @property {number} alpha 1 opaque, 0 not to be seen
 * @property {Color | null} color null: a cut-out's own, or a stroke that shows the ground
 * @property {number} [width] of a stroke, in pixels
 * @property {Spot[]} [points] of a stroke, from its middle
 */
/**
 * What lies behind all things: one colour, or a picture [H][W][3] with a name to find it again by. One that `stays` is
 * not sent to the server.
 * @typedef {{color: Color, pixels?: undefined, origin?: undefined, stays?: undefined} | {color?: undefined, pixels: Uint8Array, origin: import("../engine/engine.js").Origin | GroundOrigin | null, stays?: boolean}} Ground
 */
/** One of a world's own grounds. @typedef {{kind: "ground", index: number}} GroundOrigin */
/**
 * Things from back to front, and what of the picture counts as explained, if anything does.
 * @typedef {{things: Thing[], ground: Ground, explained?: import("./scope.js").Explained | null}} Composition
 */
/** Sides in pixels: of the picture, and of what the model is fed, which has a black border around it. @typedef {{picture: number, side: number}} Frame */
/**
 * @typedef {object} Rendered
 * @property {Uint8Array} pixels [side][side][3]
 * @property {Uint8Array} owners [side][side]: the number of the thing seen there, from 1; 0 is the ground
 * @property {number[]} areas pixels that each thing has inside the picture, hidden ones too
 * @property {Uint8Array} base [side][side][3]: the ground without any thing
 */

/** Pixels of the border to the left and above. @param {Frame} frame */
export const margin = ({ picture, side }) => Math.floor((side - picture) / 2);

/** How a thing is drawn. @param {Pick<Thing, "shape">} thing @param {import("./worlds.js").World} world */
export const kindOf = (thing, world) => (thing.shape === "stroke" ? strokes : world.kind);

/**
 * The pixels of one thing, whatever lies before it.
 * @param {Thing} thing @param {import("./worlds.js").World} world @param {Frame} frame
 * @param {(pixel: number, r: number, g: number, b: number) => void} put given the pixel's number in what the model is fed
 */
function cover(thing, world, frame, put) {
  const [start, { picture, side }] = [margin(frame), frame];
  kindOf(thing, world).draw(thing, picture, (row, column, r, g, b) => {
    if (row >= 0 && column >= 0 && row < picture && column < picture)
      put((start + row) * side + start + column, r, g, b);
  });
}

/** @param {Composition} composition @param {import("./worlds.js").World} world @param {Frame} frame @returns {Rendered} */
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

/** The ground by itself, in its black border. @param {Ground} ground @param {Frame} frame @returns {Uint8Array} */
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
 * Which pixels a thing would have if nothing lay before it: 1 there, [side][side].
 * @param {Thing} thing @param {import("./worlds.js").World} world @param {Frame} frame
 */
export function outline(thing, world, frame) {
  const covered = new Uint8Array(frame.side ** 2);
  cover(thing, world, frame, (p) => (covered[p] = 1));
  return covered;
}

/** The picture inside the border of what a model is fed. @param {ArrayLike<number>} fed [side][side][3], 0 to 1 @param {Frame} frame */
export function pictureOf(fed, frame) {
  const [start, { picture, side }] = [margin(frame), frame];
  return Uint8Array.from({ length: 3 * picture * picture }, (_, i) => {
    const [row, rest] = [Math.floor(i / (3 * picture)), i % (3 * picture)];
    return Math.max(0, Math.min(255, Math.round(255 * fed[3 * ((start + row) * side + start) + rest])));
  });
}
