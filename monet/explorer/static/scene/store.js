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
/** @typedef {import("./scene.js").Scene} Scene */
/** @typedef {import("./scene.js").ScenePayload} ScenePayload */
/**
 * What one looks at.
 * @typedef {object} View
 * @property {number} slot
 * @property {number} dimension
 * @property {import("./sweep.js").Reach} reach of the traversals
 * @property {number | null} step of the attention
 * @property {number | null} solo the slot that is shown alone
 * @property {import("./compose.js").MaskSource} masks
 * @property {boolean} compare whether the unedited scene is shown
 * @property {number | null} pixel
 * @property {Set<number>} locks latents that stay
 */

import { sceneFrom } from "./scene.js";
import { isEdited } from "./slots.js";

/** @param {Scene} scene @returns {Document} the scene as the model saw it: every slot at its posterior's mean */
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
 * What undo goes back to: a scene with its edits, and the slot that was selected.
 * @typedef {{scene: Scene, original: Document, document: Document, slot: number}} Moment
 */

/** Stands in for what the first scene brings. @returns {any} */
const unset = () => null;

/** Scenes that the history keeps, about a megabyte each. */
const MOST_SCENES = 16;

export class Store {
  // Until the first scene is loaded the next three are null, and whoever may run before then asks `loaded` first.
  /** @type {Scene} */
  scene = unset();
  /** The scene as the model saw it. @type {Document} */
  original = unset();
  /** The scene as it is edited. @type {Document} */
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
  /** A latent that was copied. @type {Float32Array | null} */
  clipboard = null;
  /** A scene set aside, to carry objects over from. @type {{scene: Scene, document: Document} | null} */
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
   * Shows another scene. Undo brings an edited one back; those that were only looked at are no step of their own.
   * @param {ScenePayload} payload
   * @param {((original: Document) => Document) | null} edits made to it from the start, as a link brings them
   */
  load(payload, edits = null) {
    const before = this.loaded ? this.#moment() : null;
    this.scene = sceneFrom(payload);
    this.original = unedited(this.scene);
    this.document = edits ? edits(this.original) : this.original;
    this.#look(Math.min(payload.object, this.document.slots.length - 1));
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

  /** Nothing of what was looked at in another scene holds for this one. @param {number} slot */
  #look(slot) {
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

  /** Looks at something else; a slot that is not there is not looked at. @param {Partial<View>} change */
  look({ slot = this.view.slot, ...change }) {
    this.view = { ...this.view, ...change, slot: this.document.slots[slot] ? slot : this.view.slot };
    this.#changed();
  }

  /** Selects the slot that a step of the attention filled, if it still is there. @param {number} step @param {Partial<View>} change */
  lookAtStep(step, change = {}) {
    const slot = this.document.slots.findIndex((s) => s.step === step);
    this.look(slot < 0 ? change : { ...change, slot });
  }

  /**
   * One edit, one step of undo; edits of the same gesture (a drag) are one.
   * @param {(document: Document) => Document} change
   * @param {{gesture?: string | null, select?: number}} [options] `select` is the slot to look at afterwards
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

  // After slots came or went, what one looks at is still there.
  #keepViewInside() {
    const last = this.document.slots.length - 1;
    const { slot, solo } = this.view;
    const soloGone = solo !== null && solo > last;
    if (slot > last || soloGone) this.view = { ...this.view, slot: Math.min(slot, last), solo: soloGone ? null : solo };
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

  /** What undo would bring back in place of this scene; null if it would only take back an edit. @returns {Moment | null} */
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
    const other = scene !== this.scene;
    Object.assign(this, { scene, original, document });
    if (other) this.#look(slot);
    else if (slot !== this.view.slot) this.view = { ...this.view, slot };
    this.#gesture = null;
    this.#keepViewInside();
    this.#changed();
  }

  /** Back to what the model saw, latents as they were to the bit; itself an edit that can be undone. */
  reset() {
    this.edit((d) => (d.slots.every((s, k) => s === this.original.slots[k]) && !this.#slotsDiffer ? d : this.original));
  }

  /** Puts the scene as it is now aside, or lets go of what was put there. @param {boolean} keep */
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
    return this.#slotsDiffer || this.document.slots.some(isEdited);
  }
}
