// Actions on slots: pure functions that return a change, from document to document.

/** @typedef {import("./store.js").Slot} Slot */
/** @typedef {import("./store.js").Document} Document */
/** @typedef {(document: Document) => Document} Change */

/** Changes properties of slot k. @param {number} k @param {(slot: Slot) => Partial<Slot>} change @returns {Change} */
export const changeSlot = (k, change) => (document) => ({
  ...document,
  slots: document.slots.map((slot, j) => (j === k ? { ...slot, ...change(slot) } : slot)),
});

/** @param {number} k @param {number} dimension @param {number} value @returns {Change} */
export const setLatent = (k, dimension, value) =>
  changeSlot(k, (slot) => ({ latent: slot.latent.map((v, d) => (d === dimension ? value : v)) }));

/** Sets several latents of slot k. @param {number} k @param {[number, number][]} values dimension and value @returns {Change} */
export const setLatents = (k, values) =>
  changeSlot(k, (slot) => {
    const latent = slot.latent.slice();
    for (const [dimension, value] of values) latent[dimension] = value;
    return { latent };
  });

/** @param {number} k @returns {Change} */
export const resetSlot = (k) => changeSlot(k, (slot) => ({ latent: slot.mean }));

/** @param {number} k @param {Float32Array} latent @returns {Change} */
export const paste = (k, latent) => changeSlot(k, () => ({ latent }));

/**
 * Samples the latents of some slots, one slot after the other.
 * @param {number[]} which slots
 * @param {"posterior" | "prior"} from
 * @param {() => number} draw from N(0, 1)
 * @param {Set<number>} locks dimensions that keep their value; each still uses up one draw, so that locking a latent
 *   does not change the others
 * @returns {Change}
 */
export const sample = (which, from, draw, locks) => (document) => ({
  ...document,
  slots: document.slots.map((slot, k) => {
    if (!which.includes(k)) return slot;
    const latent = slot.mean.map((mean, d) => {
      const noise = draw();
      if (locks.has(d)) return slot.latent[d];
      return from === "prior" ? noise : mean + slot.std[d] * noise;
    });
    return { ...slot, latent };
  }),
});

/** Exchanges the latents of two slots, and nothing else. @param {number} a @param {number} b @returns {Change} */
export const swap = (a, b) => (document) => {
  const { slots } = document;
  if (a === b) return document;
  return changeSlot(a, () => ({ latent: slots[b].latent }))(
    changeSlot(b, () => ({ latent: slots[a].latent }))(document),
  );
};

/** Inserts a copy of slot k after it, with the given latents and a new colour. @param {number} k @param {Float32Array} latent @returns {Change} */
export const duplicate = (k, latent) => (document) => insert(document, k + 1, { ...document.slots[k], latent });

/** Appends a slot from another scene of the same model. @param {Slot} guest @returns {Change} */
export const carryOver = (guest) => (document) => insert(document, document.slots.length, guest);

/** @param {Document} document @param {number} at @param {Slot} slot @returns {Document} */
function insert(document, at, slot) {
  const color = Math.max(...document.slots.map((s) => s.color)) + 1;
  const added = { ...slot, step: null, color, hidden: false };
  return { ...document, slots: [...document.slots.slice(0, at), added, ...document.slots.slice(at)] };
}

/** Deletes slot k, unless it is the only one; the other slots fill its place. @param {number} k @returns {Change} */
export const remove = (k) => (document) =>
  document.slots.length === 1 ? document : { ...document, slots: document.slots.filter((_, j) => j !== k) };

/** Moves slot k one place. @param {number} k @param {number} by -1 or 1 @returns {Change} */
export const move = (k, by) => (document) => {
  const to = k + by;
  if (to < 0 || to >= document.slots.length) return document;
  const slots = document.slots.slice();
  [slots[k], slots[to]] = [slots[to], slots[k]];
  return { ...document, slots };
};

/**
 * Interpolates from a to b, on a line or on an arc, which keeps the length: (1 - t) a + t b, or with the angle w between
 * a and b (sin((1 - t) w) a + sin(t w) b) / sin w (Shoemake 1985).
 * @param {Float32Array} a @param {Float32Array} b @param {number} t in [0, 1] @param {boolean} arc
 */
export function between(a, b, t, arc = false) {
  if (t === 0) return a;
  if (t === 1) return b;
  let [p, q] = [1 - t, t];
  /** @param {Float32Array} x @param {Float32Array} y */
  const dot = (x, y) => x.reduce((sum, v, d) => sum + v * y[d], 0);
  const angle = Math.acos(Math.max(-1, Math.min(1, dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b)))));
  if (arc && Math.sin(angle) > 1e-6)
    [p, q] = [Math.sin(p * angle) / Math.sin(angle), Math.sin(q * angle) / Math.sin(angle)];
  return a.map((v, d) => p * v + q * b[d]);
}
