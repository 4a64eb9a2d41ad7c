// A short tour on the first visit: where to look, in what order. Can be left at any point and taken again.

import { button, h } from "./dom.js";

const SEEN = "monet-explorer-tour";
const STOPS = [
  [
    "scene",
    "Take hold of an object",
    "The large picture is what the model makes of the small one beside it. Point at an object: its slot lights up. Press and drag: the object follows your hand. A double click puts it back.",
  ],
  [
    "latents",
    "What moved it",
    "An object is 16 numbers. These are the ones that your hand changed; drag one by itself to see what it does. Nothing breaks: undo brings everything back.",
  ],
  [
    "attention",
    "How the scene was taken apart",
    "The attention hands out the scene step by step: each step takes a share of what is still unexplained. Press Play.",
  ],
  [
    "slots",
    "Slots",
    "Every step fills a slot. The decoder paints its component and its mask from its 16 numbers alone. Hide a slot, copy it, swap two.",
  ],
  [
    "gallery",
    "Your turn",
    "Open another scene, a new random one or your own picture. What you find leaves as a figure, a file or a link at the foot of the page.",
  ],
];

const remembered = () => {
  try {
    return localStorage.getItem(SEEN) !== null;
  } catch {
    return true; // no storage: better no tour than one at every visit
  }
};

/** @param {boolean} again also if it was seen before */
export function tour(again = false) {
  if (!again && (remembered() || navigator.webdriver)) return;
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
      /* then it comes again */
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
