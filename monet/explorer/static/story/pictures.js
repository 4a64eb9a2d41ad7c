// Draws the pictures of a step: the scene under its veil, the piece that the mask cuts out, and the sum of the slots.

import { blend } from "../scene/compose.js";
import { context2d } from "../page/dom.js";
import { drawColors, FOG } from "../drawing/draw.js";
import { onGround } from "../drawing/ground.js";

/** @typedef {import("../scene/scene.js").Scene} Scene */
/** Decoded slots [H*W][4], and their masks [H*W] after the softmax. @typedef {{slots: Float32Array[], masks: Float32Array[]}} Decoded */

/** Opacity of the veil. */
const THICKNESS = 0.76;

/**
 * Draws the scene: parts of earlier steps chequered, the scope under a veil, this step's mask without it.
 * @param {HTMLCanvasElement} element
 * @param {Scene} scene
 * @param {number} step
 * @param {{scope: number, mask: number}} done progress of the phases "scope" (veil) and "mask" (spotlight), 0 to 1
 */
export function drawVeiled(element, scene, step, { scope, mask }) {
  const pixels = scene.size ** 2;
  const image = new Float32Array(3 * pixels);
  const shown = new Float32Array(pixels);
  const [left, lit, last] = [scene.scopes[step], scene.masks[step], scene.masks[step - 1]];
  const fog = THICKNESS * (step === 0 ? scope : 1);
  for (let p = 0; p < pixels; p++) {
    const clear = mask * lit[p];
    const veiled = Math.max(0, left[p] - clear);
    const going = last ? (1 - scope) * last[p] : 0; // the last step's piece disappears while the veil moves
    shown[p] = veiled + clear + going;
    for (let c = 0; c < 3; c++) {
      const x = scene.image[3 * p + c];
      image[3 * p + c] = veiled * (x + fog * (FOG[c] - x)) + (clear + going) * x;
    }
  }
  drawColors(element, scene.size, onGround(image, [shown], scene.size));
}

/**
 * Draws the scene's or a component's colours under a mask, on a chequered ground.
 * @param {HTMLCanvasElement} element @param {number} size
 * @param {Float32Array} colors [H*W][stride] @param {number} stride @param {Float32Array} mask [H*W]
 */
export function drawPiece(element, size, colors, stride, mask) {
  const image = new Float32Array(3 * mask.length);
  for (let p = 0; p < mask.length; p++) for (let c = 0; c < 3; c++) image[3 * p + c] = mask[p] * colors[stride * p + c];
  drawColors(element, size, onGround(image, [mask], size));
}

/**
 * Draws colours under a mask on a transparent ground, for the animation; everything if there is no mask.
 * @param {HTMLCanvasElement} element @param {number} size
 * @param {Float32Array} colors [H*W][stride] @param {number} stride @param {Float32Array | null} mask [H*W]
 */
export function drawCutOut(element, size, colors, stride, mask) {
  element.width = element.height = size;
  const context = context2d(element);
  const picture = context.createImageData(size, size);
  for (let p = 0; p < size * size; p++) {
    for (let c = 0; c < 3; c++) picture.data[4 * p + c] = 255 * colors[stride * p + c];
    picture.data[4 * p + 3] = mask ? 255 * mask[p] : 255;
  }
  context.putImageData(picture, 0, 0);
}

/**
 * Draws the sum of the first slots: components under the attention's masks.
 * @param {HTMLCanvasElement} element @param {Scene} scene @param {Float32Array[]} decoded @param {number} filled number of slots
 */
export function drawSum(element, scene, decoded, filled) {
  const masks = scene.masks.map((mask, k) => (k < filled ? mask : null));
  drawColors(element, scene.size, onGround(blend(decoded, masks), masks, scene.size));
}
