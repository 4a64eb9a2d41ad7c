// The pictures of a step: the scene under its veil, the piece that is lifted out of it, what is put together.

import { blend } from "../scene/compose.js";
import { context2d } from "../page/dom.js";
import { drawColors, FOG } from "../drawing/draw.js";
import { onGround } from "../drawing/ground.js";

/** @typedef {import("../scene/scene.js").Scene} Scene */
/** What the slots are decoded to: [H*W][4] of each, and the softmax of their masks, [H*W]. @typedef {{slots: Float32Array[], masks: Float32Array[]}} Decoded */

/** How much fog lies on the scene. */
const THICKNESS = 0.76;

/**
 * The scene: what earlier steps took is gone (the chequer), what is left is veiled, this step's mask is lit.
 * @param {HTMLCanvasElement} element
 * @param {Scene} scene
 * @param {number} step
 * @param {{scope: number, mask: number}} done how far the veil has come down, and how far the spotlight has opened
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
    const going = last ? (1 - scope) * last[p] : 0; // the last step's piece is covered while the veil moves
    shown[p] = veiled + clear + going;
    for (let c = 0; c < 3; c++) {
      const x = scene.image[3 * p + c];
      image[3 * p + c] = veiled * (x + fog * (FOG[c] - x)) + (clear + going) * x;
    }
  }
  drawColors(element, scene.size, onGround(image, [shown], scene.size));
}

/**
 * The scene's own pixels, or a component's, under a mask.
 * @param {HTMLCanvasElement} element @param {number} size
 * @param {Float32Array} colors [H*W][stride] @param {number} stride @param {Float32Array} mask [H*W]
 */
export function drawPiece(element, size, colors, stride, mask) {
  const image = new Float32Array(3 * mask.length);
  for (let p = 0; p < mask.length; p++) for (let c = 0; c < 3; c++) image[3 * p + c] = mask[p] * colors[stride * p + c];
  drawColors(element, size, onGround(image, [mask], size));
}

/**
 * The same with nothing around it, to fly over the page; whole without a mask.
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
 * The sum of the components under the attention's masks, as far as slots are filled.
 * @param {HTMLCanvasElement} element @param {Scene} scene @param {Float32Array[]} decoded @param {number} filled how many are
 */
export function drawSum(element, scene, decoded, filled) {
  const masks = scene.masks.map((mask, k) => (k < filled ? mask : null));
  drawColors(element, scene.size, onGround(blend(decoded, masks), masks, scene.size));
}
