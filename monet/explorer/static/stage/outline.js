// Finds an object in the picture: its bounding box, and its border along pixel edges.

/** A slot with a larger share of the picture counts as background and cannot be dragged. */
const GROUND_SHARE = 0.3;

/** A slot with fewer pixels cannot be dragged. */
const FEWEST = 4;

/**
 * @typedef {object} Place
 * @property {number} pixels where the slot has the largest mask
 * @property {number} share of the picture
 * @property {[number, number, number, number]} box left, top, right, bottom in pixels; right and bottom are exclusive
 * @property {boolean} object whether it is neither background nor empty
 */

/**
 * Finds the pixels of a slot.
 * @param {Uint8Array} labels the slot with the largest mask at each pixel
 * @param {number} size
 * @param {number} k the slot
 * @returns {Place}
 */
export function placeOf(labels, size, k) {
  let [left, top, right, bottom, pixels] = [size, size, 0, 0, 0];
  for (let p = 0; p < labels.length; p++) {
    if (labels[p] !== k) continue;
    const [x, y] = [p % size, Math.floor(p / size)];
    pixels += 1;
    if (x < left) left = x;
    if (x >= right) right = x + 1;
    if (y < top) top = y;
    if (y >= bottom) bottom = y + 1;
  }
  const share = pixels / labels.length;
  return {
    pixels,
    share,
    box: [left, top, right, bottom],
    object: pixels >= FEWEST && share <= GROUND_SHARE,
  };
}

/**
 * The border of a slot's pixels, as an SVG path in pixels.
 * @param {Uint8Array} labels @param {number} size @param {number} k
 */
export function borderOf(labels, size, k) {
  /** @param {number} x @param {number} y */
  const own = (x, y) => x >= 0 && y >= 0 && x < size && y < size && labels[y * size + x] === k;
  let path = "";
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      if (labels[y * size + x] !== k) continue;
      if (!own(x, y - 1)) path += `M${x},${y}h1`;
      if (!own(x, y + 1)) path += `M${x},${y + 1}h1`;
      if (!own(x - 1, y)) path += `M${x},${y}v1`;
      if (!own(x + 1, y)) path += `M${x + 1},${y}v1`;
    }
  }
  return path;
}
