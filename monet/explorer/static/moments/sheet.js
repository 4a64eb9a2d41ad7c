// Loads the pictures of a model's training from one image: a tile per slot, component as RGB and mask as alpha.

/**
 * @typedef {object} Course the content of training.json, see monet.training.moments.Course
 * @property {number} size @property {number} slots
 * @property {string[]} scenes @property {number[]} samples @property {string} data
 * @property {number[]} moments @property {number[]} steps
 * @property {Record<string, (number | null)[]>} figures
 * @property {string} note
 */

/** @typedef {{colors: Float32Array, mask: Float32Array}} Tile colours [H*W*3] and mask [H*W], both in [0, 1] */

export class Sheet {
  #pixels;
  #width;

  /** @param {ImageBitmap} image @param {Course} course */
  constructor(image, course) {
    const surface = new OffscreenCanvas(image.width, image.height);
    const context = /** @type {OffscreenCanvasRenderingContext2D} */ (
      surface.getContext("2d", { willReadFrequently: true })
    );
    context.drawImage(image, 0, 0);
    this.#pixels = context.getImageData(0, 0, image.width, image.height).data;
    this.#width = image.width;
    this.course = course;
  }

  /** A scene at a moment: its picture, and a tile for each slot. @param {number} moment @param {number} scene */
  at(moment, scene) {
    const { scenes, slots } = this.course;
    const row = moment * scenes.length + scene;
    const [picture, ...tiles] = Array.from({ length: 1 + slots }, (_, column) => this.#tile(row, column));
    return { picture, tiles };
  }

  /** @param {number} row @param {number} column @returns {Tile} */
  #tile(row, column) {
    const { size } = this.course;
    const [colors, mask] = [new Float32Array(3 * size * size), new Float32Array(size * size)];
    for (let y = 0, p = 0; y < size; y++) {
      let at = 4 * ((row * size + y) * this.#width + column * size);
      for (let x = 0; x < size; x++, p++, at += 4) {
        for (let c = 0; c < 3; c++) colors[3 * p + c] = this.#pixels[at + c] / 255;
        mask[p] = this.#pixels[at + 3] / 255;
      }
    }
    return { colors, mask };
  }
}

/** The reconstruction, sum over k of m_k x_k, [H*W*3]. @param {Tile[]} tiles */
export function sum(tiles) {
  const total = new Float32Array(tiles[0].colors.length);
  for (const { colors, mask } of tiles)
    for (let i = 0; i < total.length; i++) total[i] += mask[(i / 3) | 0] * colors[i];
  return total;
}

/** The slot with the largest mask at each pixel, [H*W]. @param {Tile[]} tiles */
export function labels(tiles) {
  return Uint8Array.from(tiles[0].mask, (_, p) =>
    tiles.reduce((best, { mask }, k) => (mask[p] > tiles[best].mask[p] ? k : best), 0),
  );
}

/** @param {string} model @returns {Promise<Sheet | null>} null if the model has no moments of its training */
export async function load(model) {
  const address = new URL(`monet/moments/${encodeURIComponent(model)}`, document.baseURI);
  /** @param {URL | string} url */
  const request = async (url) => {
    const response = await fetch(url);
    if (!response.ok) throw new Error(await response.text());
    return response;
  };
  const course = await (await request(address)).json();
  if (!course) return null;
  return new Sheet(await createImageBitmap(await (await request(`${address}.webp`)).blob()), course);
}
