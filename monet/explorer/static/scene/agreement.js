// Metrics of attention masks against true objects for one scene; equal to monet.metrics.

/** @typedef {{labels: Uint8Array, background: number[]}} Truth true label of each pixel, and the labels of the background */

/** Number of pairs among n. @param {number} n */
const pairs = (n) => (n * (n - 1)) / 2;
/** @param {number[]} values */
const sum = (values) => values.reduce((total, value) => total + value, 0);
/** @param {number} value */
const finite = (value) => (Number.isFinite(value) ? value : null);

/**
 * Computes the metrics over the pixels inside the border; null if a scene has no object.
 * @param {Float32Array} masks [K][H][W]
 * @param {Truth} truth
 * @param {number} slots K
 * @param {(p: number) => boolean} inside
 * @returns {{ari: number, ari_fg: number | null, covering: number | null}} adjusted Rand index (Hubert and Arabie 1985)
 *   over all pixels and over the objects' pixels, and mean segmentation covering of the objects (Engelcke et al. 2020)
 */
export function agreement(masks, { labels, background }, slots, inside) {
  const pixels = labels.length;
  /** @type {Map<number, number[]>} pixels of each true label by slot */
  const table = new Map();
  labels.forEach((label, p) => {
    if (!inside(p)) return;
    let most = 0;
    for (let k = 1; k < slots; k++) if (masks[k * pixels + p] > masks[most * pixels + p]) most = k;
    const row = table.get(label) ?? new Array(slots).fill(0);
    row[most]++;
    table.set(label, row);
  });
  const rows = [...table.values()];
  const objects = [...table].filter(([label]) => !background.includes(label)).map(([, row]) => row);
  const sizes = Array.from({ length: slots }, (_, k) => sum(rows.map((row) => row[k])));
  const best = objects.map((row) => Math.max(...row.map((both, k) => both / (sum(row) + sizes[k] - both))));
  return {
    ari: randIndex(rows),
    ari_fg: objects.length ? randIndex(objects) : null,
    covering: finite(sum(best) / best.length),
  };
}

/** Adjusted Rand index. @param {number[][]} table pixels of each true label by slot */
function randIndex(table) {
  const both = sum(table.flat().map(pairs));
  const first = sum(table.map((row) => pairs(sum(row))));
  const second = sum(table[0].map((_, k) => pairs(sum(table.map((row) => row[k])))));
  const expected = (first * second) / Math.max(1, pairs(sum(table.flat())));
  const most = (first + second) / 2;
  return most === expected ? 1 : (both - expected) / (most - expected);
}

/**
 * The slot with the largest soft IoU with any true object; null if the scene has no object.
 * @param {Float32Array} masks [K][H][W] @param {Truth} truth @param {number} slots K
 */
export function trueObjectSlot(masks, { labels, background }, slots) {
  const pixels = labels.length;
  const sizes = new Map();
  for (const label of labels) if (!background.includes(label)) sizes.set(label, (sizes.get(label) ?? 0) + 1);
  /** @type {{score: number, slot: number | null}} */
  let best = { score: -1, slot: null };
  for (let k = 0; k < slots && sizes.size; k++) {
    const both = new Map();
    let share = 0;
    labels.forEach((label, p) => {
      const mask = masks[k * pixels + p];
      share += mask;
      both.set(label, (both.get(label) ?? 0) + mask);
    });
    for (const [label, size] of sizes) {
      const score = both.get(label) / (share + size - both.get(label));
      if (score > best.score) best = { score, slot: k };
    }
  }
  return best.slot;
}
