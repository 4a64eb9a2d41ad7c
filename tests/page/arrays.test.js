// Tests of engine/arrays.js: half precision against values defined by IEEE 754.

import assert from "node:assert/strict";
import { test } from "node:test";
import { bytes, float16, float32, uint8 } from "../../monet/explorer/static/engine/arrays.js";

/** @param {ArrayBufferView} array */
const base64 = (array) => Buffer.from(array.buffer).toString("base64");

test("halves are decoded as IEEE 754 defines them", () => {
  const halves = [
    [0x0000, 0],
    [0x3c00, 1],
    [0xc000, -2],
    [0x3555, 0.333251953125],
    [0x0001, 2 ** -24],
    [0x0400, 2 ** -14],
    [0x7bff, 65504],
  ];
  const read = float16(base64(Uint16Array.from(halves, ([bits]) => bits)));
  assert.deepEqual(
    [...read],
    halves.map(([, value]) => value),
  );
});

test("singles and bytes survive a round trip exactly", () => {
  const singles = Float32Array.from([0, -0.1, 1e-40, 3.4e38]);
  assert.deepEqual(float32(base64(singles)), singles);
  const all = Uint8Array.from({ length: 256 }, (_, i) => i);
  assert.deepEqual(uint8(base64(all)), all);
  assert.equal(bytes("").byteLength, 0);
});
