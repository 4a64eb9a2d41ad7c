// Traversals: one latent of the selected slot, from one end to the other, everything else held.

import { canvas, drawColors } from "../draw.js";
import { setLatent } from "../actions.js";
import { button, h } from "../dom.js";
import { explanation } from "../explain.js";

const COUNT = 9;

/** @param {HTMLElement} root */
export function mount(root, { store, frames }) {
  const dimension = h("select", { class: "mx-select", "aria-label": "Latent to traverse",
    onchange: () => store.look({ dimension: Number(dimension.value) }) });
  const reach = h("select", { class: "mx-select", "aria-label": "Range of the traversal", onchange: () => draw() },
    h("option", { value: "2" }, "± 2 (prior)"), h("option", { value: "3" }, "± 3 (prior)"),
    h("option", { value: "posterior" }, "± 3 σ (posterior)"));
  const whole = button("All latents", () => {
    atlas = !atlas;
    whole.setAttribute("aria-pressed", String(atlas));
    draw();
  }, { "aria-pressed": "false", title: "A row for each latent of this slot" });
  const strips = h("div", { class: "mx-strips" });
  let atlas = false;
  let drawing = 0;

  root.append(h("div", { class: "mx-head" }, h("h2", {}, "Traversals"),
    h("span", { class: "mx-muted" }, "component and decoded mask logit of the selected slot; click a picture to go there"),
    h("span", { class: "mx-spring" }), dimension, reach, whole, explanation("traversals")), strips);

  async function draw() {
    const { frame } = frames;
    if (!frame) return;
    const token = ++drawing; // a newer drawing takes over
    const { slot, dimension: selected } = store.view;
    const base = store.document.slots[slot];
    const { scene } = store;
    const order = base.kl.map((_, d) => d).sort((a, b) => base.kl[b] - base.kl[a]);
    const rows = [];
    for (const d of atlas ? order : [selected]) {
      const [mean, std] = [base.mean[d], base.std[d]];
      const span = reach.value === "posterior" ? [mean - 3 * std, mean + 3 * std] : [-Number(reach.value), Number(reach.value)];
      const values = Array.from({ length: COUNT }, (_, i) => span[0] + ((span[1] - span[0]) * i) / (COUNT - 1));
      const latents = values.map((value) => base.latent.map((v, j) => (j === d ? value : v)));
      const decoded = await frames.decode(latents);
      if (token !== drawing) return;
      rows.push(h("div", { class: "mx-strip" },
        h("span", { class: "mx-z", title: `${base.kl[d].toFixed(2)} nats; change ${change(decoded).toFixed(3)}` },
          "z", h("sub", {}, String(d))),
        ...decoded.map((pixels, i) => {
          const picture = canvas(`latent ${d} at ${values[i].toFixed(2)}`, "mx-small");
          drawColors(picture, scene.size, pixels, 4, present(pixels));
          return h("button", {
            type: "button", class: "mx-thumbnail", title: values[i].toFixed(2), "aria-label": `Set latent ${d} to ${values[i].toFixed(2)}`,
            onclick: () => store.edit(setLatent(slot, d, values[i])),
          }, picture);
        }),
        h("span", { class: "mx-muted mx-change" }, `Δ ${change(decoded).toFixed(3)}`)));
      // The whole atlas takes a while: let the page breathe between its rows.
      if (atlas) await new Promise(requestAnimationFrame);
    }
    strips.replaceChildren(...rows);
  }

  /** Where the slot would claim the pixel against an empty logit: shows extent as well as colour. */
  function present(pixels) {
    const mask = new Float32Array(pixels.length / 4);
    let top = -Infinity;
    for (let p = 0; p < mask.length; p++) top = Math.max(top, pixels[4 * p + 3]);
    for (let p = 0; p < mask.length; p++) mask[p] = 0.25 + 0.75 / (1 + Math.exp(top / 2 - pixels[4 * p + 3]));
    return mask;
  }

  /** Root mean square difference between the two ends, colours only. */
  function change(decoded) {
    const [first, last] = [decoded[0], decoded[decoded.length - 1]];
    let sum = 0;
    for (let i = 0; i < first.length; i++) if (i % 4 !== 3) sum += (first[i] - last[i]) ** 2;
    return Math.sqrt(sum / ((first.length / 4) * 3));
  }

  let last = null;
  let timer;
  frames.onFrame((frame) => {
    const { view, scene, document } = frame;
    if (last?.scene !== scene) {
      dimension.replaceChildren(...scene.kl[0].map((_, d) => h("option", { value: String(d) }, `z${d}`)));
    }
    dimension.value = String(view.dimension);
    const latent = document.slots[view.slot]?.latent;
    const key = [scene, latent, view.dimension, view.slot];
    if (!last || key.some((v, i) => v !== last.key[i])) {
      clearTimeout(timer);
      timer = setTimeout(draw, 120); // after the drag, not during it
    }
    last = { scene, key };
  });
}
