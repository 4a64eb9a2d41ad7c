// Tests of scene/actions.js: actions are pure and return new documents.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as actions from "../../monet/explorer/static/scene/actions.js";
import { isEdited, same } from "../../monet/explorer/static/scene/slots.js";

/** @param {number} step */
const slot = (step) => {
  const mean = Float32Array.of(step, -step, 0.5);
  return { step, color: step, latent: mean, mean, std: Float32Array.of(1, 0.5, 0.25), kl: [1, 2, 3], hidden: false };
};
const start = () => ({ slots: [slot(0), slot(1), slot(2)] });
/** @param {import("../../monet/explorer/static/scene/store.js").Document} document */
const latents = ({ slots }) => slots.map(({ latent }) => [...latent]);
/** @param {import("../../monet/explorer/static/scene/store.js").Document} document */
const steps = ({ slots }) => slots.map(({ step }) => step);

test("actions do not change the given document", () => {
  const { latent } = slot(2);
  const all = [
    actions.setLatent(1, 0, 7),
    actions.setLatents(1, [
      [0, 7],
      [2, 8],
    ]),
    actions.resetSlot(1),
    actions.paste(1, latent),
    actions.sample([0, 1], "prior", () => 0.5, new Set()),
    actions.swap(0, 2),
    actions.duplicate(1, latent),
    actions.carryOver(slot(0)),
    actions.remove(1),
    actions.move(1, 1),
    actions.changeSlot(1, () => ({ hidden: true })),
  ];
  for (const change of all) {
    const document = start();
    const before = structuredClone(document);
    assert.notEqual(change(document), document);
    assert.deepEqual(document, before);
  }
});

test("set latents change only their slot and dimension", () => {
  assert.deepEqual(latents(actions.setLatent(1, 2, 7)(start())), [
    [0, -0, 0.5],
    [1, -1, 7],
    [2, -2, 0.5],
  ]);
  assert.deepEqual(
    latents(
      actions.setLatents(0, [
        [0, 3],
        [2, 4],
      ])(start()),
    )[0],
    [3, -0, 4],
  );
});

test("reset restores the mean as the same array, so that the slot is not edited", () => {
  const moved = actions.setLatent(1, 0, 7)(start());
  assert.ok(isEdited(moved.slots[1]));
  const back = actions.resetSlot(1)(moved);
  assert.equal(back.slots[1].latent, back.slots[1].mean);
  assert.ok(!isEdited(back.slots[1]));
  assert.ok(same(Float32Array.of(1, 2), Float32Array.of(1, 2)) && !same(Float32Array.of(1, 2), Float32Array.of(1, 3)));
});

test("samples are mean + std * noise or noise, and a locked latent consumes its draw", () => {
  let n = 0;
  const draw = () => ++n;
  const posterior = actions.sample([1, 2], "posterior", draw, new Set([1]))(start());
  assert.deepEqual(latents(posterior), [
    [0, -0, 0.5],
    [1 + 1, -1, 0.5 + 0.25 * 3],
    [2 + 4, -2, 0.5 + 0.25 * 6],
  ]);
  n = 0;
  assert.deepEqual(latents(actions.sample([0], "prior", draw, new Set())(start()))[0], [1, 2, 3]);
});

test("swapping twice, or moving there and back, restores the document", () => {
  const swapped = actions.swap(0, 2)(start());
  assert.deepEqual([swapped.slots[0].latent, swapped.slots[2].latent], [slot(2).latent, slot(0).latent]);
  assert.deepEqual(actions.swap(0, 2)(swapped), start());
  assert.deepEqual(actions.move(2, -1)(actions.move(1, 1)(start())), start());
});

test("actions without effect return the same document", () => {
  const document = start();
  for (const change of [actions.swap(1, 1), actions.move(0, -1), actions.move(2, 1)])
    assert.equal(change(document), document);
  const last = { slots: [slot(0)] };
  assert.equal(actions.remove(0)(last), last);
});

test("copies and guests have no step, are visible, and have their own colours", () => {
  const copied = actions.duplicate(0, Float32Array.of(9, 9, 9))(start());
  assert.deepEqual(steps(copied), [0, null, 1, 2]);
  const carried = actions.carryOver({ ...slot(1), hidden: true })(copied);
  assert.deepEqual(steps(carried), [0, null, 1, 2, null]);
  assert.ok(!carried.slots[4].hidden && isEdited(carried.slots[4]));
  assert.equal(new Set(carried.slots.map(({ color }) => color)).size, 5);
});

test("a blend reaches both ends; an arc keeps the length, a line shortens it", () => {
  const [a, b] = [Float32Array.of(3, 0), Float32Array.of(0, 3)];
  assert.equal(actions.between(a, b, 0, true), a);
  assert.equal(actions.between(a, b, 1, true), b);
  for (const t of [0.25, 0.5, 0.75]) {
    const angle = (t * Math.PI) / 2;
    const arc = actions.between(a, b, t, true);
    assert.ok(Math.hypot(arc[0] - 3 * Math.cos(angle), arc[1] - 3 * Math.sin(angle)) < 1e-6);
    assert.deepEqual([...actions.between(a, b, t)], [3 * (1 - t), 3 * t]);
  }
  const opposite = actions.between(a, Float32Array.of(-3, 0), 0.5, true); // no unique shortest arc: falls back to the line
  assert.ok(opposite.every((value) => Math.abs(value) < 1e-6));
});
