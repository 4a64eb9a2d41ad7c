// Drags an object: solves frame by frame for latents that move the object toward the target.

import { changeSlot } from "../scene/actions.js";
import { Grasp } from "../scene/grasp.js";
import { reasonOf } from "../page/reason.js";

/** @typedef {import("../scene/grasp.js").Features} Features */
/** Computes the target from the features at the start of the drag. @typedef {(start: Features) => Features} Aim */

let gestures = 0;

export class Hand {
  /** The object's features and its target; null before the first step. @type {{now: Features, aim: Features} | null} */
  reached = null;
  /** Whether the pointer has moved far enough to count as a drag. */
  moved = false;
  /** @type {Aim | null} */
  #aim = null;
  /** Targets and results of the solver's steps, for tests. @type {{target: Features, latent: number[], features: Features}[]} */
  trace = [];
  #requests = 0;
  #running = false;
  #ended = false;
  #latent;
  #grasp;

  /**
   * @param {{store: import("../scene/store.js").Store, frames: import("../scene/frames.js").FrameLoop}} page
   * @param {number} slot
   * @param {() => void} onStep called after every step
   */
  constructor({ store, frames }, slot, onStep) {
    this.store = store;
    this.frames = frames;
    this.slot = slot;
    this.onStep = onStep;
    this.gesture = `hand/${(gestures += 1)}`;
    this.scene = store.scene;
    this.#latent = store.document.slots[slot].latent;
    this.#grasp = this.#begin(store.document);
    this.#grasp.catch(() => {}); // #run reports the error
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

  /** Sets a new target. @param {Aim} aim @param {Event} event that caused it */
  to(aim, event) {
    this.#aim = aim;
    this.#requests += 1;
    this.frames.answer(event);
    if (!this.#running) this.#run();
  }

  /** Whether the slot still has the latents of the last step; undo or another scene ends the drag. */
  get #held() {
    const { store } = this;
    return store.scene === this.scene && store.document.slots[this.slot]?.latent === this.#latent;
  }

  async #run() {
    this.#running = true;
    try {
      const grasp = await this.#grasp;
      while (this.#aim && this.#held) {
        const requests = this.#requests;
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
        this.onStep();
        await new Promise(requestAnimationFrame);
        if (settled && requests === this.#requests) break;
      }
    } catch (error) {
      console.warn("the object could not be moved:", reasonOf(error));
    }
    this.#running = false;
    if (this.#ended) this.#close();
  }

  /** Ends the drag; steps toward the last target still finish. */
  end() {
    this.#ended = true;
    if (!this.#running) this.#close();
  }

  #close() {
    this.store.endGesture();
    this.reached = null;
    this.onStep();
  }
}
