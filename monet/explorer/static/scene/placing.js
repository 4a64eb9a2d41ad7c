// Finds latents that place a copy of an object where it is visible: moves one latent at a time and keeps the best.

import { duplicate } from "./actions.js";
import { masksOf } from "./compose.js";

/** Changes of a latent to try, in sigmas of the prior, for at most MOST latents: one request of 64 latents. */
const STEPS = [-2, -1, 1, 2];
const MOST = 16;

/** Latents stay within this many sigmas of the prior. */
const REACH = 3;

/** A copy whose area, relative to its original, is outside of this range has become another object. */
const [SMALLEST, LARGEST] = [0.5, 1.6];

/**
 * Finds the copy with the largest visible area outside of its original.
 * @param {import("./frames.js").FrameLoop} frames
 * @param {import("./scene.js").Scene} scene
 * @param {import("./store.js").Document} document
 * @param {number} k the slot to copy
 * @returns {Promise<Float32Array>} the original's latents with one of them moved
 * @throws {Error} if the latents cannot be decoded
 */
export async function seenBeside(frames, scene, document, k) {
  const { latent, kl } = document.slots[k];
  const order = kl
    .map((_, d) => d)
    .sort((a, b) => kl[b] - kl[a])
    .slice(0, MOST);
  const tries = order.flatMap((d) =>
    STEPS.map((step) => latent[d] + step)
      .filter((value) => Math.abs(value) <= REACH)
      .map((value) => latent.map((v, i) => (i === d ? value : v))),
  );
  if (!tries.length) return latent;
  const slots = await frames.decode(document.slots.map((slot) => slot.latent));
  const decoded = await frames.decode(tries);
  const original = owned(masksOf(scene, document, slots).masks[k]);
  const area = Math.max(1, count(original));
  const scored = tries.map((tried, i) => {
    const { masks } = masksOf(scene, duplicate(k, tried)(document), slots.toSpliced(k + 1, 0, decoded[i]));
    const copy = owned(masks[k + 1]);
    const size = count(copy) / area;
    const fits = size >= SMALLEST && size <= LARGEST && count(owned(masks[k])) >= SMALLEST * area;
    return { tried, fits, seen: count(copy.map((own, p) => (original[p] ? 0 : own))) };
  });
  scored.sort((a, b) => Number(b.fits) - Number(a.fits) || b.seen - a.seen);
  return scored[0].tried;
}

/** Flags of the pixels of which a slot has more than half. @param {Float32Array} mask @returns {Uint8Array} */
const owned = (mask) => Uint8Array.from(mask, (share) => Number(share > 0.5));

/** @param {Uint8Array} flags */
const count = (flags) => flags.reduce((total, flag) => total + flag, 0);
