// Every picture large, for a lecture hall: it goes on living while it is open, and its label reads from the last row.

import { button, context2d, h } from "./dom.js";
import { sizeOf } from "../drawing/draw.js";

/** @typedef {HTMLCanvasElement | HTMLImageElement} Picture */

/** What a screen reader says of a picture. @param {Picture} picture */
const spoken = (picture) => picture.ariaLabel || (picture instanceof HTMLImageElement ? picture.alt : "");

/** What stands below a picture, or what a screen reader says of it. @param {Picture} picture */
const caption = (picture) => picture.closest("figure")?.querySelector("figcaption")?.textContent || spoken(picture);

/** @type {Picture | null} */
let shown = null;
/** @type {Picture[]} */
let group = [];
const screen = h("canvas", { class: "mx-large-picture", role: "img" });
const heading = h("h2", { "aria-live": "polite" });
const about = h("p");
const place = h("p", { class: "mx-large-place" });
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
    about,
    place,
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
  const [title, more] = [caption(picture), spoken(picture)];
  heading.textContent = title;
  about.textContent = more === title ? "" : more;
  screen.ariaLabel = title;
  place.textContent = group.length > 1 ? `${group.indexOf(picture) + 1} of ${group.length}` : "";
}

// Whatever is drawn anew in the panel is drawn anew here.
function copy() {
  if (!shown) return;
  const [width, height] = sizeOf(shown);
  if (screen.width !== width || screen.height !== height) [screen.width, screen.height] = [width, height];
  if (width && height) context2d(screen).drawImage(shown, 0, 0);
  const title = caption(shown);
  if (heading.textContent !== title) show(shown);
  requestAnimationFrame(copy);
}

/** Opens a picture, with the others of its panel beside it. @param {Picture} picture */
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

/** What opens a picture large, by what a click on it does: nothing else, point at a pixel, take hold, or select a slot first. */
const HINTS = {
  open: "Click or Enter: large",
  point: "Double click or Enter: large",
  hold: "",
  select: "Click selects the slot, again or Enter: large",
};

/**
 * A picture that arrow keys reach inside its group: Enter opens it large, Space does what a click does.
 * @template {Picture} P
 * @param {P} picture
 * @param {{click?: keyof typeof HINTS}} [options] whose click is "select" or "hold" is opened by a key, or by whoever mounts it
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
