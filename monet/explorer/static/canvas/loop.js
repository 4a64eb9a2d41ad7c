// Pixels to slots, again and again: one question under way, the newest next, by the page's network or else the server.

import { sceneFrom } from "../store.js";

/** Answers that the rate is the mean of. */
const COUNTED = 12;

/** Answers that are further apart, in milliseconds, belong to no stream. */
const GAP_MS = 600;

/** The server is asked no more often, in milliseconds. */
const SERVER_MS = 250;

/**
 * @typedef {object} Answer
 * @property {Float32Array[]} masks [P] per slot, sum to one
 * @property {Float32Array[]} decoded [P][4] per slot: red, green, blue, mask logit
 */
/**
 * @typedef {object} Course how the questions are answered
 * @property {"browser" | "server" | null} where null before the first answer
 * @property {string} reason why the server has to be asked, "" where it has not
 * @property {number} rate answers a second while they come in a row, 0 before that
 * @property {number} milliseconds that the last one took
 * @property {string} failed why there is no answer, "" where there is
 */

export class Loop {
  /** @type {Course} */
  course = { where: null, reason: "", rate: 0, milliseconds: 0, failed: "" };
  #engine;
  #choices = null;
  #next = null;
  #busy = false;
  #times = [];
  #listeners = new Set();

  /** @param {import("../engine.js").Engine} engine */
  constructor(engine) {
    this.#engine = engine;
  }

  /** By which model, and how many slots; what was asked before is not answered any more. @param {import("../engine.js").Choices} choices */
  use(choices) {
    if (JSON.stringify(choices) === JSON.stringify(this.#choices)) return;
    this.#choices = choices;
    this.#next = null;
    this.#times = [];
    this.course = { where: null, reason: "", rate: 0, milliseconds: 0, failed: "" };
  }

  /** @param {(answer: Answer | null, about: any, course: Course) => void} listener told of every answer, null where there is none */
  onAnswer(listener) {
    this.#listeners.add(listener);
  }

  /**
   * Asks; a question that still waits is forgotten.
   * @param {Uint8Array} pixels [side][side][3]
   * @param {any} about given back with the answer
   */
  ask(pixels, about) {
    this.#next = { pixels, about, choices: this.#choices };
    if (!this.#busy) this.#run();
  }

  async #run() {
    this.#busy = true;
    while (this.#next) {
      const { pixels, about, choices } = this.#next;
      this.#next = null;
      let answer = null;
      try {
        answer = await this.#fromPage(pixels, choices);
        if (choices !== this.#choices) continue;
        answer ??= await this.#fromServer(pixels, choices);
        if (choices === this.#choices) this.#count();
      } catch (error) {
        this.#course(choices, { failed: error.message });
      }
      if (choices !== this.#choices) continue;
      const { course } = this;
      setTimeout(() => this.#tell(answer, about, course, choices)); // drawn while the next question is under way
      if (this.course.where === "server" && this.#next) await new Promise((resolve) => setTimeout(resolve, SERVER_MS));
    }
    this.#busy = false;
  }

  #tell(answer, about, course, choices) {
    if (choices === this.#choices) for (const listener of this.#listeners) listener(answer, about, course);
  }

  /** @returns {Promise<Answer | null>} null where the page cannot */
  async #fromPage(pixels, choices) {
    if (this.course.where === "server") return null;
    try {
      const network = await this.#engine.network(choices.model);
      const began = performance.now();
      const said = await network.decompose(pixels, choices.slots);
      this.#course(choices, { where: "browser", milliseconds: performance.now() - began, failed: "" });
      const perSlot = (values) => {
        const length = values.length / choices.slots;
        return Array.from({ length: choices.slots }, (_, k) => values.subarray(k * length, (k + 1) * length));
      };
      return { masks: perSlot(said.masks), decoded: perSlot(said.components) };
    } catch (error) {
      this.#course(choices, { where: "server", reason: error.message, rate: 0, failed: "" });
      this.#times = [];
      return null;
    }
  }

  /** @returns {Promise<Answer>} */
  async #fromServer(pixels, choices) {
    const source = { origin: { kind: "picture" }, picture: { image: Array.from(pixels), of: choices.model } };
    const began = performance.now();
    const scene = sceneFrom(await this.#engine.decompose(source, choices));
    const decoded = await this.#engine.decode(choices.model, scene.mean);
    this.#course(choices, { milliseconds: performance.now() - began, failed: "" });
    return { masks: scene.masks, decoded };
  }

  /** Of choices that hold no longer nothing is told. @param {Partial<Course>} change */
  #course(choices, change) {
    if (choices === this.#choices) this.course = { ...this.course, ...change };
  }

  #count() {
    const now = performance.now();
    if (now - this.#times.at(-1) > GAP_MS) this.#times = [];
    this.#times = [...this.#times, now].slice(-COUNTED);
    const passed = now - this.#times[0];
    const rate = passed ? (1000 * (this.#times.length - 1)) / passed : this.course.rate;
    this.course = { ...this.course, rate };
  }
}
