// Where the film is: a position from 0 to the end, counted in phases. Play, pause, step and scrub only move it.

/** What happens in each step, in order, and how many milliseconds it takes at first: as long as its sentence takes to read. @type {{name: Phase, ms: number}[]} */
export const PHASES = [
  { name: "scope", ms: 3000 },
  { name: "mask", ms: 3000 },
  { name: "piece", ms: 2600 },
  { name: "latents", ms: 3000 },
  { name: "component", ms: 3200 },
  { name: "slot", ms: 2600 },
];

/** Once the phases are known, from the second step on, everything goes faster. */
const FAMILIAR = 1.7;

/** The part of a phase in which something moves; in the rest one looks at it. */
const MOVING = 0.6;

/** @typedef {"scope" | "mask" | "piece" | "latents" | "component" | "slot"} Phase */

/**
 * What the stage shows.
 * @typedef {object} Moment
 * @property {number} step from 0
 * @property {Phase | null} phase that goes on; null if all of them are looked at together
 * @property {Record<Phase, number>} done how much of each phase is, 0 to 1
 * @property {number} filled slots that stand in the strip: those of earlier steps, or all
 */

/** A step ends where the next one begins; there it is still the earlier one. @param {number} position */
export const stepAt = (position) => Math.max(0, Math.ceil(position / PHASES.length) - 1);

/** Where a step's every phase is done. @param {number} step */
export const endOf = (step) => (step + 1) * PHASES.length;

/** @param {number} position */
const phaseAt = (position) => Math.max(0, Math.ceil(position - stepAt(position) * PHASES.length) - 1);

/** Phases per millisecond. @param {number} position that is being left */
export function rateAt(position) {
  const going = Math.floor(position);
  return (going < PHASES.length ? 1 : FAMILIAR) / PHASES[going % PHASES.length].ms;
}

/** @param {number} share */
function eased(share) {
  const x = Math.max(0, Math.min(1, share / MOVING));
  return x * x * (3 - 2 * x);
}

/** A value of each phase. @param {(i: number) => number} value */
const each = (value) =>
  /** @type {Record<Phase, number>} */ (Object.fromEntries(PHASES.map(({ name }, i) => [name, value(i)])));

/** @param {number} position @returns {Moment} */
export function momentAt(position) {
  const step = stepAt(position);
  const within = position - step * PHASES.length;
  return { step, phase: PHASES[phaseAt(position)].name, done: each((i) => eased(within - i)), filled: step };
}

/** A step with all its phases done. @param {number} step @param {number} filled @returns {Moment} */
export const wholeStep = (step, filled) => ({ step, phase: null, done: each(() => 1), filled });
