// Decomposes scenes on the static site: samples from its files, and visitors' pictures.

import { answerTo } from "../engine/answer.js";
import { renewGalleries } from "../engine/galleries.js";
import { centred, fit, nearest, readPicture } from "./pictures.js";
import { fetchSpec } from "./site.js";

/** @typedef {import("./pictures.js").Picture} Picture */

/** @type {Promise<import("../engine/galleries.js").Galleries> | null} */
let known = null;

/**
 * Decomposes a scene in the browser.
 * @param {import("../engine/engine.js").Source} source
 * @param {import("../engine/engine.js").Choices} choices
 * @param {import("../engine/engine.js").Engine} engine
 * @returns {Promise<import("../scene/store.js").ScenePayload>}
 * @throws {Error} with a sentence for people
 */
export async function decomposeFiles({ origin, picture = null }, choices, engine) {
  const network = await engine.network(choices.model).catch((error) => {
    throw new Error(`The network cannot run in this browser: ${error.message}`, { cause: error });
  });
  const {
    config: { side },
    about: { pictureSize },
  } = network.spec;
  const found = picture ? await visitorPicture(picture) : await sample(origin);
  const pixels = centred(fit(found.picture, pictureSize, choices.how), side).pixels;
  const labels =
    found.labels &&
    centred(fit(found.labels, pictureSize, choices.how, nearest), side).pixels.filter((_, i) => i % 3 === 0);
  const { width, height } = found.picture;
  return answerTo(choices, network.spec, pixels, await network.decompose(pixels, choices.slots), {
    origin: picture ? { kind: "picture" } : origin,
    title: found.title,
    scaled: width === pictureSize && height === pictureSize ? null : [width, height],
    truth: labels ? { labels, background: found.background ?? [] } : null,
  });
}

/**
 * A picture before fitting, with its true labels (grey levels) if they are known.
 * @typedef {{title: string, picture: Picture, labels?: Picture, background?: number[]}} Found
 */

/** Reads a visitor's picture: a file, or a model's input, whose border is removed. @param {import("../engine/engine.js").Picture} picture @returns {Promise<Found>} */
async function visitorPicture(picture) {
  const title = "your picture";
  if (picture instanceof Blob) return { title, picture: await readPicture(picture) };
  const { about } = await fetchSpec(new URL(`monet/network/${encodeURIComponent(picture.of)}`, document.baseURI));
  const side = Math.sqrt(picture.image.length / 3);
  return {
    title,
    picture: centred({ width: side, height: side, pixels: Uint8Array.from(picture.image) }, about.pictureSize),
  };
}

/** Loads a sample of a gallery. @param {import("../engine/engine.js").Origin} origin @returns {Promise<Found>} */
async function sample({ kind, data, index }) {
  known ??= renewGalleries();
  const { galleries } = await known.catch((error) => {
    known = null;
    throw error;
  });
  const gallery = galleries.find(({ name }) => name === data);
  if (kind !== "sample" || !data || index === undefined || !gallery || !(index >= 0 && index < gallery.samples)) {
    throw new Error("This scene is not among the files here: choose a sample, or open the link in the app.");
  }
  /** @param {string} ending */
  const read = async (ending) => {
    const response = await fetch(
      new URL(`monet/samples/${encodeURIComponent(data)}/${String(index).padStart(2, "0")}${ending}`, document.baseURI),
    );
    if (!response.ok) throw new Error(`The sample could not be loaded: the server answered ${response.status}.`);
    return readPicture(await response.blob());
  };
  const [picture, labels] = await Promise.all([read(".png"), read(".labels.png")]);
  return { title: `${gallery.title}, sample ${index + 1}`, picture, labels, background: gallery.background };
}
