// Clock of the animation: position, play, pause and speed. Requests animation frames only while it plays.

import { endOf, rateAt, stepAt } from "./timeline.js";

export class Film {
  /** In phases, from 0 to `end`. */
  position = 0;
  /** Whether all steps are shown together instead of one position. */
  all = true;
  speed = 1;
  #steps = 1;
  #frame = 0;
  /** Time of the last frame in milliseconds. @type {number | null} */
  #lastTime = null;
  #until = 0;

  /**
   * @param {() => void} moved called after every change of the position
   * @param {() => void} played called when it starts and stops playing
   */
  constructor(moved, played) {
    this.moved = moved;
    this.played = played;
  }

  get playing() {
    return this.#frame !== 0;
  }

  /** Whether it plays to the end, and not only to the end of a phase. */
  get running() {
    return this.playing && this.#until === this.end;
  }

  get end() {
    return endOf(this.#steps - 1);
  }

  /** The current step; null for all. */
  get step() {
    return this.all ? null : stepAt(this.position);
  }

  /** Opens another scene: shows all its steps. @param {number} steps */
  open(steps) {
    this.#steps = steps;
    this.rest(null);
  }

  /** Stops at the end of a step, or shows all steps. @param {number | null} step */
  rest(step) {
    this.pause();
    this.#go(step === null ? this.end : endOf(step), step === null);
  }

  /** Pauses at a position. @param {number} position */
  go(position) {
    this.pause();
    this.#go(position);
  }

  /** Plays to the end of the phase; while playing, jumps there. */
  onward() {
    const from = this.all || this.position >= this.end ? 0 : this.position;
    const next = Math.floor(from) + 1;
    if (this.playing) this.go(next);
    else this.play(next);
  }

  /** Goes back to the start of the phase. */
  back() {
    this.go(Math.ceil(this.position) - 1);
  }

  /** Plays, from the beginning if it is at the end. @param {number} [until] */
  play(until = this.end) {
    if (this.all || this.position >= this.end) this.#go(0);
    this.#until = until;
    this.#lastTime = null;
    if (this.playing) return;
    this.#requestFrame();
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

  #requestFrame() {
    this.#frame = requestAnimationFrame((time) => this.#tick(time));
  }

  /** @param {number} time */
  #tick(time) {
    const passed = time - (this.#lastTime ?? time);
    this.#lastTime = time;
    // A slow frame does not skip a phase.
    const next = Math.min(
      this.position + passed * this.speed * rateAt(this.position),
      Math.floor(this.position) + 1,
      this.#until,
    );
    this.#requestFrame(); // first: listeners must find it playing, and may pause it
    this.#go(next);
    if (next >= this.#until) this.pause();
  }
}
