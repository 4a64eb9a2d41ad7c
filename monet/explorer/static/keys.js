// The keyboard, page-wide. Inside a text field only undo and redo are left to the field itself.

import { paste } from "./actions.js";

const typing = (target) => target.closest?.("input:not([type=range]), textarea, select, [contenteditable=true]");

/** @param {import("./store.js").Store} store */
export function bindKeys(store) {
  addEventListener("keydown", (event) => {
    if (!store.scene || typing(event.target)) return;
    const command = event.ctrlKey || event.metaKey;
    const key = event.key.toLowerCase();
    if (command && key === "z") {
      event.preventDefault();
      if (event.shiftKey) store.redo();
      else store.undo();
    } else if (command && key === "y") {
      event.preventDefault();
      store.redo();
    } else if (command && key === "c" && getSelection().isCollapsed) {
      store.copy(store.document.slots[store.view.slot].latent);
    } else if (command && key === "v" && store.clipboard?.length === store.document.slots[0].latent.length) {
      store.edit(paste(store.view.slot, store.clipboard));
    } else if (!command && !event.altKey && key === "c") {
      if (!store.view.compare) store.look({ compare: true });
    } else if (!command && !event.altKey && /^[1-9]$/.test(key)) {
      const slot = Number(key) - 1;
      if (slot < store.document.slots.length) store.look({ slot });
    }
  });
  const release = () => store.view.compare && store.look({ compare: false });
  addEventListener("keyup", (event) => event.key.toLowerCase() === "c" && release());
  addEventListener("blur", release);
}
