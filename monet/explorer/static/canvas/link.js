// Writes the canvas to the URL hash as compact JSON, beside the stage's scene, and validates it on reading.

import { MOST_POINTS, MOST_THINGS } from "./desk.js";
import { EXPERIMENTS } from "./experiments.js";
import { fromText as explainedFrom, toText } from "./scope.js";
import { fitted } from "./things.js";

/** @typedef {import("./render.js").Composition} Composition */
/** @typedef {import("./worlds.js").World} World */
/** @typedef {import("./render.js").Thing} Thing */
/** @typedef {import("./render.js").Ground} Ground */
/** @typedef {import("../engine/engine.js").Origin} Origin */

const VERSION = 1;

/** Characters of the longest link. */
const MAX_CHARACTERS = 32_000;

/** Key of the canvas in the hash. */
const KEY = "canvas";

/**
 * @param {string} stage the hash of the stage's scene, which names the model
 * @param {{composition: Composition, experiment: string | null}} state
 * @param {World} world
 * @returns {string} the hash of the page's address
 * @throws {Error} with a sentence, if the hash would be too long
 */
export function toHash(stage, { composition: { things, ground, explained }, experiment }, world) {
  const picture = world.grounds.indexOf(ground);
  const state = {
    v: VERSION,
    ...(experiment && { e: experiment }),
    g: ground.color ?? (picture >= 0 ? picture : ground.origin), // null: a picture, which does not fit into a link
    ...(explained && { s: toText(explained) }),
    t: things.map(({ id, shape, x, y, scale, angle, alpha, color, width, points }) => [
      id,
      shape,
      x,
      y,
      scale,
      angle,
      alpha,
      color,
      ...(points ? [width, points.flat()] : []),
    ]),
  };
  const hash = `${stage}&${new URLSearchParams({ [KEY]: JSON.stringify(state) })}`;
  if (hash.length > MAX_CHARACTERS) throw new Error("the canvas holds too many strokes for a link; remove some.");
  return hash;
}

/** The canvas's part of a hash, null if there is none. @param {string} hash */
export const canvasIn = (hash) => new URLSearchParams(hash.replace(/^#/, "")).get(KEY);

/** @param {unknown} value @returns {value is import("./render.js").Color} */
const isColor = (value) =>
  Array.isArray(value) && value.length === 3 && value.every((v) => Number.isInteger(v) && v >= 0 && v <= 255);
/** @param {unknown} value @param {number} least @param {number} most @returns {value is number} */
const isBetween = (value, least, most) => typeof value === "number" && value >= least && value <= most;
/** @param {unknown} valid @param {string} what @throws {Error} with a sentence, if it is not valid */
const check = (valid, what) => {
  if (!valid) throw new Error(`the link’s ${what} is damaged`);
};

/**
 * Parses the canvas's part of a hash.
 * @param {string} text untrusted
 * @param {World} world
 * @param {import("./render.js").Frame} frame
 * @returns {{things: Thing[], ground: Ground | null, origin: Origin | null, explained: import("./scope.js").Explained | null, experiment: string | null}}
 *   `ground` null: the ground is the picture of the scene `origin`; both null: a picture that the link does not hold
 * @throws {Error} with a sentence, if it is not a valid canvas of this world
 */
export function fromText(text, world, frame) {
  let state = null;
  try {
    state = text.length <= MAX_CHARACTERS ? JSON.parse(text) : null;
  } catch {
    /* reported as damaged below */
  }
  check(state?.v === VERSION && Array.isArray(state.t) && state.t.length <= MOST_THINGS, "canvas");
  /** @type {Thing[]} */
  const things = state.t.map((/** @type {unknown} */ row) => thingOf(row, world, frame.picture));
  check(new Set(things.map(({ id }) => id)).size === things.length, "list of objects");
  const experiment = state.e ?? null;
  check(experiment === null || EXPERIMENTS.some(({ name }) => name === experiment), "experiment");
  const explained = typeof state.s === "string" ? explainedFrom(state.s, frame) : null;
  check(explained || state.s === undefined, "scope");
  return { things, experiment, explained, ...groundOf(state.g, world) };
}

/** @param {unknown} row @param {World} world @param {number} side */
function thingOf(row, world, side) {
  check(Array.isArray(row), "object");
  const [id, shape, x, y, scale, angle, alpha, color, width, points] = /** @type {any[]} */ (row); // each is checked below
  const isStroke = shape === "stroke";
  check(Number.isInteger(id) && isBetween(id, 1, 1e6), "object");
  check(isStroke || world.kind.shapes.includes(shape), "shape");
  check(isBetween(x, -side, 2 * side) && isBetween(y, -side, 2 * side), "place");
  check(isBetween(scale, 0.1, 4) && isBetween(angle, -7, 7) && isBetween(alpha, 0, 1), "object");
  check(color === null ? isStroke || !world.colors : isColor(color), "colour");
  const thing = { id, shape, x, y, scale, angle, alpha, color };
  if (!isStroke) return fitted(thing, world, side);
  check(
    isBetween(width, 1, 16) &&
      Array.isArray(points) &&
      points.length >= 2 &&
      points.length % 2 === 0 &&
      points.length <= 2 * MOST_POINTS,
    "stroke",
  );
  check(
    points.every((/** @type {unknown} */ v) => isBetween(v, -side, side)),
    "stroke",
  );
  return fitted(
    {
      ...thing,
      width,
      points: Array.from({ length: points.length / 2 }, (_, i) => [points[2 * i], points[2 * i + 1]]),
    },
    world,
    side,
  );
}

/** @param {any} given untrusted @param {World} world @returns {{ground: Ground | null, origin: Origin | null}} */
function groundOf(given, world) {
  if (isColor(given)) return { ground: { color: given }, origin: null };
  if (Number.isInteger(given)) {
    check(world.grounds[given], "ground");
    return { ground: world.grounds[given], origin: null };
  }
  if (given === null) return { ground: null, origin: null };
  check(
    typeof given === "object" && ["sample", "seed", "stored"].includes(given.kind) && typeof given.data === "string",
    "ground",
  );
  const { kind, data, index, seed, objects } = given;
  for (const number of [index, seed, objects]) check(number === undefined || isBetween(number, 0, 1e9), "ground");
  return { ground: null, origin: { kind, data, index, seed, objects } };
}
