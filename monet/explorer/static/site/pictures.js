// Reads picture files and fits them to a model's input square exactly as monet.pictures does.

/** @typedef {{width: number, height: number, pixels: Uint8Array}} Picture pixels [H][W][3] */

const [MAX_BYTES, MAX_PIXELS] = [20 * 2 ** 20, 25_000_000];
/** Bits of a fixed-point weight, as in Pillow for 8 bits a channel. */
const PRECISION = 22;

/**
 * Reads a picture file.
 * @param {Blob} file
 * @returns {Promise<Picture>} upright, on white; the first frame of an animation
 * @throws {Error} with a sentence for people
 */
export async function readPicture(file) {
  if (file.size > MAX_BYTES) throw new Error(`The file is too large: at most ${MAX_BYTES / 2 ** 20} MB are read.`);
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { colorSpaceConversion: "none" });
  } catch (cause) {
    throw new Error("The file is not a picture that this browser can read.", { cause });
  }
  const { width, height } = bitmap;
  if (width * height > MAX_PIXELS)
    throw new Error(`The picture has too many pixels: at most ${MAX_PIXELS / 1e6} megapixels are read.`);
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("This browser cannot draw pictures.");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const { data } = context.getImageData(0, 0, width, height);
  const pixels = new Uint8Array(3 * width * height);
  for (let p = 0, at = 0; p < pixels.length; at++) {
    pixels[p++] = data[at++];
    pixels[p++] = data[at++];
    pixels[p++] = data[at++];
  }
  return { width, height, pixels };
}

/**
 * Fits a picture to a square.
 * @param {Picture} picture
 * @param {number} size of the square
 * @param {"crop" | "pad" | "stretch"} how
 * @param {Sources} [sources] {@link boxes}, or {@link nearest} for labels
 * @returns {Picture}
 */
export function fit(picture, size, how, sources = boxes) {
  if (how === "stretch") return resize(picture, size, size, sources);
  const cut = how === "crop" ? centred(picture, Math.min(picture.width, picture.height)) : picture;
  const longer = Math.max(cut.width, cut.height);
  /** @param {number} side */
  const scaled = (side) => Math.max(1, roundHalfEven((side * size) / longer));
  return centred(resize(cut, scaled(cut.width), scaled(cut.height), sources), size);
}

/** Rounds like Python. @param {number} value */
function roundHalfEven(value) {
  const below = Math.floor(value);
  return value - below === 0.5 ? below + (below % 2) : Math.round(value);
}

/** Crops to the central square, or pads with black. @param {Picture} picture @param {number} size @returns {Picture} */
export function centred({ width, height, pixels }, size) {
  /** @param {number} side */
  const start = (side) => Math.sign(side - size) * Math.floor(Math.abs(side - size) / 2);
  const [left, top] = [start(width), start(height)];
  const square = new Uint8Array(3 * size * size);
  for (let y = Math.max(0, -top); y < Math.min(size, height - top); y++) {
    const from = Math.max(0, -left);
    const to = Math.min(size, width - left);
    const row = 3 * ((y + top) * width + left);
    square.set(pixels.subarray(row + 3 * from, row + 3 * to), 3 * (y * size + from));
  }
  return { width: size, height: size, pixels: square };
}

/** For each of `count` new pixels the indices of the old pixels to average. @typedef {(length: number, count: number) => number[][]} Sources */
/** Distance in bytes from pixel to pixel and from line to line. @typedef {{step: number, line: number}} Strides */

/**
 * Resizes by averaging, rows first, and rounds to bytes after each direction as Pillow does.
 * @param {Picture} picture @param {number} toWidth @param {number} toHeight @param {Sources} sources
 * @returns {Picture}
 */
function resize({ width, height, pixels }, toWidth, toHeight, sources) {
  const across = averaged(
    pixels,
    { lines: height, step: 3, line: 3 * width },
    { step: 3, line: 3 * toWidth },
    sources(width, toWidth),
  );
  const down = averaged(
    across,
    { lines: toWidth, step: 3 * toWidth, line: 3 },
    { step: 3 * toWidth, line: 3 },
    sources(height, toHeight),
  );
  return { width: toWidth, height: toHeight, pixels: down };
}

/** Sources of Pillow's BOX filter. @type {Sources} */
export function boxes(length, count) {
  const scale = length / count;
  const wide = Math.max(1, scale);
  return Array.from({ length: count }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - wide / 2 + 0.5));
    const last = Math.min(length, Math.trunc(centre + wide / 2 + 0.5));
    return Array.from({ length: last - first }, (_, x) => first + x).filter((x) => {
      const distance = (x - centre + 0.5) / wide;
      return distance > -0.5 && distance <= 0.5;
    });
  });
}

/** Sources of nearest-neighbour sampling: the old pixel at each new one's centre. @type {Sources} */
export const nearest = (length, count) =>
  Array.from({ length: count }, (_, i) => [Math.floor(((2 * i + 1) * length) / (2 * count))]);

/** Averages the pixels of every line. @param {Uint8Array} pixels @param {Strides & {lines: number}} from @param {Strides} to @param {number[][]} sources */
function averaged(pixels, from, to, sources) {
  const means = new Uint8Array(3 * from.lines * sources.length);
  sources.forEach((inside, i) => {
    const weight = Math.trunc(0.5 + 2 ** PRECISION / inside.length);
    for (let l = 0; l < from.lines; l++) {
      for (let c = 0; c < 3; c++) {
        let total = 2 ** (PRECISION - 1);
        for (const x of inside) total += weight * pixels[l * from.line + x * from.step + c];
        means[l * to.line + i * to.step + c] = Math.min(255, Math.floor(total / 2 ** PRECISION));
      }
    }
  });
  return means;
}
