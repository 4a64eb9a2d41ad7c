// What lies behind a picture that is not all there yet.

const CELL = 4; // pixels of a chequer
const [DARK, LIGHT] = [0.42, 0.58];

/**
 * Puts a picture on a grey chequer, on which neither black nor white is lost: shares that nobody has taken show it.
 * @param {Float32Array} image [H*W][3], changed in place
 * @param {(Float32Array | null)[]} masks [H*W] each: what the picture is made with
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
