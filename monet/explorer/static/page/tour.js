// Guided tour of the page on the first visit: five stops. It can be skipped, and taken again.

import { button, h } from "./dom.js";

const SEEN = "monet-explorer-tour";
const STOPS = [
  [
    "scene",
    "Move an object",
    "The large picture is the model’s reconstruction of the small picture beside it. Point at an object to highlight its slot. Drag the object to move it. Double-click it to put it back.",
  ],
  [
    "latents",
    "The numbers behind it",
    "The model describes each object with 16 numbers, its latents. When you moved the object, these numbers changed. Drag one slider to see what this latent does. You cannot break anything: Undo takes back every change.",
  ],
  [
    "attention",
    "How the model finds objects",
    "The attention takes the scene apart step by step. Each step takes a share of what is still unexplained. Press Play to watch it.",
  ],
  [
    "slots",
    "Slots",
    "Each step fills one slot. From the slot’s 16 numbers alone, the decoder paints its component and its mask. You can hide, copy or swap slots.",
  ],
  [
    "gallery",
    "Your turn",
    "Open another scene, a new random one, or your own picture. At the bottom of the page you can export what you see as a figure, a file or a link.",
  ],
];

const wasSeen = () => {
  try {
    return localStorage.getItem(SEEN) !== null;
  } catch {
    return true; // no storage: no tour is better than one at every visit
  }
};

/** Starts the tour. @param {boolean} again even if the visitor has seen it */
export function tour(again = false) {
  if (!again && (wasSeen() || navigator.webdriver)) return;
  let stop = -1;
  const title = h("strong");
  const text = h("p");
  const count = h("span", { class: "mx-muted" });
  const next = button("Next", () => go(stop + 1));
  const box = h(
    "div",
    { class: "mx-panel mx-tour", role: "dialog", "aria-label": "Guided tour" },
    title,
    text,
    h("div", { class: "mx-row" }, count, h("span", { class: "mx-spring" }), button("Skip", end), next),
  );
  box.addEventListener("keydown", (event) => event.key === "Escape" && end());

  function end() {
    mark(null);
    box.remove();
    try {
      localStorage.setItem(SEEN, "seen");
    } catch {
      /* storage is full: the tour starts again at the next visit */
    }
  }
  /** @param {Element | null} panel */
  function mark(panel) {
    document.querySelectorAll(".mx-toured").forEach((e) => e.classList.remove("mx-toured"));
    panel?.classList.add("mx-toured");
  }
  /** @param {number} to */
  function go(to) {
    if (to >= STOPS.length) return end();
    stop = to;
    const [name, heading, words] = STOPS[stop];
    const panel = document.querySelector(`#mx-${name} .mx-panel`);
    mark(panel);
    panel?.scrollIntoView({ block: "nearest" });
    title.textContent = heading;
    text.textContent = words;
    count.textContent = `${stop + 1} of ${STOPS.length}`;
    next.textContent = stop === STOPS.length - 1 ? "Start" : "Next";
    next.focus();
  }
  document.body.append(box);
  go(0);
}
