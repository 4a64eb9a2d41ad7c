// Converts a caught value to a message.

/** JavaScript can throw any value; this page throws errors. @param {unknown} thrown */
export const reasonOf = (thrown) => (thrown instanceof Error ? thrown.message : String(thrown));
