// Short messages: read out, and on screen until they are closed or, where nothing went wrong, can have been read.

import { announce } from "./announce.js";
import { button, h } from "./dom.js";

/** Milliseconds that a message stays: to notice it, and to read it at some 12 letters a second. @param {string} words */
const staysFor = (words) => 6000 + 80 * words.length;

const shelf = h("div", { class: "mx-notices" });

/**
 * @param {string} words
 * @param {{urgent?: boolean}} [options] what went wrong stays until it is closed
 */
export function notify(words, { urgent = false } = {}) {
  if (!shelf.isConnected) (document.querySelector(".gradio-container") ?? document.body).append(shelf);
  for (const old of [...shelf.children].filter((notice) => notice.firstChild?.textContent === words)) old.remove();
  const notice = h(
    "div",
    { class: `mx-notice ${urgent ? "mx-urgent" : ""}` },
    h("span", {}, words),
    button("×", () => notice.remove(), { "aria-label": "Close the message" }),
  );
  shelf.append(notice);
  announce(words);
  if (urgent) return;
  let timer = 0;
  const leave = () => (timer = setTimeout(() => notice.remove(), staysFor(words)));
  // Whoever reads it or is about to close it is not hurried.
  for (const event of ["pointerenter", "focusin"]) notice.addEventListener(event, () => clearTimeout(timer));
  for (const event of ["pointerleave", "focusout"]) notice.addEventListener(event, leave);
  leave();
}

addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !document.querySelector("dialog[open]")) shelf.replaceChildren();
});
