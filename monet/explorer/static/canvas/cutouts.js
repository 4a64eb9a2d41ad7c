// Cuts objects out of sample scenes by their true labels, for data sets whose objects the page cannot draw.

/** Samples to cut objects from. */
const SAMPLES = 12;

/** Fewest and most pixels of a cut-out. */
const [SMALLEST, LARGEST] = [40, 420];

/** Most cut-outs offered. */
const MAX_CUTOUTS = 16;

/**
 * @typedef {object} Cutout
 * @property {number} width
 * @property {number} height
 * @property {Uint8ClampedArray} pixels RGBA, transparent outside the object
 * @property {number} area in pixels
 * @property {number} light mean brightness
 */

/** @typedef {{image: ImageData, labels: Uint8Array}} Sample */

/** @param {Uint8ClampedArray} data RGBA @param {number} at */
const brightness = (data, at) => 0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2];

/** @param {string} data @param {number} index @param {string} what */
const address = (data, index, what) =>
  new URL(`monet/samples/${data}/${String(index).padStart(2, "0")}${what}.png`, document.baseURI);

/** Loads the stored RGBA pixels of a picture file. @param {URL} url @returns {Promise<ImageData>} @throws {Error} if it cannot be loaded */
async function readPixels(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`a sample could not be loaded: the server answered ${response.status}.`);
  const bitmap = await createImageBitmap(await response.blob(), { colorSpaceConversion: "none" });
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (
    new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d")
  );
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, bitmap.width, bitmap.height);
}

/** @param {string} data @param {number} index @returns {Promise<Sample>} */
async function readSample(data, index) {
  const [image, labels] = await Promise.all([
    readPixels(address(data, index, "")),
    readPixels(address(data, index, ".labels")),
  ]);
  return { image, labels: Uint8Array.from({ length: image.width * image.height }, (_, p) => labels.data[4 * p]) };
}

/**
 * Cuts out one object. It must touch neither another object nor the picture's edge, so that no part is hidden.
 * @param {Sample} sample @param {number} label @param {number[]} grounds background labels
 * @returns {Cutout | null} null of any other object
 */
function cut({ image: { data, width, height }, labels }, label, grounds) {
  const own = [...labels.keys()].filter((p) => labels[p] === label);
  const unobstructed = own.every((p) => {
    const [x, y] = [p % width, Math.floor(p / width)];
    return (
      x > 0 &&
      y > 0 &&
      x < width - 1 &&
      y < height - 1 &&
      [p - 1, p + 1, p - width, p + width].every((q) => labels[q] === label || grounds.includes(labels[q]))
    );
  });
  if (!unobstructed || own.length < SMALLEST || own.length > LARGEST) return null;
  /** @param {(pixel: number) => number} of @returns {[number, number]} */
  const range = (of) => [Math.min(...own.map(of)), Math.max(...own.map(of))];
  const [[left, right], [top, bottom]] = [range((p) => p % width), range((p) => Math.floor(p / width))];
  const size = { width: right - left + 1, height: bottom - top + 1 };
  const pixels = new Uint8ClampedArray(4 * size.width * size.height);
  for (const p of own) {
    const at = (Math.floor(p / width) - top) * size.width + (p % width) - left;
    pixels.set(data.subarray(4 * p, 4 * p + 4), 4 * at);
  }
  return {
    ...size,
    pixels,
    area: own.length,
    light: own.reduce((sum, p) => sum + brightness(data, 4 * p), 0) / own.length,
  };
}

/** Order of the offer: large and compact cut-outs first. @param {Cutout} piece */
const score = ({ area, width, height }) => area * (area / (width * height)) ** 2;

/** The scene without objects: the median over the samples' background, by pixel and channel. @param {Sample[]} samples @param {number[]} grounds @returns {Uint8Array} [H][W][3] */
function medianBackground(samples, grounds) {
  const { width, height } = samples[0].image;
  return Uint8Array.from({ length: 3 * width * height }, (_, i) => {
    const [p, c] = [Math.floor(i / 3), i % 3];
    const seen = samples.filter(({ labels }) => grounds.includes(labels[p]));
    const values = (seen.length ? seen : samples).map(({ image }) => image.data[4 * p + c]).sort((a, b) => a - b);
    return values[Math.floor(values.length / 2)];
  });
}

/** @param {ArrayLike<number>} data RGBA */
export const withoutAlpha = (data) =>
  Uint8Array.from({ length: (3 * data.length) / 4 }, (_, i) => data[4 * Math.floor(i / 3) + (i % 3)]);

/**
 * Shapes and backgrounds of a data set from its samples.
 * @param {string} data name of the data set
 * @param {{grounds: number[], empty: string | null}} options background labels, and the data set of its scenes without
 *   objects; if null, the background is the median of the samples
 * @returns {Promise<{kind: import("./worlds.js").Kind, grounds: Uint8Array[]}>}
 * @throws {Error} if the samples cannot be loaded
 */
export async function cutouts(data, { grounds, empty }) {
  const indices = Array.from({ length: SAMPLES }, (_, index) => index);
  const samples = await Promise.all(indices.map((index) => readSample(data, index)));
  /** @type {[string, Cutout][]} */
  const candidates = samples.flatMap((sample, index) =>
    [...new Set(sample.labels)]
      .filter((label) => !grounds.includes(label))
      .flatMap((label) => {
        const piece = cut(sample, label, grounds);
        return piece ? [/** @type {[string, Cutout]} */ ([`${index}.${label}`, piece])] : [];
      }),
  );
  const pieces = new Map(candidates.sort(([, a], [, b]) => score(b) - score(a)).slice(0, MAX_CUTOUTS));
  const backgrounds = empty
    ? (await Promise.all(indices.map((index) => readPixels(address(empty, index, ""))))).map(({ data: pixels }) =>
        withoutAlpha(pixels),
      )
    : [medianBackground(samples, grounds)];

  /** @param {string} shape one of the offered ones */
  const pieceOf = (shape) => /** @type {Cutout} */ (pieces.get(shape));
  return {
    grounds: backgrounds,
    kind: {
      turn: Math.PI / 24,
      step: 1,
      sizes: [0.4, 1.6],
      shapes: [...pieces.keys()],
      title(shape) {
        const [index, label] = shape.split(".").map(Number);
        return `object ${label} of sample ${index + 1}`;
      },

      // Another colour keeps the object's shading.
      draw({ shape, x, y, scale, angle, color }, _side, put) {
        const { width, height, pixels, light } = pieceOf(shape);
        const [cos, sin] = [Math.cos(angle) / scale, Math.sin(angle) / scale];
        const radius = (scale * Math.hypot(width, height)) / 2;
        for (let row = Math.floor(y - radius); row <= y + radius; row++) {
          for (let column = Math.floor(x - radius); column <= x + radius; column++) {
            const [down, right] = [row + 0.5 - y, column + 0.5 - x];
            const [u, v] = [
              Math.floor(cos * right + sin * down + width / 2),
              Math.floor(cos * down - sin * right + height / 2),
            ];
            const at = 4 * (v * width + u);
            if (u < 0 || v < 0 || u >= width || v >= height || !pixels[at + 3]) continue;
            const shading = brightness(pixels, at) / light;
            const own = color ? color.map((c) => Math.min(255, Math.round(shading * c))) : pixels.subarray(at, at + 3);
            put(row, column, own[0], own[1], own[2]);
          }
        }
      },

      // Snaps to whole pixels, so that a cut-out without rotation or scaling equals its sample exactly.
      fit(thing, side) {
        const { width, height } = pieceOf(thing.shape);
        /** @param {number} at @param {number} length */
        const place = (at, length) => Math.round(Math.max(0, Math.min(side, at)) - length / 2) + length / 2;
        return { ...thing, x: place(thing.x, width), y: place(thing.y, height) };
      },
    },
  };
}
