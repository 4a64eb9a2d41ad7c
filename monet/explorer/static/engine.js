// What the page asks: a scene to be taken apart, and latents to be decoded. Whoever answers keeps nothing of it.

import { openDecoder } from "./decoders.js";

/**
 * Where a scene comes from.
 * @typedef {object} Source
 * @property {{kind: "sample" | "seed" | "stored" | "picture", data?: string, index?: number, seed?: number, objects?: number}} origin
 * @property {Blob | {image: number[], of: string} | null} [picture] a visitor's own: the file, or H*W*3 values 0..255
 *   that the model `of` was fed of it
 */
/** How it is taken apart. @typedef {{model: string, slots: number, how: "crop" | "pad"}} Choices */

/** The engine of a server, over plain HTTP. */
export class ServerEngine {
  #decoders = new Map();

  /**
   * @param {Source} source
   * @param {Choices} choices
   * @returns {Promise<any>} as monet.explorer.payload.scene_payload makes it
   * @throws {Error} with a sentence for people: no such scene, no readable picture, a choice that is not offered
   */
  async decompose({ origin, picture = null }, { model, slots, how }) {
    const file = picture instanceof Blob;
    const query = new URLSearchParams({ slots: String(slots), how });
    const response = await fetch(new URL(`monet/decompose/${encodeURIComponent(model)}?${query}`, document.baseURI), {
      method: "POST",
      headers: { "content-type": file ? "application/octet-stream" : "application/json" },
      body: file ? picture : JSON.stringify({ ...origin, ...picture }),
    }).catch((error) => {
      throw new Error("The server does not answer. Your edits are kept; try again in a moment.", { cause: error });
    });
    if (!response.ok) throw new Error(await response.text());
    const answer = await response.json();
    if (answer.refused) throw new Error(answer.refused);
    return answer;
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
