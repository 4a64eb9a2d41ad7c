// What the page asks: a scene to be taken apart, and latents to be decoded. Whoever answers keeps nothing of it.

import { answerTo } from "./answer.js";
import { openDecoder } from "./decoders.js";
import { openNetwork } from "./networks.js";
import { reasonOf } from "../page/reason.js";
import { isSite } from "../site/site.js";

/**
 * Where a scene comes from, as a link names it.
 * @typedef {object} Origin
 * @property {"sample" | "seed" | "stored" | "picture"} kind
 * @property {string} [data] name of the data set
 * @property {number} [index] of a sample or a stored picture
 * @property {number} [seed]
 * @property {number} [objects] that the seed's scene has
 */
/** A visitor's picture: the file, or H*W*3 values 0..255 that the model `of` was fed of it. @typedef {Blob | {image: number[], of: string}} Picture */
/** @typedef {{origin: Origin, picture?: Picture | null}} Source */
/** @typedef {import("./networks.js").Network} Network */
/** @typedef {{model: string, opened: Promise<Network>, network: Network | null}} Own a network, null until it is open */
/** How a picture becomes square, as monet.pictures has it. @typedef {"crop" | "pad" | "stretch"} How */
/** How it is taken apart. @typedef {{model: string, slots: number, how: How}} Choices */

/** The page itself where it can; for all else a server over plain HTTP, or what lies beside a page of plain files. */
export class Engine {
  /** @type {Ask} */
  #ask = isSite ? askFiles : askServer;
  /** @type {Map<string, Promise<import("./decoders.js").Decoder>>} */
  #decoders = new Map();
  /** The network of the model that was last asked for. @type {Own | null} */
  #own = null;

  /**
   * The page takes apart what it has the pixels of, as soon as its network is loaded; all else is the server's.
   * @param {Source} source
   * @param {Choices} choices
   * @returns {Promise<import("../scene/store.js").ScenePayload>}
   * @throws {Error} with a sentence for people: no such scene, no readable picture, a choice that is not offered
   */
  async decompose(source, choices) {
    const { picture } = source;
    if (!picture || picture instanceof Blob || picture.of !== choices.model) return this.#ask(source, choices, this);
    this.network(choices.model).catch(() => {}); // for the next time
    const network = this.#own?.network;
    if (!network) return this.#ask(source, choices, this);
    const pixels = Uint8Array.from(picture.image);
    try {
      return answerTo(choices, network.spec, pixels, await network.decompose(pixels, choices.slots));
    } catch (error) {
      console.info("network:", reasonOf(error));
      return this.#ask(source, choices, this);
    }
  }

  /**
   * The page's own network of a model, opened once; one of another model is closed.
   * @param {string} model
   * @returns {Promise<Network>}
   * @throws {Error} with a sentence that says why the server has to be asked instead
   */
  network(model) {
    if (this.#own?.model !== model) {
      const before = this.#own;
      before?.opened.then(
        (network) => network.close(),
        () => {},
      );
      /** @type {Own} */
      const own = { model, opened: openNetwork(model), network: null };
      own.opened.then(
        (network) => (own.network = network),
        (error) => {
          console.info("network:", error.message);
          if (isSite && this.#own === own) this.#own = null; // nobody else could answer: the next question tries again
        },
      );
      this.#own = own;
    }
    return this.#own.opened;
  }

  /**
   * The decoder of a model, opened once.
   * @param {string} model
   * @returns {Promise<import("./decoders.js").Decoder>}
   * @throws {Error} if the server does not answer
   */
  decoder(model) {
    let opened = this.#decoders.get(model);
    if (!opened) {
      opened = openDecoder(model);
      opened.catch(() => this.#decoders.delete(model));
      this.#decoders.set(model, opened);
    }
    return opened;
  }

  /**
   * @param {string} model
   * @param {Float32Array[]} latents
   * @returns {Promise<Float32Array[]>} [H*W][4] per latent: red, green, blue, mask logit
   * @throws {Error} if the decoder or the server cannot be had
   */
  async decode(model, latents) {
    return (await this.decoder(model)).decode(latents);
  }
}

/** @typedef {(source: Source, choices: Choices, engine: Engine) => Promise<import("../scene/store.js").ScenePayload>} Ask */

/** What lies beside a page of plain files. @type {Ask} */
const askFiles = async (...asked) => (await import("../site/answers.js")).askFiles(...asked);

/** The server's answer. @type {Ask} */
async function askServer({ origin, picture = null }, { model, slots, how }) {
  const query = new URLSearchParams({ slots: String(slots), how });
  const response = await fetch(new URL(`monet/decompose/${encodeURIComponent(model)}?${query}`, document.baseURI), {
    method: "POST",
    headers: { "content-type": picture instanceof Blob ? "application/octet-stream" : "application/json" },
    body: picture instanceof Blob ? picture : JSON.stringify({ ...origin, ...picture }),
  }).catch((error) => {
    throw new Error("The server does not answer. Your edits are kept; try again in a moment.", { cause: error });
  });
  if (!response.ok) throw new Error(await response.text());
  const answer = await response.json();
  if (answer.refused) throw new Error(answer.refused);
  return answer;
}
