// The page: one store, one frame loop, and panels that Gradio mounts one by one.

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
 * What a panel works with.
 * @typedef {object} Context
 * @property {Store} store
 * @property {FrameLoop} frames
 * @property {Engine} engine
 * @property {Opening} opening
 * @property {typeof request} request opens a scene
 * @property {any} data what the server says to this panel, from its element's `data-panel`
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

/** Those below the stage. */
const FOLDABLE = ["compose", "attention", "moments", "slots", "pad", "traversals", "charts", "map", "train", "export"];

/** @type {Opening | null} what opens scenes, once Gradio has mounted the way to its inputs */
let begun = null;
/** @type {PromiseWithResolvers<Opening>} */
const started = Promise.withResolvers();

/**
 * Begins: what was on screen when the server went away, or what the address asks for, or the first scene.
 * @param {import("./scene/opening.js").Offer} offer
 * @param {(value: string) => void} show tells Gradio's inputs what to show, as JSON
 */
export async function start(offer, show) {
  const opening = new Opening(store, engine, offer, show);
  begun = opening;
  started.resolve(opening);
  const link = (!isSite && (await takeKept().catch(() => null))) || fromHash(location.hash);
  if (link && !offer.models[link.request.model] && !isSite) opening.offerMore(await trained());
  if (link) await opening.openLink(link);
  while (!store.loaded) {
    await opening.open(opening.first());
    if (store.loaded || isSite) break; // a browser that cannot take it apart will not be able to later
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
  addEventListener("hashchange", () => {
    const link = fromHash(location.hash); // one that is no link of ours changes nothing
    if (link) opening.openLink(link);
  });
  if (!isSite) watchServer(store);
  document.documentElement.dataset.monet = "ready";
  skipLinks();
  foldableIntake();
  watchToasts();
  tour();
}

/** Models that were made of runs. */
const trained = async () => (await (await import("./training/client.js")).found().catch(() => null))?.models ?? {};

/** A choice in one of Gradio's inputs. @param {Partial<import("./engine/engine.js").Choices>} change */
export const choose = (change) => begun?.choose(change);

/** A file that Gradio has taken in. @param {{url: string} | null} file */
export const openFile = (file) => file && begun?.openFile(file.url);

/** Opens a scene of the gallery or the map. @param {import("./engine/engine.js").Origin} origin */
export const request = (origin) => begun?.open({ source: { origin } });

/** @param {string} name @param {HTMLElement} element */
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
// What goes beyond the panels: Gradio would keep such rules of explorer.css from the rest of its page.
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
      ]), // plain files have neither panel
]) {
  document.head.append(h("link", { rel: "stylesheet", media, href: new URL(file, import.meta.url).href }));
}
// For tests and the benchmark: what the page holds, and how long from an input event to painted pixels.
Object.assign(window, { monetExplorer: { store, frames } });
addEventListener("click", (event) => targetIn(event, "#mx-tour") && tour(true));
