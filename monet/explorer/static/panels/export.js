// Export panel: SVG, PNG, GIF, NPZ, permalink, Python program, and a whole gallery as a ZIP file.

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
/** A message for the visitor, and possibly a text to copy by hand. @typedef {string | {message: string, text: string}} Done */

/** Panels that can be exported as a figure: title, and the parts of the figure. @type {Record<string, [title: string, parts: (panel: HTMLElement, store: Store, width: number) => Sheet | Promise<Sheet>]>} */
const PANELS = {
  scene: ["Scene", sheet.pictures],
  attention: ["Attention", sheet.table],
  slots: ["Slots", sheet.table],
  latents: ["Latents", sheet.latents],
  pad: ["Two latents", sheet.pad],
  traversals: ["Traversals", sheet.strips],
  charts: ["Charts", sheet.charts],
  map: ["Map of slots", sheet.map],
};

/** Width of a figure in millimetres: at least (a narrow column), at most (a poster), and at first. */
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
  const panel = h(
    "select",
    { class: "mx-select", "aria-label": "Panel" },
    ...Object.entries(PANELS).map(([name, [title]]) => h("option", { value: name }, title)),
  );

  /** Runs an action and shows its message; the button is inactive meanwhile. @param {() => Done | Promise<Done>} action @returns {import("../page/dom.js").Listener<"button", "click">} */
  const guard =
    (action) =>
    async ({ currentTarget: pressed }) => {
      if (pressed.ariaBusy === "true") return;
      pressed.ariaBusy = "true";
      say("");
      try {
        const done = await action();
        if (typeof done === "string") say(done);
        else say(done.message, done.text);
      } catch (error) {
        say(`Export failed: ${reasonOf(error)}`);
      } finally {
        pressed.ariaBusy = "false";
      }
    };
  /** @param {string} message */
  const say = (message, text = "") => {
    note.textContent = message;
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
  /** @param {string} text @param {string} message after success @returns {Promise<Done>} */
  const copy = async (text, message) =>
    (await copyText(text)) ? message : { message: "Your browser does not let the page copy. Copy this text:", text };
  const fileName = () => `monet-${store.scene.model}`;
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
    title: "Width on paper; the text keeps its size",
  });
  /** @param {"svg" | "png"} kind @param {(figure: SVGSVGElement) => Blob | Promise<Blob>} write */
  const figure = (kind, write) => async () => {
    const [title, partsOf] = PANELS[panel.value];
    const { scene, view, edited } = store;
    const of = ["latents", "pad", "traversals"].includes(panel.value) ? ` of slot ${view.slot + 1}` : "";
    const millimetres = Math.min(WIDEST, Math.max(NARROWEST, Math.round(Number(width.value)) || PAGE));
    width.value = String(millimetres);
    const parts = await partsOf(find(document, `#mx-${panel.value}`), store, millimetres);
    const caption = `${title}${of}: ${scene.title}${edited ? ", edited" : ""}, MONet ${scene.model}, K\u00a0=\u00a0${scene.slots}`;
    return save(await write(layout(parts, caption, millimetres)), `${fileName()}-${panel.value}.${kind}`);
  };

  /** Joins pictures [H*W][3] in [0, 1] side by side to the bytes of one frame. @param {number} size @param {Float32Array[]} pictures */
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

  /** The picture as explained by steps 0 to k. @param {Float32Array[]} decoded @param {import("../scene/scene.js").Scene} scene @param {number} k */
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
    return gif(list, scene.size, 4, 900, `${fileName()}-attention.gif`);
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
      `${fileName()}-slot${view.slot + 1}-z${view.dimension}.gif`,
    );
  };

  const currentFrame = () => {
    if (!frames.frame) throw new Error("the scene is not drawn yet; try again in a moment.");
    return frames.frame;
  };
  const npz = async () => {
    const { scene, document, steps } = currentFrame();
    const present = document.slots.map((s, k) => ({ ...s, kept: steps[k] })).filter((s) => !s.hidden);
    const body = JSON.stringify({
      image: Array.from(scene.image, (v) => Math.round(255 * v)),
      slots: scene.slots,
      latents: present.map((s) => Array.from(s.latent)),
      steps: present.map((s) => s.kept),
    });
    return save(
      await post(`npz/${encodeURIComponent(scene.model)}`, body, { "content-type": "application/json" }),
      `${fileName()}.npz`,
    );
  };

  /** Decomposes every picture of the scene's gallery and downloads the results. */
  const gallery = async () => {
    const {
      scene: { origin, model, slots, how },
    } = store;
    if (!origin.data) throw new Error("your picture is not in a gallery; use NPZ to export it.");
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
    return `saved ${name}${lost ? `; ${lost} pictures could not be read, refused.csv lists the reasons` : ""}`;
  };
  const wholeGallery = button("Gallery as files", guard(gallery), {
    hidden: true,
    title:
      "Takes every picture of this gallery apart and saves masks, latents, reconstructions and slots in a ZIP file",
  });
  onGalleries(({ files }) => (wholeGallery.hidden = !files));

  const link = () => {
    const hash = toHash(store);
    history.replaceState(null, "", hash);
    const withoutPicture = store.scene.origin.kind === "picture";
    return copy(
      location.href,
      withoutPicture
        ? "link copied, without your picture: the page will ask for the picture when the link is opened"
        : "link copied: it opens this scene with its edits",
    );
  };

  root.append(
    h(
      "div",
      { class: "mx-head" },
      h("h2", {}, "Export"),
      h(
        "span",
        { class: "mx-row" },
        panel,
        h("label", { class: "mx-label" }, width, " mm wide"),
        button("SVG", guard(figure("svg", toSvg)), {
          title: "The panel as a figure for a paper: charts and text as vectors, pictures embedded",
        }),
        button("PNG", guard(figure("png", toPng)), { title: "The same figure as pixels, 300 dots per inch" }),
        ...(isSite
          ? []
          : [
              button("GIF of the attention", guard(attentionGif), {
                title: "Picture, scope, mask and the part explained so far, step by step",
              }),
              button("GIF of the traversal", guard(traversalGif), {
                title: "Component, mask and scene while the selected latent moves from end to end",
              }),
              button("NPZ", guard(npz), {
                title: "Images, masks, scopes and latents as NumPy arrays; docs/python.md lists the keys",
              }),
            ]),
        wholeGallery,
        button("Copy link", guard(link), { title: "A link that restores this scene with its edits" }),
        button(
          "Copy as Python",
          guard(() => copy(toPython(currentFrame()), "program copied")),
          { title: "A Python program that reproduces this view" },
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
    if (last && (last.scene !== scene || last.document !== document)) say(""); // the message was about an older view
    last = { scene, document };
  });
}
