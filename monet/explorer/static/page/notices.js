// Shows and announces short notices. Errors stay until they are closed, others for the time it takes to read them.

import { announce } from "./announce.js";
import { button, h } from "./dom.js";

/** Milliseconds that a notice stays: six seconds to notice it, then about 12 letters a second. @param {string} text */
const staysFor = (text) => 6000 + 80 * text.length;

const shelf = h("div", { class: "mx-notices" });

/**
 * Shows a notice.
 * @param {string} text
 * @param {{urgent?: boolean}} [options] `urgent`: an error, which stays until it is closed
 */
export function notify(text, { urgent = false } = {}) {
  if (!shelf.isConnected) (document.querySelector(".gradio-container") ?? document.body).append(shelf);
  for (const old of [...shelf.children].filter((notice) => notice.firstChild?.textContent === text)) old.remove();
  const notice = h(
    "div",
    { class: `mx-notice ${urgent ? "mx-urgent" : ""}` },
    h("span", {}, text),
    button("×", () => notice.remove(), { "aria-label": "Close the message" }),
  );
  shelf.append(notice);
  announce(text);
  if (urgent) return;
  let timer = 0;
  const startTimer = () => (timer = setTimeout(() => notice.remove(), staysFor(text)));
  // A notice under the pointer or in focus stays.
  for (const event of ["pointerenter", "focusin"]) notice.addEventListener(event, () => clearTimeout(timer));
  for (const event of ["pointerleave", "focusout"]) notice.addEventListener(event, startTimer);
  startTimer();
}

addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !document.querySelector("dialog[open]")) shelf.replaceChildren();
});
