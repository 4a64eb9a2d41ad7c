// Announces messages to screen readers, and closes Gradio's toasts with Escape.

import { h } from "./dom.js";

const TOASTS = "[data-testid=toast-body]";

/** Live region. It exists before it has a text: screen readers do not announce a new region reliably. */
const region = h("div", { class: "mx-sr", role: "alert" });

/** Announces a text to screen readers. @param {string} text */
export function announce(text) {
  region.textContent = "";
  requestAnimationFrame(() => (region.textContent = text)); // a repeated text is announced again
}

/** Announces each new message of Gradio's toasts, and closes all toasts on Escape. */
export function watchToasts() {
  (document.querySelector(".gradio-container") ?? document.body).append(region);
  const announced = new WeakMap();
  new MutationObserver(() => {
    for (const toast of document.querySelectorAll(TOASTS)) {
      toast.setAttribute("aria-live", "off"); // the live region announces it
      const messages = [...toast.querySelectorAll("[data-testid=toast-text]")]; // of one kind, newest last
      if (messages.length > (announced.get(toast) ?? 0)) announce(messages.at(-1)?.textContent ?? "");
      announced.set(toast, messages.length);
    }
  }).observe(document.body, { childList: true, subtree: true });
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || document.querySelector("dialog[open]")) return;
    /** @type {NodeListOf<HTMLElement>} */
    const closeButtons = document.querySelectorAll(`${TOASTS} [data-testid=toast-close]`);
    closeButtons.forEach((close) => close.click());
  });
}
