// Frame loop: decodes new latents, composes the scene and calls the panels to draw it.
// At most one pass runs per animation frame, and one decoding at a time, however many events arrive.

import { blend, masksOf, segment, squaredError } from "./compose.js";
import { reasonOf } from "../page/reason.js";

/**
 * @typedef {object} Frame
 * @property {import("./scene.js").Scene} scene
 * @property {import("./store.js").Document} document the edited one, or the unedited while comparing
 * @property {import("./store.js").View} view
 * @property {Float32Array[]} decoded [H*W][4] per slot
 * @property {Float32Array[]} decodedMasks [H*W] per slot, softmax of the mask logits over the visible slots
 * @property {(Float32Array | null)[]} masks that the scene is composed with
 * @property {(number | null)[]} steps the step whose attention mask a slot keeps; null if it has the decoder's or is hidden
 * @property {Float32Array} image [H*W][3] the recomposed scene
 * @property {Uint8Array} labels the slot with the largest mask at each pixel
 * @property {Float32Array} error squared error per pixel
 * @property {number} mse
 * @property {boolean} edited whether `document` differs from the original
 */

/** Whether decoding succeeded, and where it ran. @typedef {{ok: boolean, note: string, where?: string}} Status */

/** Milliseconds before a failed decoding is retried. */
export const RETRY_MS = 2000;

export class FrameLoop {
  /** @type {Frame | null} */
  frame = null;
  /** @type {import("../engine/decoders.js").Decoder | null} of the scene on screen */
  decoder = null;
  /** Latencies in milliseconds, from an input event to the end of its drawing. @type {number[]} */
  latencies = [];
  #store;
  #engine;
  /**
   * Cached pixels by model and latent, for undo; entries of unreachable latents are garbage collected.
   * @type {Map<string, WeakMap<Float32Array, Float32Array>>}
   */
  #cache = new Map();
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

  /** Calls a panel's function for every frame, the current one included. @param {(frame: Frame) => void} draw */
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

  /** Notes the input event that the next frame answers, to measure the latency. @param {Event} event */
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
      this.#again = true; // the newest state is drawn as soon as the current decoding ends
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
    // Another scene, opened meanwhile, has its own pass. Drawing is outside of the try: a panel's error is not the server's.
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
   * Decodes latents with the scene's model; pixels in the cache are not decoded again.
   * @param {Float32Array[]} latents
   * @returns {Promise<Float32Array[]>} [H*W][4] per latent
   * @throws {Error} if neither the page's decoder nor the server is available
   */
  async decode(latents) {
    const { model } = this.#store.scene;
    const cache = this.#cache.get(model) ?? new WeakMap();
    this.#cache.set(model, cache);
    const missing = latents.filter((latent) => !cache.has(latent));
    if (missing.length) {
      const pixels = await this.#engine.decode(model, missing);
      missing.forEach((latent, i) => cache.set(latent, pixels[i]));
    }
    return /** @type {Float32Array[]} */ (latents.map((latent) => cache.get(latent))); // all are cached now
  }
}

/**
 * Computes everything that the panels draw.
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
