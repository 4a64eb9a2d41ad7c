// Draws pieces made of square cells: Tetrominoes as monet.data.generators.tetrominoes does, and ARC's flat cells.

/** Turns a piece clockwise by 90 degrees. @param {string[]} rows */
const turned = (rows) =>
  Array.from(rows[0], (_, c) =>
    rows
      .map((row) => row[c])
      .reverse()
      .join(""),
  );

/** @param {number} angle in radians @returns {number} quarter turns, 0 to 3 */
const quarters = (angle) => ((Math.round(angle / (Math.PI / 2)) % 4) + 4) % 4;

/**
 * @param {object} style
 * @param {Record<string, string>} style.pieces by name: rows of # and . with spaces between
 * @param {number} style.tile side of a cell in pixels
 * @param {number[][]} style.shading tile x tile, 0 to 255: brightness of each pixel of a cell
 * @param {number} style.step pieces lie at multiples of this many pixels
 * @param {[number, number]} style.sizes
 * @returns {import("./worlds.js").Kind}
 */
export function tiles({ pieces, tile, shading, step, sizes }) {
  /** The rows of a turned piece, and its integer scale. @param {import("./render.js").Thing} thing */
  const oriented = ({ shape, scale, angle }) => {
    let rows = pieces[shape].split(" ");
    for (let n = quarters(angle); n > 0; n--) rows = turned(rows);
    return { rows, times: Math.max(1, Math.round(scale)) };
  };
  return {
    turn: Math.PI / 2,
    step,
    sizes,
    integerScales: true,
    shapes: Object.keys(pieces),

    draw(thing, _side, put) {
      const { rows, times } = oriented(thing);
      const [r, g, b] = /** @type {import("./render.js").Color} */ (thing.color); // only cut-outs and erasers have no colour
      const cell = tile * times;
      const [top, left] = [
        Math.round(thing.y - (rows.length * cell) / 2),
        Math.round(thing.x - (rows[0].length * cell) / 2),
      ];
      for (let y = 0; y < rows.length * cell; y++) {
        for (let x = 0; x < rows[0].length * cell; x++) {
          if (rows[Math.floor(y / cell)][Math.floor(x / cell)] !== "#") continue;
          const light = shading[Math.floor((y % cell) / times)][Math.floor((x % cell) / times)] / 255;
          put(top + y, left + x, Math.round(light * r), Math.round(light * g), Math.round(light * b));
        }
      }
    },

    fit(thing, side) {
      const { rows, times } = oriented(thing);
      /** @param {number} at @param {number} cells */
      const snap = (at, cells) => {
        const length = cells * tile * times;
        return (
          Math.max(0, Math.min(Math.max(0, side - length), step * Math.round((at - length / 2) / step))) + length / 2
        );
      };
      return { ...thing, x: snap(thing.x, rows[0].length), y: snap(thing.y, rows.length) };
    },
  };
}
