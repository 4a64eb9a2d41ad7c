// Scope tool: a brush that marks pixels as already explained, and buttons to unmark them.

import { button, h, setText } from "../page/dom.js";
import { withSlot } from "./scope.js";

const QUESTION =
  "What does the network take if this part is already explained? Paint it, or click a slot’s picture to mark that slot as explained.";

/**
 * @param {import("./desk.js").Desk} desk
 * @param {import("./live.js").Live} live
 */
export function scoping(desk, live) {
  const pen = button("Scope", () => desk.set({ tool: "scope", unmarks: false }), {
    title: "Marks pixels as already explained",
  });
  const mark = button("Mark", () => desk.set({ tool: "scope", unmarks: false }), {
    title: "The brush marks pixels as explained: it draws the veil",
  });
  const unmark = button("Unmark", () => desk.set({ tool: "scope", unmarks: true }), {
    title: "The brush unmarks pixels: it removes the veil",
  });
  const unmarkAll = button("Unmark all", () => desk.edit(({ things, ground }) => ({ things, ground })), {
    title: "Removes the whole veil",
  });
  const note = h("p", { class: "mx-muted mx-compose-note" });
  const buttons = h("div", { class: "mx-row", role: "group", "aria-label": "Scope" }, mark, unmark, unmarkAll);
  const element = h("div", { class: "mx-compose-scope" }, buttons, note);

  /** Marks a slot of the last answer as explained. @param {number} k */
  function markSlot(k) {
    const mask = live.shown?.answer.masks[k];
    if (mask) desk.edit((composition) => ({ ...composition, explained: withSlot(composition.explained, mask) }));
  }

  return {
    pen,
    element,
    /** Updates the controls to the tool, the canvas and who answers. */
    update() {
      const {
        settings,
        composition: { explained },
      } = desk;
      const { where, reason } = live.status;
      const available = where !== "server";
      if (!available && settings.tool === "scope") return desk.set({ tool: "move" }); // which calls update() again
      const active = settings.tool === "scope";
      pen.disabled = !available;
      pen.ariaPressed = String(active);
      mark.ariaPressed = String(active && !settings.unmarks);
      unmark.ariaPressed = String(active && settings.unmarks);
      mark.disabled = unmark.disabled = !available;
      unmarkAll.disabled = !explained;
      buttons.hidden = !active && !explained;
      note.hidden = buttons.hidden && available;
      setText(
        note,
        available
          ? QUESTION
          : `The scope needs the network in your browser; the server always starts with the full scope. ${reason}`,
      );
      live.onPick(active ? markSlot : null);
    },
  };
}
