// Creates and finds DOM elements. Text is inserted as text and never parsed as HTML.

/**
 * Properties, listeners and attributes that `h` accepts for an element.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @typedef {Partial<Omit<HTMLElementTagNameMap[Tag], "style" | `on${string}`>>
 *   & {[Name in keyof HTMLElementEventMap as `on${Name}`]?: Listener<Tag, Name> | null}
 *   & {class?: string, for?: string, role?: string, style?: string}
 *   & {[attribute: `${string}-${string}`]: string | number | boolean}} Properties
 */
/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @template {keyof HTMLElementEventMap} Name
 * @typedef {(event: HTMLElementEventMap[Name] & {currentTarget: HTMLElementTagNameMap[Tag]}) => void} Listener
 */

/**
 * Creates an HTML element.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Properties<Tag>} [properties] properties of the element; `class`, `for`, `role`, `aria-*` and `data-*` are
 *   attributes, `on*` are listeners
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(/** @type {Record<string, any>} */ (properties ?? {}))) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class" || name === "for" || name === "role" || name.includes("-"))
      element.setAttribute(name, value);
    else Object.assign(element, { [name]: value });
  }
  element.append(...children);
  return element;
}

/**
 * Sets the text of an element if it differs: setting an equal text would make the browser lay out the page again.
 * @param {Element} element @param {string} text
 */
export const setText = (element, text) => element.textContent !== text && (element.textContent = text);

/** Formats an integer as a subscript: 12 is ₁₂. @param {number} n */
export const subscript = (n) => String(n).replace(/\d/g, (digit) => "₀₁₂₃₄₅₆₇₈₉"[Number(digit)]);

/** Formats a value with two decimals, and zero without a sign. @param {number} value */
export const decimals = (value) => value.toFixed(2).replace(/^-(0\.00)$/, "$1");

/**
 * Creates a button.
 * @param {string | Node} label
 * @param {Listener<"button", "click"> | null} onclick
 * @param {Properties<"button">} [properties]
 */
export const button = (label, onclick, properties = {}) =>
  h("button", { type: "button", class: "mx-button", onclick, ...properties }, label);

/**
 * Creates an SVG element.
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | number>} [attributes]
 * @param {...(Node | string)} children
 * @returns {SVGElementTagNameMap[Tag]}
 */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/**
 * Finds an element that must exist.
 * @template {Element} [E=HTMLElement]
 * @param {ParentNode} root @param {string} selector
 * @returns {E}
 * @throws {Error} if nothing matches
 */
export function find(root, selector) {
  /** @type {E | null} */
  const found = root.querySelector(selector);
  if (!found) throw new Error(`there is no ${selector}`);
  return found;
}

/**
 * The event's target or its closest ancestor that matches; null if none does, or if the target is the window.
 * @template {Element} [E=HTMLElement]
 * @param {Event} event @param {string} selector
 * @returns {E | null}
 */
export const targetIn = ({ target }, selector) => (target instanceof Element ? target.closest(selector) : null);

/** The 2D context of a canvas. @param {HTMLCanvasElement} canvas without another context, so the result is never null */
export const context2d = (canvas) => /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
