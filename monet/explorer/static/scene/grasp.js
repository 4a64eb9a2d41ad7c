// Solves for the latents that move an object to a target. Equal to monet.grasp, which explains the constants.

/**
 * Features of an object: centroid and square root of the area in pixels, mean colour in [0, 1], second central moments
 * divided by the area; and the angle in radians by which it has turned since the start, clockwise in the picture.
 * @typedef {{x: number, y: number, size: number, red: number, green: number, blue: number, xx: number, xy: number, yy: number, angle: number}} Features
 */
/** The features that are measured. @type {(keyof Features)[]} */
const NAMES = ["x", "y", "size", "red", "green", "blue", "xx", "xy", "yy"];
const WEIGHTS = [1, 1, 1, 4, 4, 4, 8, 8, 8];
const TURNING = [1, 1, 1, 16, 16, 16, 24, 24, 24];
const TURN = 0.12;
const DAMPING = 0.3;
const STRIDE = 3;
const PROBE = 0.15;
const BOLDEST = 0.6;
const REACH = 3.5;
const HOME = 0.1;
const [SMALLEST, LARGEST] = [0.25, 4];
const ARRIVED = 0.1;
const PATIENCE = 4;

/** @param {Float64Array} values the measured features first @param {number} angle @returns {Features} */
const named = ([x, y, size, red, green, blue, xx, xy, yy], angle) => ({
  ...{ x, y, size, red, green, blue, xx, xy, yy, angle },
});

/**
 * Log-sum-exp of the mask logits of the other slots.
 * @param {Float32Array[]} others [H*W][4] each
 * @param {number} pixels
 * @returns {Float64Array} [H*W], -Infinity if there are none
 */
export function rivalsOf(others, pixels) {
  const rivals = new Float64Array(pixels).fill(-Infinity);
  for (const other of others) {
    for (let p = 0; p < pixels; p++) {
      const [a, b] = [rivals[p], other[4 * p + 3]];
      rivals[p] = Math.max(a, b) + Math.log1p(Math.exp(-Math.abs(a - b)));
    }
  }
  return rivals;
}

/**
 * Computes the features and the mask of a decoded object among the other slots.
 * @param {Float32Array} pixels [H*W][4]: red, green, blue, mask logit
 * @param {Float64Array} rivals [H*W], from `rivalsOf`
 * @param {number} size
 * @returns {Float64Array} the nine that are measured, then the mask's [H*W]
 */
export function features(pixels, rivals, size) {
  const found = new Float64Array(NAMES.length + size * size);
  const masks = found.subarray(NAMES.length);
  let [area, x, y, xx, xy, yy, red, green, blue] = [1e-6, 0, 0, 0, 0, 0, 0, 0, 0];
  for (let row = 0, p = 0; row < size; row++) {
    for (let column = 0; column < size; column++, p++) {
      const mask = (masks[p] = 1 / (1 + Math.exp(rivals[p] - pixels[4 * p + 3])));
      const [u, v] = [column + 0.5, row + 0.5];
      area += mask;
      x += mask * u;
      y += mask * v;
      xx += mask * u * u;
      xy += mask * u * v;
      yy += mask * v * v;
      red += mask * pixels[4 * p];
      green += mask * pixels[4 * p + 1];
      blue += mask * pixels[4 * p + 2];
    }
  }
  x /= area;
  y /= area;
  found.set([
    x,
    y,
    Math.sqrt(area),
    red / area,
    green / area,
    blue / area,
    (xx / area - x * x) / area,
    (xy / area - x * y) / area,
    (yy / area - y * y) / area,
  ]);
  return found;
}

/**
 * Moves, resizes and turns a mask, by bilinear interpolation; it is 0 outside the picture.
 * @param {Float64Array} mask [H*W]
 * @param {number} size of the picture
 * @param {Features} start the mask's features
 * @param {Features} target position and size
 * @param {number} angle
 * @returns {Float64Array} [H*W]
 */
export function posed(mask, size, start, target, angle) {
  const scale = start.size / Math.max(target.size, 1e-3);
  const [cos, sin] = [scale * Math.cos(angle), scale * Math.sin(angle)];
  /** @param {number} x @param {number} y */
  const at = (x, y) => (x >= 0 && y >= 0 && x < size && y < size ? mask[y * size + x] : 0);
  return Float64Array.from(mask, (_, p) => {
    const [right, down] = [(p % size) + 0.5 - target.x, Math.floor(p / size) + 0.5 - target.y];
    const [x, y] = [start.x + cos * right + sin * down - 0.5, start.y + cos * down - sin * right - 0.5];
    const [left, top] = [Math.floor(x), Math.floor(y)];
    const [u, v] = [x - left, y - top];
    const upper = (1 - u) * at(left, top) + u * at(left + 1, top);
    return (1 - v) * upper + v * ((1 - u) * at(left, top + 1) + u * at(left + 1, top + 1));
  });
}

/**
 * Result of a step.
 * @typedef {object} Reached
 * @property {Float32Array} latent
 * @property {Features} features
 * @property {boolean} settled whether further steps would change nothing: the object has arrived, or cannot get closer
 */

/** Solver for one object. Its results depend only on the sequence of targets. */
export class Grasp {
  /** @type {Features} features at the start of the drag */
  start;
  #measure;
  #size;
  /** @type {number[]} the latent at the start of the drag */
  #home;
  /** @type {number[]} double precision; `#shown` is the same in single precision, as decoded */
  #latent;
  /** @type {Float32Array} */
  #shown;
  /** @type {Float64Array} features, then the mask */
  #now;
  /** @type {Float64Array} mask at the start */
  #mask;
  /** @type {Float64Array[]} of each latent: change of features and mask */
  #jacobian;
  #column = 0;
  #angle = 0;
  #distance = 0;
  /** @type {Features | null} */
  #target = null;
  #nearest = Infinity;
  #waited = 0;
  #damping = DAMPING;

  /**
   * Creates a solver: measures the Jacobian with one decoding for each latent.
   * @param {object} held
   * @param {(latents: Float32Array[]) => Promise<Float32Array[]>} held.decode latents to [H*W][4] each
   * @param {Float32Array} held.latent at the start of the drag
   * @param {Float32Array[]} held.others decoded other slots
   * @param {number} held.size of the picture
   * @returns {Promise<Grasp>}
   */
  static async of({ decode, latent, others, size }) {
    const rivals = rivalsOf(others, size * size);
    /** @param {Float32Array[]} latents */
    const measure = async (latents) => (await decode(latents)).map((pixels) => features(pixels, rivals, size));
    const probes = Array.from(latent, (_, d) => latent.map((v, i) => (i === d ? v + PROBE : v)));
    const [now, ...moved] = await measure([latent, ...probes]);
    return new Grasp(
      measure,
      size,
      latent,
      now,
      moved.map((probed) => slope(probed, now)),
    );
  }

  /**
   * @param {(latents: Float32Array[]) => Promise<Float64Array[]>} measure features and mask of each
   * @param {number} size
   * @param {Float32Array} latent
   * @param {Float64Array} now its features and mask
   * @param {Float64Array[]} jacobian of each latent
   */
  constructor(measure, size, latent, now, jacobian) {
    this.#measure = measure;
    this.#size = size;
    this.#shown = latent;
    this.#home = this.#latent = Array.from(latent);
    this.#now = now;
    this.#mask = now.slice(NAMES.length);
    this.start = named(now, 0);
    this.#jacobian = jacobian;
  }

  /**
   * Makes one step toward the target, with two decodings.
   * @param {Features} target equal to `start` in the features that should not change
   * @returns {Promise<Reached>}
   */
  async toward(target) {
    const [before, { angle }] = [this.#target, target];
    if (!before || [...NAMES, /** @type {"angle"} */ ("angle")].some((name) => target[name] !== before[name])) {
      [this.#target, this.#nearest, this.#waited] = [target, Infinity, 0];
    }
    let wanted = NAMES.map((name) => target[name]);
    if (angle || this.#angle) {
      const most = TURN / Math.max(1, this.#distance);
      this.#angle += Math.min(most, Math.max(-most, angle - this.#angle));
      const moments = turned(target, this.#angle);
      wanted = NAMES.map((name) => moments[name]);
      for (const share of posed(this.#mask, this.#size, this.start, target, this.#angle)) wanted.push(share);
    }
    const weights = wanted.length > NAMES.length ? TURNING : WEIGHTS;
    /** @param {Float64Array} found */
    const gap = (found) => wanted.map((value, f) => (weights[f] ?? 1) * (value - found[f]));
    const rest = gap(this.#now);
    const proposed = this.#step(rest, weights);
    const tried = this.#latent.map((value, d) =>
      Math.min(Math.max(REACH, this.#home[d]), Math.max(Math.min(-REACH, this.#home[d]), value + proposed[d])),
    );
    const step = tried.map((value, d) => value - this.#latent[d]);
    const column = (this.#column = (this.#column + 1) % tried.length);
    const shown = Float32Array.from(tried);
    const probe = Float32Array.from(tried, (value, d) => (d === column ? value + PROBE : value));
    const [now, probed] = await this.#measure([shown, probe]);
    const length = dot(step, step);
    if (length > 1e-12) {
      // Only the rows in use: those of the mask's pixels take longer than the decoding.
      wanted.forEach((_, f) => {
        let error = now[f] - this.#now[f];
        for (let d = 0; d < step.length; d++) error -= this.#jacobian[d][f] * step[d];
        for (let d = 0; d < step.length; d++) this.#jacobian[d][f] += (error * step[d]) / length;
      });
    }
    const share = (now[2] / Math.max(wanted[2], 1e-3)) ** 2;
    const distance = norm(gap(now));
    const turning = angle !== this.#angle;
    if (share < SMALLEST || share > LARGEST || distance > norm(rest) + ARRIVED) {
      this.#damping *= 4; // a step that dissolves the object or increases the distance is rejected
      if (!turning) this.#waited += 1;
      return { latent: this.#shown, features: named(this.#now, this.#angle), settled: this.#waited >= PATIENCE };
    }
    this.#damping = Math.max(DAMPING, this.#damping / 2);
    this.#jacobian[column] = slope(probed, now);
    [this.#latent, this.#shown, this.#now, this.#distance] = [tried, shown, now, distance];
    this.#waited = turning || distance < this.#nearest - 0.02 ? 0 : this.#waited + 1;
    this.#nearest = turning ? Infinity : Math.min(this.#nearest, distance);
    const settled = !turning && (distance < ARRIVED || this.#waited >= PATIENCE);
    return { latent: shown, features: named(now, this.#angle), settled };
  }

  /** Computes a damped least-squares step. @param {number[]} gap weighted difference to the target @param {number[]} weights of the features @returns {number[]} change of the latent */
  #step(gap, weights) {
    const jacobian = this.#jacobian.map((change) => gap.map((_, f) => (weights[f] ?? 1) * change[f]));
    const shortening = Math.min(1, STRIDE / Math.max(norm(gap), 1e-9));
    const home = this.#home.map((value, d) => HOME * (value - this.#latent[d]));
    const rest = gap.map(
      (value, f) => shortening * value - jacobian.reduce((sum, row, d) => sum + row[f] * home[d], 0),
    );
    const gram = jacobian.map((a, i) =>
      jacobian.map((b, j) => (j > i ? 0 : dot(a, b) + (i === j ? this.#damping : 0))),
    );
    const solved = solve(
      gram,
      jacobian.map((row) => dot(row, rest)),
    );
    const step = home.map((value, d) => value + solved[d]);
    const scale = Math.min(1, BOLDEST / Math.max(1e-9, ...step.map(Math.abs)));
    return step.map((value) => scale * value);
  }
}

/** A column of the Jacobian. @param {Float64Array} probed @param {Float64Array} now */
const slope = (probed, now) => probed.map((value, f) => (value - now[f]) / PROBE);

/** @param {number[]} a @param {number[]} b */
function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
/** @param {number[]} a */
const norm = (a) => Math.sqrt(dot(a, a));

/** Solves A x = b for a symmetric positive definite A by Cholesky factors; overwrites A and b. @param {number[][]} a @param {number[]} b */
function solve(a, b) {
  const n = b.length;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = a[i][j];
      for (let k = 0; k < j; k++) sum -= a[i][k] * a[j][k];
      a[i][j] = i === j ? Math.sqrt(sum) : sum / a[j][j];
    }
    for (let k = 0; k < i; k++) b[i] -= a[i][k] * b[k];
    b[i] /= a[i][i];
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) b[i] -= a[k][i] * b[k];
    b[i] /= a[i][i];
  }
  return b;
}

/** Features of the object turned about its centroid. @param {Features} features @param {number} angle in radians @returns {Features} */
function turned({ xx, xy, yy, ...others }, angle) {
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  return {
    ...others,
    xx: c * c * xx - 2 * c * s * xy + s * s * yy,
    xy: c * s * (xx - yy) + (c * c - s * s) * xy,
    yy: s * s * xx + 2 * c * s * xy + c * c * yy,
  };
}
