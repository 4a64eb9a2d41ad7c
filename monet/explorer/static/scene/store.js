// Store of the page's state: the decomposed scene, the document (its slots with their edits), the view, and the history.
// Documents are immutable: an edit makes a new one, and undo and redo return to old ones.

/**
 * @typedef {object} Slot
 * @property {number | null} step of the attention that it comes from; null for a copy or a slot of another scene, which have no attention mask
 * @property {number} color index into the slots' colours
 * @property {Float32Array} latent
 * @property {Float32Array} mean of its posterior; reset returns to it
 * @property {Float32Array} std of its posterior
 * @property {number[]} kl of each latent from the prior, nats
 * @property {boolean} hidden
 */
/** @typedef {{slots: Slot[]}} Document */
/** @typedef {import("./scene.js").Scene} Scene */
/** @typedef {import("./scene.js").ScenePayload} ScenePayload */
/**
 * Selection and display options; not part of the history.
 * @typedef {object} View
 * @property {number} slot
 * @property {number} dimension
 * @property {import("./sweep.js").Reach} reach of the traversals
 * @property {number | null} step of the attention
 * @property {number | null} solo the slot that is shown alone
 * @property {import("./compose.js").MaskSource} masks
 * @property {boolean} compare whether the unedited scene is shown
 * @property {number | null} pixel that is pointed at
 * @property {Set<number>} locks latents that sampling does not change
 */

import { sceneFrom } from "./scene.js";
import { isEdited } from "./slots.js";

/** @param {Scene} scene @returns {Document} every slot at its posterior mean */
const unedited = (scene) => ({
  slots: scene.mean.map((mean, step) => ({
    step,
    color: step,
    latent: mean,
    mean,
    std: scene.std[step],
    kl: scene.kl[step],
    hidden: false,
  })),
});

/**
 * State that undo returns to: a scene with its edits, and the selected slot.
 * @typedef {{scene: Scene, original: Document, document: Document, slot: number}} Moment
 */

/** Placeholder until the first scene is loaded. @returns {any} */
const unset = () => null;

/** Most scenes in the history, about a megabyte each. */
const MOST_SCENES = 16;

export class Store {
  // The next three are null until the first scene is loaded; code that may run earlier checks `loaded`.
  /** @type {Scene} */
  scene = unset();
  /** The unedited document. @type {Document} */
  original = unset();
  /** The edited document. @type {Document} */
  document = unset();
  /** @type {View} */
  view = {
    slot: 0,
    dimension: 0,
    reach: "2",
    step: null,
    solo: null,
    masks: "auto",
    compare: false,
    pixel: null,
    locks: new Set(),
  };
  /** The copied latent. @type {Float32Array | null} */
  clipboard = null;
  /** A scene set aside, to copy objects from. @type {{scene: Scene, document: Document} | null} */
  aside = null;
  /** @type {{before: Moment, after: Moment}[]} */
  #past = [];
  /** @type {{before: Moment, after: Moment}[]} */
  #future = [];
  /** @type {string | null} */
  #gesture = null;
  /** @type {Set<() => void>} */
  #listeners = new Set();

  /** Whether there is a scene yet. */
  get loaded() {
    return this.scene !== null;
  }

  /** @param {() => void} listener called after every change */
  subscribe(listener) {
    this.#listeners.add(listener);
  }

  #changed() {
    for (const listener of this.#listeners) listener();
  }

  /**
   * Shows another scene. Undo returns to an edited scene; scenes that were left unedited are skipped.
   * @param {ScenePayload} payload
   * @param {((original: Document) => Document) | null} edits of a link
   */
  load(payload, edits = null) {
    const before = this.loaded ? this.#moment() : null;
    this.scene = sceneFrom(payload);
    this.original = unedited(this.scene);
    this.document = edits ? edits(this.original) : this.original;
    this.#resetView(Math.min(payload.object, this.document.slots.length - 1));
    const [last, after] = [this.#past.at(-1), this.#moment()];
    if (
      before &&
      before.document === before.original &&
      last?.after.scene === before.scene &&
      last.before.scene !== before.scene
    ) {
      last.after = after;
      this.#future = [];
    } else if (before && (last || before.document !== before.original)) this.#push({ before, after });
    else this.#future = [];
    this.#gesture = null;
    this.#changed();
  }

  /** Resets the view for another scene. @param {number} slot to select */
  #resetView(slot) {
    const { kl } = this.document.slots[slot];
    const dimension = kl.indexOf(Math.max(...kl));
    this.view = {
      ...this.view,
      slot,
      dimension,
      locks: new Set(),
      step: null,
      solo: null,
      pixel: null,
      compare: false,
    };
  }

  /** Changes the view; a slot that does not exist is ignored. @param {Partial<View>} change */
  look({ slot = this.view.slot, ...change }) {
    this.view = { ...this.view, ...change, slot: this.document.slots[slot] ? slot : this.view.slot };
    this.#changed();
  }

  /** Changes the view, and selects the slot that a step of the attention filled, if it still exists. @param {number} step @param {Partial<View>} change */
  lookAtStep(step, change = {}) {
    const slot = this.document.slots.findIndex((s) => s.step === step);
    this.look(slot < 0 ? change : { ...change, slot });
  }

  /**
   * Edits the document. Each edit is one step of undo; edits of the same gesture (a drag) form a single step.
   * @param {(document: Document) => Document} change
   * @param {{gesture?: string | null, select?: number}} [options] `select` is the slot to select afterwards
   */
  edit(change, { gesture = null, select = this.view.slot } = {}) {
    const document = change(this.document);
    if (document === this.document) return;
    const before = this.#moment();
    this.document = document;
    if (select !== this.view.slot) this.view = { ...this.view, slot: select };
    this.#keepViewInside();
    const last = this.#past.at(-1);
    if (last && gesture !== null && gesture === this.#gesture) last.after = this.#moment();
    else this.#push({ before, after: this.#moment() });
    this.#gesture = gesture;
    this.#changed();
  }

  /** @param {{before: Moment, after: Moment}} step */
  #push(step) {
    this.#past.push(step);
    this.#future = [];
    while (new Set(this.#past.map(({ before }) => before.scene)).size > MOST_SCENES) this.#past.shift();
  }

  /** @returns {Moment} */
  #moment() {
    return { scene: this.scene, original: this.original, document: this.document, slot: this.view.slot };
  }

  // Slots may have been added or deleted: the selected and the solo slot must exist.
  #keepViewInside() {
    const last = this.document.slots.length - 1;
    const { slot, solo } = this.view;
    const soloGone = solo !== null && solo > last;
    if (slot > last || soloGone) this.view = { ...this.view, slot: Math.min(slot, last), solo: soloGone ? null : solo };
  }

  /** Ends a gesture: the next edit is a new step of undo. */
  endGesture() {
    this.#gesture = null;
  }

  get canUndo() {
    return this.#past.length > 0;
  }

  get canRedo() {
    return this.#future.length > 0;
  }

  /** The scene that undo would return to; null if undo would only revert an edit. @returns {Moment | null} */
  get sceneBefore() {
    const before = this.#past.at(-1)?.before;
    return before && before.scene !== this.scene ? before : null;
  }

  undo() {
    const step = this.#past.pop();
    if (!step) return;
    this.#future.push(step);
    this.#goTo(step.before);
  }

  redo() {
    const step = this.#future.pop();
    if (!step) return;
    this.#past.push(step);
    this.#goTo(step.after);
  }

  /** @param {Moment} moment */
  #goTo({ scene, original, document, slot }) {
    const otherScene = scene !== this.scene;
    Object.assign(this, { scene, original, document });
    if (otherScene) this.#resetView(slot);
    else if (slot !== this.view.slot) this.view = { ...this.view, slot };
    this.#gesture = null;
    this.#keepViewInside();
    this.#changed();
  }

  /** Returns to the unedited document, bit by bit; this edit can be undone, too. */
  reset() {
    this.edit((d) => (d.slots.every((s, k) => s === this.original.slots[k]) && !this.#slotsDiffer ? d : this.original));
  }

  /** Sets the scene aside with its edits, or discards the scene set aside. @param {boolean} keep */
  setAside(keep) {
    this.aside = keep ? { scene: this.scene, document: this.document } : null;
    this.#changed();
  }

  /** Copies a latent to the clipboard. @param {Float32Array} latent */
  copy(latent) {
    this.clipboard = latent;
    this.#changed();
  }

  get #slotsDiffer() {
    return this.document.slots.length !== this.scene.slots || this.document.slots.some((s, k) => s.step !== k);
  }

  /** Whether any latent differs from its posterior mean, or slots were added, deleted or moved. Hiding is no edit. */
  get edited() {
    return this.#slotsDiffer || this.document.slots.some(isEdited);
  }
}
