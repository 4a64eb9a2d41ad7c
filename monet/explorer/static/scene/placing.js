// Where to lay a copy of an object so that it can be seen: the latents are tried one by one, and the picture decides.

import { duplicate } from "./actions.js";
import { masksOf } from "./compose.js";

/** How far a latent is moved from its original's, in units of the prior; all tries fit into one request of 64 latents. */
const STEPS = [-2, -1, 1, 2];
const MOST = 16;

/** Latents do not leave this range of the prior. */
const REACH = 3;

/** A copy whose area is another share of its original's has become another object. */
const [SMALLEST, LARGEST] = [0.5, 1.6];

/**
 * The latents of a copy that shows most beside its original.
 * @param {import("./frames.js").FrameLoop} frames
 * @param {import("./scene.js").Scene} scene
 * @param {import("./store.js").Document} document
 * @param {number} k the slot to be copied
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

/** The pixels of which a slot has most. @param {Float32Array} mask @returns {Uint8Array} */
const owned = (mask) => Uint8Array.from(mask, (share) => Number(share > 0.5));

/** @param {Uint8Array} flags */
const count = (flags) => flags.reduce((total, flag) => total + flag, 0);
