// A hand on an object: it says where the object shall be, and the latents follow, frame by frame.

import { changeSlot } from "../scene/actions.js";
import { Grasp } from "../scene/grasp.js";
import { reasonOf } from "../page/reason.js";

/** @typedef {import("../scene/grasp.js").Features} Features */
/** From where the object was to where it shall be. @typedef {(start: Features) => Features} Aim */

let gestures = 0;

export class Hand {
  /** Where the object is, and where it shall be; null before the first step. @type {{now: Features, aim: Features} | null} */
  reached = null;
  /** Whether the pointer has gone far enough to mean it. */
  moved = false;
  /** @type {Aim | null} */
  #aim = null;
  /** What was asked of the solver and where it went, in order. @type {{target: Features, latent: number[], features: Features}[]} */
  trace = [];
  #asked = 0;
  #running = false;
  #ended = false;
  #latent;
  #grasp;

  /**
   * @param {{store: import("../scene/store.js").Store, frames: import("../scene/frames.js").FrameLoop}} page
   * @param {number} slot
   * @param {() => void} follow called whenever the object has moved
   */
  constructor({ store, frames }, slot, follow) {
    this.store = store;
    this.frames = frames;
    this.slot = slot;
    this.follow = follow;
    this.gesture = `hand/${(gestures += 1)}`;
    this.scene = store.scene;
    this.#latent = store.document.slots[slot].latent;
    this.#grasp = this.#begin(store.document);
    this.#grasp.catch(() => {}); // whoever waits for it says so
  }

  /** @param {import("../scene/store.js").Document} document */
  async #begin({ slots }) {
    const decoded = await this.frames.decode(slots.map((s) => s.latent));
    const others = decoded.filter((_, k) => k !== this.slot && !slots[k].hidden);
    return Grasp.of({
      decode: (latents) => this.frames.decode(latents),
      latent: this.#latent,
      others,
      size: this.scene.size,
    });
  }

  /** @param {Aim} aim @param {Event} event that asks for it */
  to(aim, event) {
    this.#aim = aim;
    this.#asked += 1;
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
        const asked = this.#asked;
        const aim = this.#aim(grasp.start);
        const { latent, features, settled } = await grasp.toward(aim);
        if (!this.#held) break;
        this.trace.push({ target: aim, latent: Array.from(latent), features });
        this.reached = { now: features, aim };
        this.#latent = latent;
        if (latent !== this.store.document.slots[this.slot].latent) {
          this.store.edit(
            changeSlot(this.slot, () => ({ latent })),
            { gesture: this.gesture },
          );
        }
        this.follow();
        await new Promise(requestAnimationFrame);
        if (settled && asked === this.#asked) break;
      }
    } catch (error) {
      console.warn("the object does not follow:", reasonOf(error));
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
