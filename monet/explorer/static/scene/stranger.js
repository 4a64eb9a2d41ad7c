// Note on pictures unlike the model's training data, with a button for the model that fits best.

import { button, h } from "../page/dom.js";
import { sourceOf } from "./permalink.js";
import { isSite } from "../site/site.js";

/** @typedef {import("./scene.js").Scene} Scene */

/** From this multiple of the usual error on, the note mentions the error. */
const FAR = 10;

/** Another model is offered if its error, relative to its usual error, is less than this share of the current model's. */
const BETTER = 0.5;

/** Squared error relative to the model's usual error on its data set; NaN if that was not measured. @param {{figures: Record<string, number | null>, usual: Record<string, number>}} scene */
const timesUsual = (scene) => Number(scene.figures.mse) / scene.usual.mse;

/** @param {number} ratio */
const times = (ratio) => (ratio < 10 ? ratio.toFixed(1) : ratio.toFixed(0));

/**
 * @param {{store: import("./store.js").Store, engine: import("../engine/engine.js").Engine, opening: import("./opening.js").Opening}} context
 * @returns {{element: HTMLElement, update: (frame: import("./frames.js").Frame) => void}}
 */
export function strangerNote({ store, engine, opening }) {
  const element = h("div", { class: "mx-stranger", role: "status", hidden: true });
  const { models } = opening.offer;
  /** @type {Scene | null} */
  let shown = null;

  /** @param {{scene: Scene}} frame */
  function update({ scene }) {
    if (scene === shown) return;
    shown = scene;
    const ratio = timesUsual(scene);
    const far = ratio >= FAR;
    element.hidden = !far && !scene.foreign;
    if (element.hidden) return;
    element.replaceChildren(
      h(
        "span",
        {},
        far
          ? `The error is ${times(ratio)} times the usual error of this model: it was not trained on such pictures.`
          : "This model was not trained on such pictures.",
      ),
    );
    const trained = Object.keys(models).find((name) => name !== scene.model && models[name].data === scene.origin.data);
    if (trained) offer(`Use ${models[trained].title}`, trained);
    else if (scene.origin.kind === "picture" && !isSite)
      offerBest(scene, ratio).catch((error) => console.warn("no better model was found:", error.message));
  }

  /** @param {string} label @param {string} model */
  function offer(label, model) {
    element.append(
      button(label, () => opening.open({ choices: { ...opening.choices, model, slots: models[model].slots } })),
    );
  }

  /**
   * Tries the other models one by one while the picture is on screen, and offers the best.
   * @param {Scene} scene @param {number} own relative error of the current model
   */
  async function offerBest(scene, own) {
    const source = sourceOf(store);
    /** @type {{ratio: number, model: string | null}} */
    let best = { ratio: BETTER * own, model: null };
    for (const [model, { slots }] of Object.entries(models)) {
      if (model === scene.model) continue;
      const ratio = timesUsual(await engine.decompose(source, { model, slots, how: scene.how }));
      if (shown !== scene) return;
      if (ratio < best.ratio) best = { ratio, model };
    }
    if (best.model) offer(`Use ${models[best.model].title}: ${times(best.ratio)} times its usual error`, best.model);
  }

  return { element, update };
}
