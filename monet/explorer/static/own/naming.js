// Names of runs and data sets: the server's rule, and a valid name for any text.

/** @param {string} name @throws {Error} with a sentence for people */
export function checkName(name) {
  if (!name) throw new Error("Give it a name.");
  if (!/^[A-Za-z0-9_][A-Za-z0-9_-]{0,47}$/.test(name))
    throw new Error("A name has 1 to 48 letters, digits, hyphens and underscores, and begins with no hyphen.");
}

/** A valid name similar to a text. @param {string} text */
export const nameFrom = (text) =>
  text
    .replace(/[^A-Za-z0-9_-]+/g, "_")
    .replace(/^-+/, "")
    .slice(0, 40) || "mine";
