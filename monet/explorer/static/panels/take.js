// Out of the app: figures, films, arrays, a link, a program.

import { blend, scopes as leftAfter, softmaxMasks } from "../compose.js";
import { button, h } from "../dom.js";
import { explanation } from "../explain.js";
import { toHash } from "../permalink.js";
import { toPython } from "../python.js";
import { toPng } from "../sheet.js";

const PANELS = [["scene", "Scene"], ["attention", "Attention"], ["slots", "Slots"], ["traversals", "Traversals"]];
const url = (path) => new URL(`monet/${path}`, document.baseURI);

/** @param {HTMLElement} root */
export function mount(root, { store, frames }) {
  const note = h("span", { class: "mx-muted", role: "status" });
  const which = h("select", { class: "mx-select", "aria-label": "Panel" }, ...PANELS.map(([name, title]) => h("option", { value: name }, title)));

  /** Does it, and says how it went. */
  const guard = (action) => async (event) => {
    const pressed = event.currentTarget;
    pressed.disabled = true;
    try {
      note.textContent = (await action()) ?? "";
    } catch (error) {
      note.textContent = `That did not work: ${error.message}`;
    } finally {
      pressed.disabled = false;
    }
  };
  const save = (blob, name) => {
    const link = h("a", { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    return `saved ${name}`;
  };
  const copy = async (text, said) => {
    await navigator.clipboard.writeText(text);
    return said;
  };
  const stem = () => `monet-${store.scene.model}`;
  const post = async (path, body, headers = {}) => {
    const response = await fetch(url(path), { method: "POST", body, headers });
    if (!response.ok) throw new Error(await response.text());
    return response.blob();
  };

  const png = () => {
    const [name, title] = PANELS.find(([name]) => name === which.value);
    const edited = store.edited ? ", edited" : "";
    const panel = document.querySelector(`#mx-${name}`);
    return toPng(panel, `${title}: ${store.scene.title}${edited}, MONet ${store.scene.model}, K = ${store.scene.slots}`)
      .then((blob) => save(blob, `${stem()}-${name}.png`));
  };

  /** Pictures [H*W][3] side by side as the bytes of one frame, times 255. */
  const frameOf = (size, pictures) => {
    const frame = new Uint8Array(size * size * pictures.length * 3);
    for (let y = 0; y < size; y++) {
      pictures.forEach((picture, i) => {
        for (let x = 0; x < size; x++) {
          for (let c = 0; c < 3; c++) {
            frame[3 * (y * size * pictures.length + i * size + x) + c] = Math.max(0, Math.min(255, Math.round(255 * picture[3 * (y * size + x) + c])));
          }
        }
      });
    }
    return frame;
  };
  const grey = (values) => Float32Array.from({ length: 3 * values.length }, (_, i) => values[Math.floor(i / 3)]);
  const gif = async (list, size, columns, milliseconds, name) => {
    const blob = await post(`gif?width=${size * columns}&height=${size}&milliseconds=${milliseconds}`, new Blob(list));
    return save(blob, name);
  };

  const attentionGif = async () => {
    const { scene, original } = store;
    const decoded = await frames.decode(original.slots.map((s) => s.latent));
    const left = leftAfter(scene.masks);
    const list = scene.masks.map((mask, k) => frameOf(scene.size, [
      scene.image, grey(left[k]), grey(mask), blend(decoded, scene.masks.map((m, j) => (j <= k ? m : null))),
    ]));
    return gif(list, scene.size, 4, 900, `${stem()}-attention.gif`);
  };

  const traversalGif = async () => {
    const { scene, document, view } = store;
    const slot = document.slots[view.slot];
    const others = await frames.decode(document.slots.map((s) => s.latent));
    const values = Array.from({ length: 16 }, (_, i) => -2.5 + (5 * i) / 15);
    const swept = await frames.decode(values.map((v) => slot.latent.map((z, d) => (d === view.dimension ? v : z))));
    const list = swept.map((pixels) => {
      const decoded = others.map((other, k) => (k === view.slot ? pixels : other));
      const colors = Float32Array.from({ length: 3 * scene.size ** 2 }, (_, i) => pixels[4 * Math.floor(i / 3) + (i % 3)]);
      const masks = softmaxMasks(decoded, document.slots.map((s) => !s.hidden));
      return frameOf(scene.size, [colors, grey(masks[view.slot]), blend(decoded, masks)]);
    });
    return gif([...list, ...list.slice(1, -1).reverse()], scene.size, 3, 80, `${stem()}-slot${view.slot + 1}-z${view.dimension}.gif`);
  };

  const npz = async () => {
    const { scene, document } = store;
    const shown = document.slots.filter((s) => !s.hidden);
    const body = JSON.stringify({
      image: Array.from(scene.image, (v) => Math.round(255 * v)), slots: scene.slots, latents: shown.map((s) => Array.from(s.latent)),
    });
    return save(await post(`npz/${encodeURIComponent(scene.model)}`, body, { "content-type": "application/json" }), `${stem()}.npz`);
  };

  const link = () => {
    const hash = toHash(store);
    history.replaceState(null, "", hash);
    const missing = store.scene.origin.kind === "picture";
    return copy(location.href, missing
      ? "link copied; your picture is not in it: open it again there" : "link copied: it opens this scene with its edits");
  };

  root.append(h("div", { class: "mx-head" }, h("h2", {}, "Take it with you"),
    h("span", { class: "mx-row" },
      which, button("PNG", guard(png), { title: "The panel at print size, with captions" }),
      button("GIF of the attention", guard(attentionGif), { title: "Picture, scope, mask and what is explained, step by step" }),
      button("GIF of the traversal", guard(traversalGif), { title: "Component, mask and scene while the selected latent goes from end to end" }),
      button("NPZ", guard(npz), { title: "Images, masks, scopes and latents as NumPy arrays; the README lists the keys" }),
      button("Copy link", guard(link), { title: "An address that restores this scene with its edits" }),
      button("Copy as Python", guard(() => copy(toPython(store), "program copied")), { title: "A program that makes this view again" })),
    note, h("span", { class: "mx-spring" }), explanation("take")));
}
