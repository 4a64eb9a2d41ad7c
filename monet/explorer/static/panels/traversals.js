// Traversals panel: one latent of the selected slot from end to end, all others fixed, as a strip and an animation.

import { maskAmong } from "../scene/compose.js";
import { canvas, drawOnGround, hatch } from "../drawing/draw.js";
import { setLatent } from "../scene/actions.js";
import { button, decimals, h, subscript } from "../page/dom.js";
import { DISSOLVED } from "../scene/ends.js";
import { explanation } from "../page/explain.js";
import { RETRY_MS } from "../scene/frames.js";
import { enlarge } from "../page/lightbox.js";
import { player } from "../drawing/player.js";
import { roving } from "../page/roving.js";
import { along, REACHES, values } from "../scene/sweep.js";

const COUNT = 9;

/** @param {Float32Array} mask */
const area = (mask) => mask.reduce((sum, share) => sum + share, 0);

/** @param {HTMLElement} root @param {import("../main.js").Context} context */
export function mount(root, { store, frames }) {
  const dimension = h("select", {
    class: "mx-select",
    "aria-label": "Latent to traverse",
    onchange: () => store.look({ dimension: Number(dimension.value) }),
  });
  const reach = h(
    "select",
    {
      class: "mx-select",
      "aria-label": "Range of the traversal",
      onchange: () => store.look({ reach: /** @type {import("../scene/sweep.js").Reach} */ (reach.value) }),
    },
    ...Object.entries(REACHES).map(([value, label]) => h("option", { value }, label)),
  );
  const allLatents = button(
    "All latents",
    () => {
      atlas = !atlas;
      allLatents.setAttribute("aria-pressed", String(atlas));
      redraw();
    },
    { "aria-pressed": "false", title: "A row for each latent of this slot" },
  );
  const strips = h("div", { class: "mx-strips" });
  const screen = player({ store, frames });
  let atlas = false;
  let drawing = 0;

  root.append(
    h(
      "div",
      { class: "mx-head" },
      h("h2", {}, "Traversals"),
      h(
        "span",
        { class: "mx-muted" },
        "The selected slot, under its own mask, for values of one latent in σ of the prior. Hatched: the mask dissolves. Click a picture to use its value.",
      ),
      h("span", { class: "mx-spring" }),
      dimension,
      reach,
      allLatents,
      explanation("traversals"),
    ),
    h("div", { class: "mx-with-side" }, strips, screen.element),
  );
  roving(strips, "button");

  /** Creates a row for one latent. It is redrawn in place: replacing a button while it is pressed would lose the click. */
  function strip() {
    /** @type {(i: number) => void} */
    let go = () => {};
    let latent = 0;
    const index = h("sub", {});
    const name = h(
      "button",
      {
        type: "button",
        class: "mx-z mx-plain",
        title: "Select this latent",
        onclick: () => store.look({ dimension: latent }),
      },
      "z",
      index,
    );
    const thumbnails = Array.from({ length: COUNT }, (_, i) => {
      const [picture, text] = [canvas("", "mx-small"), h("span", { class: "mx-value" })];
      const element = h(
        "button",
        { type: "button", class: "mx-thumbnail", onclick: () => go(i), ondblclick: () => enlarge(picture) },
        picture,
        text,
      );
      return { element, picture, text };
    });
    const large = h(
      "button",
      {
        type: "button",
        class: "mx-toggle",
        title: "Open the strip large",
        onclick: () => enlarge(thumbnails[0].picture),
      },
      "⤢",
    );
    const divergence = h("span", { title: "Information about this slot: KL divergence of the latent from the prior" });
    const effect = h("span", { title: "Effect: root mean square change of the component between the ends" });
    const element = h(
      "div",
      { class: "mx-strip" },
      name,
      ...thumbnails.map(({ element }) => element),
      h("span", { class: "mx-muted mx-change" }, divergence, effect, large),
    );

    /**
     * @param {import("../scene/scene.js").Scene} scene @param {number} slot @param {import("../scene/store.js").Slot} base @param {number} d
     * @param {boolean} selected @param {number[]} steps values of the latent; for each value:
     * @param {Float32Array[]} decoded [H*W][4] @param {Float32Array[]} masks [H*W] @param {number[]} areas of the mask, relative to the posterior mean's
     */
    function show(scene, slot, base, d, selected, steps, decoded, masks, areas) {
      latent = d;
      go = (i) => store.edit(setLatent(slot, d, steps[i]));
      index.textContent = String(d);
      large.setAttribute("aria-label", `Open the strip of latent ${d} large`);
      name.setAttribute("aria-pressed", String(selected));
      name.setAttribute("aria-label", `Select latent ${d}`);
      for (const [i, { element, picture, text }] of thumbnails.entries()) {
        const value = decimals(steps[i]);
        const dissolved = areas[i] < DISSOLVED;
        const note = dissolved ? `, mask dissolved to ${(100 * areas[i]).toFixed(0)} % of its area` : "";
        element.title = `z${subscript(d)} = ${value}, in σ of the prior${note}. Click: use this value. Double-click: enlarge`;
        text.textContent = value;
        element.setAttribute("aria-label", `Set latent ${d} to ${value}`);
        picture.setAttribute("aria-label", `z${subscript(d)} = ${value.replace("-", "−")}${note}`);
        drawOnGround(picture, scene.size, decoded[i], masks[i]);
        if (dissolved) hatch(picture);
      }
      divergence.textContent = `${base.kl[d].toFixed(2)} nats`;
      effect.textContent = `Δ ${change(decoded).toFixed(3)}`;
    }
    return { element, show };
  }

  /** @type {ReturnType<typeof strip>[]} */
  const rows = [];

  async function draw() {
    const { frame } = frames;
    if (!frame) return;
    const token = ++drawing; // a newer call cancels this one
    const { slot, dimension: selected, reach } = store.view;
    const base = store.document.slots[slot];
    const { scene } = store;
    const order = base.kl.map((_, d) => d).sort((a, b) => base.kl[b] - base.kl[a]);
    const dimensions = atlas ? order : [selected];
    const { document } = store;
    const others = await frames.decode(document.slots.map((s) => s.latent));
    const [mean] = await frames.decode([base.mean]);
    if (token !== drawing) return;
    const rivals = others.filter((_, k) => k !== slot && !document.slots[k].hidden);
    const meanArea = area(maskAmong(rivals, mean));
    for (const row of rows.splice(dimensions.length)) row.element.remove();
    for (const [i, d] of dimensions.entries()) {
      const steps = values(base, d, reach, COUNT);
      const decoded = await frames.decode(along(base.latent, d, steps));
      if (token !== drawing) return;
      if (i === rows.length) rows.push(strip());
      const masks = decoded.map((pixels) => maskAmong(rivals, pixels));
      rows[i].show(
        scene,
        slot,
        base,
        d,
        d === selected,
        steps,
        decoded,
        masks,
        masks.map((mask) => area(mask) / meanArea),
      );
      if (!rows[i].element.isConnected) strips.append(rows[i].element);
      // All rows take a while: let the page handle events between them.
      if (atlas) await new Promise(requestAnimationFrame);
    }
  }

  /** Root mean square difference between the two ends, colours only. @param {Float32Array[]} decoded */
  function change(decoded) {
    const [first, last] = [decoded[0], decoded[decoded.length - 1]];
    let sum = 0;
    for (let i = 0; i < first.length; i++) if (i % 4 !== 3) sum += (first[i] - last[i]) ** 2;
    return Math.sqrt(sum / ((first.length / 4) * 3));
  }

  let timer = 0;
  function redraw() {
    draw().catch((error) => {
      console.warn("the traversal was not decoded:", error.message);
      timer = setTimeout(redraw, RETRY_MS);
    });
  }

  /** The state that the strips show. @type {unknown[] | null} */
  let last = null;
  frames.onFrame(({ scene, view, document }) => {
    if (last?.[0] !== scene) {
      dimension.replaceChildren(...scene.kl[0].map((_, d) => h("option", { value: String(d) }, `z${subscript(d)}`)));
    }
    dimension.value = String(view.dimension);
    reach.value = view.reach;
    const now = [scene, document, view.dimension, view.slot, view.reach];
    if (now.some((v, i) => v !== last?.[i])) {
      clearTimeout(timer);
      timer = setTimeout(() => {
        // draws after a drag, not during it
        redraw();
        screen.refresh();
      }, 120);
    }
    last = now;
  });
}
