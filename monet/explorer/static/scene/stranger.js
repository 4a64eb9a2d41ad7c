// A picture that a model has never seen the like of: said in a plain sentence, with a way to the model that knows it best.

import { button, h } from "../page/dom.js";
import { sourceOf } from "./permalink.js";
import { isSite } from "../site/site.js";

/** @typedef {import("./scene.js").Scene} Scene */

/** An error of so many times the usual is far from what a model was trained on. */
const FAR = 10;

/** Another model is offered if its own error is at most this share of what this one's is, each in its usual. */
const BETTER = 0.5;

/** How many times the usual error of its data set a model makes; NaN where nothing was measured of it. @param {{figures: Record<string, number | null>, usual: Record<string, number>}} scene */
const timesUsual = (scene) => Number(scene.figures.mse) / scene.usual.mse;

/** @param {number} ratio */
const times = (ratio) => (ratio < 10 ? ratio.toFixed(1) : ratio.toFixed(0));

/**
 * @param {{store: import("./store.js").Store, engine: import("../engine/engine.js").Engine, opening: import("./opening.js").Opening}} context
 * @returns {{element: HTMLElement, follow: (frame: import("./frames.js").Frame) => void}}
 */
export function strangerNote({ store, engine, opening }) {
  const element = h("div", { class: "mx-stranger", role: "status", hidden: true });
  const { models } = opening.offer;
  /** @type {Scene | null} */
  let shown = null;

  /** @param {{scene: Scene}} frame */
  function follow({ scene }) {
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
          ? `Error ${times(ratio)} times the usual of this data set: this model has never seen such pictures.`
          : "This model was not trained on such pictures.",
      ),
    );
    const home = Object.keys(models).find((name) => name !== scene.model && models[name].data === scene.origin.data);
    if (home) offer(`Use ${models[home].title}`, home);
    else if (scene.origin.kind === "picture" && !isSite)
      nearest(scene, ratio).catch((error) => console.warn("no nearer model was found:", error.message));
  }

  /** @param {string} label @param {string} model */
  function offer(label, model) {
    element.append(
      button(label, () => opening.open({ choices: { ...opening.choices, model, slots: models[model].slots } })),
    );
  }

  /** Asks the other models one by one, as long as the picture is on screen; plain files would each have to be fetched. @param {Scene} scene @param {number} own how many times its usual error this model makes */
  async function nearest(scene, own) {
    const source = sourceOf(store);
    /** @type {{ratio: number, model: string | null}} */
    let best = { ratio: BETTER * own, model: null };
    for (const [model, { slots }] of Object.entries(models)) {
      if (model === scene.model) continue;
      const ratio = timesUsual(await engine.decompose(source, { model, slots, how: scene.how }));
      if (shown !== scene) return;
      if (ratio < best.ratio) best = { ratio, model };
    }
    if (best.model) offer(`Use ${models[best.model].title}: ${times(best.ratio)} times its usual`, best.model);
  }

  return { element, follow };
}
