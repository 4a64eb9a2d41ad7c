// What can be said of a slot by itself.

/** @param {Float32Array} a @param {Float32Array} b */
export const same = (a, b) => a === b || a.every((v, i) => v === b[i]);

/** Whether its latents are others than the posterior's means, or it is no step of the attention at all. @param {import("./store.js").Slot} slot */
export const isEdited = (slot) => slot.step === null || !same(slot.latent, slot.mean);
