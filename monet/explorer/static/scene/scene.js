// A decomposed scene: its format on the way to the page, and as arrays for the page.

import { float16, uint8 } from "../engine/arrays.js";
import { scopes } from "./compose.js";

/** @typedef {import("../engine/engine.js").Origin} Origin */
/**
 * A scene as decomposed by the model, H = W = size, K slots, Z latents.
 * @typedef {object} Scene
 * @property {string} model
 * @property {Origin} origin where it comes from
 * @property {import("../engine/engine.js").Picture | null} [picture] a visitor's own
 * @property {string} title
 * @property {number} size
 * @property {number} slots K
 * @property {number} object the slot to select first
 * @property {import("../engine/engine.js").How} how
 * @property {[number, number] | null} scaled width and height of the picture before it was scaled, null if it was not
 * @property {boolean} foreign whether it is from another data set than the model's
 * @property {Float32Array} image [H*W][3] in [0, 1]
 * @property {Uint8Array | null} truth [H*W] labels
 * @property {Float32Array[]} masks K of [H*W]
 * @property {Float32Array[]} alphas K of [H*W], the share that each step takes of its scope
 * @property {Float32Array[]} scopes K + 1 of [H*W]
 * @property {Float32Array[]} mean K of [Z]
 * @property {Float32Array[]} std K of [Z]
 * @property {number[][]} kl K x Z, nats
 * @property {Record<string, number | null>} figures loss terms and metrics by name
 * @property {Record<string, number>} usual the model's mean figures on test scenes
 */
/**
 * A scene as monet.explorer.payload.scene_payload or answer.js returns it. The server sends arrays concatenated in base64
 * (masks as float16, others as bytes that mean 1/255); the page's own network returns typed arrays.
 * @typedef {Omit<Scene, "image" | "truth" | "masks" | "alphas" | "scopes" | "mean" | "std"> & {
 *   image: string | Uint8Array, truth: string | Uint8Array | null, masks: string | Float32Array, alphas: string | Uint8Array,
 *   mean: number[][], std: number[][]}} ScenePayload
 */

/**
 * Decodes base64; typed arrays stay as they are.
 * @template T
 * @param {T | string} values
 * @param {(base64: string) => T} decode
 * @returns {T}
 */
const read = (values, decode) => (typeof values === "string" ? decode(values) : values);

/** Converts a payload to a scene. @param {ScenePayload} payload @returns {Scene} */
export function sceneFrom(payload) {
  const pixels = payload.size ** 2;
  const all = read(payload.masks, float16);
  const shares = read(payload.alphas, uint8);
  /** @template A @param {{subarray: (from: number, to: number) => A}} values @returns {A[]} */
  const perSlot = (values) =>
    Array.from({ length: payload.slots }, (_, k) => values.subarray(k * pixels, (k + 1) * pixels));
  const masks = perSlot(all);
  return {
    ...payload,
    image: Float32Array.from(read(payload.image, uint8), (v) => v / 255),
    truth: payload.truth ? read(payload.truth, uint8) : null,
    masks,
    alphas: perSlot(shares).map((a) => Float32Array.from(a, (v) => v / 255)),
    scopes: scopes(masks),
    mean: payload.mean.map((m) => Float32Array.from(m)),
    std: payload.std.map((s) => Float32Array.from(s)),
  };
}
