// What the canvas is of: a model, its world, and what is drawn now.

/** @typedef {import("./render.js").Frame} Frame */
/** @typedef {import("./render.js").Rendered} Rendered */
/** @typedef {import("./worlds.js").World} World */
/**
 * What the network is asked about.
 * @typedef {Rendered & {composition: import("./render.js").Composition, world: World, side: number}} Subject
 */

/** Stands in for what a world brings. @returns {any} */
const unset = () => null;

export class Place {
  /** @type {string | null} */
  model = null;
  slots = 0;
  /** What a camera sees in place of the ground, [picture][picture][3]. @type {Uint8Array | null} */
  filmed = null;
  // Until a model's world is there the next three are null, and whoever may run before then asks `furnished` or
  // `drawn` first.
  /** @type {World} */
  world = unset();
  /** @type {Frame} */
  frame = unset();
  /** @type {Rendered} */
  rendered = unset();

  get furnished() {
    return this.world !== null;
  }

  get drawn() {
    return this.rendered !== null;
  }

  /** Another model, whose world is still to come. @param {string} model */
  leaveFor(model) {
    Object.assign(this, { model, world: null, rendered: null, filmed: null });
  }

  /** @param {World} world @param {Frame} frame */
  furnish(world, frame) {
    Object.assign(this, { world, frame });
  }
}
