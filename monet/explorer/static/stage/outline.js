// Where an object is in the picture: its border along the pixels' edges, and the box around it.

/** A slot with a larger share of the picture is the ground that objects stand on, and is not taken hold of. */
const GROUND_SHARE = 0.3;

/** A slot with fewer pixels has nothing that a hand could take hold of. */
const FEWEST = 4;

/**
 * @typedef {object} Place
 * @property {number} pixels that the slot has most of
 * @property {number} share of the picture
 * @property {[number, number, number, number]} box left, top, right, bottom in pixels; right and bottom are outside
 * @property {boolean} object whether it is neither ground nor nothing
 */

/**
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
  return { pixels, share, box: [left, top, right, bottom], object: pixels >= FEWEST && share <= GROUND_SHARE };
}

/**
 * The border between a slot's pixels and the others', as the path of an SVG whose units are pixels.
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
