// Gallery panel: sample scenes of each data set, stored data sets, new generated scenes, and unusual scenes.

import { button, h } from "../page/dom.js";
import { explanation } from "../page/explain.js";
import { onGalleries } from "../engine/galleries.js";
import { roving } from "../page/roving.js";
import { isSite } from "../site/site.js";

const UNUSUAL = "unusual";

/** @typedef {import("../engine/galleries.js").Gallery} Gallery */
/** @typedef {import("../engine/engine.js").Origin} Origin */
/** @typedef {{title: string, expect: string, origin: Origin}} Unusual */

/** Properties that identify a scene. @type {(keyof Origin)[]} */
const KEYS = ["kind", "data", "index", "seed", "objects"];

/** @param {Origin | undefined} a @param {Origin | undefined} b */
const same = (a, b) => a && b && KEYS.every((key) => a[key] === b[key]);

/**
 * @param {HTMLElement} root
 * @param {Omit<import("../main.js").Context, "data"> & {data: {galleries: Gallery[], unusual: Record<string, Unusual[]>}}} context
 */
export function mount(root, { store, frames, opening, request, data: { galleries: initial, unusual } }) {
  let galleries = initial;
  const thumbnails = h("div", { role: "group", "aria-label": "Sample scenes" });
  const seed = h("input", {
    type: "number",
    class: "mx-number",
    min: "0",
    max: "999999",
    step: "1",
    value: "1",
    "aria-label": "Seed of the scene",
    title: "The same seed gives the same scene",
  });
  /** Value of the option for a gallery, or for a scene's origin. @param {{kind: string, name?: string, data?: string}} of */
  const value = ({ kind, name, data }) => `${kind === "stored" ? kind : "sample"}/${name ?? data}`;
  /** @param {Gallery["kind"]} kind */
  const options = (kind) =>
    galleries.filter((g) => g.kind === kind).map((g) => h("option", { value: value(g) }, g.title));
  const select = h("select", { class: "mx-select", "aria-label": "Data set" });
  const fillSelect = () => {
    const { value: chosen } = select;
    const stored = options("stored");
    select.replaceChildren(
      ...options("sample"),
      ...(stored.length ? [h("optgroup", { label: "On this machine" }, ...stored)] : []),
      h("option", { value: UNUSUAL }, "Out of distribution"),
    );
    if (chosen) select.value = chosen;
  };
  fillSelect();

  const current = () => galleries.find((g) => value(g) === select.value);
  const unusualScenes = () => unusual[store.scene?.model] ?? [];
  /** @param {Gallery} gallery @param {number} index */
  const picture = ({ kind, name }, index) => {
    const file =
      kind === "stored"
        ? `stored/${encodeURIComponent(name)}/${index}`
        : `samples/${name}/${String(index).padStart(2, "0")}`;
    return h("img", { src: new URL(`monet/${file}.png`, document.baseURI).href, alt: "", loading: "lazy" });
  };
  /** The origin that each child of the group opens. @type {Origin[]} */
  let entries = [];

  const show = () => {
    const gallery = current();
    /** @type {{origin: Origin, properties: import("../page/dom.js").Properties<"button">, children: Node[]}[]} */
    const list = gallery
      ? Array.from({ length: gallery.samples }, (_, index) => ({
          origin: { kind: gallery.kind, data: gallery.name, index },
          properties: {
            class: "mx-thumbnail",
            "aria-label": `${gallery.title}, ${gallery.kind === "stored" ? "scene" : "sample"} ${index + 1}`,
          },
          children: [picture(gallery, index)],
        }))
      : unusualScenes().map(({ title, expect, origin }) => ({
          origin,
          properties: { class: "mx-unusual" },
          children: [h("strong", {}, title), h("span", {}, expect)],
        }));
    entries = list.map(({ origin }) => origin);
    thumbnails.className = gallery ? "mx-thumbnails" : "mx-corner";
    thumbnails.replaceChildren(
      ...list.map(({ origin, properties, children }) =>
        h("button", { type: "button", ...properties, onclick: () => request(origin) }, ...children),
      ),
    );
    if (!list.length)
      thumbnails.append(
        h("p", { class: "mx-muted" }, "No unusual scenes: the training data of this model is not known."),
      );
    more.hidden = isSite || gallery?.kind !== "sample";
    offerModel();
    mark();
  };
  const { models } = opening.offer;
  /** Offers the model that was trained on the gallery's data set, if the current model was not. */
  const offerModel = () => {
    const gallery = current();
    const model = models[store.scene?.model];
    const trained = gallery && Object.keys(models).find((name) => models[name].data === gallery.name);
    offer.hidden = true;
    if (!gallery || !trained || !model || model.data === gallery.name) return;
    offer.hidden = false;
    offer.replaceChildren(
      h("span", {}, `“${model.title}” was not trained on this data set.`),
      button(
        `Switch to “${models[trained].title}”`,
        () => {
          const { origin } = store.scene;
          /** @type {Origin} */
          const scene = origin.data === gallery.name ? origin : { kind: "sample", data: gallery.name, index: 0 };
          opening.open({
            source: { origin: scene },
            choices: { ...opening.choices, model: trained, slots: models[trained].slots },
          });
        },
        { title: "The model that was trained on this data set, with its own number of slots" },
      ),
    );
  };
  const offer = h("div", { class: "mx-offer", role: "status", hidden: true });
  const mark = () => {
    entries.forEach((origin, at) =>
      thumbnails.children[at].setAttribute("aria-pressed", String(Boolean(same(origin, store.scene?.origin)))),
    );
  };
  let typed = false; // whether the visitor typed a seed that has not been used yet
  const generate = () => {
    const gallery = current();
    if (!gallery) return;
    typed = false;
    const number = Math.min(999999, Math.max(0, Math.floor(Number(seed.value) || 0)));
    seed.value = String(number);
    request({ kind: "seed", data: gallery.name, seed: number });
  };
  const more = h(
    "div",
    { class: "mx-row" },
    button(
      "New random scene",
      () => {
        if (!typed) seed.value = String(Math.floor(Math.random() * 1e6));
        generate();
      },
      { title: "Makes a scene with this data set’s generator, from the seed that you typed or from a random one" },
    ),
    h("label", { class: "mx-label" }, "seed ", seed),
  );
  select.addEventListener("change", show);
  seed.addEventListener("input", () => (typed = true));
  seed.addEventListener("keydown", (event) => event.key === "Enter" && generate());
  root.append(h("div", { class: "mx-head" }, select, explanation("gallery")), offer, thumbnails, more);
  roving(thumbnails, "button");
  show();
  onGalleries((update) => {
    if (JSON.stringify(update.galleries) === JSON.stringify(galleries)) return;
    galleries = update.galleries;
    fillSelect();
    const { origin } = store.scene ?? {};
    if (origin?.kind === "stored") select.value = value(origin);
    show();
  });
  /** @type {import("../scene/scene.js").Scene | null} */
  let scene = null;
  frames.onFrame((frame) => {
    if (frame.scene === scene) return;
    const otherModel = scene?.model !== frame.scene.model;
    scene = frame.scene;
    const { origin } = scene;
    const isUnusual = select.value === UNUSUAL && unusualScenes().some((entry) => same(entry.origin, origin));
    if (origin.data && !isUnusual && select.value !== value(origin)) {
      select.value = value(origin);
      show();
    } else if (isUnusual && otherModel) show();
    if (otherModel) offerModel();
    mark();
  });
}
