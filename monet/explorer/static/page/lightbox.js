// Shows any picture large, for a lecture hall. It stays live, and its label can be read from the last row.

import { button, context2d, h } from "./dom.js";
import { sizeOf } from "../drawing/draw.js";

/** @typedef {HTMLCanvasElement | HTMLImageElement} Picture */

/** The accessible name of a picture. @param {Picture} picture */
const accessibleName = (picture) => picture.ariaLabel || (picture instanceof HTMLImageElement ? picture.alt : "");

/** The caption of a picture, or else its accessible name. @param {Picture} picture */
const caption = (picture) =>
  picture.closest("figure")?.querySelector("figcaption")?.textContent || accessibleName(picture);

/** @type {Picture | null} */
let shown = null;
/** @type {Picture[]} */
let group = [];
const screen = h("canvas", { class: "mx-large-picture", role: "img" });
const heading = h("h2", { "aria-live": "polite" });
const description = h("p");
const position = h("p", { class: "mx-large-place" });
/** @type {HTMLDialogElement} */
const box = h(
  "dialog",
  {
    class: "mx-lightbox",
    "aria-label": "Large picture",
    onclick: (event) => event.target === box && box.close(),
    onclose: () => (shown = null),
  },
  screen,
  h(
    "div",
    { class: "mx-large-text" },
    heading,
    description,
    position,
    h(
      "div",
      { class: "mx-row" },
      button("◀", () => step(-1), { "aria-label": "Previous picture", title: "Previous picture (left arrow)" }),
      button("▶", () => step(1), { "aria-label": "Next picture", title: "Next picture (right arrow)" }),
      button("Close", () => box.close(), { title: "Close (Escape)", autofocus: true }),
    ),
  ),
);
box.addEventListener("keydown", (event) => {
  const by = new Map([
    ["ArrowLeft", -1],
    ["ArrowRight", 1],
  ]).get(event.key);
  if (!by) return;
  event.preventDefault();
  step(by);
});

/** @param {number} by */
function step(by) {
  const all = group.filter((picture) => picture.isConnected);
  const at = shown ? all.indexOf(shown) : -1;
  if (all.length) show(all[(at + by + all.length) % all.length]);
}

/** @param {Picture} picture */
function show(picture) {
  shown = picture;
  const [title, name] = [caption(picture), accessibleName(picture)];
  heading.textContent = title;
  description.textContent = name === title ? "" : name;
  screen.ariaLabel = title;
  position.textContent = group.length > 1 ? `${group.indexOf(picture) + 1} of ${group.length}` : "";
}

/** Copies the picture from its panel in every animation frame, until the dialog closes. */
function copy() {
  if (!shown) return;
  const [width, height] = sizeOf(shown);
  if (screen.width !== width || screen.height !== height) [screen.width, screen.height] = [width, height];
  if (width && height) context2d(screen).drawImage(shown, 0, 0);
  const title = caption(shown);
  if (heading.textContent !== title) show(shown);
  requestAnimationFrame(copy);
}

/** Opens a picture large; the arrow keys lead to the other pictures of its panel. @param {Picture} picture */
export function enlarge(picture) {
  if (!box.isConnected) (document.querySelector(".gradio-container .contain") ?? document.body).append(box);
  const panel = picture.closest(".mx-panel");
  /** @type {NodeListOf<Picture>} */
  const pictures = (panel ?? document).querySelectorAll(".mx-canvas");
  group = [...pictures].filter((other) => other.checkVisibility());
  show(picture);
  copy();
  box.showModal();
}

/** Tooltip by what a click on the picture does: enlarge it, point at a pixel, hold an object, or select a slot. */
const HINTS = {
  open: "Click or Enter: enlarge",
  point: "Double-click or Enter: enlarge",
  hold: "",
  select: "Click: select the slot. Second click or Enter: enlarge",
};

/**
 * Makes a picture open large with Enter, and with a click or a double click; Space acts as a click.
 * @template {Picture} P
 * @param {P} picture
 * @param {{click?: keyof typeof HINTS}} [options] for "select" and "hold" the caller handles clicks
 */
export function zoomable(picture, { click = "open" } = {}) {
  /** @type {HTMLElement} */
  const element = picture;
  element.tabIndex = -1;
  element.classList.add("mx-zoomable");
  element.title = HINTS[click];
  if (click === "open" || click === "point")
    element.addEventListener(click === "open" ? "click" : "dblclick", () => enlarge(picture));
  element.addEventListener("keydown", (event) => {
    if (event.target !== picture || !["Enter", " "].includes(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.key === "Enter") enlarge(picture);
    else element.click();
  });
  return picture;
}
