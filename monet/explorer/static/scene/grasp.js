// Solves for the latents that move an object to a target. Equal to monet.grasp, which explains the constants.

/**
 * Nine features of an object, in this order: centroid and square root of the area in pixels, mean colour in [0, 1], second
 * central moments divided by the area.
 * @typedef {{x: number, y: number, size: number, red: number, green: number, blue: number, xx: number, xy: number, yy: number}} Features
 */
/** @type {(keyof Features)[]} */
const NAMES = ["x", "y", "size", "red", "green", "blue", "xx", "xy", "yy"];
const WEIGHTS = [1, 1, 1, 4, 4, 4, 8, 8, 8];
const [TURNING, MOMENTS, SAME] = [24, 6, 1e-6];
const DAMPING = 0.3;
const STRIDE = 3;
const PROBE = 0.15;
const BOLDEST = 0.6;
const REACH = 3.5;
const HOME = 0.1;
const [SMALLEST, LARGEST] = [0.25, 4];
const ARRIVED = 0.1;
const PATIENCE = 4;

/** @param {number[]} values nine @returns {Features} */
const named = ([x, y, size, red, green, blue, xx, xy, yy]) => ({ x, y, size, red, green, blue, xx, xy, yy });

/** @param {Features} features */
const listed = (features) => NAMES.map((name) => features[name]);

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
 * Computes the features of a decoded object among the other slots.
 * @param {Float32Array} pixels [H*W][4]: red, green, blue, mask logit
 * @param {Float64Array} rivals [H*W], from `rivalsOf`
 * @param {number} size
 * @returns {number[]} nine
 */
export function features(pixels, rivals, size) {
  let [area, x, y, xx, xy, yy, red, green, blue] = [1e-6, 0, 0, 0, 0, 0, 0, 0, 0];
  for (let row = 0, p = 0; row < size; row++) {
    for (let column = 0; column < size; column++, p++) {
      const mask = 1 / (1 + Math.exp(rivals[p] - pixels[4 * p + 3]));
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
  return [
    x,
    y,
    Math.sqrt(area),
    red / area,
    green / area,
    blue / area,
    (xx / area - x * x) / area,
    (xy / area - x * y) / area,
    (yy / area - y * y) / area,
  ];
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
  /** @type {number[]} the latent at the start of the drag */
  #home;
  /** @type {number[]} double precision; `#shown` is the same in single precision, as decoded */
  #latent;
  /** @type {Float32Array} */
  #shown;
  /** @type {number[]} features */
  #now;
  /** @type {number[][]} [feature][latent] */
  #jacobian;
  #column = 0;
  /** @type {number[] | null} */
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
      latent,
      now,
      now.map((value, f) => moved.map((features) => (features[f] - value) / PROBE)),
    );
  }

  /**
   * @param {(latents: Float32Array[]) => Promise<number[][]>} measure nine features of each
   * @param {Float32Array} latent
   * @param {number[]} now its features
   * @param {number[][]} jacobian [feature][latent]
   */
  constructor(measure, latent, now, jacobian) {
    this.#measure = measure;
    this.#shown = latent;
    this.#home = this.#latent = Array.from(latent);
    this.#now = now;
    this.start = named(now);
    this.#jacobian = jacobian;
  }

  /**
   * Makes one step toward the target, with two decodings.
   * @param {Features} target equal to `start` in the features that should not change
   * @returns {Promise<Reached>}
   */
  async toward(target) {
    const wanted = listed(target);
    if (!this.#target?.every((value, f) => value === wanted[f])) {
      [this.#target, this.#nearest, this.#waited] = [wanted, Infinity, 0];
    }
    const turns = NAMES.slice(MOMENTS).some((name) => Math.abs(target[name] - this.start[name]) > SAME);
    const weights = WEIGHTS.map((weight, f) => (turns && f >= MOMENTS ? TURNING : weight));
    const rest = weights.map((weight, f) => weight * (wanted[f] - this.#now[f]));
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
      this.#jacobian.forEach((row, f) => {
        const error = (now[f] - this.#now[f] - dot(row, step)) / length;
        for (let d = 0; d < row.length; d++) row[d] += error * step[d];
      });
    }
    const share = (now[2] / Math.max(wanted[2], 1e-3)) ** 2;
    const distance = norm(weights.map((weight, f) => weight * (wanted[f] - now[f])));
    if (share < SMALLEST || share > LARGEST || distance > norm(rest) + ARRIVED) {
      this.#damping *= 4; // a step that dissolves the object or increases the distance is rejected
      this.#waited += 1;
      return { latent: this.#shown, features: named(this.#now), settled: this.#waited >= PATIENCE };
    }
    this.#damping = Math.max(DAMPING, this.#damping / 2);
    this.#jacobian.forEach((row, f) => (row[column] = (probed[f] - now[f]) / PROBE));
    [this.#latent, this.#shown, this.#now] = [tried, shown, now];
    this.#waited = distance < this.#nearest - 0.02 ? 0 : this.#waited + 1;
    this.#nearest = Math.min(this.#nearest, distance);
    return { latent: shown, features: named(now), settled: distance < ARRIVED || this.#waited >= PATIENCE };
  }

  /** Computes a damped least-squares step. @param {number[]} gap weighted difference to the target @param {number[]} weights of the features @returns {number[]} change of the latent */
  #step(gap, weights) {
    const jacobian = this.#jacobian.map((row, f) => row.map((value) => weights[f] * value));
    const shortening = Math.min(1, STRIDE / Math.max(norm(gap), 1e-9));
    const home = this.#home.map((value, d) => HOME * (value - this.#latent[d]));
    const rest = gap.map((value, f) => shortening * value - dot(jacobian[f], home));
    const gram = jacobian.map((a, i) => jacobian.map((b, j) => dot(a, b) + (i === j ? this.#damping : 0)));
    const shares = solve(gram, rest);
    const step = home.map((value, d) => value + jacobian.reduce((sum, row, f) => sum + row[d] * shares[f], 0));
    const scale = Math.min(1, BOLDEST / Math.max(1e-9, ...step.map(Math.abs)));
    return step.map((value) => scale * value);
  }
}

/** @param {number[]} a @param {number[]} b */
const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
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
export function turned({ xx, xy, yy, ...others }, angle) {
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  return {
    ...others,
    xx: c * c * xx - 2 * c * s * xy + s * s * yy,
    xy: c * s * (xx - yy) + (c * c - s * s) * xy,
    yy: s * s * xx + 2 * c * s * xy + c * c * yy,
  };
}
