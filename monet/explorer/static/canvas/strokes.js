// Brush strokes: lines through points with round ends. An eraser stroke has no colour and shows the ground.

/** Radius of the thinnest line without gaps: half a pixel's diagonal. */
const MIN_RADIUS = Math.SQRT1_2;

/** @typedef {import("./render.js").Spot} Spot */
/** @typedef {import("./render.js").Thing} Thing */
/** A thing that is a stroke. @typedef {Thing & {width: number, points: Spot[]}} Stroke */

/** Squared distance of a point from a line segment. @param {number} x @param {number} y @param {Spot} from @param {Spot} to */
function squaredDistance(x, y, [ax, ay], [bx, by]) {
  const [dx, dy] = [bx - ax, by - ay];
  const along = dx || dy ? Math.max(0, Math.min(1, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy))) : 0;
  return (x - ax - along * dx) ** 2 + (y - ay - along * dy) ** 2;
}

/** The points of a stroke in picture coordinates. @param {Stroke} stroke @returns {Spot[]} */
function placed({ x, y, scale, angle, points }) {
  const [cos, sin] = [scale * Math.cos(angle), scale * Math.sin(angle)];
  return points.map(([px, py]) => [x + cos * px - sin * py, y + sin * px + cos * py]);
}

/** @type {import("./worlds.js").Kind} */
export const strokes = {
  turn: Math.PI / 24,
  step: 1,
  sizes: [0.35, 3],
  shapes: ["stroke"],

  draw(thing, side, put) {
    const line = /** @type {Stroke} */ (thing);
    const points = placed(line);
    const radius = Math.max(MIN_RADIUS, (line.width * line.scale) / 2);
    const [r, g, b] = line.color ?? [0, 0, 0]; // an eraser's colour is ignored
    const done = new Uint8Array(side * side);
    points.forEach((from, n) => {
      const to = points[n + 1] ?? from;
      /** @param {0 | 1} c @returns {[number, number]} */
      const range = (c) => [
        Math.max(0, Math.floor(Math.min(from[c], to[c]) - radius)),
        Math.min(side - 1, Math.ceil(Math.max(from[c], to[c]) + radius)),
      ];
      const [[left, right], [top, bottom]] = [range(0), range(1)];
      for (let row = top; row <= bottom; row++) {
        for (let column = left; column <= right; column++) {
          if (done[row * side + column] || squaredDistance(column + 0.5, row + 0.5, from, to) > radius * radius)
            continue;
          done[row * side + column] = 1;
          put(row, column, r, g, b);
        }
      }
    });
  },

  fit: (thing, side) => ({
    ...thing,
    x: Math.max(0, Math.min(side, thing.x)),
    y: Math.max(0, Math.min(side, thing.y)),
  }),
};

/**
 * Makes a stroke. Its points are relative to its centre, so that it turns and scales in place.
 * @param {Spot[]} points in the picture
 * @param {number} width in pixels
 * @param {import("./render.js").Color | null} color
 * @returns {Omit<Stroke, "id">}
 */
export function stroke(points, width, color) {
  /** @param {number} value */
  const tenths = (value) => Math.round(10 * value) / 10; // keeps links short
  /** @param {0 | 1} c */
  const centre = (c) => {
    const values = points.map((point) => point[c]);
    return tenths((Math.min(...values) + Math.max(...values)) / 2);
  };
  const [x, y] = [centre(0), centre(1)];
  return {
    shape: "stroke",
    x,
    y,
    scale: 1,
    angle: 0,
    alpha: 1,
    color,
    width,
    points: points.map(([px, py]) => [tenths(px - x), tenths(py - y)]),
  };
}
