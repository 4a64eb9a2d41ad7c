// The page: one store, one frame loop, and panels that Gradio mounts one by one.

import { watchToasts } from "./announce.js";
import { takeKept, watchServer } from "./connection.js";
import { h } from "./dom.js";
import { guardSliders } from "./fingers.js";
import { bindKeys } from "./keys.js";
import { FrameLoop } from "./frames.js";
import { fromHash, isOf, restore } from "./permalink.js";
import { floatingPreview } from "./preview.js";
import { skipLinks } from "./skip.js";
import { Store } from "./store.js";
import { tour } from "./tour.js";

export const store = new Store();
export const frames = new FrameLoop(store);

/** Panels by name; each module exports `mount(element, {store, frames, request, requestBy, data})`. */
const PANELS = {
  gallery: () => import("./panels/gallery.js"),
  scene: () => import("./panels/scene.js"),
  attention: () => import("./panels/attention.js"),
  slots: () => import("./panels/slots.js"),
  latents: () => import("./panels/latents.js"),
  traversals: () => import("./panels/traversals.js"),
  charts: () => import("./panels/charts.js"),
  map: () => import("./panels/map.js"),
  pad: () => import("./panels/pad.js"),
  take: () => import("./panels/take.js"),
};

/** Ways to the server by name, as the hidden components that are events there connect them. */
const ways = { scene: later(), link: later() };
let awaited = null; // the link that was opened, until its scene is here

/** Called with every scene that the server sends. @param {string} value JSON, "" before the first */
export function receive(value) {
  if (!value) return;
  const payload = JSON.parse(value);
  store.load(payload);
  if (awaited && isOf(awaited.request, payload)) {
    const { edits } = awaited;
    awaited = null;
    try {
      if (edits) store.edit(() => restore(store.original, edits));
    } catch (error) {
      console.warn("the link's edits do not fit its scene:", error.message);
    }
  } else if (document.documentElement.dataset.monet === "ready" && !awaited && location.hash) {
    history.replaceState(null, "", location.pathname + location.search); // it named a scene that is gone
  }
  if (document.documentElement.dataset.monet !== "ready") {
    document.documentElement.dataset.monet = "ready";
    skipLinks();
    watchToasts();
    openKept();
    tour();
  }
}

/** @param {string} name @param {(value: string) => void} send */
export function connect(name, send) {
  ways[name].resolve(send);
}

/** Gradio mounts its components in an order of its own: whoever asks early waits for the way. */
async function ask(way, request) {
  const send = await ways[way].promise;
  send(JSON.stringify({ ...request, nonce: Date.now() }));
}

/** A promise to be kept by somebody else. */
function later() {
  const kept = {};
  kept.promise = new Promise((resolve) => (kept.resolve = resolve));
  return kept;
}

/** @param {object} request a scene, as monet.explorer.layout.find_scene reads it */
export const request = (request) => ask("scene", request);

/** @param {object} request a scene with the `model`, `slots` and `how` that take it apart */
const requestBy = (request) => ask("link", request);

function open(link) {
  awaited = link;
  requestBy(link.request);
}

/** Opens what the address asks for; a hash that is no link of ours changes nothing. */
function openLink() {
  const link = fromHash(location.hash);
  if (link) open(link);
}
addEventListener("hashchange", openLink);

/** Opens what was on screen when the server went away, or else what the address asks for. */
async function openKept() {
  const kept = await takeKept().catch(() => null);
  if (kept) open(kept);
  else openLink();
  watchServer(store);
}

/** @param {string} name @param {HTMLElement} element */
export async function mount(name, element) {
  const panel = await PANELS[name]();
  element.replaceChildren();
  panel.mount(element, { store, frames, request, requestBy, data: JSON.parse(element.dataset.panel || "null") });
  frames.redraw();
}

bindKeys(store);
guardSliders();
floatingPreview();
// What goes beyond the panels: Gradio would keep such rules of explorer.css from the rest of its page.
for (const [file, media] of [["story.css", "all"], ["print.css", "print"], ["still.css", "(prefers-reduced-motion: reduce)"]]) {
  document.head.append(h("link", { rel: "stylesheet", media, href: new URL(file, import.meta.url).href }));
}
// For tests and the benchmark: what the page holds, and how long from an input event to painted pixels.
window.monetExplorer = { store, frames };
addEventListener("click", (event) => event.target.closest?.("#mx-tour") && tour(true));
