// What the page shows, as values: the decomposed scene, the document made of its slots, and what one looks at.
// An edit makes a new document; undo and redo only walk the old ones.

/**
 * @typedef {object} Slot
 * @property {number | null} step of the attention that it comes from; null for a copy or a guest, which has no mask there
 * @property {number} color index into the slots' colours
 * @property {Float32Array} latent
 * @property {Float32Array} mean of its posterior, what reset goes back to
 * @property {Float32Array} std of its posterior
 * @property {number[]} kl of each latent from the prior, nats
 * @property {boolean} hidden
 */
/** @typedef {{slots: Slot[]}} Document */

import { float16, uint8 } from "./arrays.js";
import { scopes } from "./compose.js";

/** @param {any} payload as monet.explorer.payload.scene_payload makes it */
export function sceneFrom(payload) {
  const pixels = payload.size ** 2;
  const all = float16(payload.masks);
  const shares = uint8(payload.alphas);
  const perSlot = (values) =>
    Array.from({ length: payload.slots }, (_, k) => values.subarray(k * pixels, (k + 1) * pixels));
  const masks = perSlot(all);
  return {
    ...payload,
    image: Float32Array.from(uint8(payload.image), (v) => v / 255),
    truth: payload.truth && uint8(payload.truth),
    masks,
    alphas: perSlot(shares).map((a) => Float32Array.from(a, (v) => v / 255)),
    scopes: scopes(masks),
    mean: payload.mean.map((m) => Float32Array.from(m)),
    std: payload.std.map((s) => Float32Array.from(s)),
  };
}

/** @returns {Document} the scene as the model saw it: every slot at its posterior's mean */
const unedited = (scene) => ({
  slots: scene.mean.map((mean, step) => ({
    step, color: step, latent: mean, mean, std: scene.std[step], kl: scene.kl[step], hidden: false,
  })),
});

export class Store {
  scene = null;
  /** @type {Document | null} */
  document = null;
  view = {
    slot: 0, dimension: 0, reach: "2", step: null, solo: null, masks: "auto", compare: false, pixel: null, locks: new Set(),
  };
  /** A latent that was copied. @type {Float32Array | null} */
  clipboard = null;
  /** A scene set aside, to carry objects over from. @type {{scene: any, document: Document} | null} */
  aside = null;
  #past = [];
  #future = [];
  #gesture = null;
  #listeners = new Set();

  /** @param {() => void} listener called after every change */
  subscribe(listener) {
    this.#listeners.add(listener);
  }

  #changed() {
    for (const listener of this.#listeners) listener();
  }

  /** A new scene begins a new history. */
  load(payload) {
    this.scene = sceneFrom(payload);
    this.original = this.document = unedited(this.scene);
    this.#past = [];
    this.#future = [];
    this.#gesture = null;
    const slot = payload.object;
    const kl = payload.kl[slot];
    const dimension = kl.indexOf(Math.max(...kl));
    const locks = new Set();
    this.view = { ...this.view, slot, dimension, locks, step: null, solo: null, pixel: null, compare: false };
    this.#changed();
  }

  /** @param {Partial<Store["view"]>} change */
  look(change) {
    this.view = { ...this.view, ...change };
    this.#changed();
  }

  /**
   * One edit, one step of undo; edits of the same gesture (a drag) are one.
   * @param {(document: Document) => Document} change
   * @param {string | null} gesture
   */
  edit(change, gesture = null) {
    const document = change(this.document);
    if (document === this.document) return;
    if (gesture === null || gesture !== this.#gesture) this.#past.push(this.document);
    this.#gesture = gesture;
    this.#future = [];
    this.document = document;
    this.#keepViewInside();
    this.#changed();
  }

  // After slots came or went, what one looks at is still there.
  #keepViewInside() {
    const last = this.document.slots.length - 1;
    const { slot, solo } = this.view;
    if (slot > last || solo > last) {
      this.view = { ...this.view, slot: Math.min(slot, last), solo: solo > last ? null : solo };
    }
  }

  /** The next edit is a step of its own again. */
  endGesture() {
    this.#gesture = null;
  }

  get canUndo() {
    return this.#past.length > 0;
  }

  get canRedo() {
    return this.#future.length > 0;
  }

  undo() {
    if (!this.canUndo) return;
    this.#future.push(this.document);
    this.document = this.#past.pop();
    this.#gesture = null;
    this.#keepViewInside();
    this.#changed();
  }

  redo() {
    if (!this.canRedo) return;
    this.#past.push(this.document);
    this.document = this.#future.pop();
    this.#gesture = null;
    this.#keepViewInside();
    this.#changed();
  }

  /** Back to what the model saw, latents as they were to the bit; itself an edit that can be undone. */
  reset() {
    this.edit((d) => (d.slots.every((s, k) => s === this.original.slots[k]) && !this.#slotsDiffer ? d : this.original));
  }

  /** Puts the scene as it is now aside, or lets go of what was put there. */
  setAside(keep) {
    this.aside = keep ? { scene: this.scene, document: this.document } : null;
    this.#changed();
  }

  /** @param {Float32Array} latent */
  copy(latent) {
    this.clipboard = latent;
    this.#changed();
  }

  get #slotsDiffer() {
    return this.document.slots.length !== this.scene.slots || this.document.slots.some((s, k) => s.step !== k);
  }

  /** Whether any latent differs from its posterior's mean, or slots came, went or moved. Hiding alone moves nothing. */
  get edited() {
    return this.#slotsDiffer || this.document.slots.some((s) => !same(s.latent, s.mean));
  }

  /** Whether every slot still is a step of the attention, so that its masks can be used. */
  get attentionFits() {
    return this.document.slots.every((s) => s.step !== null) && this.document.slots.length === this.scene.slots;
  }
}

const same = (a, b) => a === b || a.every((v, i) => v === b[i]);
