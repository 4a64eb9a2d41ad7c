// Builds formulas as MathML elements.

/** Creates a MathML element. @param {string} tag @param {Record<string, string>} attributes @param {...(Node | string)} children */
export function m(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/1998/Math/MathML", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Converts a value to an element: a single letter to a variable, other strings to operators. @param {Node | string | number} x */
const atom = (x) => {
  if (typeof x === "number") return m("mn", {}, String(x));
  if (typeof x !== "string") return x;
  return /^\p{L}$/u.test(x) ? m("mi", {}, x) : m("mo", {}, x);
};

/** Puts parts side by side. @param {...(Node | string | number)} parts */
export const row = (...parts) => m("mrow", {}, ...parts.map(atom));

/** @param {Node | string} base @param {Node | string | number} index */
export const sub = (base, index) => m("msub", {}, atom(base), atom(index));

/** @param {Node | string} base @param {Node | string | number} index @param {number} power */
export const subsup = (base, index, power) => m("msubsup", {}, atom(base), atom(index), atom(power));

/** A symbol with a hat: an estimate. @param {string} base */
export const hat = (base) =>
  m("mover", { accent: "true" }, atom(base), m("mo", { stretchy: "false", class: "mx-hat" }, "ˆ"));

/** Invisible element as high and deep as any cell, so that the rows of neighbouring tables align. */
const strut = () => m("mspace", { width: "0", height: "1.05em", depth: "0.4em" });

/** A table of cells: a row of symbols, and below it their values. @param {Node[][]} rows */
export const table = (rows) =>
  m("mtable", {}, ...rows.map((cells) => m("mtr", {}, ...cells.map((cell) => m("mtd", {}, strut(), cell)))));

/** An inline formula. @param {...(Node | string | number)} parts */
export const inline = (...parts) => m("math", {}, row(...parts));
