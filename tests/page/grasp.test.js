// Tests of scene/grasp.js, the drag solver, on a decoder with a closed form: a soft disc.

import assert from "node:assert/strict";
import { test } from "node:test";
import { features, Grasp, posed, rivalsOf } from "../../monet/explorer/static/scene/grasp.js";

const SIDE = 32;

/** Decoder of a disc: z0 and z1 shift it by 5 pixels, z2 scales it by e^0.3, z3 adds red, z4 has no effect. @param {Float32Array} z */
function disc(z) {
  const radius = 6 * Math.exp(0.3 * z[2]);
  const pixels = new Float32Array(4 * SIDE * SIDE);
  for (let p = 0; p < SIDE * SIDE; p++) {
    const [x, y] = [(p % SIDE) + 0.5 - 16 - 5 * z[0], Math.floor(p / SIDE) + 0.5 - 16 - 5 * z[1]];
    pixels.set([0.5 + 0.1 * z[3], 0.5, 0.5, 12 * (1 - Math.hypot(x, y) / radius)], 4 * p);
  }
  return pixels;
}
const ground = new Float32Array(4 * SIDE * SIDE);

/** @param {(z: Float32Array) => Float32Array} [decode] */
async function held(decode = disc) {
  let decodings = 0;
  const count = async (/** @type {Float32Array[]} */ latents) => {
    decodings += latents.length;
    return latents.map(decode);
  };
  const grasp = await Grasp.of({ decode: count, latent: new Float32Array(5), others: [ground], size: SIDE });
  return { grasp, decodings: () => decodings };
}

/** @param {Grasp} grasp @param {import("../../monet/explorer/static/scene/grasp.js").Features} target */
async function settle(grasp, target) {
  for (let step = 0; step < 80; step++) {
    const reached = await grasp.toward(target);
    if (reached.settled) return reached;
  }
  assert.fail("the object does not settle");
}

test("features are moments of the mask", () => {
  const pixels = disc(Float32Array.of(0.5, -1, 0, 1, 0));
  const [x, y, size, red, green, , xx, xy, yy] = features(pixels, rivalsOf([ground], SIDE * SIDE), SIDE);
  let area = 0;
  for (let p = 3; p < pixels.length; p += 4) area += 1 / (1 + Math.exp(-pixels[p]));
  const near = (/** @type {number} */ a, /** @type {number} */ b, by = 0.01) =>
    assert.ok(Math.abs(a - b) < by, `${a} is not ${b}`);
  near(x, 18.5);
  near(y, 11);
  near(size, Math.sqrt(area));
  near(red, 0.6, 1e-6);
  near(green, 0.5, 1e-6);
  near(xx, yy, 1e-3); // a disc is round
  near(xy, 0, 1e-3);
});

test("rivals are the log-sum-exp of the logits, minus infinity without other slots", () => {
  const others = [Float32Array.of(0, 0, 0, 1), Float32Array.of(0, 0, 0, -2), Float32Array.of(0, 0, 0, 700)];
  assert.ok(Math.abs(rivalsOf(others.slice(0, 2), 1)[0] - Math.log(Math.exp(1) + Math.exp(-2))) < 1e-12);
  assert.equal(rivalsOf(others, 1)[0], 700);
  assert.equal(rivalsOf([], 1)[0], -Infinity);
});

test("a dragged object reaches its target and keeps its other features", async () => {
  for (const [across, down] of [
    [7, 0],
    [-5, 6],
    [0.5, 0.5],
  ]) {
    const { grasp } = await held();
    const { latent } = await settle(grasp, { ...grasp.start, x: grasp.start.x + across, y: grasp.start.y + down });
    [across / 5, down / 5, 0, 0, 0].forEach((wanted, d) =>
      assert.ok(Math.abs(latent[d] - wanted) < 0.1, `${d}: ${latent[d]}`),
    );
  }
});

test("size and colour change independently", async () => {
  const { grasp } = await held();
  const larger = await settle(grasp, { ...grasp.start, size: 1.3 * grasp.start.size });
  assert.ok(
    Math.abs(larger.latent[2] - Math.log(1.3) / 0.3) < 0.15 && Math.hypot(larger.latent[0], larger.latent[1]) < 0.1,
  );
  const { grasp: another } = await held();
  const redder = await settle(another, { ...another.start, red: another.start.red + 0.1 });
  assert.ok(Math.abs(redder.latent[3] - 1) < 0.3);
});

test("a step decodes twice, the Jacobian once for each latent", async () => {
  const { grasp, decodings } = await held();
  assert.equal(decodings(), 6);
  await grasp.toward({ ...grasp.start, x: grasp.start.x + 1 });
  assert.equal(decodings(), 8);
});

test("no step dissolves the object, and latents stay in the prior's range", async () => {
  const { grasp } = await held((z) => disc(z).map((value, i) => (i % 4 === 3 && z[0] > 1 ? value - 60 : value)));
  const kept = await settle(grasp, { ...grasp.start, x: grasp.start.x + 12 });
  assert.ok(kept.latent[0] <= 1 && kept.features.size > 0.5 * grasp.start.size);
  const { grasp: far } = await held((z) => disc(z.map((value) => 0.2 * value)));
  const end = await settle(far, { ...far.start, x: far.start.x + 14 });
  assert.ok(end.latent.every((value) => Math.abs(value) <= 3.5));
});

test("a posed mask is moved, resized and turned about its centroid", () => {
  const size = 16;
  const mask = new Float64Array(size * size);
  for (const [x, y, value] of [
    [4, 8, 1],
    [5, 8, 1],
    [6, 8, 0.5],
    [15, 15, 1],
  ])
    mask[y * size + x] = value;
  const start = { x: 5.5, y: 8.5, size: 3, red: 0, green: 0, blue: 0, xx: 0, xy: 0, yy: 0, angle: 0 };
  const at = (/** @type {Float64Array} */ found, /** @type {number} */ x, /** @type {number} */ y) =>
    Math.round(1e6 * found[y * size + x]) / 1e6;
  const same = posed(mask, size, start, start, 0);
  assert.deepEqual([...same], [...mask]);
  const turned = posed(mask, size, start, { ...start, x: 8.5, y: 4.5 }, Math.PI / 2); // clockwise: left goes up
  assert.deepEqual(
    [3, 4, 5].map((y) => at(turned, 8, y)),
    [1, 1, 0.5],
  );
  const larger = posed(mask, size, start, { ...start, size: 6 }, 0);
  assert.deepEqual(
    [3, 4, 5, 6, 7, 8].map((x) => at(larger, x, 8)),
    [1, 1, 1, 0.75, 0.5, 0.25],
  );
});

test("an object turns at most seven degrees a step, and settles when it has arrived", async () => {
  /** A bar that z0 turns by half a radian. @param {Float32Array} z */
  const bar = (z) => {
    const pixels = new Float32Array(4 * SIDE * SIDE);
    const [c, s] = [Math.cos(0.5 * z[0]), Math.sin(0.5 * z[0])];
    for (let p = 0; p < SIDE * SIDE; p++) {
      const [x, y] = [(p % SIDE) + 0.5 - 16, Math.floor(p / SIDE) + 0.5 - 16];
      pixels.set([0.5, 0.5, 0.5, 4 * (1 - Math.hypot((c * x + s * y) / 9, (c * y - s * x) / 3))], 4 * p);
    }
    return pixels;
  };
  const { grasp } = await held(bar);
  const target = { ...grasp.start, angle: 1 };
  const first = await grasp.toward(target);
  assert.ok(!first.settled && first.features.angle < 0.13 && first.latent[0] < 0.5);
  const { latent, features: end } = await settle(grasp, target);
  assert.ok(Math.abs(latent[0] - 2) < 0.05, `turned by ${latent[0] / 2}`);
  assert.equal(end.angle, 1);
});
