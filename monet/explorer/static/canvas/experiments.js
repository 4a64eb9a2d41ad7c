// Five questions to the network: a scene to begin with, a path through it, and the figure that answers.

import { contrast, distance, overlap, ownSlots, pixelsOf, stepTaken, takenAlong, visibleShare } from "./measures.js";
import { between, made, sizable } from "./things.js";

/** @typedef {import("./render.js").Composition} Composition */
/** @typedef {import("./worlds.js").World} World */
/** The canvas that a question is asked on. @typedef {{world: World, side: number, slots: number}} Table `side` of the picture in pixels */
/**
 * What was composed, and what the network says of it.
 * @typedef {import("./render.js").Rendered & {composition: Composition, masks: Float32Array[], side: number}} Outcome
 */
/** A point of the chart. @typedef {import("./chart.js").Point} Point */
/** @typedef {import("./render.js").Spot} Spot */
/**
 * @typedef {object} Experiment
 * @property {string} name in links
 * @property {string} title
 * @property {string} question
 * @property {string} hint what to drag
 * @property {(table: Table) => Composition} begin
 * @property {(t: number, table: Table) => Composition} at the scene on the path, t from 0 to 1
 * @property {{label: string, range: (table: Table) => [number, number]}} x
 * @property {{label: string, range: (table: Table) => [number, number], lines: string[]}} y
 * @property {(outcome: Outcome) => Point | null} measure null where nothing is to be seen of what the question is about
 * @property {(point: Point, outcome: Outcome) => string} answer in a sentence
 */

/** @param {Table} table @param {number} n */
const shapeOf = ({ world }, n) => world.kind.shapes[n % world.kind.shapes.length];
/** @param {Table} table @param {number} n */
const colorOf = ({ world }, n) => world.colors?.[n % world.colors.length] ?? null;
/** @param {number | null} share */
const percent = (share) => (share === null ? "none" : `${Math.round(100 * share)} %`);

/** Colours that are far apart in the list of a world. @param {Table} table @param {number} n */
const apart = (table, n) => colorOf(table, n * Math.max(1, Math.floor((table.world.colors?.length ?? 1) / 3)));

/**
 * A thing of a table's world, its place and size in shares of the side and of the usual size.
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
      sizable({ shape: shapeOf(table, shape) }, table.world) && !table.world.kind.whole
        ? size * table.world.usual
        : table.world.usual,
    ...(color !== undefined && { color }),
    ...more,
  });

/** @param {Table} table @param {import("./render.js").Thing[]} things @returns {Composition} */
const scene = ({ world }, things) => ({ ground: world.grounds[0], things });

/** The number on the canvas of the thing with an id, 0 if it is gone. @param {Outcome} outcome @param {number} id */
const numberOf = ({ composition: { things } }, id) => things.findIndex((one) => one.id === id) + 1;

/**
 * A point, if all things are still there and their place on the chart is known.
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
    question: "How near must two of the same colour come until they share a slot?",
    hint: "Drag one of the two alike towards the other.",
    begin: (table) => EXPERIMENTS[0].at(0, table),
    at: (t, table) =>
      scene(table, [
        thing(table, 1, { color: colorOf(table, 0), at: [0.2, 0.35] }),
        thing(table, 2, { color: colorOf(table, 0), at: [between(0.8, 0.32, t), 0.35] }),
        thing(table, 3, { shape: 1, color: apart(table, 1), at: [0.6, 0.78] }),
      ]),
    x: { label: "distance of their middles, pixels", range: ({ side }) => [0, 0.7 * side] },
    y: { label: "share of the second in the first’s slot", range: SHARE, lines: ["share"] },
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
    question: "How much of an object must be seen to be found?",
    hint: "Drag the object at the back behind the one in front.",
    begin: (table) => EXPERIMENTS[1].at(0, table),
    at: (t, table) =>
      scene(table, [
        thing(table, 1, { shape: 1, color: apart(table, 1), at: [between(0.78, 0.42, t), 0.46], size: 0.8 }),
        thing(table, 2, { shape: 0, color: apart(table, 0), at: [0.36, 0.46], size: 1.25 }),
        thing(table, 3, { shape: 2, color: apart(table, 2), at: [0.66, 0.82] }),
      ]),
    x: { label: "visible share of the hidden one", range: SHARE },
    y: { label: "IoU of its best slot with what is seen of it", range: SHARE, lines: ["IoU"] },
    measure: (outcome) =>
      point(
        outcome,
        [1],
        (n) => visibleShare(outcome, n),
        (n) => [overlap(outcome, n)],
      ),
    answer: ({ x, y: [iou] }) =>
      `With ${percent(x)} of it in sight, its best slot and what is seen of it overlap by ${(iou ?? 0).toFixed(2)}.`,
  },
  {
    name: "many",
    title: "More than there are slots",
    question: "What happens when there is one object more than there are slots?",
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
            shape: table.world.kind.whole ? 1 : n,
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
    question: "How faint can an object be before it is lost?",
    hint: "Select the first object and lower its opacity, or its colour towards the ground’s.",
    begin: (table) => EXPERIMENTS[3].at(0, table),
    at: (t, table) =>
      scene(table, [
        thing(table, 1, { color: apart(table, 0), at: [0.34, 0.4], size: 1.1, alpha: between(1, 0.02, t) }),
        thing(table, 2, { shape: 1, color: apart(table, 1), at: [0.7, 0.68] }),
      ]),
    x: { label: "contrast with the ground, 0 to 1", range: SHARE },
    y: { label: "IoU of its best slot with it", range: SHARE, lines: ["IoU"] },
    measure: (outcome) =>
      point(
        outcome,
        [1],
        (n) => contrast(outcome.pixels, outcome.base, pixelsOf(outcome.owners, n)),
        (n) => [overlap(outcome, n)],
      ),
    answer: ({ x, y: [iou] }) =>
      `At a contrast of ${x.toFixed(2)}, its best slot overlaps with it by ${(iou ?? 0).toFixed(2)}.`,
  },
  {
    name: "order",
    title: "Who is first?",
    question: "Two alike change places: does the order of attention follow the place or the object?",
    hint: "Swap the two by hand; then give one of them another colour or size, and swap them again.",
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
    y: { label: "step that takes it", range: ({ slots }) => [0, slots + 1], lines: ["first object", "second object"] },
    measure: (outcome) =>
      point(
        outcome,
        [1, 2],
        () => outcome.composition.things.find(({ id }) => id === 1)?.x ?? null,
        (a, b) => [stepTaken(outcome, a), stepTaken(outcome, b)],
      ),
    answer: ({ y: [a, b] }) =>
      a === b
        ? `Step ${a} takes both objects.`
        : `Step ${a ?? "–"} takes the first object, step ${b ?? "–"} the second.`,
  },
];
