// The film's clock. It asks for animation frames only while it plays.

import { endOf, rateAt, stepAt } from "./timeline.js";

export class Film {
  /** In phases, from 0 to `end`. */
  position = 0;
  /** Whether all steps are looked at together, beside the film. */
  all = true;
  speed = 1;
  #steps = 1;
  #frame = 0;
  /** When the last frame was. @type {number | null} */
  #before = null;
  #until = 0;

  /**
   * @param {() => void} moved called after every change of place
   * @param {() => void} played called when it starts and stops
   */
  constructor(moved, played) {
    this.moved = moved;
    this.played = played;
  }

  get playing() {
    return this.#frame !== 0;
  }

  /** Whether it plays on from phase to phase. */
  get running() {
    return this.playing && this.#until === this.end;
  }

  get end() {
    return endOf(this.#steps - 1);
  }

  /** The step that is shown, null for all. */
  get step() {
    return this.all ? null : stepAt(this.position);
  }

  /** Another scene: all its steps, at rest. @param {number} steps */
  open(steps) {
    this.#steps = steps;
    this.rest(null);
  }

  /** A step with everything done, or all steps. @param {number | null} step */
  rest(step) {
    this.pause();
    this.#go(step === null ? this.end : endOf(step), step === null);
  }

  /** @param {number} position */
  go(position) {
    this.pause();
    this.#go(position);
  }

  /** Goes on to the end of the phase; one that goes on already is cut short. */
  onward() {
    const from = this.all || this.position >= this.end ? 0 : this.position;
    const next = Math.floor(from) + 1;
    if (this.playing) this.go(next);
    else this.play(next);
  }

  /** To where this phase began. */
  back() {
    this.go(Math.ceil(this.position) - 1);
  }

  /** From the beginning if it is at the end. @param {number} [until] */
  play(until = this.end) {
    if (this.all || this.position >= this.end) this.#go(0);
    this.#until = until;
    this.#before = null;
    if (this.playing) return;
    this.#ask();
    this.played();
  }

  pause() {
    if (!this.playing) return;
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.played();
  }

  /** @param {number} position */
  #go(position, all = false) {
    this.position = Math.max(0, Math.min(this.end, position));
    this.all = all;
    this.moved();
  }

  #ask() {
    this.#frame = requestAnimationFrame((time) => this.#tick(time));
  }

  /** @param {number} time */
  #tick(time) {
    const passed = time - (this.#before ?? time);
    this.#before = time;
    // However long the browser took for a frame, no phase is left out.
    const next = Math.min(
      this.position + passed * this.speed * rateAt(this.position),
      Math.floor(this.position) + 1,
      this.#until,
    );
    this.#ask(); // first, so that whoever is told of the move finds it playing, and may stop it
    this.#go(next);
    if (next >= this.#until) this.pause();
  }
}
