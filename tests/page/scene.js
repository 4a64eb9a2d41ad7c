// Test scene, small enough to check by hand: 2 x 2 pixels, three slots, two latents.

/** A scene payload with arrays in place of base64. */
export const payload = (changes = {}) => ({
  model: "toy",
  title: "toy, sample 1",
  size: 2,
  slots: 3,
  object: 1,
  how: "crop",
  scaled: null,
  foreign: false,
  origin: { kind: "sample", data: "toy", index: 0 },
  image: Uint8Array.from({ length: 12 }, (_, i) => 20 * i),
  masks: Float32Array.from([1, 0, 0, 0.5, 0, 1, 0, 0.25, 0, 0, 1, 0.25]),
  alphas: Uint8Array.from([255, 0, 0, 128, 0, 255, 0, 128, 255, 255, 255, 255]),
  truth: null,
  mean: [
    [0, 1],
    [2, -1],
    [0.5, 0],
  ],
  std: [
    [1, 1],
    [0.5, 0.25],
    [1, 2],
  ],
  kl: [
    [0, 0.5],
    [0.1, 3],
    [2, 0.1],
  ],
  figures: { mse: 0.01 },
  usual: { mse: 0.01 },
  ...changes,
});
