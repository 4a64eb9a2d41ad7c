// A table of small pictures with a column per slot, shared by the attention and the slots.

import { canvas, inkOn, slotColor } from "./draw.js";
import { h } from "./dom.js";
import { enlarge, zoomable } from "./lightbox.js";
import { roving } from "./roving.js";

/**
 * @param {{name: string, label: Node | string, title: string}[]} rows
 * @param {(k: number) => Node[]} extra what else stands in a column's head
 */
export class Columns {
  constructor(store, rows, extra = () => []) {
    this.store = store;
    this.rows = rows;
    this.extra = extra;
    this.element = h("div", { class: "mx-columns", role: "group", "aria-label": "A column for each slot: arrow keys move, Enter opens a picture large" });
    roving(this.element, ".mx-column-head button, .mx-cell canvas");
    this.canvases = []; // [slot][row name]
    this.heads = [];
  }

  /** Rebuilds the table when the slots are others. @param {import("./store.js").Slot[]} slots */
  fit(slots) {
    const key = slots.map((s) => s.color).join();
    if (key === this.key) return;
    this.key = key;
    this.marked = null;
    this.canvases = slots.map((_, k) =>
      Object.fromEntries(this.rows.map((row) => [row.name, zoomable(canvas(`${row.title}, slot ${k + 1}`, "mx-small"), { click: "select" })])));
    this.heads = slots.map((slot, k) => {
      const select = h("button", {
        type: "button", class: "mx-chip", "aria-label": `Select slot ${k + 1}`,
        onclick: () => this.store.look({ slot: k }),
      }, String(k + 1));
      select.style.background = slotColor(slot.color);
      select.style.color = inkOn(slot.color);
      return { select, element: h("div", { class: "mx-column-head" }, select, h("span", { class: "mx-toggles" }, ...this.extra(k))) };
    });
    this.element.style.setProperty("--columns", String(slots.length));
    this.element.replaceChildren(
      h("div", { class: "mx-row-label" }), ...this.heads.map((head) => head.element),
      ...this.rows.flatMap((row) => [
        h("div", { class: "mx-row-label", title: row.title }, row.label),
        ...slots.map((_, k) => h("div", {
          class: "mx-cell", "data-row": row.name,
          onclick: () => (this.store.view.slot === k ? enlarge(this.canvases[k][row.name]) : this.store.look({ slot: k })),
        }, this.canvases[k][row.name])),
      ]),
    );
  }

  /** Marks the selected column and those that have not had their step yet. */
  mark({ slot, step }) {
    const marked = `${slot}/${step}`;
    if (marked === this.marked) return;
    this.marked = marked;
    this.heads.forEach((head, k) => head.select.setAttribute("aria-pressed", String(k === slot)));
    const cells = this.element.querySelectorAll(".mx-cell");
    const count = this.heads.length;
    cells.forEach((cell, i) => {
      const k = i % count;
      cell.classList.toggle("mx-selected", k === slot);
      cell.classList.toggle("mx-later", step !== null && k > step);
      cell.classList.toggle("mx-now", step !== null && k === step);
    });
  }
}

/** A symbol with an index as mathematics writes it. */
export const symbol = (text, index) => h("i", {}, text, h("sub", {}, index));
