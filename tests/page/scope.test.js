// Tests of canvas/scope.js: the brush's area, and the link text.

import assert from "node:assert/strict";
import { test } from "node:test";
import { brushed, fromText, scopeOf, toText, veiled, withSlot } from "../../monet/explorer/static/canvas/scope.js";
import { normal } from "../../monet/explorer/static/scene/random.js";

const FRAME = { picture: 11, side: 16 }; // two pixels of border to the left and above

test("the brush covers all pixels within half its width of its path, also in the border", () => {
  const wide = { width: 5, unmarks: false };
  const drawn = brushed(
    null,
    [
      [1, 2],
      [8, 2],
    ],
    wide,
    FRAME,
  );
  const expected = Array.from({ length: 256 }, (_, p) => {
    const [x, y] = [(p % 16) + 0.5 - 2, Math.floor(p / 16) + 0.5 - 2];
    return Math.hypot(x - Math.max(1, Math.min(8, x)), y - 2) <= 2.5 ? 255 : 0;
  });
  assert.deepEqual([...(drawn ?? [])], expected);
  assert.ok(expected[0] === 0 && expected[2 * 16 + 1] === 255);
  assert.equal(
    brushed(
      drawn,
      [
        [1, 2],
        [8, 2],
      ],
      { width: 9, unmarks: true },
      FRAME,
    ),
    null,
  );
});

test("marked slots add up, and the scope is the rest", () => {
  const half = withSlot(null, new Float32Array(4).fill(0.5));
  assert.deepEqual([...(half ?? [])], [128, 128, 128, 128]);
  assert.deepEqual([...(withSlot(half, Float32Array.of(0, 0.25, 0.5, 1)) ?? [])], [128, 192, 255, 255]);
  assert.deepEqual(scopeOf(Uint8Array.of(0, 51, 255)), Float32Array.of(1, 0.8, 0));
  assert.equal(scopeOf(null), null);
  assert.deepEqual([...veiled(Uint8Array.of(0, 51, 255), null)], [...Float32Array.of(0, 0.2, 1)]);
});

test("the link text round trip is exact, and damaged texts give null", () => {
  const draw = normal(7);
  const noisy = Uint8Array.from({ length: 256 }, () => Math.max(0, Math.min(255, Math.round(128 + 90 * draw()))));
  const blocks = Uint8Array.from({ length: 256 }, (_, p) => (p < 100 ? 0 : 255));
  for (const explained of [noisy, blocks, new Uint8Array(256)]) {
    const text = toText(explained);
    assert.match(text, /^[\w-]*$/);
    assert.deepEqual(fromText(text, FRAME), explained);
  }
  assert.ok(toText(blocks).length < 12);
  const damaged = [
    toText(new Uint8Array(255)),
    toText(new Uint8Array(257)),
    toText(noisy).slice(0, -8),
    "%",
    "=",
    "A",
    "",
  ];
  for (const text of damaged) assert.equal(fromText(text, FRAME), null, text);
});
