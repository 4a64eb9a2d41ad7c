// Panels that can be folded to their heading, and the column of choices to a strip; the browser remembers which are not
// as they are at a first visit.

import { h } from "./dom.js";
import { lessMotion } from "./motion.js";

const KEY = "monet-explorer-folded";

const read = () => {
  try {
    return new Set(JSON.parse(localStorage.getItem(KEY) ?? "[]"));
  } catch {
    return new Set(); // no storage, or not ours: everything is as at a first visit
  }
};

/** @param {string} name @param {boolean} other whether it is not as at a first visit */
function remember(name, other) {
  const all = read();
  if (other) all.add(name);
  else all.delete(name);
  try {
    localStorage.setItem(KEY, JSON.stringify([...all]));
  } catch {
    /* then it is as it was, at the next visit */
  }
}

/**
 * A button that folds something away, and unfolds it.
 * @param {string} name that is remembered
 * @param {Element} element
 * @param {string} className that it has while it is folded
 * @param {string} label of what is folded
 * @param {boolean} folds whether it is folded at a first visit
 */
function toggle(name, element, className, label, folds = false) {
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
    remember(name, folded !== folds);
    dispatchEvent(new Event("resize")); // charts take the room that they have now
  };
  show(read().has(name) !== folds);
  return control;
}

/**
 * @param {string} name of a panel
 * @param {HTMLElement} panel once it is mounted
 * @param {{folded?: boolean}} [options] whether it is folded at a first visit
 */
export function foldable(name, panel, { folded = false } = {}) {
  const head = panel.querySelector(".mx-head");
  const title = head?.querySelector("h2, h3");
  if (head && title) head.prepend(toggle(name, panel, "mx-folded", `“${title.textContent}”`, folded));
}

/** Shows a panel, unfolded. @param {string} name */
export function unfold(name) {
  const panel = document.querySelector(`#mx-${name}`);
  /** @type {HTMLButtonElement | null | undefined} */
  const shut = panel?.querySelector(".mx-head > .mx-fold-toggle[aria-expanded=false]");
  shut?.click();
  panel?.scrollIntoView({ block: "start", behavior: lessMotion() ? "auto" : "smooth" });
}

/** The column of models, scenes and pictures. */
export function foldableIntake() {
  const page = document.querySelector("#mx-page");
  const title = page?.querySelector("#mx-title h1")?.parentElement;
  if (page && title) title.append(toggle("intake", page, "mx-narrow", "models and scenes"));
}
