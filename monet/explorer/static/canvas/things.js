// Pure functions that make, move, turn and scale things within the limits of their world.

import { kindOf } from "./render.js";

/** @typedef {import("./render.js").Thing} Thing */
/** @typedef {import("./worlds.js").World} World */

/** Linear interpolation, t from 0 to 1. @param {number} from @param {number} to @param {number} t */
export const between = (from, to, t) => from + (to - from) * t;

/** @param {number} value @param {[number, number]} range */
const clamp = (value, [least, most]) => Math.max(least, Math.min(most, value));

const TURN = 2 * Math.PI;
/** Random positions tried for each thing. */
const TRIES = 16;

/** Rounding keeps links short and exact. @param {number} value */
const hundredths = (value) => Math.round(100 * value) / 100;
/** @param {number} value */
const thousandths = (value) => Math.round(1000 * value) / 1000;

/** The nearest thing that the world allows. @param {Thing} thing @param {World} world @param {number} side of the picture @returns {Thing} */
export function fitted(thing, world, side) {
  const kind = kindOf(thing, world);
  const fit = kind.fit(
    {
      ...thing,
      scale: clamp(thing.scale, kind.sizes),
      angle: thousandths(thing.angle - TURN * Math.floor(thing.angle / TURN)),
    },
    side,
  );
  return {
    ...fit,
    x: hundredths(fit.x),
    y: hundredths(fit.y),
    scale: thousandths(fit.scale),
    alpha: hundredths(fit.alpha),
  };
}

/** Makes a thing; what is not given has the world's defaults. @param {World} world @param {number} side @param {Partial<Thing>} given @returns {Thing} */
export const made = (world, side, given) =>
  fitted(
    {
      id: 1,
      shape: world.kind.shapes[0],
      x: side / 2,
      y: side / 2,
      scale: world.defaultScale,
      angle: 0,
      alpha: 1,
      color: world.colors?.[0] ?? null,
      ...given,
    },
    world,
    side,
  );

/** @param {Thing} thing @param {number} turns clockwise, in the world's angle steps @param {World} world @param {number} side */
export const turnedBy = (thing, turns, world, side) =>
  fitted({ ...thing, angle: thing.angle + turns * kindOf(thing, world).turn }, world, side);

/** @param {Thing} thing @param {number} scale rounded if the world's scales are whole numbers @param {World} world @param {number} side */
export const sizedTo = (thing, scale, world, side) =>
  fitted({ ...thing, scale: kindOf(thing, world).integerScales ? Math.round(scale) : scale }, world, side);

/** Scales by one step. @param {Thing} thing @param {1 | -1} by @param {World} world @param {number} side */
export const grown = (thing, by, world, side) =>
  sizedTo(thing, kindOf(thing, world).integerScales ? thing.scale + by : thing.scale * 1.08 ** by, world, side);

/** @param {Thing} thing @param {number} x @param {number} y @param {World} world @param {number} side @returns {Thing} */
export const movedTo = (thing, x, y, world, side) => fitted({ ...thing, x, y }, world, side);

/** A shape's title, or its name. @param {string} shape @param {World} world */
export const nameOf = (shape, { kind }) => (kind.shapes.includes(shape) ? kind.title?.(shape) : null) ?? shape;

/** Whether its world allows more than one scale. @param {Pick<Thing, "shape">} thing @param {World} world */
export const sizable = (thing, world) => {
  const [least, most] = kindOf(thing, world).sizes;
  return most > least;
};

/** Random things, at most five and fewer than slots. @param {World} world @param {number} side @param {number} slots */
export function randomThings(world, side, slots) {
  /** @template T @param {T[]} list */
  const pick = (list) => list[Math.floor(Math.random() * list.length)];
  const most = Math.max(1, Math.min(5, slots - 1));
  const count = Math.max(1, most - Math.floor(2 * Math.random()));
  const {
    kind: { turn },
    band: [top, bottom],
  } = world;
  const position = () => 0.22 + 0.56 * Math.random();
  /** @type {Thing[]} */
  const things = [];
  /** Distance to the nearest thing. @param {Thing} thing */
  const clearance = (thing) => Math.min(...things.map(({ x, y }) => Math.hypot(x - thing.x, y - thing.y)));
  for (let id = 1; id <= count; id++) {
    const scale = world.kind.integerScales ? 1 : world.defaultScale * (0.8 + 0.4 * Math.random());
    const angle = world.colors ? turn * Math.floor((TURN * Math.random()) / turn) : 0;
    const thing = { id, shape: pick(world.kind.shapes), scale, angle, color: world.colors ? pick(world.colors) : null };
    // Objects of the data sets rarely overlap: take the position farthest from the others.
    const candidates = Array.from({ length: TRIES }, () =>
      made(world, side, { ...thing, x: side * position(), y: side * between(top, bottom, position()) }),
    );
    things.push(candidates.reduce((best, other) => (clearance(other) > clearance(best) ? other : best)));
  }
  return things;
}
