// Opens scenes: every request for a scene, model or link comes through here, and the newest wins.

import { notify } from "../page/notices.js";
import { isOf, restore, sourceOf } from "./permalink.js";
import { reasonOf } from "../page/reason.js";
import { isSite } from "../site/site.js";

/** @typedef {import("../engine/engine.js").Source} Source */
/** @typedef {import("../engine/engine.js").Choices} Choices */
/** @typedef {import("./permalink.js").Link} Link */
/** @typedef {{source: Source, choices: Choices, edits?: Link["edits"], link?: boolean, file?: boolean}} Wanted */
/**
 * Models and data sets that the page offers, as the server describes them when the page is built.
 * @typedef {object} Offer
 * @property {Record<string, {title: string, slots: number, picture: number, data: string | null, first: Source["origin"], latents: import("./evidence.js").Evidence | null}>} models by name;
 *   `picture` is the side of the data set's pictures in pixels, without the border that is added for the model
 * @property {string} model the first one shown
 * @property {string[]} data names of all data sets
 * @property {number} most slots
 */

export class Opening {
  #store;
  #engine;
  /** The scene that Gradio's inputs describe. @type {import("./scene.js").Scene | null} */
  #shown = null;
  #shownChoices = ""; // the choices that the inputs show, as JSON
  /** @type {Wanted | null} */
  #wanted = null;
  #busy = false;
  /** A link whose picture the visitor has not opened yet. @type {Link | null} */
  #awaited = null;
  /** @type {Set<() => void>} */
  #listeners = new Set();
  /** Names of the models that existed when the page was built. */
  #built;

  /**
   * @param {import("./store.js").Store} store
   * @param {import("../engine/engine.js").Engine} engine
   * @param {Offer} offer
   * @param {(value: string) => void} show sets Gradio's inputs, from JSON
   */
  constructor(store, engine, offer, show) {
    this.#store = store;
    this.#engine = engine;
    this.offer = offer;
    this.show = show;
    this.#built = new Set(Object.keys(offer.models));
    /** @type {Choices} */
    this.choices = { model: offer.model, slots: offer.models[offer.model].slots, how: "crop" };
    this.#shownChoices = JSON.stringify(this.choices);
    store.subscribe(() => {
      if (store.scene === this.#shown) return;
      this.#shown = store.scene; // undo changes the scene, too
      const { model, slots, how } = store.scene;
      this.#choose({ model, slots, how });
    });
  }

  /** @param {() => void} listener called when no request is running any more */
  onRest(listener) {
    this.#listeners.add(listener);
  }

  /**
   * Updates the models that were made from runs. A model whose run is gone is no longer offered, unless it is in use.
   * @param {Offer["models"]} models
   */
  offerMore(models) {
    const { models: all } = this.offer;
    const removed = Object.keys(all).filter(
      (name) => !this.#built.has(name) && !models[name] && name !== this.choices.model,
    );
    const added = Object.keys(models).filter((name) => !all[name]);
    if (!removed.length && !added.length) return;
    for (const name of removed) delete all[name];
    for (const name of added) all[name] = models[name];
    this.#showChoices(this.choices);
  }

  /** The first scene of a model. @returns {Wanted} */
  first(model = this.offer.model) {
    const { first, slots } = this.offer.models[model];
    return { source: { origin: first }, choices: { model, slots, how: "crop" } };
  }

  /**
   * Opens a scene; a request that arrives meanwhile replaces it.
   * @param {Partial<Wanted>} wanted defaults to the scene on screen and the current choices
   * @returns {Promise<boolean>} whether it is on screen; an error was shown to the visitor
   */
  async open(wanted) {
    this.#wanted = { choices: this.choices, ...wanted, source: wanted.source ?? sourceOf(this.#store) };
    if (this.#busy) return false;
    this.#busy = true;
    let opened = false;
    while (this.#wanted) {
      const now = this.#wanted;
      this.#wanted = null;
      try {
        const payload = await this.#engine.decompose(now.source, now.choices);
        if (!this.#wanted) opened = this.load(payload, now);
      } catch (error) {
        opened = false;
        if (!this.#wanted) this.#failed(reasonOf(error), now);
      }
    }
    this.#busy = false;
    for (const listener of this.#listeners) listener();
    return opened;
  }

  /** Shows a decomposed scene. @param {import("./store.js").ScenePayload} payload @param {Wanted} wanted */
  load(payload, { source, edits = null, link = false }) {
    if (this.#awaited && isOf(this.#awaited.request, payload)) {
      ({ edits } = this.#awaited);
      link = true;
      this.#awaited = null;
    }
    // The address names an older scene, unless it waits for its picture.
    if (!link && !this.#awaited && location.hash) history.replaceState(null, "", location.pathname + location.search);
    const scene = { ...payload, picture: source.picture ?? null };
    try {
      this.#store.load(scene, edits && ((original) => restore(original, edits)));
    } catch (error) {
      console.warn("the link's edits do not fit its scene:", reasonOf(error));
      notify("The edits in the link do not fit its scene. The scene is shown without them.");
      this.#store.load(scene);
    }
    return true;
  }

  /** @param {string} reason @param {{file?: boolean}} wanted */
  #failed(reason, { file }) {
    notify(reason, { urgent: true });
    if (!this.#store.loaded) return;
    const { model, slots, how } = this.#store.scene;
    this.#shownChoices = "";
    this.#choose({ model, slots, how }, !file); // the inputs return to the scene on screen
  }

  /** @param {Choices} choices */
  #choose(choices, keepFile = true) {
    this.choices = choices;
    const json = JSON.stringify(choices);
    if (json === this.#shownChoices) return;
    this.#shownChoices = json;
    this.#showChoices(choices, keepFile);
  }

  /** Sets Gradio's inputs. @param {Choices} choices */
  #showChoices(choices, keepFile = true) {
    const models = Object.entries(this.offer.models).map(([name, { title }]) => [title, name]);
    this.show(JSON.stringify({ ...choices, models, file: keepFile, nonce: Math.random() }));
  }

  /** Applies a choice that the visitor made in one of Gradio's inputs. @param {Partial<Choices>} change */
  choose(change) {
    if (
      change.slots !== undefined &&
      !(Number.isInteger(change.slots) && change.slots >= 1 && change.slots <= this.offer.most)
    )
      return;
    const { model, slots, how } = this.choices;
    const choices = { ...this.choices, ...change };
    if (choices.model === model && choices.slots === slots && choices.how === how) return;
    this.#shownChoices = JSON.stringify(choices); // the inputs show it already
    if (change.model) return void this.useModel(change.model);
    this.choices = choices;
    if (this.#store.loaded) this.open({});
  }

  /**
   * Switches to a model with its own number of slots. If the scene is from another model's data set, opens the first
   * scene of this model's.
   * @param {string} model
   */
  useModel(model) {
    const { models, data } = this.offer;
    const { first, slots, data: own } = models[model];
    const fromOtherModel = Object.values(models).some(
      (m) => m.data !== own && this.#store.loaded && m.data === this.#store.scene.origin.data,
    );
    const source =
      !this.#store.loaded || (fromOtherModel && own && data.includes(own)) ? { origin: first } : sourceOf(this.#store);
    return this.open({ source, choices: { ...this.choices, model, slots } });
  }

  /** Opens a picture that was uploaded to Gradio. @param {string} url */
  async openFile(url) {
    let picture;
    try {
      const response = await fetch(url);
      if (!response.ok) throw new Error(await response.text());
      picture = await response.blob();
    } catch (error) {
      this.#failed(reasonOf(error), { file: true });
      return false;
    }
    return this.open({ source: { origin: { kind: "picture" }, picture }, file: true });
  }

  /** Opens a link; if it refers to a visitor's picture, asks for the picture first. @param {Link} link */
  async openLink({ request, edits }) {
    const { model, slots, how, image, of, ...origin } = request;
    const choices = { model, slots, how };
    if (isSite && !this.offer.models[model])
      return notify(`The link needs the model “${model}”, which is not among the files here.`, { urgent: true });
    if (origin.kind !== "picture" || image) {
      return this.open({
        source: { origin, picture: image ? { image, of: of ?? model } : null },
        choices,
        edits,
        link: true,
      });
    }
    this.#awaited = { request, edits };
    notify("The picture is not in the link. Open the picture here, and the edits in the link are applied to it.");
    const source = this.#store.loaded ? sourceOf(this.#store) : this.first().source;
    return this.open({ source, choices });
  }
}
