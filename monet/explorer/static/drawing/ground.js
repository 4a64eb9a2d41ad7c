// Chequered background for the unexplained part of a picture.

const CELL = 4; // pixels
const [DARK, LIGHT] = [0.42, 0.58];

/**
 * Adds a grey chequer, on which black and white stay visible, in proportion to the share that no mask covers.
 * @param {Float32Array} image [H*W][3], changed in place
 * @param {(Float32Array | null)[]} masks [H*W] each, of the picture's components
 * @param {number} size H = W
 */
export function onGround(image, masks, size) {
  for (let p = 0; p < size * size; p++) {
    let left = 1;
    for (const mask of masks) if (mask) left -= mask[p];
    if (left <= 0) continue;
    const odd = (Math.floor(p / size / CELL) + Math.floor((p % size) / CELL)) % 2;
    for (let c = 3 * p; c < 3 * p + 3; c++) image[c] += left * (odd ? DARK : LIGHT);
  }
  return image;
}
