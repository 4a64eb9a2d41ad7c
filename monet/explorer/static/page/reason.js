// What was caught, as a sentence: JavaScript can throw anything, this page throws errors.

/** @param {unknown} thrown */
export const reasonOf = (thrown) => (thrown instanceof Error ? thrown.message : String(thrown));
