// Timeline of the animation: converts a position, counted in phases from 0, to a step, a phase and their progress.

/** Phases of each step, in order. In the first step, each lasts long enough to read its sentence. @type {{name: Phase, ms: number}[]} */
export const PHASES = [
  { name: "scope", ms: 3000 },
  { name: "mask", ms: 3000 },
  { name: "piece", ms: 2600 },
  { name: "latents", ms: 3000 },
  { name: "component", ms: 3200 },
  { name: "slot", ms: 2600 },
];

/** Speed-up from the second step on, when the phases are familiar. */
const FAMILIAR = 1.7;

/** Share of a phase in which something moves; in the rest it stands still. */
const MOVING = 0.6;

/** @typedef {"scope" | "mask" | "piece" | "latents" | "component" | "slot"} Phase */

/**
 * State of the animation at a position.
 * @typedef {object} Moment
 * @property {number} step from 0
 * @property {Phase | null} phase the current one; null if the whole step is shown
 * @property {Record<Phase, number>} done progress of each phase, 0 to 1
 * @property {number} filled number of slots filled in the strip: those of earlier steps, or all
 */

/** The step at a position; the end of a step still belongs to it. @param {number} position */
export const stepAt = (position) => Math.max(0, Math.ceil(position / PHASES.length) - 1);

/** Position at the end of a step. @param {number} step */
export const endOf = (step) => (step + 1) * PHASES.length;

/** @param {number} position */
const phaseAt = (position) => Math.max(0, Math.ceil(position - stepAt(position) * PHASES.length) - 1);

/** Speed after a position, in phases per millisecond. @param {number} position */
export function rateAt(position) {
  const phase = Math.floor(position);
  return (phase < PHASES.length ? 1 : FAMILIAR) / PHASES[phase % PHASES.length].ms;
}

/** Progress of the movement, with a smooth start and end. @param {number} share of the phase */
function eased(share) {
  const x = Math.max(0, Math.min(1, share / MOVING));
  return x * x * (3 - 2 * x);
}

/** Computes a value for each phase. @param {(i: number) => number} value */
const each = (value) =>
  /** @type {Record<Phase, number>} */ (Object.fromEntries(PHASES.map(({ name }, i) => [name, value(i)])));

/** @param {number} position @returns {Moment} */
export function momentAt(position) {
  const step = stepAt(position);
  const within = position - step * PHASES.length;
  return { step, phase: PHASES[phaseAt(position)].name, done: each((i) => eased(within - i)), filled: step };
}

/** A whole step: all its phases are done. @param {number} step @param {number} filled @returns {Moment} */
export const wholeStep = (step, filled) => ({ step, phase: null, done: each(() => 1), filled });
