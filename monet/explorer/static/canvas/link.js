// A canvas as the part of the address behind #, beside the scene on the stage: compact JSON, checked when it is read.

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

/** Letters of the longest link. */
const MOST_LETTERS = 32_000;

/** The name of the canvas among the other parts of the address. */
const NAME = "canvas";

/**
 * @param {string} stage the hash of the scene on the stage, which names the model
 * @param {{composition: Composition, experiment: string | null}} state
 * @param {World} world
 * @returns {string} the hash of the page's address
 * @throws {Error} with a sentence, if it is too much for an address
 */
export function toHash(stage, { composition: { things, ground, explained }, experiment }, world) {
  const picture = world.grounds.indexOf(ground);
  const state = {
    v: VERSION,
    ...(experiment && { e: experiment }),
    g: ground.color ?? (picture >= 0 ? picture : ground.origin), // null: a picture that no link can hold
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
  const hash = `${stage}&${new URLSearchParams({ [NAME]: JSON.stringify(state) })}`;
  if (hash.length > MOST_LETTERS) throw new Error("too much is painted for a link; fewer strokes fit.");
  return hash;
}

/** What of a hash is about the canvas, null if nothing is. @param {string} hash */
export const canvasIn = (hash) => new URLSearchParams(hash.replace(/^#/, "")).get(NAME);

/** @param {unknown} value @returns {value is import("./render.js").Color} */
const isColor = (value) =>
  Array.isArray(value) && value.length === 3 && value.every((v) => Number.isInteger(v) && v >= 0 && v <= 255);
/** @param {unknown} value @param {number} least @param {number} most @returns {value is number} */
const isBetween = (value, least, most) => typeof value === "number" && value >= least && value <= most;
/** @param {unknown} holds @param {string} what @throws {Error} with a sentence, if it does not hold */
const check = (holds, what) => {
  if (!holds) throw new Error(`the link’s ${what} is damaged`);
};

/**
 * @param {string} text as toHash wrote it, or anybody
 * @param {World} world
 * @param {import("./render.js").Frame} frame
 * @returns {{things: Thing[], ground: Ground | null, origin: Origin | null, explained: import("./scope.js").Explained | null, experiment: string | null}}
 *   `ground` null: the picture of the scene `origin`; both null: a picture that is not in the link
 * @throws {Error} with a sentence, if it is no canvas of this world
 */
export function fromText(text, world, frame) {
  let state = null;
  try {
    state = text.length <= MOST_LETTERS ? JSON.parse(text) : null;
  } catch {
    /* what is no JSON is no canvas */
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
  const drawn = shape === "stroke";
  check(Number.isInteger(id) && isBetween(id, 1, 1e6), "object");
  check(drawn || world.kind.shapes.includes(shape), "shape");
  check(isBetween(x, -side, 2 * side) && isBetween(y, -side, 2 * side), "place");
  check(isBetween(scale, 0.1, 4) && isBetween(angle, -7, 7) && isBetween(alpha, 0, 1), "object");
  check(color === null ? drawn || !world.colors : isColor(color), "colour");
  const thing = { id, shape, x, y, scale, angle, alpha, color };
  if (!drawn) return fitted(thing, world, side);
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

/** @param {any} given as somebody wrote it: looked at before it is used @param {World} world @returns {{ground: Ground | null, origin: Origin | null}} */
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
