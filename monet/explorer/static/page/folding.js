// Folds panels to their heading and the column of scenes to a strip; the browser remembers the choice.

import { h } from "./dom.js";
import { lessMotion } from "./motion.js";

const KEY = "monet-explorer-folded";

const read = () => {
  try {
    return new Set(JSON.parse(localStorage.getItem(KEY) ?? "[]"));
  } catch {
    return new Set(); // no storage, or invalid content: everything as by default
  }
};

/** @param {string} name @param {boolean} changed whether it differs from the default */
function remember(name, changed) {
  const all = read();
  if (changed) all.add(name);
  else all.delete(name);
  try {
    localStorage.setItem(KEY, JSON.stringify([...all]));
  } catch {
    /* no storage: the next visit begins with the default */
  }
}

/**
 * Creates a button that folds and unfolds an element.
 * @param {string} name key in the storage
 * @param {Element} element
 * @param {string} className of the element while it is folded
 * @param {string} label of the element, for the tooltip
 * @param {boolean} foldedFirst whether it is folded by default
 */
function toggle(name, element, className, label, foldedFirst = false) {
  const control = h("button", {
    type: "button",
    class: "mx-fold-toggle",
    onclick: () => fold(!element.classList.contains(className)),
  });
  /** @param {boolean} folded */
  const show = (folded) => {
    element.classList.toggle(className, folded);
    control.setAttribute("aria-expanded", String(!folded));
    control.ariaLabel = control.title = `${folded ? "Show" : "Fold away"} ${label}`;
  };
  /** @param {boolean} folded */
  const fold = (folded) => {
    show(folded);
    remember(name, folded !== foldedFirst);
    dispatchEvent(new Event("resize")); // charts adapt to their new width
  };
  show(read().has(name) !== foldedFirst);
  return control;
}

/**
 * Makes a mounted panel foldable.
 * @param {string} name
 * @param {HTMLElement} panel
 * @param {{folded?: boolean}} [options] whether it is folded by default
 */
export function foldable(name, panel, { folded = false } = {}) {
  const head = panel.querySelector(".mx-head");
  const title = head?.querySelector("h2, h3");
  if (head && title) head.prepend(toggle(name, panel, "mx-folded", `“${title.textContent}”`, folded));
}

/** Unfolds a panel and scrolls to it. @param {string} name */
export function unfold(name) {
  const panel = document.querySelector(`#mx-${name}`);
  /** @type {HTMLButtonElement | null | undefined} */
  const unfoldButton = panel?.querySelector(".mx-head > .mx-fold-toggle[aria-expanded=false]");
  unfoldButton?.click();
  panel?.scrollIntoView({ block: "start", behavior: lessMotion() ? "auto" : "smooth" });
}

/** Makes the column of models, scenes and pictures foldable. */
export function foldableIntake() {
  const page = document.querySelector("#mx-page");
  const title = page?.querySelector("#mx-title h1")?.parentElement;
  if (page && title) title.append(toggle("intake", page, "mx-narrow", "models and scenes"));
}
