// The engine: decomposes scenes and decodes latents, in the browser or by stateless requests to the server.

import { answerTo } from "./answer.js";
import { openDecoder } from "./decoders.js";
import { openNetwork } from "./networks.js";
import { reasonOf } from "../page/reason.js";
import { isSite } from "../site/site.js";

/**
 * Where a scene comes from, as in links.
 * @typedef {object} Origin
 * @property {"sample" | "seed" | "stored" | "picture"} kind
 * @property {string} [data] name of the data set
 * @property {number} [index] of a sample or a stored picture
 * @property {number} [seed]
 * @property {number} [objects] that the seed's scene has
 */
/** A visitor's picture: the file, or the H*W*3 input values, 0 to 255, of the model `of`. @typedef {Blob | {image: number[], of: string}} Picture */
/** @typedef {{origin: Origin, picture?: Picture | null}} Source */
/** @typedef {import("./networks.js").Network} Network */
/** @typedef {{model: string, opened: Promise<Network>, network: Network | null}} BrowserNetwork `network` is null until it is open */
/** How a picture is made square, see monet.pictures. @typedef {"crop" | "pad" | "stretch"} How */
/** Settings of a decomposition. @typedef {{model: string, slots: number, how: How}} Choices */

/** Answers in the browser if possible, else by HTTP from the server or, on the static site, from its files. */
export class Engine {
  /** @type {Request} */
  #request = isSite ? requestFiles : requestServer;
  /** @type {Map<string, Promise<import("./decoders.js").Decoder>>} */
  #decoders = new Map();
  /** The network of the last model used. @type {BrowserNetwork | null} */
  #browser = null;

  /**
   * Decomposes a scene: in the browser if its pixels are known and the network has loaded, else by a request.
   * @param {Source} source
   * @param {Choices} choices
   * @returns {Promise<import("../scene/store.js").ScenePayload>}
   * @throws {Error} with a sentence for people: no such scene, no readable picture, an invalid choice
   */
  async decompose(source, choices) {
    const { picture } = source;
    if (!picture || picture instanceof Blob || picture.of !== choices.model)
      return this.#request(source, choices, this);
    this.network(choices.model).catch(() => {}); // loads it for the next call
    const network = this.#browser?.network;
    if (!network) return this.#request(source, choices, this);
    const pixels = Uint8Array.from(picture.image);
    try {
      return answerTo(choices, network.spec, pixels, await network.decompose(pixels, choices.slots));
    } catch (error) {
      console.info("network:", reasonOf(error));
      return this.#request(source, choices, this);
    }
  }

  /**
   * Opens the browser's network of a model once, and closes that of another model.
   * @param {string} model
   * @returns {Promise<Network>}
   * @throws {Error} with a sentence that says why the server has to be used instead
   */
  network(model) {
    if (this.#browser?.model !== model) {
      const previous = this.#browser;
      previous?.opened.then(
        (network) => network.close(),
        () => {},
      );
      /** @type {BrowserNetwork} */
      const current = { model, opened: openNetwork(model), network: null };
      current.opened.then(
        (network) => (current.network = network),
        (error) => {
          console.info("network:", error.message);
          if (isSite && this.#browser === current) this.#browser = null; // no server to fall back on: retry next time
        },
      );
      this.#browser = current;
    }
    return this.#browser.opened;
  }

  /**
   * Opens the decoder of a model once.
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
   * @throws {Error} if neither the browser's decoder nor the server answers
   */
  async decode(model, latents) {
    return (await this.decoder(model)).decode(latents);
  }
}

/** @typedef {(source: Source, choices: Choices, engine: Engine) => Promise<import("../scene/store.js").ScenePayload>} Request */

/** Answers on the static site. @type {Request} */
const requestFiles = async (...request) => (await import("../site/answers.js")).decomposeFiles(...request);

/** Posts a scene to the server's decompose route. @type {Request} */
async function requestServer({ origin, picture = null }, { model, slots, how }) {
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
