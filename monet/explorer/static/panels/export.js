// Out of the app: figures, films, arrays, a link, a program.

import { blend, scopes as leftAfter } from "../scene/compose.js";
import { copyText } from "../page/clipboard.js";
import { button, find, h } from "../page/dom.js";
import { explanation } from "../page/explain.js";
import { onGalleries } from "../engine/galleries.js";
import { onGround } from "../drawing/ground.js";
import { layout, toPng, toSvg } from "../drawing/paper.js";
import { toHash } from "../scene/permalink.js";
import { toPython } from "../scene/python.js";
import { reasonOf } from "../page/reason.js";
import * as sheet from "../drawing/sheet.js";
import { isSite } from "../site/site.js";
import { lastStep } from "../engine/steps.js";
import { film } from "../scene/sweep.js";

/** @typedef {import("../scene/store.js").Store} Store @typedef {import("../drawing/paper.js").Sheet} Sheet */
/** What was done, in words; or words, and a text that people copy by hand. @typedef {string | {said: string, text: string}} Done */

/** Panels that leave as a figure: what they are called, and what of them is on the sheet. @type {Record<string, [title: string, parts: (panel: HTMLElement, store: Store, width: number) => Sheet | Promise<Sheet>]>} */
const PANELS = {
  scene: ["Scene", sheet.pictures],
  attention: ["Attention", sheet.table],
  slots: ["Slots", sheet.table],
  latents: ["Latents", sheet.latents],
  pad: ["Two at once", sheet.pad],
  traversals: ["Traversals", sheet.strips],
  charts: ["Charts", sheet.charts],
  map: ["Map of slots", sheet.map],
};

/** Millimetres that a figure may be wide: from a narrow column to a poster. */
const [NARROWEST, WIDEST, PAGE] = [60, 400, 170];
/** @param {string} path */
const url = (path) => new URL(`monet/${path}`, document.baseURI);

/** @param {HTMLElement} root @param {import("../main.js").Context} context */
export function mount(root, { store, frames }) {
  const note = h("span", { class: "mx-muted", role: "status" });
  const byHand = h("textarea", {
    class: "mx-by-hand",
    readOnly: true,
    hidden: true,
    rows: 4,
    "aria-label": "Text to copy",
    onfocus: () => byHand.select(),
  });
  const which = h(
    "select",
    { class: "mx-select", "aria-label": "Panel" },
    ...Object.entries(PANELS).map(([name, [title]]) => h("option", { value: name }, title)),
  );

  /** Does it, and says how it went; meanwhile the button does nothing. @param {() => Done | Promise<Done>} action @returns {import("../page/dom.js").Listener<"button", "click">} */
  const guard =
    (action) =>
    async ({ currentTarget: pressed }) => {
      if (pressed.ariaBusy === "true") return;
      pressed.ariaBusy = "true";
      say("");
      try {
        const done = await action();
        if (typeof done === "string") say(done);
        else say(done.said, done.text);
      } catch (error) {
        say(`That did not work: ${reasonOf(error)}`);
      } finally {
        pressed.ariaBusy = "false";
      }
    };
  /** @param {string} words */
  const say = (words, text = "") => {
    note.textContent = words;
    byHand.hidden = !text;
    byHand.value = text;
  };
  /** @param {Blob} blob @param {string} name */
  const save = (blob, name) => {
    const link = h("a", { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    return `saved ${name}`;
  };
  /** @param {string} text @param {string} said @returns {Promise<Done>} */
  const copy = async (text, said) =>
    (await copyText(text)) ? said : { said: "Your browser does not let the page copy; copy it from here:", text };
  const stem = () => `monet-${store.scene.model}`;
  /** @param {string} path @param {BodyInit} body @param {Record<string, string>} headers */
  const post = async (path, body, headers = {}) => {
    const response = await fetch(url(path), { method: "POST", body, headers });
    if (!response.ok) throw new Error(await response.text());
    return response.blob();
  };

  const width = h("input", {
    type: "number",
    class: "mx-number",
    min: String(NARROWEST),
    max: String(WIDEST),
    step: "1",
    value: String(PAGE),
    "aria-label": "Width of the figure in millimetres",
    title: "Width on paper; letters keep their size",
  });
  /** @param {"svg" | "png"} kind @param {(figure: SVGSVGElement) => Blob | Promise<Blob>} write */
  const figure = (kind, write) => async () => {
    const [title, parts] = PANELS[which.value];
    const { scene, view, edited } = store;
    const of = ["latents", "pad", "traversals"].includes(which.value) ? ` of slot ${view.slot + 1}` : "";
    const millimetres = Math.min(WIDEST, Math.max(NARROWEST, Math.round(Number(width.value)) || PAGE));
    width.value = String(millimetres);
    const parted = await parts(find(document, `#mx-${which.value}`), store, millimetres);
    const caption = `${title}${of}: ${scene.title}${edited ? ", edited" : ""}, MONet ${scene.model}, K\u00a0=\u00a0${scene.slots}`;
    return save(await write(layout(parted, caption, millimetres)), `${stem()}-${which.value}.${kind}`);
  };

  /** Pictures [H*W][3] side by side as the bytes of one frame, times 255. @param {number} size @param {Float32Array[]} pictures */
  const frameOf = (size, pictures) => {
    const frame = new Uint8Array(size * size * pictures.length * 3);
    for (let y = 0; y < size; y++) {
      pictures.forEach((picture, i) => {
        for (let x = 0; x < size; x++) {
          for (let c = 0; c < 3; c++) {
            frame[3 * (y * size * pictures.length + i * size + x) + c] = Math.max(
              0,
              Math.min(255, Math.round(255 * picture[3 * (y * size + x) + c])),
            );
          }
        }
      });
    }
    return frame;
  };
  /** @param {Float32Array} values */
  const grey = (values) => Float32Array.from({ length: 3 * values.length }, (_, i) => values[Math.floor(i / 3)]);
  /** @param {Uint8Array<ArrayBuffer>[]} list @param {number} size @param {number} columns @param {number} milliseconds @param {string} name */
  const gif = async (list, size, columns, milliseconds, name) => {
    const blob = await post(`gif?width=${size * columns}&height=${size}&milliseconds=${milliseconds}`, new Blob(list));
    return save(blob, name);
  };

  /** @param {Float32Array[]} decoded @param {import("../scene/scene.js").Scene} scene @param {number} k */
  const explained = (decoded, scene, k) => {
    const upTo = scene.masks.map((mask, j) => (j <= k ? mask : null));
    return onGround(blend(decoded, upTo), upTo, scene.size);
  };
  const attentionGif = async () => {
    const { scene, original } = store;
    const decoded = await frames.decode(original.slots.map((s) => s.latent));
    const left = leftAfter(scene.masks);
    const list = scene.masks.map((mask, k) =>
      frameOf(scene.size, [scene.image, grey(left[k]), grey(mask), explained(decoded, scene, k)]),
    );
    return gif(list, scene.size, 4, 900, `${stem()}-attention.gif`);
  };

  const traversalGif = async () => {
    const { scene, view } = store;
    const list = (await film(frames, store)).map(({ decoded, mask, image }) => {
      const colors = Float32Array.from({ length: 3 * mask.length }, (_, i) => decoded[4 * Math.floor(i / 3) + (i % 3)]);
      return frameOf(scene.size, [colors, grey(mask), image]);
    });
    return gif(
      [...list, ...list.slice(1, -1).reverse()],
      scene.size,
      3,
      80,
      `${stem()}-slot${view.slot + 1}-z${view.dimension}.gif`,
    );
  };

  const onScreen = () => {
    if (!frames.frame) throw new Error("nothing is drawn yet.");
    return frames.frame;
  };
  const npz = async () => {
    const { scene, document, steps } = onScreen();
    const present = document.slots.map((s, k) => ({ ...s, kept: steps[k] })).filter((s) => !s.hidden);
    const body = JSON.stringify({
      image: Array.from(scene.image, (v) => Math.round(255 * v)),
      slots: scene.slots,
      latents: present.map((s) => Array.from(s.latent)),
      steps: present.map((s) => s.kept),
    });
    return save(
      await post(`npz/${encodeURIComponent(scene.model)}`, body, { "content-type": "application/json" }),
      `${stem()}.npz`,
    );
  };

  /** Every picture of the gallery that the scene is from. */
  const gallery = async () => {
    const {
      scene: { origin, model, slots, how },
    } = store;
    if (!origin.data) throw new Error("your picture is in no gallery; NPZ has all about it.");
    const kind = origin.kind === "stored" ? "stored" : "sample";
    const response = await fetch(url(`files/${encodeURIComponent(model)}`), {
      method: "POST",
      body: JSON.stringify({ kind, data: origin.data, slots, how }),
    });
    const { file, name, lost } = await lastStep(
      response,
      (done, of) => of && say(`${done.toLocaleString("en")} of ${of.toLocaleString("en")} pictures`),
    );
    h("a", { href: url(`files/${file}.zip`).href, download: name }).click();
    return `saved ${name}${lost ? `; ${lost} could not be read, refused.csv says why` : ""}`;
  };
  const wholeGallery = button("Gallery as files", guard(gallery), {
    hidden: true,
    title:
      "Takes every picture of this gallery apart: masks, latents, reconstructions and slots as files in a ZIP file",
  });
  onGalleries(({ files }) => (wholeGallery.hidden = !files));

  const link = () => {
    const hash = toHash(store);
    history.replaceState(null, "", hash);
    const missing = store.scene.origin.kind === "picture";
    return copy(
      location.href,
      missing
        ? "link copied; your picture is not in it: whoever opens the link is asked for it"
        : "link copied: it opens this scene with its edits",
    );
  };

  root.append(
    h(
      "div",
      { class: "mx-head" },
      h("h2", {}, "Take it with you"),
      h(
        "span",
        { class: "mx-row" },
        which,
        h("label", { class: "mx-label" }, width, " mm wide"),
        button("SVG", guard(figure("svg", toSvg)), {
          title: "The panel for a paper: charts and letters as vectors, pictures embedded",
        }),
        button("PNG", guard(figure("png", toPng)), { title: "The same at 300 dots per inch" }),
        ...(isSite
          ? []
          : [
              button("GIF of the attention", guard(attentionGif), {
                title: "Picture, scope, mask and what is explained, step by step",
              }),
              button("GIF of the traversal", guard(traversalGif), {
                title: "Component, mask and scene while the selected latent goes from end to end",
              }),
              button("NPZ", guard(npz), {
                title: "Images, masks, scopes and latents as NumPy arrays; the README lists the keys",
              }),
            ]),
        wholeGallery,
        button("Copy link", guard(link), { title: "An address that restores this scene with its edits" }),
        button(
          "Copy as Python",
          guard(() => copy(toPython(onScreen()), "program copied")),
          { title: "A program that makes this view again" },
        ),
      ),
      note,
      h("span", { class: "mx-spring" }),
      explanation("export"),
    ),
    byHand,
  );

  /** @type {Pick<import("../scene/frames.js").Frame, "scene" | "document"> | null} */
  let last = null;
  frames.onFrame(({ scene, document }) => {
    if (last && (last.scene !== scene || last.document !== document)) say(""); // it was about what is no longer there
    last = { scene, document };
  });
}
