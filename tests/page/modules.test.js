// Tests of small pure modules: random numbers, sweeps, outlines, chequer, limits, names, streamed responses.

import assert from "node:assert/strict";
import { test } from "node:test";
import { limits } from "../../monet/explorer/static/scene/evidence.js";
import { onGround } from "../../monet/explorer/static/drawing/ground.js";
import { checkName, nameFrom } from "../../monet/explorer/static/own/naming.js";
import { normal } from "../../monet/explorer/static/scene/random.js";
import { borderOf, placeOf } from "../../monet/explorer/static/stage/outline.js";
import { lastStep } from "../../monet/explorer/static/engine/steps.js";
import { along, values } from "../../monet/explorer/static/scene/sweep.js";

test("a seed reproduces its normal numbers, and their moments are those of a normal distribution", () => {
  const draws = Array.from({ length: 20000 }, normal(1901));
  assert.deepEqual(draws.slice(0, 9), Array.from({ length: 9 }, normal(1901)));
  assert.notDeepEqual(draws.slice(0, 9), Array.from({ length: 9 }, normal(1902)));
  const moment = (/** @type {number} */ n) => draws.reduce((sum, x) => sum + x ** n, 0) / draws.length;
  // Four standard errors of each: sqrt(1, 2, 15, 96) / sqrt(n).
  [0, 1, 0, 3].forEach((wanted, i) =>
    assert.ok(Math.abs(moment(i + 1) - wanted) < (4 * Math.sqrt([1, 2, 15, 96][i])) / Math.sqrt(draws.length)),
  );
});

test("a sweep is evenly spaced", () => {
  const slot = { mean: Float32Array.of(1, 0), std: Float32Array.of(0.5, 1), latent: Float32Array.of(1, 0) };
  assert.deepEqual(values(slot, 0, "2", 5), [-2, -1, 0, 1, 2]);
  assert.deepEqual(values(slot, 0, "posterior", 3), [-0.5, 1, 2.5]);
  assert.deepEqual(
    along(slot.latent, 1, [7, 8]).map((latent) => [...latent]),
    [
      [1, 7],
      [1, 8],
    ],
  );
});

test("an object's box and border are those of its pixels", () => {
  const labels = Uint8Array.from([0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 1, 0, 0, 0, 0]);
  assert.deepEqual(placeOf(labels, 4, 1), { pixels: 5, share: 5 / 16, box: [1, 1, 4, 3], object: false });
  const border = borderOf(labels, 4, 1).match(/M\d+,\d+[hv]1/g) ?? [];
  assert.equal(border.length, 10); // edges of five pixels, less two for each of the five that touch
  assert.equal(new Set(border).size, border.length);
  assert.equal(placeOf(labels, 4, 2).pixels, 0);
});

test("the chequer shows through where masks do not cover the picture", () => {
  const image = onGround(
    Float32Array.from({ length: 3 * 64 }, () => 0),
    [new Float32Array(64).fill(0.5)],
    8,
  );
  const shades = [...new Set(image)];
  assert.deepEqual(shades.map((shade) => Number(shade.toFixed(3))).sort(), [0.21, 0.29]);
  assert.ok(onGround(new Float32Array(3), [Float32Array.of(1)], 1).every((value) => value === 0));
});

test("a latent's limits are where most objects have dissolved", () => {
  const sweep = [-2, -1, 0, 1, 2];
  assert.deepEqual(limits({ alive: [0.1, 0.4, 1, 1, 0.2] }, sweep), [-1, 2]);
  assert.deepEqual(limits({ alive: [1, 1, 1, 1, 1] }, sweep), [-Infinity, Infinity]);
});

test("names are letters, digits, hyphens and underscores; any text yields a valid name", () => {
  for (const name of ["a", "my_cells-2", "_x", "9"]) checkName(name);
  for (const name of ["", "-a", "a b", "ä", "a/b", "x".repeat(49)]) assert.throws(() => checkName(name), Error, name);
  for (const text of ["My pictures.zip", "--x", "äöü", "", "../../etc"]) checkName(nameFrom(text));
  assert.equal(nameFrom("My pictures.zip"), "My_pictures_zip");
});

test("a streamed response reports progress, wherever the network splits it", async () => {
  const text = '{"done": 1, "of": 3}\n{"done": 2, "of": 3}\n{"name": "über"}\n';
  const raw = new TextEncoder().encode(text);
  for (const cut of [1, 7, 21, 25, raw.length - 4]) {
    /** @type {number[][]} */
    const progress = [];
    const body = new ReadableStream({
      start(controller) {
        for (const part of [raw.slice(0, cut), raw.slice(cut)]) controller.enqueue(part);
        controller.close();
      },
    });
    assert.deepEqual(await lastStep(new Response(body), (...step) => progress.push(step)), { name: "über" });
    assert.deepEqual(progress, [
      [1, 3],
      [2, 3],
    ]);
  }
  await assert.rejects(
    lastStep(new Response('{"refused": "no such name"}\n'), () => {}),
    /no such name/,
  );
  await assert.rejects(
    lastStep(new Response('{"done": 1, "of": 3}\n'), () => {}),
    /was lost/,
  );
  await assert.rejects(
    lastStep(new Response("not found", { status: 404 }), () => {}),
    /not found/,
  );
});
