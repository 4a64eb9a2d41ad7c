// Builds the scene payload of a picture decomposed in the browser, equal to monet.explorer.payload.scene_payload.

import { agreement, trueObjectSlot } from "../scene/agreement.js";

/** @typedef {import("./network/network.js").Decomposition} Decomposition */
/** @typedef {import("../scene/agreement.js").Truth} Truth */

/** Width of the rim in pixels; a slot that covers it is background. */
const RIM = 2;

/**
 * What is known about a picture besides its pixels.
 * @typedef {object} Known
 * @property {import("./engine.js").Origin} origin
 * @property {string} title
 * @property {[number, number] | null} scaled original width and height, null if it was not resized
 * @property {Truth | null} truth
 */

/** A visitor's picture. @type {Known} */
const VISITOR_PICTURE = { origin: { kind: "picture" }, title: "your picture", scaled: null, truth: null };

/**
 * The payload of a picture, with typed arrays where the server sends base64.
 * @param {import("./engine.js").Choices} choices
 * @param {import("./network/network.js").NetworkAbout} spec
 * @param {Uint8Array} pixels [H][W][3]
 * @param {Decomposition} decomposition
 * @param {Known} [known]
 * @returns {import("../scene/store.js").ScenePayload}
 */
export function answerTo(
  { model, how, slots },
  { config, about },
  pixels,
  decomposition,
  { origin, title, scaled, truth } = VISITOR_PICTURE,
) {
  /** @param {Float32Array} values @returns {number[][]} */
  const rows = (values) =>
    Array.from({ length: slots }, (_, k) => Array.from(values.subarray(k * config.latents, (k + 1) * config.latents)));
  const { masks } = decomposition;
  const [mean, std] = [rows(decomposition.latentMean), rows(decomposition.latentStd)];
  const kl = mean.map((row, k) => row.map((m, d) => 0.5 * (m * m + std[k][d] ** 2 - 1) - Math.log(std[k][d])));
  return {
    model,
    how,
    slots,
    mean,
    std,
    kl,
    origin,
    title,
    scaled,
    size: config.side,
    object: (truth && trueObjectSlot(masks, truth, slots)) ?? objectSlot(masks, slots, config.side),
    foreign: Boolean(about.data) && (origin.data ?? about.data) !== about.data,
    image: pixels,
    masks,
    alphas: Uint8Array.from(decomposition.shares, (share) => Math.round(255 * share)),
    truth: truth?.labels ?? null,
    figures: {
      ...errors(decomposition, pixels, slots, config.side, about),
      latent_kl: kl.flat().reduce((a, b) => a + b, 0),
      ...(truth && agreement(masks, truth, slots, inside(config.side, about.pictureSize))),
    },
    usual: about.measured,
  };
}

/** The slot with the largest share of pixels, weighted by how little of the rim it covers. @param {Float32Array} masks @param {number} slots @param {number} side */
function objectSlot(masks, slots, side) {
  /** @param {number} p */
  const inside = (p) =>
    Math.min(p % side, side - 1 - (p % side), Math.floor(p / side), side - 1 - Math.floor(p / side)) >= RIM;
  const rim = [...Array(side ** 2).keys()].filter((p) => !inside(p));
  const score = Array.from({ length: slots }, (_, k) => {
    const mask = masks.subarray(k * side ** 2, (k + 1) * side ** 2);
    const onRim = rim.reduce((sum, p) => sum + mask[p], 0) / rim.length;
    return mask.reduce((sum, value) => sum + value, 0) * (1 - Math.min(1, 4 * onRim));
  });
  return score.indexOf(Math.max(...score));
}

/**
 * Mean squared error of sum_k m_k x_k inside the border, and two loss terms of the whole picture in nats: the negative
 * log-likelihood of the mixture, per colour channel, and the KL divergence of the masks from the decoder's.
 * @param {Decomposition} decomposition
 * @param {Uint8Array} pixels [H][W][3]
 * @param {number} slots
 * @param {number} side
 * @param {import("./network/network.js").NetworkAbout["about"]} about
 */
function errors({ masks, components }, pixels, slots, side, { pictureSize, backgroundScale, foregroundScale }) {
  const scales = Array.from({ length: slots }, (_, k) => (k ? foregroundScale : backgroundScale));
  const within = inside(side, pictureSize);
  let squares = 0;
  let likelihood = 0;
  let divergence = 0;
  for (let p = 0; p < side ** 2; p++) {
    /** @param {number} k */
    const at = (k) => k * side ** 2 + p;
    for (let c = 0; c < 3; c++) {
      const terms = scales.map((scale, k) => {
        const error = (pixels[3 * p + c] / 255 - components[4 * at(k) + c]) / scale;
        return Math.log(masks[at(k)]) - 0.5 * error * error - Math.log(scale);
      });
      const largest = Math.max(...terms);
      likelihood += largest + Math.log(terms.reduce((sum, term) => sum + Math.exp(term - largest), 0));
      const mean = scales.reduce((sum, _, k) => sum + masks[at(k)] * components[4 * at(k) + c], 0);
      if (within(p)) squares += (pixels[3 * p + c] / 255 - mean) ** 2;
    }
    const logits = scales.map((_, k) => components[4 * at(k) + 3]);
    const most = Math.max(...logits);
    const total = most + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - most), 0));
    logits.forEach((logit, k) => (divergence += masks[at(k)] * (Math.log(masks[at(k)]) - logit + total)));
  }
  return { mse: squares / (3 * pictureSize ** 2), reconstruction: -likelihood, mask_kl: divergence };
}

/** Whether a pixel lies inside the border around a smaller picture. @param {number} side @param {number} pictureSize @returns {(p: number) => boolean} */
function inside(side, pictureSize) {
  const start = Math.floor((side - pictureSize) / 2);
  /** @param {number} at */
  const within = (at) => at >= start && at < start + pictureSize;
  return (p) => within(p % side) && within(Math.floor(p / side));
}
