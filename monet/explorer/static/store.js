// What the page shows, as values: the decomposed scene, the document made of its slots, and what one looks at.
// An edit makes a new document; undo and redo only walk the old ones.

/**
 * @typedef {object} Slot
 * @property {number} from which step of the attention it comes from: its colour and number
 * @property {Float32Array} latent
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
const unedited = (scene) => ({ slots: scene.mean.map((latent, from) => ({ from, latent, hidden: false })) });

export class Store {
  scene = null;
  /** @type {Document | null} */
  document = null;
  view = { slot: 0, dimension: 0, step: null, solo: null, masks: "auto", compare: false, pixel: null };
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
    const slot = Math.min(this.#firstObject(), payload.slots - 1);
    const kl = payload.kl[slot];
    this.view = { ...this.view, slot, dimension: kl.indexOf(Math.max(...kl)), step: null, solo: null, pixel: null };
    this.#changed();
  }

  // The slot with the second largest mask: rarely the background, and never an empty one if there is another.
  #firstObject() {
    const area = this.scene.masks.map((m, k) => [m.reduce((a, b) => a + b, 0), k]).sort((a, b) => b[0] - a[0]);
    return area[Math.min(1, area.length - 1)][1];
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
    this.#changed();
  }

  /** The next edit is a step of its own again. */
  endGesture() {
    this.#gesture = null;
  }

  /** @param {number} slot @param {(slot: Slot) => Partial<Slot>} change */
  editSlot(slot, change, gesture = null) {
    this.edit(
      (d) => ({ ...d, slots: d.slots.map((s, k) => (k === slot ? { ...s, ...change(s) } : s)) }),
      gesture,
    );
  }

  /** @param {number} slot @param {number} dimension @param {number} value */
  setLatent(slot, dimension, value, gesture = null) {
    this.editSlot(slot, (s) => ({ latent: s.latent.map((v, d) => (d === dimension ? value : v)) }), gesture);
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
    this.#changed();
  }

  redo() {
    if (!this.canRedo) return;
    this.#past.push(this.document);
    this.document = this.#future.pop();
    this.#gesture = null;
    this.#changed();
  }

  /** Back to what the model saw, latents as they were to the bit; itself an edit that can be undone. */
  reset() {
    this.edit((d) => (d.slots.every((s, k) => this.isOriginal(s, k)) ? d : this.original));
  }

  /** @param {Slot} slot @param {number} k */
  isOriginal(slot, k) {
    return slot.latent === this.original.slots[k]?.latent && slot.from === k && !slot.hidden;
  }

  /** Whether any latent differs from the posterior's mean. Hiding alone moves nothing. */
  get edited() {
    return this.document.slots.some(
      (s, k) => s.from !== k || !same(s.latent, this.scene.mean[k]),
    ) || this.document.slots.length !== this.scene.slots;
  }
}

const same = (a, b) => a === b || a.every((v, i) => v === b[i]);
