// Sample scenes per data set, those of stored data, new ones from the generators, and some that no model has seen.

import { button, h } from "../page/dom.js";
import { explanation } from "../page/explain.js";
import { onGalleries } from "../engine/galleries.js";
import { roving } from "../page/roving.js";
import { isSite } from "../site/site.js";

const UNUSUAL = "unusual";

/** @typedef {import("../engine/galleries.js").Gallery} Gallery */
/** @typedef {import("../engine/engine.js").Origin} Origin */
/** @typedef {{title: string, expect: string, origin: Origin}} Unusual */

/** What tells scenes apart. @type {(keyof Origin)[]} */
const KEYS = ["kind", "data", "index", "seed", "objects"];

/** @param {Origin | undefined} a @param {Origin | undefined} b */
const same = (a, b) => a && b && KEYS.every((key) => a[key] === b[key]);

/**
 * @param {HTMLElement} root
 * @param {Omit<import("../main.js").Context, "data"> & {data: {galleries: Gallery[], unusual: Record<string, Unusual[]>}}} context
 */
export function mount(root, { store, frames, opening, request, data: { galleries: first, unusual } }) {
  let galleries = first;
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
  /** An option's value for a gallery or for where a scene comes from. @param {{kind: string, name?: string, data?: string}} of */
  const value = ({ kind, name, data }) => `${kind === "stored" ? kind : "sample"}/${name ?? data}`;
  /** @param {Gallery["kind"]} kind */
  const options = (kind) =>
    galleries.filter((g) => g.kind === kind).map((g) => h("option", { value: value(g) }, g.title));
  const select = h("select", { class: "mx-select", "aria-label": "Data set" });
  const offerAll = () => {
    const { value: chosen } = select;
    const yours = options("stored");
    select.replaceChildren(
      ...options("sample"),
      ...(yours.length ? [h("optgroup", { label: "On this machine" }, ...yours)] : []),
      h("option", { value: UNUSUAL }, "Out of distribution"),
    );
    if (chosen) select.value = chosen;
  };
  offerAll();

  const current = () => galleries.find((g) => value(g) === select.value);
  const corner = () => unusual[store.scene?.model] ?? [];
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
      : corner().map(({ title, expect, origin }) => ({
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
      thumbnails.append(h("p", { class: "mx-muted" }, "This model does not say what it was trained on."));
    more.hidden = isSite || gallery?.kind !== "sample";
    offer();
    mark();
  };
  // Scenes of another data set than the model's are taken apart by it all the same; its own model is one click away.
  const { models } = opening.offer;
  const offer = () => {
    const gallery = current();
    const model = models[store.scene?.model];
    const home = gallery && Object.keys(models).find((name) => models[name].data === gallery.name);
    own.hidden = true;
    if (!gallery || !home || !model || model.data === gallery.name) return;
    own.hidden = false;
    own.replaceChildren(
      h("span", {}, `“${model.title}” has never seen this data set.`),
      button(
        `Switch to “${models[home].title}”`,
        () => {
          const { origin } = store.scene;
          /** @type {Origin} */
          const scene = origin.data === gallery.name ? origin : { kind: "sample", data: gallery.name, index: 0 };
          opening.open({
            source: { origin: scene },
            choices: { ...opening.choices, model: home, slots: models[home].slots },
          });
        },
        { title: "The model that was trained on these scenes, with its own number of slots" },
      ),
    );
  };
  const own = h("div", { class: "mx-offer", role: "status", hidden: true });
  const mark = () => {
    entries.forEach((origin, at) =>
      thumbnails.children[at].setAttribute("aria-pressed", String(Boolean(same(origin, store.scene?.origin)))),
    );
  };
  let typed = false; // a seed that has not been used yet
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
      { title: "A scene that nobody has seen, from this data set's generator; a seed that you typed is used first" },
    ),
    h("label", { class: "mx-label" }, "seed ", seed),
  );
  select.addEventListener("change", show);
  seed.addEventListener("input", () => (typed = true));
  seed.addEventListener("keydown", (event) => event.key === "Enter" && generate());
  root.append(h("div", { class: "mx-head" }, select, explanation("gallery")), own, thumbnails, more);
  roving(thumbnails, "button");
  show();
  onGalleries((known) => {
    if (JSON.stringify(known.galleries) === JSON.stringify(galleries)) return;
    galleries = known.galleries;
    offerAll();
    const { origin } = store.scene ?? {};
    if (origin?.kind === "stored") select.value = value(origin);
    show();
  });
  /** @type {import("../scene/scene.js").Scene | null} */
  let scene = null;
  frames.onFrame((frame) => {
    if (frame.scene === scene) return;
    const other = scene?.model !== frame.scene.model;
    scene = frame.scene;
    const { origin } = scene;
    const inCorner = select.value === UNUSUAL && corner().some((entry) => same(entry.origin, origin));
    if (origin.data && !inCorner && select.value !== value(origin)) {
      select.value = value(origin);
      show();
    } else if (inCorner && other) show();
    if (other) offer();
    mark();
  });
}
