/**
 * The spatial broadcast decoder in the browser: one latent in, one slot's picture and mask logits out, in a
 * few milliseconds and without the server. Runs the WebAssembly files beside it (source: explorer/kernel).
 *
 * @typedef {object} DecoderSpec  What the server sends about a model.
 * @property {number} height  Height of the decoded image in pixels; even.
 * @property {number} width  Width of the decoded image in pixels; even.
 * @property {number} latentDim  Length of a latent.
 * @property {Float32Array} weights  Its parameters in state_dict order, flattened: 5 x (weight, bias).
 * @property {{latent: Float32Array, output: Float32Array}} probe  A latent and the server's decoding of it,
 *   [height][width][4].
 *
 * @typedef {object} BrowserDecoder
 * @property {string} kind  "relaxed SIMD" or "SIMD": the build in use.
 * @property {number} error  Largest absolute difference from the server's decoding of the probe.
 * @property {(latent: Float32Array, out?: Float32Array) => Float32Array} decode  Fills and returns `out`, or
 *   a new array: [height][width][4] of red, green, blue (component means, not clipped) and mask logit.
 */

import { largestDifference, loadKernel } from "../kernels.js";

const TOLERANCE = 1e-5; // of the largest output, and never less than of 1

/**
 * Loads the decoder and checks it against the server's answer to the probe.
 *
 * @param {DecoderSpec} spec
 * @param {string | URL} [baseUrl]  Where the WebAssembly files lie; by default beside this module.
 * @returns {Promise<BrowserDecoder>}
 * @throws {Error} With a sentence that says why this browser, or this model, has to use the server instead.
 */
export async function loadBrowserDecoder(spec, baseUrl = import.meta.url) {
  const { height, width, latentDim, weights, probe } = spec;
  const { kind, kernel } = await loadKernel("decoder", baseUrl);

  const expected = kernel.allocate(height, width, latentDim);
  if (expected === 0) {
    throw new Error(
      "The browser decoder needs an even height and width of 2 to 1024 pixels, 1 to 4096 latents " +
        `and enough memory; this model has ${height} x ${width} pixels and ${latentDim} latents.`,
    );
  }
  if (weights.length !== expected) {
    throw new Error(
      "The browser decoder knows one architecture (four 3x3 layers of width 32 and one 1x1 layer): with " +
        `${latentDim} latents it has ${expected} weights, but this model's decoder has ${weights.length}.`,
    );
  }

  // From here on the kernel's memory no longer grows, so that these views stay valid.
  /** @param {number} address @param {number} length */
  const view = (address, length) => new Float32Array(kernel.memory.buffer, address, length);
  const latentView = view(kernel.latent(), latentDim);
  const outputView = view(kernel.output(), height * width * 4);
  view(kernel.weights(), expected).set(weights);
  kernel.prepare();

  /** @type {BrowserDecoder["decode"]} */
  function decode(latent, out = new Float32Array(outputView.length)) {
    requireLength("A latent", latent, latentView.length);
    requireLength("The output array", out, outputView.length);
    latentView.set(latent);
    kernel.decode();
    out.set(outputView);
    return out;
  }

  requireLength("The probe's output", probe.output, outputView.length);
  if (!probe.output.every(Number.isFinite)) {
    throw new Error("The server's decoding of the probe has numbers that are not finite.");
  }
  const error = largestDifference(decode(probe.latent), probe.output);
  const allowed = TOLERANCE * probe.output.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1);
  const agrees = error <= allowed; // false for NaN
  if (!agrees) {
    throw new Error(
      `The browser decoder differs from the server by ${error.toExponential(1)} on the probe; ` +
        `up to ${allowed.toExponential(1)} is allowed.`,
    );
  }
  return { kind, error, decode };
}

/** @param {string} what @param {Float32Array} array @param {number} length */
function requireLength(what, array, length) {
  if (array.length !== length) throw new Error(`${what} must have ${length} numbers, not ${array.length}.`);
}
