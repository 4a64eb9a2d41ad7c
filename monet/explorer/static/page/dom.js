// Building elements without templates: text from outside is only ever text.

/**
 * What an element may be given: its properties, listeners, and attributes.
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
 * Says something else, if it is something else: to say the same again makes the browser lay out the page again.
 * @param {Element} element @param {string} text
 */
export const say = (element, text) => element.textContent !== text && (element.textContent = text);

/** A number as an index: 12 is ₁₂. @param {number} n */
export const subscript = (n) => String(n).replace(/\d/g, (digit) => "₀₁₂₃₄₅₆₇₈₉"[Number(digit)]);

/** A value with two decimals; what rounds to zero has no sign. @param {number} value */
export const decimals = (value) => value.toFixed(2).replace(/^-(0\.00)$/, "$1");

/**
 * A button with its label, and its tooltip if that says more.
 * @param {string | Node} label
 * @param {Listener<"button", "click"> | null} onclick
 * @param {Properties<"button">} [properties]
 */
export const button = (label, onclick, properties = {}) =>
  h("button", { type: "button", class: "mx-button", onclick, ...properties }, label);

/**
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
 * What is known to be there.
 * @template {Element} [E=HTMLElement]
 * @param {ParentNode} root @param {string} selector
 * @returns {E}
 * @throws {Error} if it is not
 */
export function find(root, selector) {
  /** @type {E | null} */
  const found = root.querySelector(selector);
  if (!found) throw new Error(`there is no ${selector}`);
  return found;
}

/**
 * The element that an event happened in; null if none matches, or if it happened to the window.
 * @template {Element} [E=HTMLElement]
 * @param {Event} event @param {string} selector
 * @returns {E | null}
 */
export const targetIn = ({ target }, selector) => (target instanceof Element ? target.closest(selector) : null);

/** What draws on a canvas. @param {HTMLCanvasElement} canvas that draws in two dimensions only, so that it is never null */
export const context2d = (canvas) => /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
