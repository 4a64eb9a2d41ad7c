// Request loop of the canvas: one decomposition at a time, always the newest, in the browser or on the server.

import { reasonOf } from "../page/reason.js";
import { sceneFrom } from "../scene/scene.js";

/** Answers that the rate is averaged over. */
const WINDOW = 12;

/** A longer gap between answers, in milliseconds, restarts the rate. */
const GAP_MS = 600;

/** Least time between two requests to the server, in milliseconds. */
const SERVER_MS = 250;

/**
 * @typedef {object} Answer
 * @property {Float32Array[]} masks [P] per slot, sum to the scope
 * @property {Float32Array[]} decoded [P][4] per slot: red, green, blue, mask logit
 * @property {Float32Array | null} scope [P], the initial scope; null: 1 everywhere
 */
/** @typedef {import("../engine/engine.js").Choices} Choices */
/**
 * @typedef {object} Question
 * @property {Uint8Array} pixels [side][side][3]
 * @property {Float32Array | null} scope [side][side] in [0, 1], null: 1 everywhere; not sent to the server
 * @property {boolean} stays whether the pixels must not be sent to the server
 * @property {import("./place.js").Subject} about
 * @property {Choices} choices
 */
/** @typedef {(answer: Answer | null, about: import("./place.js").Subject, status: Status) => void} Listener */
/**
 * @typedef {object} Status who answers, and how fast
 * @property {"browser" | "server" | null} where null before the first answer
 * @property {string} reason why the server is used, "" if it is not
 * @property {number} rate answers a second while they come without a gap, else 0
 * @property {number} milliseconds of the last answer
 * @property {string} failed why there is no answer, "" if there is one
 */

export class Loop {
  /** @type {Status} */
  status = { where: null, reason: "", rate: 0, milliseconds: 0, failed: "" };
  #engine;
  /** @type {Choices | null} */
  #choices = null;
  /** @type {Question | null} */
  #next = null;
  #busy = false;
  /** @type {number[]} */
  #times = [];
  /** @type {Set<Listener>} */
  #listeners = new Set();

  /** @param {import("../engine/engine.js").Engine} engine */
  constructor(engine) {
    this.#engine = engine;
  }

  /** Sets the model and the number of slots; drops pending questions. @param {Choices} choices */
  use(choices) {
    if (JSON.stringify(choices) === JSON.stringify(this.#choices)) return;
    this.#choices = choices;
    this.#next = null;
    this.#times = [];
    this.status = { where: null, reason: "", rate: 0, milliseconds: 0, failed: "" };
  }

  /** @param {Listener} listener called with every answer, or null if it failed */
  onAnswer(listener) {
    this.#listeners.add(listener);
  }

  /**
   * Requests a decomposition; replaces a question that still waits.
   * @param {Uint8Array} pixels [side][side][3]
   * @param {import("./place.js").Subject} about returned with the answer
   * @param {{scope?: Float32Array | null, stays?: boolean}} [options]
   */
  ask(pixels, about, { scope = null, stays = false } = {}) {
    if (!this.#choices) return;
    this.#next = { pixels, scope, stays, about, choices: this.#choices };
    if (!this.#busy) this.#run();
  }

  async #run() {
    this.#busy = true;
    while (this.#next) {
      const question = this.#next;
      const { about, choices, stays } = question;
      this.#next = null;
      /** @type {Answer | null} */
      let answer = null;
      try {
        answer = await this.#fromPage(question);
        if (choices !== this.#choices) continue;
        if (!answer && stays)
          throw new Error(
            "Your camera’s picture is not sent to the server, and the network does not run in your browser.",
          );
        answer ??= await this.#fromServer(question);
        if (choices === this.#choices) this.#count();
      } catch (error) {
        this.#update(choices, { failed: reasonOf(error) });
      }
      if (choices !== this.#choices) continue;
      const { status } = this;
      setTimeout(() => this.#notify(answer, about, status, choices)); // drawn while the next question is computed
      if (this.status.where === "server" && this.#next) await new Promise((resolve) => setTimeout(resolve, SERVER_MS));
    }
    this.#busy = false;
  }

  /** @param {Answer | null} answer @param {Question["about"]} about @param {Status} status @param {Choices} choices */
  #notify(answer, about, status, choices) {
    if (choices === this.#choices) for (const listener of this.#listeners) listener(answer, about, status);
  }

  /** @param {Question} question @returns {Promise<Answer | null>} null if the browser cannot */
  async #fromPage({ pixels, scope, choices }) {
    if (this.status.where === "server") return null;
    try {
      const network = await this.#engine.network(choices.model);
      const began = performance.now();
      const { masks, components } = await network.decompose(pixels, choices.slots, scope);
      this.#update(choices, { where: "browser", milliseconds: performance.now() - began, failed: "" });
      /** @param {Float32Array} values */
      const perSlot = (values) => {
        const length = values.length / choices.slots;
        return Array.from({ length: choices.slots }, (_, k) => values.subarray(k * length, (k + 1) * length));
      };
      return { masks: perSlot(masks), decoded: perSlot(components), scope };
    } catch (error) {
      this.#update(choices, { where: "server", reason: reasonOf(error), rate: 0, failed: "" });
      this.#times = [];
      return null;
    }
  }

  /** @param {Question} question @returns {Promise<Answer>} */
  async #fromServer({ pixels, choices }) {
    /** @type {import("../engine/engine.js").Source} */
    const source = { origin: { kind: "picture" }, picture: { image: Array.from(pixels), of: choices.model } };
    const began = performance.now();
    const scene = sceneFrom(await this.#engine.decompose(source, choices));
    const decoded = await this.#engine.decode(choices.model, scene.mean);
    this.#update(choices, { milliseconds: performance.now() - began, failed: "" });
    return { masks: scene.masks, decoded, scope: null };
  }

  /** Updates the status, unless the choices are outdated. @param {Choices} choices @param {Partial<Status>} change */
  #update(choices, change) {
    if (choices === this.#choices) this.status = { ...this.status, ...change };
  }

  /** Updates the rate. */
  #count() {
    const now = performance.now();
    if (now - (this.#times.at(-1) ?? now) > GAP_MS) this.#times = [];
    this.#times = [...this.#times, now].slice(-WINDOW);
    const elapsed = now - this.#times[0];
    const rate = elapsed ? (1000 * (this.#times.length - 1)) / elapsed : this.status.rate;
    this.status = { ...this.status, rate };
  }
}
