// Messages that stay: Gradio's toasts are read out once, and Escape closes them as their cross does.

import { h } from "./dom.js";

const TOASTS = "[data-testid=toast-body]";

/** What a screen reader says: a region that was there before its text is read reliably, a new one is not. */
const region = h("div", { class: "mx-sr", role: "alert" });

/** @param {string} text */
export function announce(text) {
  region.textContent = "";
  requestAnimationFrame(() => (region.textContent = text)); // the same sentence twice is read twice
}

/** Watches for toasts from now on. */
export function watchToasts() {
  (document.querySelector(".gradio-container") ?? document.body).append(region);
  const said = new WeakMap();
  new MutationObserver(() => {
    for (const toast of document.querySelectorAll(TOASTS)) {
      toast.setAttribute("aria-live", "off"); // the region says it
      const messages = [...toast.querySelectorAll("[data-testid=toast-text]")]; // of one kind, the newest last
      if (messages.length > (said.get(toast) ?? 0)) announce(messages.at(-1)?.textContent ?? "");
      said.set(toast, messages.length);
    }
  }).observe(document.body, { childList: true, subtree: true });
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || document.querySelector("dialog[open]")) return;
    /** @type {NodeListOf<HTMLElement>} */
    const crosses = document.querySelectorAll(`${TOASTS} [data-testid=toast-close]`);
    crosses.forEach((cross) => cross.click());
  });
}
