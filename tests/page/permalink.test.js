// Tests of scene/permalink.js: exact round trips, and rejection of invalid links.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  carryOver,
  changeSlot,
  duplicate,
  move,
  remove,
  setLatent,
} from "../../monet/explorer/static/scene/actions.js";
import { fromHash, isOf, restore, sourceOf, toHash, toRequest } from "../../monet/explorer/static/scene/permalink.js";
import { Store } from "../../monet/explorer/static/scene/store.js";
import { payload } from "./scene.js";

/** @param {object} [changes] */
const opened = (changes) => {
  const store = new Store();
  store.load(payload(changes));
  return store;
};
/** @param {Store} store */
const link = (store) => {
  const found = fromHash(toHash(store));
  assert.ok(found);
  return found;
};

test("the link of an unedited scene holds its origin and settings", () => {
  for (const origin of [
    { kind: "sample", data: "toy", index: 3 },
    { kind: "seed", data: "toy", seed: 4711, objects: 5 },
    { kind: "stored", data: "my pictures & more", index: 0 },
  ]) {
    const store = opened({ origin });
    const { request, edits } = link(store);
    assert.deepEqual(request, { ...origin, model: "toy", slots: 3, how: "crop" });
    assert.equal(edits, null);
    assert.ok(isOf(request, store.scene));
    assert.ok(!isOf({ ...request, slots: 4 }, store.scene));
  }
});

test("edits of every kind survive a round trip exactly", () => {
  const store = opened();
  for (const change of [
    setLatent(0, 1, 1 / 3),
    duplicate(1, Float32Array.of(-1e-30, 3e30)),
    carryOver({ ...store.document.slots[2], latent: Float32Array.of(1, 2) }),
    remove(3),
    move(0, 1),
    changeSlot(1, () => ({ hidden: true })),
  ])
    store.edit(change);
  const { edits } = link(store);
  const restored = restore(store.original, edits).slots;
  // The KL of a guest's latents is recomputed; everything else is equal.
  assert.deepEqual(
    restored.map(({ kl, ...slot }) => slot),
    store.document.slots.map(({ kl, ...slot }) => slot),
  );
  assert.ok(restored.every(({ kl, step }, k) => step === null || kl === store.document.slots[k].kl));
  const { edits: kept } = JSON.parse(JSON.stringify(toRequest(store)));
  assert.deepEqual(restore(store.original, kept), restore(store.original, edits));
});

test("a guest's KL is computed from its mean and std", () => {
  const store = opened();
  store.edit(duplicate(1, Float32Array.of(0, 0)));
  const { kl } = restore(store.original, link(store).edits).slots[2];
  const [mean, std] = [
    [2, -1],
    [0.5, 0.25],
  ]; // of slot 1
  kl.forEach((nats, d) => assert.ok(Math.abs(nats - ((mean[d] ** 2 + std[d] ** 2 - 1) / 2 - Math.log(std[d]))) < 1e-6));
});

test("a visitor's picture is sent as the model's input, but is not in a link", () => {
  const store = opened({ origin: { kind: "picture" } });
  const image = Array.from({ length: 12 }, (_, i) => 20 * i);
  assert.deepEqual(sourceOf(store), { origin: { kind: "picture" }, picture: { image, of: "toy" } });
  assert.deepEqual(toRequest(store).request, {
    kind: "picture",
    model: "toy",
    slots: 3,
    how: "crop",
    image,
    of: "toy",
  });
  assert.deepEqual(link(store).request, { kind: "picture", model: "toy", slots: 3, how: "crop" });
});

test("invalid hashes give no link; damaged edits are dropped", () => {
  for (const hash of ["", "#", "#kind=sample", "#model=toy", "#model=toy&kind=toString", "#<script>"]) {
    assert.equal(fromHash(hash), null, hash);
  }
  assert.equal(fromHash("#model=toy&kind=sample&data=toy&index=0&slots=3&how=crop&edits={{")?.edits, null);
});

test("edits that do not fit the scene are rejected", () => {
  const { original } = opened();
  const short = Buffer.from(Float32Array.of(1).buffer).toString("base64");
  const infinite = Buffer.from(Float32Array.of(1, Infinity).buffer).toString("base64");
  for (const edits of [
    [],
    {},
    Array(65).fill({ s: 0 }),
    [{ s: 99 }],
    [{ s: 0, z: short }],
    [{ s: 0, z: infinite }],
    [{ s: 0, z: "%" }],
    [{ c: 1 }],
  ]) {
    assert.throws(() => restore(original, edits), Error, JSON.stringify(edits).slice(0, 60));
  }
});
