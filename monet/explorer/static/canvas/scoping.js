// The scope's tool: a brush on the veil that marks what counts as explained already.

import { button, h, say } from "../page/dom.js";
import { withSlot } from "./scope.js";

const QUESTION =
  "What does the network take if this part is already explained? Paint it, or click a slot’s picture to count that slot as explained.";

/**
 * @param {import("./desk.js").Desk} desk
 * @param {import("./live.js").Live} live
 */
export function scoping(desk, live) {
  const pen = button("Scope", () => desk.take({ tool: "scope", gives: false }), {
    title: "Marks what counts as explained already",
  });
  const mark = button("Explained", () => desk.take({ tool: "scope", gives: false }), {
    title: "The brush draws the veil: this part is explained",
  });
  const give = button("To explain", () => desk.take({ tool: "scope", gives: true }), {
    title: "The brush takes the veil off again",
  });
  const all = button("All to explain", () => desk.edit(({ things, ground }) => ({ things, ground })), {
    title: "Takes the whole veil off",
  });
  const note = h("p", { class: "mx-muted mx-compose-note" });
  const buttons = h("div", { class: "mx-row", role: "group", "aria-label": "Scope" }, mark, give, all);
  const element = h("div", { class: "mx-compose-scope" }, buttons, note);

  /** Counts a slot of the answer as explained. @param {number} k */
  function count(k) {
    const mask = live.shown?.answer.masks[k];
    if (mask) desk.edit((composition) => ({ ...composition, explained: withSlot(composition.explained, mask) }));
  }

  return {
    pen,
    element,
    /** As the hand, the canvas and who answers are now. */
    follow() {
      const {
        hand,
        composition: { explained },
      } = desk;
      const { where, reason } = live.course;
      const offered = where !== "server";
      if (!offered && hand.tool === "scope") return desk.take({ tool: "move" }); // and follows again
      const held = hand.tool === "scope";
      pen.disabled = !offered;
      pen.ariaPressed = String(held);
      mark.ariaPressed = String(held && !hand.gives);
      give.ariaPressed = String(held && hand.gives);
      mark.disabled = give.disabled = !offered;
      all.disabled = !explained;
      buttons.hidden = !held && !explained;
      note.hidden = buttons.hidden && offered;
      say(
        note,
        offered
          ? QUESTION
          : `The scope needs the network in your browser; here the server answers, with everything to explain. ${reason}`,
      );
      live.picks(held ? count : null);
    },
  };
}
