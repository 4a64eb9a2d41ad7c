// Permalink: encodes a scene and its edits in the part of the address behind #, which browsers do not send to servers.

import { bytes } from "../engine/arrays.js";

/** @typedef {import("./store.js").Slot} Slot */
/** @typedef {import("./store.js").Document} Document */
/** @typedef {import("../engine/engine.js").Origin} Origin */
/** @typedef {import("../engine/engine.js").How} How */
/** A model's input pixels, 0 to 255, and the name of that model. @typedef {{image: number[], of: string}} ModelInput */
/**
 * A slot without what follows from its scene. Arrays are float32 in URL-safe base64.
 * @typedef {object} Packed
 * @property {number} c colour
 * @property {number} [s] step of the attention that it comes from
 * @property {string} [m] posterior mean of a slot without a step
 * @property {string} [d] posterior standard deviations of a slot without a step
 * @property {string} [z] latent, if it differs from the mean
 * @property {1} [h] hidden
 */
/** A scene by its origin, and how to decompose it. @typedef {Origin & import("../engine/engine.js").Choices & Partial<ModelInput>} Request */
/** @typedef {{request: Request, edits: Packed[] | null}} Link */

/** Encodes an array in URL-safe base64. @param {Float32Array | Uint8Array} array */
export const encode = (array) => {
  const raw = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  return btoa(String.fromCharCode(...raw))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
};
/** Decodes and checks a float32 array. @param {string} text @param {number} length */
const decode = (text, length) => {
  const array = new Float32Array(bytes(text.replaceAll("-", "+").replaceAll("_", "/")));
  if (array.length !== length || !array.every(Number.isFinite)) throw new Error("damaged latents");
  return array;
};

/** Encodes the scene and its edits. @param {Pick<import("./store.js").Store, "scene" | "document" | "original">} store @returns {string} the hash of the page's address */
export function toHash(store) {
  const { scene, document } = store;
  const { kind, data, index, seed, objects } = scene.origin;
  const link = new URLSearchParams({ model: scene.model, slots: String(scene.slots), how: scene.how, kind });
  if (kind !== "picture") {
    link.set("data", data ?? "");
    link.set(kind === "seed" ? "seed" : "index", String(seed ?? index));
    if (objects !== undefined) link.set("objects", String(objects));
  }
  if (document !== store.original) link.set("edits", JSON.stringify(document.slots.map(pack)));
  return `#${link}`;
}

/**
 * Source of the scene on screen. For a visitor's picture: its file, or else the model's input.
 * @param {import("./store.js").Store} store
 * @returns {import("../engine/engine.js").Source}
 */
export function sourceOf({ scene }) {
  const { origin, picture } = scene;
  return { origin, picture: origin.kind === "picture" ? (picture ?? modelInput(scene)) : null };
}

/** @param {import("./scene.js").Scene} scene @returns {ModelInput} */
const modelInput = ({ image, model }) => ({ image: Array.from(image, (v) => Math.round(255 * v)), of: model });

/**
 * The scene and its edits as a link, in values that JSON can hold.
 * @param {import("./store.js").Store} store
 * @returns {Link}
 */
export function toRequest({ scene, document, original }) {
  const { model, slots, how, origin } = scene;
  const request = { ...origin, model, slots, how, ...(origin.kind === "picture" && modelInput(scene)) };
  return { request, edits: document === original ? null : document.slots.map(pack) };
}

/** @param {Slot} slot */
function pack(slot) {
  /** @type {Packed} */
  const packed = { c: slot.color };
  if (slot.step !== null) packed.s = slot.step;
  else Object.assign(packed, { m: encode(slot.mean), d: encode(slot.std) });
  if (slot.latent !== slot.mean) packed.z = encode(slot.latent);
  if (slot.hidden) packed.h = 1;
  return packed;
}

/** @param {string | null} kind @returns {kind is Origin["kind"]} */
const isKind = (kind) => kind !== null && ["sample", "seed", "stored", "picture"].includes(kind);

/**
 * Decodes a hash; null if it is not a permalink of this app.
 * @param {string} hash
 * @returns {Link | null}
 */
export function fromHash(hash) {
  const link = new URLSearchParams(hash.replace(/^#/, ""));
  const kind = link.get("kind");
  const model = link.get("model");
  if (model === null || !isKind(kind)) return null;
  const number = kind === "seed" ? "seed" : "index";
  /** @type {Request} */
  const request = {
    kind,
    model,
    slots: Number(link.get("slots")),
    how: /** @type {How} */ (link.get("how")), // the server checks it
    ...(kind !== "picture" && { data: link.get("data") ?? "", [number]: Number(link.get(number)) }),
  };
  if (link.has("objects")) request.objects = Number(link.get("objects"));
  try {
    return { request, edits: JSON.parse(link.get("edits") ?? "null") };
  } catch {
    return { request, edits: null };
  }
}

/**
 * Whether a scene is the one that a link asks for. A link without its picture matches every picture.
 * @param {Request} request
 * @param {{origin: Origin, model: string, slots: number, how: string}} scene
 */
export const isOf = ({ kind, data, index, seed, objects, model, slots, how }, { origin, ...scene }) =>
  model === scene.model &&
  slots === scene.slots &&
  how === scene.how &&
  kind === origin.kind &&
  data === origin.data &&
  index === origin.index &&
  seed === origin.seed &&
  objects === origin.objects;

/**
 * Applies the edits of a link to a scene.
 * @param {Document} original
 * @param {unknown} edits a list of Packed, if the link is valid
 * @returns {Document}
 * @throws {Error} if they do not fit the scene
 */
export function restore(original, edits) {
  if (!Array.isArray(edits) || edits.length < 1 || edits.length > 64) throw new Error("damaged edits");
  const length = original.slots[0].latent.length;
  const slots = edits.map(({ s, c, m, d, z, h }) => {
    const color = Math.abs(Math.trunc(Number(c))) || 0;
    const base = s === undefined ? slotWithoutStep(decode(m, length), decode(d, length), color) : original.slots[s];
    if (!base) throw new Error("no such slot");
    if (z === undefined && !h) return base;
    return { ...base, latent: z === undefined ? base.latent : decode(z, length), hidden: Boolean(h) };
  });
  return { ...original, slots };
}

/** @param {Float32Array} mean @param {Float32Array} std @param {number} color @returns {Slot} */
const slotWithoutStep = (mean, std, color) => ({
  step: null,
  color,
  latent: mean,
  mean,
  std,
  hidden: false,
  kl: Array.from(mean, (m, d) => 0.5 * (m * m + std[d] * std[d] - 1) - Math.log(std[d])),
});
