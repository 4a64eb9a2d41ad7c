// Short messages: said to screen readers, and on screen until they can have been read.

import { button, h } from "./dom.js";

/** Milliseconds that a message stays: to notice it, and to read it at some 12 letters a second. */
const staysFor = (words) => 6000 + 80 * words.length;

let shelf = null;

/**
 * @param {string} words
 * @param {{urgent?: boolean}} [options] an urgent one interrupts what a screen reader is saying
 */
export function notify(words, { urgent = false } = {}) {
  if (!shelf?.isConnected) {
    shelf = h("div", { class: "mx-notices" });
    (document.querySelector(".gradio-container") ?? document.body).append(shelf);
  }
  for (const old of [...shelf.children].filter((notice) => notice.words === words)) old.remove();
  const notice = h("div", { class: `mx-notice ${urgent ? "mx-urgent" : ""}`, role: urgent ? "alert" : "status" },
    h("span", {}, words), button("×", () => notice.remove(), { "aria-label": "Close the message" }));
  notice.words = words;
  let timer;
  const leave = () => (timer = setTimeout(() => notice.remove(), staysFor(words)));
  // Whoever reads it or is about to close it is not hurried.
  for (const event of ["pointerenter", "focusin"]) notice.addEventListener(event, () => clearTimeout(timer));
  for (const event of ["pointerleave", "focusout"]) notice.addEventListener(event, leave);
  shelf.append(notice);
  leave();
}
