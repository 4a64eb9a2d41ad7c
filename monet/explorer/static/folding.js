// Panels that can be folded to their heading, and the column of choices to a strip; the browser remembers which.

import { h } from "./dom.js";

const KEY = "monet-explorer-folded";

const read = () => {
  try {
    return new Set(JSON.parse(localStorage.getItem(KEY) ?? "[]"));
  } catch {
    return new Set(); // no storage, or not ours: everything is open
  }
};

/** @param {string} name @param {boolean} folded */
function remember(name, folded) {
  const all = read();
  if (folded) all.add(name);
  else all.delete(name);
  try {
    localStorage.setItem(KEY, JSON.stringify([...all]));
  } catch { /* then it is open again at the next visit */ }
}

/**
 * A button that folds something away, and unfolds it.
 * @param {string} name that is remembered
 * @param {Element} element
 * @param {string} className that it has while it is folded
 * @param {string} label of what is folded
 */
function toggle(name, element, className, label) {
  const control = h("button", { type: "button", class: "mx-fold-toggle", onclick: () => fold(!element.classList.contains(className)) });
  /** @param {boolean} folded */
  const show = (folded) => {
    element.classList.toggle(className, folded);
    control.setAttribute("aria-expanded", String(!folded));
    control.ariaLabel = control.title = `${folded ? "Show" : "Fold away"} ${label}`;
  };
  /** @param {boolean} folded */
  const fold = (folded) => {
    show(folded);
    remember(name, folded);
    dispatchEvent(new Event("resize")); // charts take the room that they have now
  };
  show(read().has(name));
  return control;
}

/** @param {string} name of a panel @param {HTMLElement} panel once it is mounted */
export function foldable(name, panel) {
  const head = panel.querySelector(".mx-head");
  const title = head?.querySelector("h2, h3");
  if (head && title) head.prepend(toggle(name, panel, "mx-folded", `“${title.textContent}”`));
}

/** The column of models, scenes and pictures. */
export function foldableIntake() {
  const page = document.querySelector("#mx-page");
  const title = page?.querySelector("#mx-title h1")?.parentElement;
  if (page && title) title.append(toggle("intake", page, "mx-narrow", "models and scenes"));
}
