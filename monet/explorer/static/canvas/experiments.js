// The five experiments of the canvas: question, initial scene, animated path, measured value and answer sentence.

import { contrast, distance, overlap, ownSlots, pixelsOf, stepTaken, takenAlong, visibleShare } from "./measures.js";
import { between, made, sizable } from "./things.js";

/** @typedef {import("./render.js").Composition} Composition */
/** @typedef {import("./worlds.js").World} World */
/** Settings of the canvas. @typedef {{world: World, side: number, slots: number}} Table `side` of the picture in pixels */
/**
 * A composed scene and its decomposition.
 * @typedef {import("./render.js").Rendered & {composition: Composition, masks: Float32Array[], side: number}} Outcome
 */
/** A point of the chart. @typedef {import("./chart.js").Point} Point */
/** @typedef {import("./render.js").Spot} Spot */
/**
 * @typedef {object} Experiment
 * @property {string} name used in links
 * @property {string} title
 * @property {string} question
 * @property {string} hint what to drag
 * @property {(table: Table) => Composition} begin
 * @property {(t: number, table: Table) => Composition} at the path's scene at t, 0 to 1
 * @property {{label: string, range: (table: Table) => [number, number]}} x
 * @property {{label: string, range: (table: Table) => [number, number], lines: string[]}} y
 * @property {(outcome: Outcome) => Point | null} measure null if the objects in question are not visible
 * @property {(point: Point, outcome: Outcome) => string} answer one sentence
 */

/** @param {Table} table @param {number} n */
const shapeOf = ({ world }, n) => world.kind.shapes[n % world.kind.shapes.length];
/** @param {Table} table @param {number} n */
const colorOf = ({ world }, n) => world.colors?.[n % world.colors.length] ?? null;
/** @param {number | null} share */
const percent = (share) => (share === null ? "none" : `${Math.round(100 * share)} %`);

/** The n-th of three colours that lie far apart in a world's list. @param {Table} table @param {number} n */
const apart = (table, n) => colorOf(table, n * Math.max(1, Math.floor((table.world.colors?.length ?? 1) / 3)));

/**
 * Makes a thing. Position is given as a share of the side, size as a share of the world's default scale.
 * @param {Table} table @param {number} id
 * @param {{shape?: number, color?: import("./render.js").Color | null, at: Spot, size?: number, alpha?: number}} given
 */
const thing = (table, id, { shape = 0, color, at: [x, y], size = 1, ...more }) =>
  made(table.world, table.side, {
    id,
    shape: shapeOf(table, shape),
    x: x * table.side,
    y: between(...table.world.band, y) * table.side,
    scale:
      sizable({ shape: shapeOf(table, shape) }, table.world) && !table.world.kind.integerScales
        ? size * table.world.defaultScale
        : table.world.defaultScale,
    ...(color !== undefined && { color }),
    ...more,
  });

/** @param {Table} table @param {import("./render.js").Thing[]} things @returns {Composition} */
const scene = ({ world }, things) => ({ ground: world.grounds[0], things });

/** The owner number of the thing with an id, 0 if it was deleted. @param {Outcome} outcome @param {number} id */
const numberOf = ({ composition: { things } }, id) => things.findIndex((one) => one.id === id) + 1;

/**
 * The chart's point of a scene; null if a thing was deleted or x or all y are unknown.
 * @param {Outcome} outcome @param {number[]} ids
 * @param {(...numbers: number[]) => number | null} x @param {(...numbers: number[]) => (number | null)[]} y
 * @returns {Point | null}
 */
function point(outcome, ids, x, y) {
  const numbers = ids.map((id) => numberOf(outcome, id));
  if (numbers.some((n) => !n)) return null;
  const [across, up] = [x(...numbers), y(...numbers)];
  return across === null || up.every((v) => v === null) ? null : { x: across, y: up };
}

/** @returns {[number, number]} */
const SHARE = () => [0, 1];

/** @type {Experiment[]} */
export const EXPERIMENTS = [
  {
    name: "together",
    title: "Two of the same colour",
    question: "How close must two objects of the same colour be to share a slot?",
    hint: "Drag one of the two objects of the same colour towards the other.",
    begin: (table) => EXPERIMENTS[0].at(0, table),
    at: (t, table) =>
      scene(table, [
        thing(table, 1, { color: colorOf(table, 0), at: [0.2, 0.35] }),
        thing(table, 2, { color: colorOf(table, 0), at: [between(0.8, 0.32, t), 0.35] }),
        thing(table, 3, { shape: 1, color: apart(table, 1), at: [0.6, 0.78] }),
      ]),
    x: { label: "distance between their centres, pixels", range: ({ side }) => [0, 0.7 * side] },
    y: { label: "share of the second in the first one’s slot", range: SHARE, lines: ["share"] },
    measure: (outcome) =>
      point(
        outcome,
        [1, 2],
        (a, b) => distance(outcome.owners, outcome.side, a, b),
        (a, b) => [takenAlong(outcome, a, b)],
      ),
    answer: ({ x, y: [share] }) =>
      `${x.toFixed(1)} pixels apart, the first one’s slot takes ${percent(share)} of the second.`,
  },
  {
    name: "hide",
    title: "One behind another",
    question: "How much of an object must be visible for the model to find it?",
    hint: "Drag the object at the back behind the one in front.",
    begin: (table) => EXPERIMENTS[1].at(0, table),
    at: (t, table) =>
      scene(table, [
        thing(table, 1, { shape: 1, color: apart(table, 1), at: [between(0.78, 0.42, t), 0.46], size: 0.8 }),
        thing(table, 2, { shape: 0, color: apart(table, 0), at: [0.36, 0.46], size: 1.25 }),
        thing(table, 3, { shape: 2, color: apart(table, 2), at: [0.66, 0.82] }),
      ]),
    x: { label: "visible share of the object at the back", range: SHARE },
    y: { label: "IoU of its best slot with its visible part", range: SHARE, lines: ["IoU"] },
    measure: (outcome) =>
      point(
        outcome,
        [1],
        (n) => visibleShare(outcome, n),
        (n) => [overlap(outcome, n)],
      ),
    answer: ({ x, y: [iou] }) =>
      `With ${percent(x)} of it visible, its best slot and its visible part have an IoU of ${(iou ?? 0).toFixed(2)}.`,
  },
  {
    name: "many",
    title: "More objects than slots",
    question: "What happens when there are more objects than slots?",
    hint: "Drag shapes in, or delete some, and count.",
    begin: (table) => EXPERIMENTS[2].at(0, table),
    at(t, table) {
      const most = table.slots + 1;
      /** @param {number} n @returns {Spot} */
      const place = (n) => [
        0.5 + 0.34 * Math.cos((2 * Math.PI * n) / most),
        0.5 + 0.34 * Math.sin((2 * Math.PI * n) / most),
      ];
      return scene(
        table,
        Array.from({ length: 1 + Math.round(t * (most - 1)) }, (_, n) =>
          thing(table, n + 1, {
            shape: table.world.kind.integerScales ? 1 : n,
            color: colorOf(table, n),
            at: place(n),
            size: 0.75,
          }),
        ),
      );
    },
    x: { label: "number of objects", range: ({ slots }) => [0, slots + 2] },
    y: { label: "objects with a slot of their own", range: ({ slots }) => [0, slots + 2], lines: ["objects"] },
    measure: (outcome) => ({ x: outcome.composition.things.length, y: [ownSlots(outcome)] }),
    answer: ({ x, y: [own] }, { masks }) =>
      `Of ${x} ${x === 1 ? "object" : "objects"}, ${own} ${own === 1 ? "has a slot of its" : "have a slot of their"} own; there are ${masks.length} slots, and the ground needs one.`,
  },
  {
    name: "fade",
    title: "Into the ground",
    question: "How faint can an object be before the model misses it?",
    hint: "Select the first object and lower its opacity, or bring its colour closer to the ground’s.",
    begin: (table) => EXPERIMENTS[3].at(0, table),
    at: (t, table) =>
      scene(table, [
        thing(table, 1, { color: apart(table, 0), at: [0.34, 0.4], size: 1.1, alpha: between(1, 0.02, t) }),
        thing(table, 2, { shape: 1, color: apart(table, 1), at: [0.7, 0.68] }),
      ]),
    x: { label: "contrast with the ground, 0 to 1", range: SHARE },
    y: { label: "IoU of its best slot with the object", range: SHARE, lines: ["IoU"] },
    measure: (outcome) =>
      point(
        outcome,
        [1],
        (n) => contrast(outcome.pixels, outcome.base, pixelsOf(outcome.owners, n)),
        (n) => [overlap(outcome, n)],
      ),
    answer: ({ x, y: [iou] }) =>
      `At a contrast of ${x.toFixed(2)}, its best slot has an IoU of ${(iou ?? 0).toFixed(2)} with it.`,
  },
  {
    name: "order",
    title: "Who is first?",
    question: "Two identical objects swap places: does the order of attention follow the place or the object?",
    hint: "Swap the two by hand. Then change the colour or size of one, and swap them again.",
    begin: (table) => EXPERIMENTS[4].at(0, table),
    at(t, table) {
      /** @param {number} n @returns {Spot} */
      const around = (n) => [0.5 - 0.28 * Math.cos(Math.PI * (t + n)), 0.5 - 0.28 * Math.sin(Math.PI * (t + n))];
      return scene(table, [
        thing(table, 1, { shape: 0, color: apart(table, 0), at: around(0) }),
        thing(table, 2, { shape: 0, color: apart(table, 0), at: around(1) }),
      ]);
    },
    x: { label: "column of the first object, pixels", range: ({ side }) => [0, side] },
    y: {
      label: "step that attends to it",
      range: ({ slots }) => [0, slots + 1],
      lines: ["first object", "second object"],
    },
    measure: (outcome) =>
      point(
        outcome,
        [1, 2],
        () => outcome.composition.things.find(({ id }) => id === 1)?.x ?? null,
        (a, b) => [stepTaken(outcome, a), stepTaken(outcome, b)],
      ),
    answer: ({ y: [a, b] }) =>
      a === b
        ? `Step ${a} attends to both objects.`
        : `Step ${a ?? "–"} attends to the first object, step ${b ?? "–"} to the second.`,
  },
];
