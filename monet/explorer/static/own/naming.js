// What runs and data sets may be called: the server has the same rule.

/** @param {string} name @throws {Error} with a sentence for people */
export function checkName(name) {
  if (!name) throw new Error("Give it a name.");
  if (!/^[A-Za-z0-9_][A-Za-z0-9_-]{0,47}$/.test(name))
    throw new Error("A name has 1 to 48 letters, digits, hyphens and underscores, and begins with no hyphen.");
}

/** The name that is nearest to any text. @param {string} text */
export const nameFrom = (text) =>
  text
    .replace(/[^A-Za-z0-9_-]+/g, "_")
    .replace(/^-+/, "")
    .slice(0, 40) || "mine";
