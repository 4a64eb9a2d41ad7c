// Context of the canvas: the model, its world (shapes, colours, grounds), the frame and the rendered pixels.

/** @typedef {import("./render.js").Frame} Frame */
/** @typedef {import("./render.js").Rendered} Rendered */
/** @typedef {import("./worlds.js").World} World */
/**
 * A rendered composition, as sent to the network.
 * @typedef {Rendered & {composition: import("./render.js").Composition, world: World, side: number}} Subject
 */

/** Initial value of the fields that a world sets. @returns {any} */
const unset = () => null;

export class Place {
  /** @type {string | null} */
  model = null;
  slots = 0;
  /** The camera's latest frame, replaces the ground: [picture][picture][3]. @type {Uint8Array | null} */
  filmed = null;
  // The next three are null until a model's world has loaded; check `hasWorld` or `drawn` first.
  /** @type {World} */
  world = unset();
  /** @type {Frame} */
  frame = unset();
  /** @type {Rendered} */
  rendered = unset();

  get hasWorld() {
    return this.world !== null;
  }

  get drawn() {
    return this.rendered !== null;
  }

  /** Switches to another model, whose world has not loaded yet. @param {string} model */
  setModel(model) {
    Object.assign(this, { model, world: null, rendered: null, filmed: null });
  }

  /** Sets the loaded world. @param {World} world @param {Frame} frame */
  setWorld(world, frame) {
    Object.assign(this, { world, frame });
  }
}
