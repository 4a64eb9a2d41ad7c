// Things made, moved, turned and sized, as their world allows: pure functions.

import { kindOf } from "./render.js";

/** @typedef {import("./render.js").Thing} Thing */
/** @typedef {import("./worlds.js").World} World */

/** From one value to another, t from 0 to 1. @param {number} from @param {number} to @param {number} t */
export const between = (from, to, t) => from + (to - from) * t;

/** @param {number} value @param {[number, number]} range */
const clamp = (value, [least, most]) => Math.max(least, Math.min(most, value));

const TURN = 2 * Math.PI;
/** Places that are tried for each of the things at random. */
const PLACES = 16;

/** Few decimals, so that a link is short and yet all of it. @param {number} value */
const hundredths = (value) => Math.round(100 * value) / 100;
/** @param {number} value */
const thousandths = (value) => Math.round(1000 * value) / 1000;

/** Where its world could have it. @param {Thing} thing @param {World} world @param {number} side of the picture @returns {Thing} */
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

/** @param {World} world @param {number} side @param {Partial<Thing>} given @returns {Thing} */
export const made = (world, side, given) =>
  fitted(
    {
      id: 1,
      shape: world.kind.shapes[0],
      x: side / 2,
      y: side / 2,
      scale: world.usual,
      angle: 0,
      alpha: 1,
      color: world.colors?.[0] ?? null,
      ...given,
    },
    world,
    side,
  );

/** @param {Thing} thing @param {number} turns of the world's own size, clockwise @param {World} world @param {number} side */
export const turnedBy = (thing, turns, world, side) =>
  fitted({ ...thing, angle: thing.angle + turns * kindOf(thing, world).turn }, world, side);

/** @param {Thing} thing @param {number} scale what a whole-numbered world rounds @param {World} world @param {number} side */
export const sizedTo = (thing, scale, world, side) =>
  fitted({ ...thing, scale: kindOf(thing, world).whole ? Math.round(scale) : scale }, world, side);

/** One step larger or smaller. @param {Thing} thing @param {1 | -1} by @param {World} world @param {number} side */
export const grown = (thing, by, world, side) =>
  sizedTo(thing, kindOf(thing, world).whole ? thing.scale + by : thing.scale * 1.08 ** by, world, side);

/** @param {Thing} thing @param {number} x @param {number} y @param {World} world @param {number} side @returns {Thing} moved so far that a step of its world shows */
export const movedTo = (thing, x, y, world, side) => fitted({ ...thing, x, y }, world, side);

/** What a shape is called. @param {string} shape @param {World} world */
export const nameOf = (shape, { kind }) => (kind.shapes.includes(shape) ? kind.title?.(shape) : null) ?? shape;

/** Whether it can be sized at all. @param {Pick<Thing, "shape">} thing @param {World} world */
export const sizable = (thing, world) => {
  const [least, most] = kindOf(thing, world).sizes;
  return most > least;
};

/** A few things at random, as many as the model could give a slot each. @param {World} world @param {number} side @param {number} slots */
export function randomThings(world, side, slots) {
  /** @template T @param {T[]} list */
  const pick = (list) => list[Math.floor(Math.random() * list.length)];
  const most = Math.max(1, Math.min(5, slots - 1));
  const count = Math.max(1, most - Math.floor(2 * Math.random()));
  const {
    kind: { turn },
    band: [top, bottom],
  } = world;
  const place = () => 0.22 + 0.56 * Math.random();
  /** @type {Thing[]} */
  const things = [];
  /** @param {Thing} thing */
  const room = (thing) => Math.min(...things.map(({ x, y }) => Math.hypot(x - thing.x, y - thing.y)));
  for (let id = 1; id <= count; id++) {
    const scale = world.kind.whole ? 1 : world.usual * (0.8 + 0.4 * Math.random());
    const angle = world.colors ? turn * Math.floor((TURN * Math.random()) / turn) : 0;
    const thing = { id, shape: pick(world.kind.shapes), scale, angle, color: world.colors ? pick(world.colors) : null };
    // Data sets hardly let things lie on one another: of some places the one with most room.
    const tried = Array.from({ length: PLACES }, () =>
      made(world, side, { ...thing, x: side * place(), y: side * between(top, bottom, place()) }),
    );
    things.push(tried.reduce((best, other) => (room(other) > room(best) ? other : best)));
  }
  return things;
}
