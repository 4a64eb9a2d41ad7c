// Worlds of the canvas: shapes, colours and grounds of each data set.

import { cutouts } from "./cutouts.js";
import { sprites } from "./sprites.js";
import { tiles } from "./tiles.js";

/**
 * Drawing and limits of a world's things. `draw` calls `put` for every pixel of a thing, including some outside the
 * picture of the given side; `fit` moves a thing to a position that the data set allows.
 * @typedef {object} Kind
 * @property {number} turn angle step of the turn keys, in radians
 * @property {number} step of the arrow keys, in pixels
 * @property {[number, number]} sizes smallest and largest scale
 * @property {boolean} [integerScales] whether scales are whole numbers
 * @property {string[]} shapes
 * @property {(shape: string) => string} [title] a shape's title, if not its name
 * @property {(thing: import("./render.js").Thing, side: number, put: (row: number, column: number, r: number, g: number, b: number) => void) => void} draw
 * @property {(thing: import("./render.js").Thing, side: number) => import("./render.js").Thing} fit
 */
/**
 * @typedef {object} World
 * @property {Kind} kind
 * @property {Color[] | null} colors null: things have their own colours, which can be replaced
 * @property {boolean} anyColor whether any other colour is allowed, too
 * @property {"fixed" | "grey" | "colour" | "pictures"} ground how it can be changed
 * @property {Ground[]} grounds the first is the default
 * @property {number} defaultScale of a new thing
 * @property {[number, number]} band vertical range of new things, in shares of the picture's height
 * @property {string} note for people
 */

/** @typedef {import("./render.js").Color} Color */
/** @typedef {import("./render.js").Ground} Ground */

const TETROMINOES = {
  I: "####",
  O: "## ##",
  T: "### .#.",
  L: "#.. ###",
  J: "..# ###",
  S: ".## ##.",
  Z: "##. .##",
};
const BEVEL = [
  [191, 255, 255, 255, 223],
  [127, 159, 159, 159, 191],
  [127, 159, 159, 159, 191],
  [127, 159, 159, 159, 191],
  [95, 63, 63, 63, 127],
];
const CELLS = { dot: "#", bar: "###", block: "## ##", corner: "#. ##", plus: ".#. ### .#.", frame: "### #.# ###" };
/** @param {number} side */
const flat = (side) => Array.from({ length: side }, () => Array(side).fill(255));

/** @type {Color[]} */
const ARC = [
  [0, 116, 217],
  [255, 65, 54],
  [46, 204, 64],
  [255, 220, 0],
  [170, 170, 170],
  [240, 18, 190],
  [255, 133, 27],
  [127, 219, 255],
  [135, 12, 37],
];

/** @type {Color[]} */
const PURE = [
  [255, 0, 0],
  [0, 255, 0],
  [0, 0, 255],
  [255, 255, 0],
  [255, 0, 255],
  [0, 255, 255],
];
/** @type {Color[]} */
const HUES = [
  [235, 64, 52],
  [240, 150, 40],
  [230, 220, 60],
  [110, 200, 60],
  [40, 160, 110],
  [60, 200, 210],
  [60, 120, 235],
  [120, 80, 220],
  [205, 80, 205],
  [235, 120, 160],
];

/** @type {Ground} */
const black = { color: [0, 0, 0] };
/** @param {number} v @returns {Ground} */
const grey = (v) => ({ color: [v, v, v] });

/** @type {Record<string, World>} */
const drawn = {
  tetrominoes: {
    kind: tiles({ pieces: TETROMINOES, tile: 5, shading: BEVEL, step: 1, sizes: [1, 1] }),
    colors: PURE,
    anyColor: false,
    ground: "fixed",
    grounds: [black],
    defaultScale: 1,
    band: [0, 1],
    note: "Seven pieces, nineteen with their turns, in six pure colours, at any pixel inside the frame.",
  },
  multi_dsprites: {
    kind: sprites,
    colors: HUES,
    anyColor: true,
    ground: "grey",
    grounds: [grey(90)],
    defaultScale: 0.75,
    band: [0, 1],
    note: "The data set’s three shapes with hard edges. The model was trained on scales from 0.5 to 1 and bright, saturated colours.",
  },
  multi_dsprites_colored_on_colored: {
    kind: sprites,
    colors: HUES,
    anyColor: true,
    ground: "colour",
    grounds: [{ color: [70, 90, 130] }],
    defaultScale: 0.75,
    band: [0, 1],
    note: "The data set’s three shapes with hard edges, in any colour on any ground.",
  },
  multi_dsprites_binarized: {
    kind: sprites,
    colors: [[255, 255, 255]],
    anyColor: false,
    ground: "fixed",
    grounds: [black],
    defaultScale: 0.75,
    band: [0, 1],
    note: "The data set’s three shapes, white on black.",
  },
  arc: {
    kind: tiles({ pieces: CELLS, tile: 4, shading: flat(4), step: 4, sizes: [1, 3] }),
    colors: ARC,
    anyColor: false,
    ground: "fixed",
    grounds: [black],
    defaultScale: 1,
    band: [0, 1],
    note: "Cells of four pixels on a grid of sixteen by sixteen, in ARC’s nine colours.",
  },
};

const CUT =
  "The objects are cut out of samples by their true labels, without shadows, which the model has not seen in training. In another colour they keep their shading.";
/** Options of cutouts() and the band, by data set. @type {Record<string, {grounds: number[], empty: string | null, band: [number, number]}>} */
const cut = {
  clevr6: { grounds: [0], empty: null, band: [0.25, 0.9] },
  objects_room: { grounds: [0, 1, 2, 3], empty: "objects_room_empty_room", band: [0.52, 0.86] },
};

/** The known world with the longest name that starts a data set's name. @param {string | null} data */
const family = (data) =>
  [...Object.keys(drawn), ...Object.keys(cut)]
    .sort((a, b) => b.length - a.length)
    .find((name) => data?.startsWith(name));

/**
 * The world of a data set.
 * @param {string | null} data name of the data set that a model was trained on
 * @returns {Promise<World>} for an unknown data set coloured sprites, with a note that says so
 * @throws {Error} if the samples of its cut-outs cannot be loaded
 */
export async function worldOf(data) {
  const name = data?.startsWith("arc") ? "arc" : family(data);
  if (name && cut[name]) {
    const { kind, grounds } = await cutouts(name, cut[name]);
    return {
      kind,
      colors: null,
      anyColor: false,
      ground: "pictures",
      defaultScale: 1,
      band: cut[name].band,
      note: CUT,
      grounds: grounds.map((pixels, ground) => ({ pixels, origin: { kind: "ground", index: ground } })),
    };
  }
  const foreign =
    "This model was trained on other pictures. The shapes here are from Multi-dSprites; you can also take a scene’s picture and paint on it.";
  return (name && drawn[name]) || { ...drawn.multi_dsprites_colored_on_colored, note: foreign };
}
