// Tests of scene/store.js: loading, edits, undo and redo across scenes, selection, listeners.

import assert from "node:assert/strict";
import { test } from "node:test";
import { duplicate, move, remove, setLatent } from "../../monet/explorer/static/scene/actions.js";
import { Store } from "../../monet/explorer/static/scene/store.js";
import { payload } from "./scene.js";

/** @param {object} [changes] */
const opened = (changes) => {
  const store = new Store();
  store.load(payload(changes));
  return store;
};
/** @param {number} index */
const other = (index) => payload({ origin: { kind: "sample", data: "toy", index } });
/** @param {Store} store */
const snapshot = ({ scene, original, document, view: { slot } }) => ({ scene, original, document, slot });

test("before the first scene nothing is loaded, and nothing can be undone", () => {
  const store = new Store();
  assert.ok(!store.loaded && !store.canUndo && !store.canRedo);
  store.undo();
  store.load(payload());
  assert.ok(store.loaded && !store.canUndo && !store.edited);
});

test("loading splits a scene by slot, and selects its object and the latent with the largest KL", () => {
  const { scene, document, view } = opened();
  assert.deepEqual(
    scene.masks.map((mask) => [...mask]),
    [
      [1, 0, 0, 0.5],
      [0, 1, 0, 0.25],
      [0, 0, 1, 0.25],
    ],
  );
  assert.deepEqual(
    scene.scopes.map((scope) => [...scope]),
    [
      [1, 1, 1, 1],
      [0, 1, 1, 0.5],
      [0, 0, 1, 0.25],
      [0, 0, 0, 0],
    ],
  );
  assert.deepEqual([...scene.alphas[1]], [0, 1, 0, Math.fround(128 / 255)]);
  assert.deepEqual([view.slot, view.dimension], [1, 1]);
  assert.deepEqual(
    document.slots.map(({ step, hidden }) => [step, hidden]),
    [
      [0, false],
      [1, false],
      [2, false],
    ],
  );
});

test("undo and redo restore every state of a random history", () => {
  const store = opened();
  const states = [snapshot(store)];
  let seed = 7;
  const random = (/** @type {number} */ n) => (seed = (seed * 48271) % 2147483647) % n;
  for (let i = 0; i < 60; i++) {
    const { slots } = store.document;
    const k = random(slots.length);
    const change = [setLatent(k, random(2), i + 1), duplicate(k, slots[k].latent), move(k, 1), remove(k)][random(4)];
    const before = store.document;
    store.edit(change, { select: Math.min(k, slots.length - 1) });
    if (store.document !== before) states.push(snapshot(store));
    assert.ok(store.view.slot < store.document.slots.length);
  }
  for (const wanted of states.slice(0, -1).reverse()) {
    store.undo();
    assert.deepEqual({ ...snapshot(store), slot: 0 }, { ...wanted, slot: 0 });
  }
  assert.ok(!store.canUndo && !store.edited);
  for (const wanted of states.slice(1)) {
    store.redo();
    assert.deepEqual(snapshot(store), wanted);
  }
  assert.ok(!store.canRedo);
});

test("edits of one gesture share an undo step, and an edit after undo clears redo", () => {
  const store = opened();
  const { document } = store;
  for (const value of [1, 2, 3]) store.edit(setLatent(0, 0, value), { gesture: "drag" });
  store.endGesture();
  store.edit(setLatent(0, 0, 4), { gesture: "drag" });
  store.undo();
  assert.equal(store.document.slots[0].latent[0], 3);
  store.undo();
  assert.equal(store.document, document);
  store.edit(setLatent(0, 0, 5));
  assert.ok(!store.canRedo);
});

test("an edit without effect adds no undo step", () => {
  const store = opened();
  store.edit((document) => document);
  store.reset();
  assert.ok(!store.canUndo);
});

test("undo restores an edited scene and skips scenes without edits", () => {
  const store = opened();
  store.load(other(1));
  assert.ok(!store.canUndo); // the first scene has no edits
  store.edit(setLatent(0, 0, 9));
  const edited = snapshot(store);
  for (const index of [2, 3, 4]) store.load(other(index));
  assert.equal(store.sceneBefore?.document, edited.document);
  store.undo();
  assert.deepEqual({ ...snapshot(store), slot: 0 }, { ...edited, slot: 0 });
  store.redo();
  assert.equal(store.scene.origin.index, 4);
  store.undo();
  store.undo();
  assert.ok(!store.edited && !store.canUndo);
});

test("the history keeps sixteen scenes", () => {
  const store = opened();
  for (let index = 1; index <= 20; index++) {
    store.edit(setLatent(0, 0, index));
    store.load(other(index));
  }
  let count = 0;
  for (; store.canUndo; count++) store.undo();
  assert.equal(store.scene.origin.index, 20 - 16);
  assert.equal(count, 2 * 16); // per scene one edit and one change to the next scene
});

test("a missing slot cannot be selected, and the selection stays valid when slots are deleted", () => {
  const store = opened();
  store.look({ slot: 99, dimension: 0 });
  assert.deepEqual([store.view.slot, store.view.dimension], [1, 0]);
  store.look({ slot: 2, solo: 2 });
  store.edit(remove(0));
  assert.deepEqual([store.view.slot, store.view.solo], [1, null]);
  store.lookAtStep(0, { step: 0 }); // its slot is deleted
  assert.deepEqual([store.view.slot, store.view.step], [1, 0]);
  store.lookAtStep(1);
  assert.equal(store.view.slot, 0);
});

test("edited reports changed latents or slots; hiding is no edit, and reset can be undone", () => {
  const store = opened();
  store.edit(({ slots }) => ({ slots: slots.map((slot) => ({ ...slot, hidden: true })) }));
  assert.ok(!store.edited);
  store.reset();
  store.edit(move(0, 1));
  assert.ok(store.edited);
  store.reset();
  assert.equal(store.document, store.original);
  store.undo();
  assert.ok(store.edited);
});

test("listeners are called once per change", () => {
  const store = opened();
  let calls = 0;
  store.subscribe(() => calls++);
  store.look({ dimension: 1 });
  store.edit(setLatent(0, 0, 1));
  store.undo();
  store.setAside(true);
  store.copy(Float32Array.of(1, 2));
  assert.equal(calls, 5);
  assert.deepEqual(store.aside, { scene: store.scene, document: store.document });
});
