// A short tour on the first visit: where to look, in what order. Can be left at any point and taken again.

import { button, h } from "./dom.js";

const SEEN = "monet-explorer-tour";
const STOPS = [
  ["scene", "A scene, taken apart", "On the left the picture that the model is fed; beside it what it makes of it, which slot owns which pixel, and where it is wrong. Point at a pixel, or click it."],
  ["attention", "Step by step", "The attention hands out the scene: each step takes a share of what is still unexplained. Press Play."],
  ["slots", "Slots", "Every step fills a slot: its component and its mask are painted from 16 numbers only. Choose a slot."],
  ["latents", "Take hold", "These are the 16 numbers. Drag one: the object changes while you drag. Nothing breaks; reset brings it back, and so does undo."],
  ["gallery", "Your turn", "Other scenes, new random ones, your own picture. What you find leaves as a figure, a file or a link at the foot of the page."],
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
  const box = h("div", { class: "mx-panel mx-tour", role: "dialog", "aria-label": "Guided tour" },
    title, text, h("div", { class: "mx-row" }, count, h("span", { class: "mx-spring" }), button("Skip", end), next));
  box.addEventListener("keydown", (event) => event.key === "Escape" && end());

  function end() {
    mark(null);
    box.remove();
    try {
      localStorage.setItem(SEEN, "seen");
    } catch { /* then it comes again */ }
  }
  function mark(panel) {
    document.querySelectorAll(".mx-toured").forEach((e) => e.classList.remove("mx-toured"));
    panel?.classList.add("mx-toured");
  }
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
