// Which scene is on screen, and by which choices: whatever asks for one comes through here, and the newest wins.

import { notify } from "../page/notices.js";
import { isOf, restore, sourceOf } from "./permalink.js";
import { reasonOf } from "../page/reason.js";
import { isSite } from "../site/site.js";

/** @typedef {import("../engine/engine.js").Source} Source */
/** @typedef {import("../engine/engine.js").Choices} Choices */
/** @typedef {import("./permalink.js").Link} Link */
/** @typedef {{source: Source, choices: Choices, edits?: Link["edits"], link?: boolean, file?: boolean}} Wanted */
/**
 * What is known of the models before anything is asked.
 * @typedef {object} Offer
 * @property {Record<string, {title: string, slots: number, picture: number, data: string | null, first: Source["origin"], latents: import("./evidence.js").Evidence | null}>} models by name;
 *   `picture` is the side of the data set's pictures in pixels, without the border that the model is fed around them
 * @property {string} model the first one
 * @property {string[]} data names of all data sets
 * @property {number} most slots
 */

export class Opening {
  #store;
  #engine;
  /** The scene that Gradio's inputs belong to. @type {import("./scene.js").Scene | null} */
  #shown = null;
  #told = ""; // what they show, as JSON
  /** @type {Wanted | null} */
  #wanted = null;
  #busy = false;
  /** A link whose picture is still to come. @type {Link | null} */
  #awaited = null;
  /** @type {Set<() => void>} */
  #listeners = new Set();
  /** Models that were there when the page was built. */
  #built;

  /**
   * @param {import("./store.js").Store} store
   * @param {import("../engine/engine.js").Engine} engine
   * @param {Offer} offer
   * @param {(value: string) => void} show tells Gradio's inputs what to show
   */
  constructor(store, engine, offer, show) {
    this.#store = store;
    this.#engine = engine;
    this.offer = offer;
    this.show = show;
    this.#built = new Set(Object.keys(offer.models));
    /** @type {Choices} */
    this.choices = { model: offer.model, slots: offer.models[offer.model].slots, how: "crop" };
    this.#told = JSON.stringify(this.choices);
    store.subscribe(() => {
      if (store.scene === this.#shown) return;
      this.#shown = store.scene; // by undo, as well as by what is opened here
      const { model, slots, how } = store.scene;
      this.#choose({ model, slots, how });
    });
  }

  /** Called when nothing is being opened any more. @param {() => void} listener */
  onRest(listener) {
    this.#listeners.add(listener);
  }

  /**
   * Models that were made of runs since; those that are gone are no longer offered, but for the one in use.
   * @param {Offer["models"]} models
   */
  offerMore(models) {
    const { models: all } = this.offer;
    const gone = Object.keys(all).filter(
      (name) => !this.#built.has(name) && !models[name] && name !== this.choices.model,
    );
    const come = Object.keys(models).filter((name) => !all[name]);
    if (!gone.length && !come.length) return;
    for (const name of gone) delete all[name];
    for (const name of come) all[name] = models[name];
    this.#tell(this.choices);
  }

  /** The scene that a model begins with. @returns {Wanted} */
  first(model = this.offer.model) {
    const { first, slots } = this.offer.models[model];
    return { source: { origin: first }, choices: { model, slots, how: "crop" } };
  }

  /**
   * Opens a scene; one that is asked for meanwhile takes its place.
   * @param {Partial<Wanted>} wanted by the choices as they are, if it names none
   * @returns {Promise<boolean>} whether it is on screen; what went wrong was said
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

  /** Shows what the engine has answered. @param {import("./store.js").ScenePayload} payload @param {Wanted} wanted */
  load(payload, { source, edits = null, link = false }) {
    if (this.#awaited && isOf(this.#awaited.request, payload)) {
      ({ edits } = this.#awaited);
      link = true;
      this.#awaited = null;
    }
    // The address named a scene that is gone, unless its picture is still to come.
    if (!link && !this.#awaited && location.hash) history.replaceState(null, "", location.pathname + location.search);
    const scene = { ...payload, picture: source.picture ?? null };
    try {
      this.#store.load(scene, edits && ((original) => restore(original, edits)));
    } catch (error) {
      console.warn("the link's edits do not fit its scene:", reasonOf(error));
      notify("The link’s edits do not fit its scene; it is shown without them.");
      this.#store.load(scene);
    }
    return true;
  }

  /** @param {string} reason @param {{file?: boolean}} wanted */
  #failed(reason, { file }) {
    notify(reason, { urgent: true });
    if (!this.#store.loaded) return;
    const { model, slots, how } = this.#store.scene;
    this.#told = "";
    this.#choose({ model, slots, how }, !file); // the inputs go back to what is on screen
  }

  /** @param {Choices} choices */
  #choose(choices, keepFile = true) {
    this.choices = choices;
    const told = JSON.stringify(choices);
    if (told === this.#told) return;
    this.#told = told;
    this.#tell(choices, keepFile);
  }

  /** @param {Choices} choices */
  #tell(choices, keepFile = true) {
    const models = Object.entries(this.offer.models).map(([name, { title }]) => [title, name]);
    this.show(JSON.stringify({ ...choices, models, file: keepFile, nonce: Math.random() }));
  }

  /** A choice that a person made in one of Gradio's inputs. @param {Partial<Choices>} change */
  choose(change) {
    if (
      change.slots !== undefined &&
      !(Number.isInteger(change.slots) && change.slots >= 1 && change.slots <= this.offer.most)
    )
      return;
    const { model, slots, how } = this.choices;
    const choices = { ...this.choices, ...change };
    if (choices.model === model && choices.slots === slots && choices.how === how) return;
    this.#told = JSON.stringify(choices); // this is what they show already
    if (change.model) return void this.useModel(change.model);
    this.choices = choices;
    if (this.#store.loaded) this.open({});
  }

  /** Another model brings its own number of slots, and its own data set in place of another model's. @param {string} model */
  useModel(model) {
    const { models, data } = this.offer;
    const { first, slots, data: own } = models[model];
    const elsewhere = Object.values(models).some(
      (m) => m.data !== own && this.#store.loaded && m.data === this.#store.scene.origin.data,
    );
    const source =
      !this.#store.loaded || (elsewhere && own && data.includes(own)) ? { origin: first } : sourceOf(this.#store);
    return this.open({ source, choices: { ...this.choices, model, slots } });
  }

  /** A picture file that Gradio has taken in. @param {string} url */
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

  /** @param {Link} link */
  async openLink({ request, edits }) {
    const { model, slots, how, image, of, ...origin } = request;
    const choices = { model, slots, how };
    if (isSite && !this.offer.models[model])
      return notify(`The link’s model “${model}” is not among the files here.`, { urgent: true });
    if (origin.kind !== "picture" || image) {
      return this.open({
        source: { origin, picture: image ? { image, of: of ?? model } : null },
        choices,
        edits,
        link: true,
      });
    }
    this.#awaited = { request, edits };
    notify("The picture is not in the link: open it here, and the link’s edits are made to it.");
    const source = this.#store.loaded ? sourceOf(this.#store) : this.first().source;
    return this.open({ source, choices });
  }
}
