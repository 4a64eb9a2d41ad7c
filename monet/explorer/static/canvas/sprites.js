// Draws Multi-dSprites shapes exactly as monet.data.generators.multi_dsprites does: hard edges, opaque.

/** Side of the data set's pictures; the shapes' formulas are in its pixels. */
const NATIVE = 64;

/** Largest radius of any shape at scale 1: the square's corner. */
const RADIUS = 9.6 * Math.SQRT2;

/** Upper and lower edge of the heart curve |u| = 9.6 sin^3 t, by cos t. @param {number} cos */
const heartEdge = (cos) => -0.66 * (4 + 19 * cos - 2 * cos ** 2 - 8 * cos ** 3 - 8 * cos ** 4) - 1.4;

/** Whether a point lies inside a shape; u and v are relative to its centre, along its own axes. @type {Record<string, (u: number, v: number) => boolean>} */
const INSIDE = {
  square: (u, v) => Math.max(Math.abs(u), Math.abs(v)) <= 9.6,
  ellipse: (u, v) => (u / 12.8) ** 2 + (v / 7.2) ** 2 <= 1,
  heart(u, v) {
    const sinCubed = Math.abs(u) / 9.6;
    if (sinCubed > 1) return false;
    const cos = Math.sqrt(1 - Math.cbrt(sinCubed) ** 2);
    return heartEdge(cos) <= v && v <= heartEdge(-cos);
  },
};

/** @type {import("./worlds.js").Kind} */
export const sprites = {
  turn: Math.PI / 24,
  step: 1,
  sizes: [0.35, 1.6],
  shapes: Object.keys(INSIDE),

  draw({ shape, x, y, scale, angle, color }, side, put) {
    const [r, g, b] = /** @type {import("./render.js").Color} */ (color); // only cut-outs and erasers have no colour
    const unit = scale * (side / NATIVE);
    const [cos, sin, inside] = [Math.cos(angle) / unit, Math.sin(angle) / unit, INSIDE[shape]];
    /** @param {number} at */
    const first = (at) => Math.max(0, Math.floor(at - RADIUS * unit));
    /** @param {number} at */
    const last = (at) => Math.min(side - 1, Math.ceil(at + RADIUS * unit));
    for (let row = first(y); row <= last(y); row++) {
      for (let column = first(x); column <= last(x); column++) {
        const [down, right] = [row + 0.5 - y, column + 0.5 - x];
        if (inside(cos * right + sin * down, cos * down - sin * right)) put(row, column, r, g, b);
      }
    }
  },

  fit: (thing, side) => ({
    ...thing,
    x: Math.max(0, Math.min(side, thing.x)),
    y: Math.max(0, Math.min(side, thing.y)),
  }),
};
