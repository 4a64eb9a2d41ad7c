// Page-wide keyboard shortcuts. They do not apply in text fields; in select boxes only those with Ctrl do.

import { paste } from "../scene/actions.js";
import { targetIn } from "./dom.js";
import { present } from "./presenting.js";

const FIELDS =
  "input:not([type=range], [type=checkbox], [type=radio], [role=combobox]), textarea, [contenteditable=true]";
const CHOICES = "select, [role=combobox], [role=listbox]";

/** @param {import("../scene/store.js").Store} store */
export function bindKeys(store) {
  addEventListener("keydown", (event) => {
    /** @param {string} selector */
    const within = (selector) => targetIn(event, selector);
    const command = event.ctrlKey || event.metaKey;
    if (!store.loaded || within(FIELDS) || (!command && within(CHOICES))) return;
    const key = event.key.toLowerCase();
    if (command && key === "z") {
      event.preventDefault();
      if (event.shiftKey) store.redo();
      else store.undo();
    } else if (command && key === "y") {
      event.preventDefault();
      store.redo();
    } else if (command && key === "c" && (getSelection()?.isCollapsed ?? true)) {
      store.copy(store.document.slots[store.view.slot].latent);
    } else if (
      command &&
      key === "v" &&
      store.clipboard &&
      store.clipboard.length === store.document.slots[0].latent.length
    ) {
      store.edit(paste(store.view.slot, store.clipboard));
    } else if (!command && !event.altKey && key === "c") {
      if (!store.view.compare) store.look({ compare: true });
    } else if (!command && !event.altKey && key === "f") {
      present();
    } else if (key === "escape" && !document.querySelector("dialog[open]")) {
      present(false);
    } else if (!command && !event.altKey && /^[1-9]$/.test(key)) {
      const slot = Number(key) - 1;
      if (slot < store.document.slots.length) store.look({ slot });
    }
  });
  const release = () => store.view.compare && store.look({ compare: false });
  addEventListener("keyup", (event) => event.key.toLowerCase() === "c" && release());
  addEventListener("blur", release);
}
