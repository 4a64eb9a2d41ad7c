// Table of thumbnails with a column per slot, used by the attention and slots panels.

import { canvas, inkOn, slotColor } from "./draw.js";
import { h, setText } from "../page/dom.js";
import { enlarge, zoomable } from "../page/lightbox.js";
import { roving } from "../page/roving.js";

/** @typedef {{name: string, label: Node | string, title: string}} Row */
/** @typedef {{select: HTMLButtonElement, note: HTMLElement, slot: number | null, element: HTMLElement}} Head of a column */

export class Columns {
  /** The slots' colours, a key to detect changes. */
  #fitted = "";
  #marked = "";
  /** Canvases by slot and row name. @type {Record<string, HTMLCanvasElement>[]} */
  canvases = [];
  /** @type {Head[]} */
  heads = [];

  /**
   * @param {import("../scene/store.js").Store} store
   * @param {Row[]} rows
   * @param {(k: number) => Node[]} extra further nodes of a column's head
   */
  constructor(store, rows, extra = () => []) {
    this.store = store;
    this.rows = rows;
    this.extra = extra;
    this.element = h("div", {
      class: "mx-columns",
      role: "group",
      "aria-label": "A column for each slot: arrow keys move, Enter opens a picture large",
    });
    roving(this.element, ".mx-column-head button, .mx-cell canvas");
  }

  /** Rebuilds the table if the slots changed. @param {import("../scene/store.js").Slot[]} slots */
  fit(slots) {
    const key = slots.map((s) => s.color).join();
    if (key === this.#fitted) return;
    this.#fitted = key;
    this.#marked = "";
    this.canvases = slots.map((_, k) =>
      Object.fromEntries(
        this.rows.map((row) => [
          row.name,
          zoomable(canvas(`${row.title}, slot ${k + 1}`, "mx-small"), { click: "select" }),
        ]),
      ),
    );
    this.heads = slots.map((slot, k) => {
      const select = h(
        "button",
        {
          type: "button",
          class: "mx-chip",
          "aria-label": `Select slot ${k + 1}`,
          onclick: () => this.#select(k),
        },
        String(k + 1),
      );
      select.style.background = slotColor(slot.color);
      select.style.color = inkOn(slot.color);
      const note = h("span", { class: "mx-column-note", hidden: true });
      const head = h("div", { class: "mx-column-head" }, select, h("span", { class: "mx-toggles" }, ...this.extra(k)));
      return { select, note, slot: k, element: h("div", {}, head, note) };
    });
    this.element.style.setProperty("--columns", String(slots.length));
    this.element.replaceChildren(
      h("div", { class: "mx-row-label" }),
      ...this.heads.map((head) => head.element),
      ...this.rows.flatMap((row) => [
        h("div", { class: "mx-row-label", title: row.title }, row.label),
        ...slots.map((_, k) =>
          h(
            "div",
            {
              class: "mx-cell",
              "data-row": row.name,
              onclick: () => this.#select(k, this.canvases[k][row.name]),
            },
            this.canvases[k][row.name],
          ),
        ),
      ]),
    );
  }

  /** Selects a column's slot, or enlarges the picture if the slot is already selected. @param {number} k @param {HTMLCanvasElement | null} picture */
  #select(k, picture = null) {
    const { slot } = this.heads[k];
    if (picture && slot !== null && this.store.view.slot === slot) enlarge(picture);
    else if (slot !== null) this.store.look({ slot });
  }

  /**
   * Sets the note below each column's number, for slots that were added, deleted or moved.
   * @param {{note: string, slot: number | null}[]} columns `note` "" for none; `slot` selected by the column, null if deleted
   */
  annotate(columns) {
    columns.forEach(({ note, slot }, k) => {
      const head = this.heads[k];
      head.slot = slot;
      setText(head.note, note);
      head.note.hidden = !note;
      head.select.disabled = slot === null;
      head.select.setAttribute("aria-label", slot === null ? `Step ${k + 1}, slot deleted` : `Select slot ${slot + 1}`);
    });
  }

  /** Marks the selected column, the current step, and the later steps. @param {{slot: number | null, step: number | null}} view */
  mark({ slot, step }) {
    const marked = `${slot}/${step}`;
    if (marked === this.#marked) return;
    this.#marked = marked;
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

/** An italic symbol with a subscript. @param {string} text @param {string} index */
export const symbol = (text, index) => h("i", {}, text, h("sub", {}, index));
