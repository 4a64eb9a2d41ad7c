// Compares a slot's latents with its posterior mean.

/** @param {Float32Array} a @param {Float32Array} b */
export const same = (a, b) => a === b || a.every((v, i) => v === b[i]);

/** Whether a slot's latents differ from its posterior mean, or it comes from no step of the attention. @param {import("./store.js").Slot} slot */
export const isEdited = (slot) => slot.step === null || !same(slot.latent, slot.mean);
