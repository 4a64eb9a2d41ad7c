// From the store to pixels: decodes what has not been decoded yet, recomposes the scene, tells the panels.
// However many events arrive, there is at most one pass per animation frame and one decoding under way.

import { blend, masksOf, segment, squaredError } from "./compose.js";
import { reasonOf } from "../page/reason.js";

/**
 * @typedef {object} Frame
 * @property {import("./scene.js").Scene} scene
 * @property {import("./store.js").Document} document the edited one, or the unedited while comparing
 * @property {import("./store.js").View} view
 * @property {Float32Array[]} decoded [H*W][4] per slot
 * @property {Float32Array[]} decodedMasks [H*W] per slot, softmax of the mask logits over the slots shown
 * @property {(Float32Array | null)[]} masks what the scene is composed with
 * @property {(number | null)[]} steps whose attention masks those keep; null for a slot as decoded, and for a hidden one
 * @property {Float32Array} image [H*W][3] the recomposed scene
 * @property {Uint8Array} labels the slot with the largest mask at each pixel
 * @property {Float32Array} error squared error per pixel
 * @property {number} mse
 * @property {boolean} edited whether the document shown is an edited one
 */

/** Whether pixels could be had, and by whom. @typedef {{ok: boolean, note: string, where?: string}} Status */

/** What could not be decoded is tried again after so many milliseconds. */
export const RETRY_MS = 2000;

export class FrameLoop {
  /** @type {Frame | null} */
  frame = null;
  /** @type {import("../engine/decoders.js").Decoder | null} of the scene on screen */
  decoder = null;
  /** Milliseconds from an input event to the end of the drawing that it caused. @type {number[]} */
  latencies = [];
  #store;
  #engine;
  /**
   * Pixels by model and latent: undo finds them again, and forgotten latents are collected.
   * @type {Map<string, WeakMap<Float32Array, Float32Array>>}
   */
  #known = new Map();
  /** @type {Set<(frame: Frame) => void>} */
  #panels = new Set();
  /** @type {Set<(status: Status) => void>} */
  #statusListeners = new Set();
  #scheduled = false;
  #running = false;
  #again = false;
  /** @type {number | null} */
  #eventTime = null;

  /** @param {import("./store.js").Store} store @param {import("../engine/engine.js").Engine} engine */
  constructor(store, engine) {
    this.#store = store;
    this.#engine = engine;
    store.subscribe(() => this.redraw());
  }

  /** @param {(frame: Frame) => void} draw */
  onFrame(draw) {
    this.#panels.add(draw);
    if (this.frame) draw(this.frame);
  }

  /** @param {(status: Status) => void} listener */
  onStatus(listener) {
    this.#statusListeners.add(listener);
  }

  /** @param {Status} status */
  #status(status) {
    for (const listener of this.#statusListeners) listener(status);
  }

  /** Marks the event that the next frame answers, for the latency. @param {Event} event */
  answer(event) {
    this.#eventTime ??= event.timeStamp;
  }

  redraw() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => {
      this.#scheduled = false;
      this.#pass();
    });
  }

  async #pass() {
    if (this.#running) {
      this.#again = true; // the newest state is drawn as soon as the decoding under way is back
      return;
    }
    if (!this.#store.loaded) return;
    this.#running = true;
    const { scene, document, view, original } = this.#store;
    const shown = view.compare ? original : document;
    let decoded = null;
    try {
      this.decoder = await this.#engine.decoder(scene.model);
      decoded = await this.decode(shown.slots.map((s) => s.latent));
      this.#status({ ok: true, note: this.decoder.note, where: this.decoder.where });
    } catch (error) {
      console.warn("decoding:", reasonOf(error));
      this.#status({ ok: false, note: `The server does not answer; your edits are kept. (${reasonOf(error)})` });
      setTimeout(() => this.redraw(), RETRY_MS);
    }
    this.#running = false;
    if (this.#again) {
      this.#again = false;
      this.redraw();
    }
    // Another scene may have come meanwhile; its own pass is on its way. What a panel throws is nobody's server.
    if (decoded && scene === this.#store.scene) this.#draw(compose(scene, shown, view, this.#store, decoded));
  }

  /** @param {Frame} frame */
  #draw(frame) {
    this.frame = frame;
    for (const draw of this.#panels) draw(frame);
    if (this.#eventTime !== null) this.latencies.push(performance.now() - this.#eventTime);
    this.#eventTime = null;
  }

  /**
   * Pixels of latents of the scene's model; only those not seen before are decoded.
   * @param {Float32Array[]} latents
   * @returns {Promise<Float32Array[]>} [H*W][4] per latent
   * @throws {Error} if the decoder or the server cannot be had
   */
  async decode(latents) {
    const { model } = this.#store.scene;
    const known = this.#known.get(model) ?? new WeakMap();
    this.#known.set(model, known);
    const missing = latents.filter((latent) => !known.has(latent));
    if (missing.length) {
      const pixels = await this.#engine.decode(model, missing);
      missing.forEach((latent, i) => known.set(latent, pixels[i]));
    }
    return /** @type {Float32Array[]} */ (latents.map((latent) => known.get(latent))); // by now all are known
  }
}

/**
 * @param {import("./scene.js").Scene} scene
 * @param {import("./store.js").Document} document
 * @param {import("./store.js").View} view
 * @param {import("./store.js").Store} store
 * @param {Float32Array[]} decoded
 * @returns {Frame}
 */
function compose(scene, document, view, store, decoded) {
  const edited = !view.compare && store.edited;
  const {
    decodedMasks,
    masks: all,
    steps,
  } = masksOf(scene, document, decoded, { source: view.masks, solo: view.solo });
  const masks = view.solo === null ? all : all.map((mask, k) => (k === view.solo ? mask : null));
  const image = blend(decoded, masks);
  const { map, mse } = squaredError(scene.image, image);
  return {
    scene,
    document,
    view,
    decoded,
    decodedMasks,
    masks,
    steps,
    image,
    mse,
    edited,
    error: map,
    labels: segment(all),
  };
}
