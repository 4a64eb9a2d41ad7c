/**
 * MONet's attention network and encoder in the browser: a picture in, its slots out, without the server. Runs the
 * WebAssembly files beside it (source: explorer/kernel) and the decoder's.
 *
 * @typedef {object} NetworkConfig  Sizes of the network, as monet.explorer.network.network_config gives them.
 * @property {number} side  Of the picture, in pixels.
 * @property {number} slots  The most that are asked for.
 * @property {number} latents
 * @property {number | null} logMaskFloor
 * @property {number} attentionHidden
 * @property {number} encoderHidden
 * @property {boolean} encoderActivation
 * @property {number} encoderResiduals
 * @property {number[]} attentionChannels
 * @property {number[]} encoderChannels
 *
 * @typedef {object} NetworkAbout  What the server says about a model for people, and for the loss.
 * @property {NetworkConfig} config
 * @property {{pictureSize: number, backgroundScale: number, foregroundScale: number, data: string | null,
 *   measured: Record<string, number>}} about  `pictureSize` without the border, in pixels; scales of the likelihood; the
 *   data set that it learned from; the means that were measured of the model.
 *
 * @typedef {object} NetworkSpec  What the server sends about a model.
 * @property {NetworkConfig} config
 * @property {Float32Array} weights  U-Net and encoder in state_dict order, flattened.
 * @property {{pixels: Uint8Array, slots: number, masks: Float32Array, latentMean: Float32Array,
 *   latentStd: Float32Array, components: Float32Array}} probe  A scene and what the server makes of it.
 *
 * @typedef {object} Decomposition  K slots of [H][W] pixels and Z latents.
 * @property {Float32Array} masks  [K][H][W], sum to one over K.
 * @property {Float32Array} scopes  [K][H][W], what each step was given.
 * @property {Float32Array} shares  [K][H][W], alpha: which part of its scope each step takes; the last takes all.
 * @property {Float32Array} components  [K][H][W][4]: red, green, blue (means, not clipped) and mask logit.
 * @property {Float32Array} decodedMasks  [K][H][W], softmax of the mask logits over K.
 * @property {Float32Array} latentMean  [K][Z]
 * @property {Float32Array} latentStd  [K][Z]
 *
 * @typedef {object} BrowserNetwork
 * @property {string} kind  "relaxed SIMD" or "SIMD": the build in use.
 * @property {number} error  Largest absolute difference from the server's answer to the probe.
 * @property {(pixels: Uint8Array, slots: number, scope?: Float32Array | null) => Decomposition} decompose  Of pixels
 *   [H][W][3], 0 to 255. `scope` [H][W] in [0, 1] is what the first step is given, 1 everywhere if it is left out; what
 *   is below LEAST_SCOPE counts as that. The masks sum to the scope.
 */

import { softmaxMasks } from "../../scene/compose.js";
import { largestDifference, loadKernel } from "../kernels.js";

const MOST_LEVELS = 8;
const TOLERANCE = 1e-3;
/** As in monet.attention: a scope of 0 has no logarithm. */
const LEAST_SCOPE = 1e-4;

/**
 * Loads the network and checks it against the server's answer to the probe.
 *
 * @param {NetworkSpec} spec
 * @param {import("../decoder/decoder.js").BrowserDecoder} decoder  Of the same model.
 * @param {string | URL} [baseUrl]  Where the WebAssembly files lie; by default beside this module.
 * @returns {Promise<BrowserNetwork>}
 * @throws {Error} With a sentence that says why this browser, or this model, has to use the server instead.
 */
export async function loadBrowserNetwork({ config, weights, probe }, decoder, baseUrl = import.meta.url) {
  const { kind, kernel } = await loadKernel("network", baseUrl);
  // The kernel's memory grows in allocate() only, so that a view stays valid afterwards.
  /** @param {number} address @param {number} length */
  const view = (address, length) => new Float32Array(kernel.memory.buffer, address, length);

  const settings = settingsOf(config);
  view(kernel.settings(), settings.length).set(settings);
  const expected = kernel.allocate();
  if (expected === 0) {
    throw new Error(
      "The browser's network knows pictures of up to 256 pixels, up to 8 levels, widths of up to 1024 in multiples " +
        "of 8 (attention) or 4 (encoder), and needs memory; this model has other sizes.",
    );
  }
  if (weights.length !== expected) {
    throw new Error(`The browser's network has ${expected} weights, but this model has ${weights.length}.`);
  }
  view(kernel.weights(), expected).set(weights);
  kernel.prepare();

  const pixelCount = config.side ** 2;
  const pixelView = new Uint8Array(kernel.memory.buffer, kernel.pixels(), 3 * pixelCount);

  /** @type {BrowserNetwork["decompose"]} */
  function decompose(pixels, slots, scope = null) {
    if (pixels.length !== pixelView.length) {
      throw new Error(`A picture for this model has ${pixelView.length} values, not ${pixels.length}.`);
    }
    if (!(Number.isInteger(slots) && slots >= 1 && slots <= config.slots)) {
      throw new Error(`Choose between 1 and ${config.slots} slots.`);
    }
    if (scope && scope.length !== pixelCount) {
      throw new Error(`A scope for this model has ${pixelCount} values, not ${scope.length}.`);
    }
    pixelView.set(pixels);
    const logScope = view(kernel.scope(), pixelCount);
    if (scope) scope.forEach((s, p) => (logScope[p] = Math.log(Math.min(Math.max(s, LEAST_SCOPE), 1))));
    else logScope.fill(0);
    kernel.decompose(slots);
    /** @param {number} address */
    const images = (address) => view(address, slots * pixelCount).slice();
    /** @param {number} address */
    const rows = (address) => view(address, slots * config.latents).slice();
    const latentMean = rows(kernel.means());
    const components = new Float32Array(slots * pixelCount * 4);
    const decoded = Array.from({ length: slots }, (_, k) =>
      decoder.decode(
        latentMean.subarray(k * config.latents, (k + 1) * config.latents),
        components.subarray(k * pixelCount * 4, (k + 1) * pixelCount * 4),
      ),
    );
    const decodedMasks = new Float32Array(slots * pixelCount);
    softmaxMasks(
      decoded,
      decoded.map(() => true),
    ).forEach((mask, k) => decodedMasks.set(mask, k * pixelCount));
    return {
      masks: images(kernel.masks()),
      scopes: images(kernel.scopes()),
      shares: images(kernel.shares()),
      components,
      decodedMasks,
      latentMean,
      latentStd: rows(kernel.deviations()),
    };
  }

  const found = decompose(probe.pixels, probe.slots);
  const error = Math.max(
    largestDifference(found.masks, probe.masks),
    largestDifference(found.latentMean, probe.latentMean),
    largestDifference(found.latentStd, probe.latentStd),
    largestDifference(colours(found.components), colours(probe.components)),
  );
  const agrees = error <= TOLERANCE; // false for NaN
  if (!agrees) {
    throw new Error(
      `The browser's network differs from the server by ${error.toExponential(1)} on a scene; ` +
        `up to ${TOLERANCE.toExponential(0)} is allowed.`,
    );
  }
  return { kind, error, decompose };
}

/** A configuration as the kernel's struct Settings. @param {NetworkConfig} config */
function settingsOf(config) {
  /** @param {number[]} channels */
  const widths = (channels) => Array.from({ length: MOST_LEVELS }, (_, level) => channels[level] ?? 0);
  return [
    config.side,
    config.slots,
    config.latents,
    config.logMaskFloor ?? -Infinity,
    config.attentionHidden,
    config.encoderHidden,
    Number(config.encoderActivation),
    config.encoderResiduals,
    config.attentionChannels.length,
    config.encoderChannels.length,
    ...widths(config.attentionChannels),
    ...widths(config.encoderChannels),
  ];
}

/** Without the mask logits, whose size has no bounds. @param {Float32Array} components [.][4] */
const colours = (components) => components.filter((_, i) => i % 4 < 3);
