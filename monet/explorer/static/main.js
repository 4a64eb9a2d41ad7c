// The page: one store, one frame loop, and panels that Gradio mounts one by one.

import { bindKeys } from "./keys.js";
import { FrameLoop } from "./frames.js";
import { Store } from "./store.js";

export const store = new Store();
export const frames = new FrameLoop(store);

/** Panels by name; each module exports `mount(element, {store, frames, request})`. */
const PANELS = {
  gallery: () => import("./panels/gallery.js"),
  scene: () => import("./panels/scene.js"),
  attention: () => import("./panels/attention.js"),
  slots: () => import("./panels/slots.js"),
  latents: () => import("./panels/latents.js"),
  traversals: () => import("./panels/traversals.js"),
  charts: () => import("./panels/charts.js"),
};

let send = () => {};

/** Called by the hidden component that carries scenes from the server: its setter and its first value. */
export function connect(value) {
  if (!value) return;
  store.load(JSON.parse(value));
  document.documentElement.dataset.monet = "ready";
}

/** The gallery's component is also the way to the server: a request is an event of it. */
export function connectRequests(callback) {
  send = callback;
}

/** @param {object} request as monet.explorer.layout.open_scene reads it */
export const request = (request) => send(JSON.stringify({ ...request, nonce: Date.now() }));

/** @param {string} name @param {HTMLElement} element */
export async function mount(name, element) {
  const panel = await PANELS[name]();
  element.replaceChildren();
  panel.mount(element, { store, frames, request, data: JSON.parse(element.dataset.panel || "null") });
  frames.redraw();
}

bindKeys(store);
// For tests and the benchmark: what the page holds, and how long from an input event to painted pixels.
window.monetExplorer = { store, frames };
