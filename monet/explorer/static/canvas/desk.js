// State of the canvas: composition, selection, active tool, undo history. Compositions are immutable values.

/** @typedef {import("./render.js").Composition} Composition */
/** @typedef {import("./render.js").Thing} Thing */

/** Longest undo history. */
const MAX_UNDO = 200;

/** Most things on the canvas. */
export const MOST_THINGS = 40;

/** Most points of a stroke. */
export const MOST_POINTS = 400;

export class Desk {
  /** @type {Composition} */
  composition = { things: [], ground: { color: [0, 0, 0] } };
  /** Id of the selected thing. @type {number | null} */
  selected = null;
  /**
   * Settings of the tools: the active `tool`, `width` in pixels; `unmarks`: the scope's brush removes the veil.
   * @type {{tool: "move" | "brush" | "eraser" | "scope", width: number, color: [number, number, number], unmarks: boolean}}
   */
  settings = { tool: "move", width: 4, color: [255, 255, 255], unmarks: false };
  /** @type {Composition[]} */
  #past = [];
  /** @type {Composition[]} */
  #future = [];
  /** @type {string | null} */
  #gesture = null;
  /** @type {Set<() => void>} */
  #listeners = new Set();

  /** @param {() => void} listener called after every change */
  subscribe(listener) {
    this.#listeners.add(listener);
  }

  #changed() {
    const { things } = this.composition;
    if (!things.some(({ id }) => id === this.selected)) this.selected = null;
    for (const listener of this.#listeners) listener();
  }

  /** The selected thing. @returns {Thing | null} */
  get thing() {
    return this.composition.things.find(({ id }) => id === this.selected) ?? null;
  }

  get isFull() {
    return this.composition.things.length >= MOST_THINGS;
  }

  get nextId() {
    return Math.max(0, ...this.composition.things.map(({ id }) => id)) + 1;
  }

  /** Replaces the composition and clears the undo history. @param {Composition} composition */
  open(composition) {
    Object.assign(this, { composition, selected: null });
    this.#past = [];
    this.#future = [];
    this.#gesture = null;
    this.#changed();
  }

  /**
   * Applies a change as one undo step; consecutive changes of the same gesture share a step.
   * @param {(composition: Composition) => Composition} change
   * @param {{gesture?: string | null, select?: number | null}} [options] `select`: id of the thing selected afterwards
   */
  edit(change, { gesture = null, select = this.selected } = {}) {
    const composition = change(this.composition);
    if (composition === this.composition && select === this.selected) return;
    if (composition !== this.composition && (gesture === null || gesture !== this.#gesture)) {
      this.#past = [...this.#past, this.composition].slice(-MAX_UNDO);
      this.#future = [];
    }
    this.#gesture = gesture;
    Object.assign(this, { composition, selected: select });
    this.#changed();
  }

  /** Changes the selected thing. @param {(thing: Thing) => Thing} change @param {string | null} gesture */
  editThing(change, gesture = null) {
    this.edit(
      ({ things, ...rest }) => ({
        ...rest,
        things: things.map((thing) => (thing.id === this.selected ? change(thing) : thing)),
      }),
      { gesture },
    );
  }

  /** The next change starts a new undo step. */
  endGesture() {
    this.#gesture = null;
  }

  /** @param {number | null} id */
  select(id) {
    this.selected = id;
    this.#changed();
  }

  /** Changes the settings of the tools. @param {Partial<Desk["settings"]>} change */
  set(change) {
    this.settings = { ...this.settings, ...change };
    this.#changed();
  }

  get canUndo() {
    return this.#past.length > 0;
  }

  get canRedo() {
    return this.#future.length > 0;
  }

  undo() {
    this.#walk(this.#past, this.#future);
  }

  redo() {
    this.#walk(this.#future, this.#past);
  }

  /** @param {Composition[]} from @param {Composition[]} to */
  #walk(from, to) {
    const composition = from.pop();
    if (!composition) return;
    to.push(this.composition);
    this.composition = composition;
    this.#gesture = null;
    this.#changed();
  }
}

/** Adds a thing in front of all others. @param {Thing} thing @returns {(composition: Composition) => Composition} */
export const added =
  (thing) =>
  ({ things, ...rest }) => ({ ...rest, things: [...things, thing] });

/** @param {number} id @returns {(composition: Composition) => Composition} */
export const removed =
  (id) =>
  ({ things, ...rest }) => ({ ...rest, things: things.filter((thing) => thing.id !== id) });

/** @param {number} id @param {"front" | "back"} to @returns {(composition: Composition) => Composition} */
export const restacked =
  (id, to) =>
  ({ things, ...rest }) => {
    const own = things.filter((thing) => thing.id === id);
    const others = things.filter((thing) => thing.id !== id);
    return { ...rest, things: to === "front" ? [...others, ...own] : [...own, ...others] };
  };
