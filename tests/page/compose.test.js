// Tests of scene/compose.js: masks and pictures against the formulas, pixel by pixel.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  blend,
  maskAmong,
  masksOf,
  scopes,
  segment,
  softmaxMasks,
  squaredError,
} from "../../monet/explorer/static/scene/compose.js";
import { normal } from "../../monet/explorer/static/scene/random.js";

const PIXELS = 30;
const draw = normal(5);
const decoded = Array.from({ length: 4 }, () => Float32Array.from({ length: 4 * PIXELS }, () => 3 * draw()));
const pixels = [...Array(PIXELS).keys()];

/** @param {number} found @param {number} wanted @param {number} [tolerance] */
const close = (found, wanted, tolerance = 1e-5) =>
  assert.ok(Math.abs(found - wanted) <= tolerance, `${found} is not ${wanted}`);

/** Masks that sum to one at each pixel. @param {number} count */
function attention(count) {
  const raw = Array.from({ length: count }, () => pixels.map(() => Math.exp(2 * draw())));
  const total = pixels.map((p) => raw.reduce((sum, mask) => sum + mask[p], 0));
  return raw.map((mask) => Float32Array.from(mask, (value, p) => value / total[p]));
}

/** @param {object} [more] */
const slot = (more) => ({
  step: 0,
  color: 0,
  latent: Float32Array.of(0),
  mean: Float32Array.of(0),
  std: Float32Array.of(1),
  kl: [0],
  hidden: false,
  ...more,
});

test("the decoder's masks are a softmax over the present slots", () => {
  const present = [true, false, true, true];
  const masks = softmaxMasks(decoded, present);
  for (const p of pixels) {
    const weights = decoded.map((one, k) => (present[k] ? Math.exp(one[4 * p + 3]) : 0));
    const total = weights.reduce((a, b) => a + b);
    masks.forEach((mask, k) => close(mask[p], weights[k] / total));
  }
  const among = maskAmong([decoded[0], decoded[2]], decoded[3]);
  for (const p of pixels) close(among[p], masks[3][p]);
});

test("masks of extreme logits sum to one", () => {
  const far = [Float32Array.of(0, 0, 0, 5000), Float32Array.of(0, 0, 0, 4000), Float32Array.of(0, 0, 0, -5000)];
  assert.deepEqual(
    softmaxMasks(far, [true, true, true]).map(([share]) => share),
    [1, 0, 0],
  );
});

test("an unedited scene keeps the attention's masks, unless the decoder's are requested", () => {
  const masks = attention(4);
  const document = { slots: masks.map((_, step) => slot({ step })) };
  const kept = masksOf({ masks }, document, decoded);
  assert.deepEqual(kept.masks, masks);
  assert.deepEqual(kept.steps, [0, 1, 2, 3]);
  const other = masksOf({ masks }, document, decoded, { source: "decoder" });
  assert.deepEqual(other.masks, other.decodedMasks);
  assert.deepEqual(other.steps, [null, null, null, null]);
});

test("an edited slot's mask and the rest follow the formula", () => {
  const masks = attention(4);
  const slots = masks.map((_, step) => slot({ step }));
  slots[1] = { ...slots[1], latent: Float32Array.of(0.5) };
  const { masks: found, steps } = masksOf({ masks }, { slots }, decoded);
  assert.deepEqual(steps, [0, null, 2, 3]);
  const share = softmaxMasks(decoded, [true, true, true, true]);
  for (const p of pixels) {
    const gap = masks[1][p];
    const rest = [0, 2, 3].map((k) => masks[k][p] + 0.02 * gap * share[k][p]);
    const total = rest.reduce((a, b) => a + b);
    close(found[1][p], share[1][p]);
    [0, 2, 3].forEach((k, i) => close(found[k][p], ((1 - share[1][p]) * rest[i]) / total));
  }
});

test("a hidden slot has no share, unless it is isolated", () => {
  const masks = attention(4);
  const document = { slots: masks.map((_, step) => slot({ step, hidden: step === 2 })) };
  const hidden = masksOf({ masks }, document, decoded);
  assert.ok(hidden.masks[2].every((share) => share === 0));
  for (const p of pixels)
    close(
      hidden.masks.reduce((sum, mask) => sum + mask[p], 0),
      1,
    );
  assert.deepEqual(masksOf({ masks }, document, decoded, { solo: 2 }).masks, masks);
});

test("a picture is the sum of the masked components; slots without a mask are left out", () => {
  const masks = [...attention(3), null];
  const image = blend(decoded, masks);
  for (const p of pixels) {
    for (const c of [0, 1, 2]) {
      const wanted = masks.reduce((sum, mask, k) => sum + (mask ? mask[p] * decoded[k][4 * p + c] : 0), 0);
      close(image[3 * p + c], wanted);
    }
  }
});

test("labels, errors and scopes", () => {
  const masks = attention(3);
  const labels = segment(masks);
  for (const p of pixels) assert.equal(masks[labels[p]][p], Math.max(...masks.map((mask) => mask[p])));
  const { map, mse } = squaredError(Float32Array.of(0, 0.5, 1, 1, 1, 1), Float32Array.of(0.5, 0.5, 0.5, 1, 1, 0));
  close(map[0], 0.5 / 3);
  close(map[1], 1 / 3);
  close(mse, 0.25);
  const left = scopes([Float32Array.of(0.25, 1), Float32Array.of(0.75, 0)]);
  assert.deepEqual(
    left.map((scope) => [...scope]),
    [
      [1, 1],
      [0.75, 0],
      [0, 0],
    ],
  );
});
