// Slots panel: component and masks of each slot, and the actions on whole slots.

import { between, carryOver, changeSlot, duplicate, move, paste, remove, swap } from "../scene/actions.js";
import { blender } from "../scene/blender.js";
import { Columns, symbol } from "../drawing/columns.js";
import { canvas, drawColors, drawValues } from "../drawing/draw.js";
import { button, h } from "../page/dom.js";
import { explanation } from "../page/explain.js";
import { seenBeside } from "../scene/placing.js";

/** @param {HTMLElement} root @param {import("../main.js").Context} context */
export function mount(root, { store, frames }) {
  /** @param {number} k */
  const toggles = (k) => {
    const hide = h(
      "button",
      {
        type: "button",
        class: "mx-toggle",
        "data-toggle": "hide",
        "aria-label": `Hide slot ${k + 1}`,
        title: "Hide or show this slot",
        onclick: () => store.edit(changeSlot(k, (s) => ({ hidden: !s.hidden }))),
      },
      "◉",
    );
    const solo = h(
      "button",
      {
        type: "button",
        class: "mx-toggle",
        "data-toggle": "solo",
        "aria-label": `Show slot ${k + 1} alone`,
        title: "Show this slot alone",
        onclick: () => store.look({ solo: store.view.solo === k ? null : k }),
      },
      "S",
    );
    return [hide, solo];
  };
  const columns = new Columns(
    store,
    [
      {
        name: "component",
        label: h("span", {}, "component ", symbol("x", "k")),
        title: "Component mean: what the decoder paints for this slot, everywhere",
      },
      {
        name: "masked",
        label: h("span", {}, symbol("m", "k"), " ", symbol("x", "k")),
        title: "Masked component: its part in the recomposed scene",
      },
      {
        name: "decoded",
        label: h("span", {}, "decoded ", symbol("m̂", "k")),
        title: "The decoder's own mask: softmax of the mask logits over the slots",
      },
    ],
    toggles,
  );

  // Actions apply to the selected slot; some need a second one.
  const selected = () => store.view.slot;
  /** @param {number} k */
  const slotAt = (k) => store.document.slots[k];
  /** @param {(k: number) => import("../scene/actions.js").Change} change */
  const act = (change) => () => store.edit(change(selected()));
  const other = h("select", {
    class: "mx-select",
    "aria-label": "The other slot",
    title: "The second slot, for swap and blend",
    onchange: () => blend.reset(),
  });
  const pasteButton = button("Paste", () => store.clipboard && store.edit(paste(selected(), store.clipboard)), {
    title: "Replace this slot’s latents by the copied ones (Ctrl+V)",
  });
  const removeButton = button("Delete", act(remove), { title: "Delete this slot; the other slots fill its place" });
  const arc = h("input", {
    type: "checkbox",
    "aria-label": "Blend on an arc",
    onchange: () => {
      blend.again();
      blendScene?.again();
    },
  });
  const swapButton = button("Swap", () => store.edit(swap(selected(), Number(other.value))), {
    title: "Exchange the latents of the two slots",
  });
  const blend = blender(
    { store, frames },
    {
      label: "Blend this slot into the other",
      title: "Changes this slot’s latents gradually to the other’s",
      at: (start, t) => {
        const [from, to] = [start.slots[selected()].latent, start.slots[Number(other.value)].latent];
        return paste(selected(), between(from, to, t, arc.checked))(start);
      },
    },
  );
  let duplicating = false;
  async function duplicateSelected() {
    if (duplicating) return;
    duplicating = true;
    const {
      scene,
      document,
      view: { slot },
    } = store;
    const latent = await seenBeside(frames, scene, document, slot).catch((error) => {
      console.warn("no better place for the copy was found:", error.message);
      return document.slots[slot].latent;
    });
    duplicating = false;
    if (document === store.document) store.edit(duplicate(slot, latent), { select: slot + 1 });
  }
  /** The slider that blends into the scene set aside, if there is one. @type {ReturnType<typeof blender> | null} */
  let blendScene = null;
  const setAside = button("Set this scene aside", () => store.setAside(true), {
    title: "Keeps this scene below, so that you can open another scene and copy objects into it",
  });
  const aside = h("div", { class: "mx-guest" });
  root.append(
    h(
      "div",
      { class: "mx-head" },
      h("h2", {}, "Slots"),
      h("span", { class: "mx-muted" }, "select a slot to change its latents"),
      h("span", { class: "mx-spring" }),
      explanation("slots"),
    ),
    h(
      "div",
      { class: "mx-with-side" },
      columns.element,
      h(
        "div",
        { class: "mx-aside mx-actions", role: "group", "aria-label": "Actions on the selected slot" },
        h(
          "div",
          { class: "mx-row" },
          button("Copy", () => store.copy(slotAt(selected()).latent), {
            title: "Copy this slot’s latents (Ctrl+C)",
          }),
          pasteButton,
          removeButton,
        ),
        h(
          "div",
          { class: "mx-row" },
          button("Duplicate", duplicateSelected, {
            title: "Adds a copy of the object, at a place where it is visible",
          }),
          button("◀", () => shift(-1), { "aria-label": "Move slot left", title: "Move the slot to the left" }),
          button("▶", () => shift(1), { "aria-label": "Move slot right", title: "Move the slot to the right" }),
        ),
        h("div", { class: "mx-row" }, h("label", { class: "mx-label" }, "with slot ", other), swapButton),
        h(
          "div",
          { class: "mx-row mx-nowrap" },
          h("label", { class: "mx-label mx-wide" }, "blend ", blend.element),
          h(
            "label",
            {
              class: "mx-label",
              title: "Blend along an arc, which keeps the length of the latents, instead of a straight line",
            },
            arc,
            "arc",
          ),
        ),
        setAside,
      ),
    ),
    aside,
  );
  /** @param {number} by */
  const shift = (by) => store.edit(move(selected(), by), { select: selected() + by });

  /** The state that each column shows; a new column has no entry. @type {WeakMap<object, {decoded?: Float32Array, toggles?: string}>} */
  const drawnColumns = new WeakMap();
  /** @type {import("../scene/frames.js").Frame | null} */
  let last = null;
  /** @type {typeof store.aside} */
  let guest = null;
  frames.onFrame((frame) => {
    const { scene, document, view } = frame;
    columns.fit(document.slots);
    if (last?.image !== frame.image) {
      document.slots.forEach((slot, k) => {
        const panel = columns.canvases[k];
        const drawn = drawnColumns.get(panel) ?? {};
        drawnColumns.set(panel, drawn);
        if (drawn.decoded !== frame.decoded[k]) {
          drawColors(panel.component, scene.size, frame.decoded[k], 4);
          drawn.decoded = frame.decoded[k];
        }
        drawColors(panel.masked, scene.size, frame.decoded[k], 4, frame.masks[k] ?? new Float32Array(scene.size ** 2));
        drawValues(panel.decoded, scene.size, frame.decodedMasks[k]);
        const toggleState = `${slot.hidden}/${view.solo === k}`;
        if (drawn.toggles === toggleState) return;
        drawn.toggles = toggleState;
        const [hide, solo] = columns.heads[k].element.querySelectorAll(".mx-toggle");
        hide.setAttribute("aria-pressed", String(slot.hidden));
        hide.textContent = slot.hidden ? "○" : "◉";
        solo.setAttribute("aria-pressed", String(view.solo === k));
      });
    }
    if (last?.document !== document) {
      const differ = document.slots.length !== scene.slots || document.slots.some((slot, k) => slot.step !== k);
      columns.annotate(
        document.slots.map(({ step }, slot) => ({
          slot,
          note: !differ ? "" : step === null ? "added" : `step ${step + 1}`,
        })),
      );
    }
    columns.mark({ slot: view.slot, step: null });
    const alone = document.slots.length === 1;
    if (last?.view.slot !== view.slot || last.document.slots.length !== document.slots.length) {
      const before = Number(other.value);
      const others = document.slots.map((_, k) => k).filter((k) => k !== view.slot);
      other.replaceChildren(...others.map((k) => h("option", { value: String(k) }, String(k + 1))));
      other.value = String(others.includes(before) ? before : (view.slot + 1) % document.slots.length);
      blend.reset();
    }
    blend.update();
    blendScene?.update();
    pasteButton.disabled = !store.clipboard || store.clipboard.length !== document.slots[0].latent.length;
    for (const control of [removeButton, swapButton, other, blend.element]) control.disabled = alone;
    if (guest !== store.aside || last?.scene !== scene) {
      drawGuest().catch((error) => {
        console.warn("the scene set aside was not decoded:", error.message);
        guest = null; // the next frame tries again
      });
    }
    guest = store.aside;
    last = frame;
  });

  /** Draws the scene set aside: its slots can be copied one by one, or blended in as a whole. */
  async function drawGuest() {
    blendScene = null;
    aside.hidden = !store.aside;
    if (!store.aside) return;
    const { aside: guest } = store;
    const discard = button("Discard", () => store.setAside(false), { title: "Removes the scene set aside" });
    if (guest.scene.model !== store.scene.model) {
      aside.replaceChildren(
        h(
          "span",
          { class: "mx-muted" },
          `“${guest.scene.title}” was set aside with another model. This model cannot use its latents.`,
        ),
        discard,
      );
      return;
    }
    const { slots } = guest.document;
    const decoded = await frames.decode(slots.map((s) => s.latent));
    if (guest !== store.aside) return;
    const pictures = slots.map((slot, k) => {
      const picture = canvas("", "mx-small");
      drawColors(picture, guest.scene.size, decoded[k], 4, slot.step === null ? null : guest.scene.masks[slot.step]);
      return h(
        "button",
        {
          type: "button",
          class: "mx-thumbnail",
          "aria-label": `Carry over slot ${k + 1} of the scene set aside`,
          title: "Add this object to the scene",
          onclick: () => store.edit(carryOver(slot)),
        },
        picture,
      );
    });
    blendScene = blender(
      { store, frames },
      {
        label: "Blend the whole scene into the one set aside",
        title: "Changes each slot gradually to the slot with the same number in the scene set aside",
        at: (start, t) => ({
          ...start,
          slots: start.slots.map((slot, k) =>
            slots[k] ? { ...slot, latent: between(slot.latent, slots[k].latent, t, arc.checked) } : slot,
          ),
        }),
      },
    );
    aside.replaceChildren(
      h("span", { class: "mx-muted" }, `set aside: ${guest.scene.title}`),
      h("div", { class: "mx-guest-slots" }, ...pictures),
      h("label", { class: "mx-label" }, "blend slot by slot ", blendScene.element),
      discard,
    );
  }
}
