// A hand on an object: it says where the object shall be, and the latents follow, frame by frame.

import { changeSlot } from "../actions.js";
import { Grasp } from "../grasp.js";

/** @typedef {import("../grasp.js").Target} Target */

let gestures = 0;

export class Hand {
  /** What the solver has reached, null before its first answer. @type {import("../grasp.js").Reached | null} */
  reached = null;
  /** @type {Target | null} */
  #aim = null;
  #running = false;
  #ended = false;
  #latent;
  #grasp;

  /**
   * @param {{store: import("../store.js").Store, frames: import("../frames.js").FrameLoop}} page
   * @param {number} slot
   * @param {() => void} follow called whenever the object has moved
   */
  constructor({ store, frames }, slot, follow) {
    Object.assign(this, { store, frames, slot, follow });
    this.gesture = `hand/${(gestures += 1)}`;
    this.scene = store.scene;
    this.#latent = store.document.slots[slot].latent;
    this.#grasp = this.#begin(store.document);
    this.#grasp.catch(() => {}); // whoever waits for it says so
  }

  async #begin({ slots }) {
    const decoded = await this.frames.decode(slots.map((s) => s.latent));
    const others = decoded.filter((_, k) => k !== this.slot && !slots[k].hidden);
    return Grasp.of({
      decode: (latents) => this.frames.decode(latents), latent: this.#latent, pixels: decoded[this.slot], others, size: this.scene.size,
    });
  }

  /** Where the object was when the hand took hold of it. @returns {Promise<Target>} */
  async start() {
    return (await this.#grasp).start;
  }

  /** @param {(start: Target) => Target} aim from where the object was to where it shall be @param {Event} event that asks for it */
  to(aim, event) {
    this.#aim = aim;
    this.frames.answer(event);
    if (!this.#running) this.#run();
  }

  /** Whether the object is still the one that the hand holds: undo, or another scene, takes it away. */
  get #held() {
    const { store } = this;
    return store.scene === this.scene && store.document.slots[this.slot]?.latent === this.#latent;
  }

  async #run() {
    this.#running = true;
    try {
      const grasp = await this.#grasp;
      while (this.#aim && this.#held) {
        const reached = await grasp.toward(this.#aim(grasp.start));
        if (!this.#held) break;
        this.reached = reached;
        this.#latent = reached.latent;
        this.store.edit(changeSlot(this.slot, () => ({ latent: reached.latent })), { gesture: this.gesture });
        this.follow();
        await new Promise(requestAnimationFrame);
        if (reached.settled) break;
      }
    } catch (error) {
      console.warn("the object does not follow:", error.message);
    }
    this.#running = false;
    if (this.#ended) this.#close();
  }

  /** The hand lets go; the object arrives where it was sent. */
  end() {
    this.#ended = true;
    if (!this.#running) this.#close();
  }

  #close() {
    this.store.endGesture();
    this.reached = null;
    this.follow();
  }
}
