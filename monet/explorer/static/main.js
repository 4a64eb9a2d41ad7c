// Entry point of the page: creates the store, the engine and the frame loop, and mounts the panels.

import { watchToasts } from "./page/announce.js";
import { takeKept, watchServer } from "./engine/connection.js";
import { h, targetIn } from "./page/dom.js";
import { Engine } from "./engine/engine.js";
import { guardSliders } from "./page/fingers.js";
import { foldable, foldableIntake } from "./page/folding.js";
import { FrameLoop, RETRY_MS } from "./scene/frames.js";
import { bindKeys } from "./page/keys.js";
import { Opening } from "./scene/opening.js";
import { fromHash } from "./scene/permalink.js";
import { floatingPreview } from "./page/preview.js";
import { isSite } from "./site/site.js";
import { skipLinks } from "./page/skip.js";
import { Store } from "./scene/store.js";
import { tour } from "./page/tour.js";

export const store = new Store();
const engine = new Engine();
export const frames = new FrameLoop(store, engine);

/**
 * What a panel is mounted with.
 * @typedef {object} Context
 * @property {Store} store
 * @property {FrameLoop} frames
 * @property {Engine} engine
 * @property {Opening} opening
 * @property {typeof request} request opens a scene
 * @property {any} data of the panel, JSON from its element's `data-panel`
 */
/** @typedef {{mount: (element: HTMLElement, context: Context) => void}} Panel */

/** Panels by name. @type {Record<string, () => Promise<Panel>>} */
const PANELS = {
  gallery: () => import("./panels/gallery.js"),
  scene: () => import("./panels/scene.js"),
  compose: () => import("./canvas/panel.js"),
  attention: () => import("./panels/attention.js"),
  moments: () => import("./panels/moments.js"),
  slots: () => import("./panels/slots.js"),
  latents: () => import("./panels/latents.js"),
  traversals: () => import("./panels/traversals.js"),
  charts: () => import("./panels/charts.js"),
  map: () => import("./panels/map.js"),
  pad: () => import("./panels/pad.js"),
  own: () => import("./own/panel.js"),
  train: () => import("./training/panel.js"),
  export: () => import("./panels/export.js"),
};

/** Panels below the stage. */
const FOLDABLE = ["compose", "attention", "moments", "slots", "pad", "traversals", "charts", "map", "train", "export"];

/** Opens scenes; null until `start` runs. @type {Opening | null} */
let currentOpening = null;
/** Resolved by `start`; panels wait for it. @type {PromiseWithResolvers<Opening>} */
const started = Promise.withResolvers();

/**
 * Opens the first scene: the one kept when the server restarted, else the link's in the address, else the default.
 * @param {import("./scene/opening.js").Offer} offer
 * @param {(value: string) => void} show updates Gradio's inputs, given JSON
 */
export async function start(offer, show) {
  const opening = new Opening(store, engine, offer, show);
  currentOpening = opening;
  started.resolve(opening);
  const link = (!isSite && (await takeKept().catch(() => null))) || fromHash(location.hash);
  if (link && !offer.models[link.request.model] && !isSite) opening.offerMore(await trainedModels());
  if (link) await opening.openLink(link);
  while (!store.loaded) {
    await opening.open(opening.first());
    if (store.loaded || isSite) break; // without a server a retry would fail again
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
  addEventListener("hashchange", () => {
    const link = fromHash(location.hash); // null if the hash is no scene link
    if (link) opening.openLink(link);
  });
  if (!isSite) watchServer(store);
  document.documentElement.dataset.monet = "ready";
  skipLinks();
  foldableIntake();
  watchToasts();
  tour();
}

/** Models exported from training runs. */
const trainedModels = async () =>
  (await (await import("./training/client.js")).found().catch(() => null))?.models ?? {};

/** Applies a change of one of Gradio's inputs. @param {Partial<import("./engine/engine.js").Choices>} change */
export const choose = (change) => currentOpening?.choose(change);

/** Opens a picture uploaded through Gradio. @param {{url: string} | null} file */
export const openFile = (file) => file && currentOpening?.openFile(file.url);

/** Opens a scene of the gallery or the map. @param {import("./engine/engine.js").Origin} origin */
export const request = (origin) => currentOpening?.open({ source: { origin } });

/** Mounts a panel once a scene can be opened. @param {string} name @param {HTMLElement} element */
export async function mount(name, element) {
  const [panel, opening] = await Promise.all([PANELS[name](), started.promise]);
  element.replaceChildren();
  panel.mount(element, { store, frames, engine, opening, request, data: JSON.parse(element.dataset.panel || "null") });
  if (FOLDABLE.includes(name)) foldable(name, element, { folded: name === "compose" });
  frames.redraw();
}

bindKeys(store);
guardSliders();
floatingPreview();
// Rules outside the panels need their own files: Gradio scopes the rules of explorer.css to its own elements.
for (const [file, media] of [
  ["story/story.css", "all"],
  ["canvas/canvas.css", "all"],
  ["print.css", "print"],
  ["still.css", "(prefers-reduced-motion: reduce)"],
  ...(isSite
    ? []
    : [
        ["training/training.css", "all"],
        ["own/own.css", "all"],
      ]), // the static site has neither panel
]) {
  document.head.append(h("link", { rel: "stylesheet", media, href: new URL(file, import.meta.url).href }));
}
// For tests and benchmarks.
Object.assign(window, { monetExplorer: { store, frames } });
addEventListener("click", (event) => targetIn(event, "#mx-tour") && tour(true));
