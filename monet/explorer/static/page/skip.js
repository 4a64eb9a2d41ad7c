// Skip links at the top of the page: each jumps to a panel. They become visible when Tab reaches them.

import { h } from "./dom.js";

/** Label of each link, and the element of the panel that gets the focus. @type {Record<string, [label: string, selector: string]>} */
const TARGETS = {
  latents: ["Skip to the latents", "input[type=range]"],
  slots: ["Skip to the slots", "button"],
  traversals: ["Skip to the traversals", "select"],
  export: ["Skip to the exports", "select"],
};

export function skipLinks() {
  const links = Object.entries(TARGETS).map(([name, [label, selector]]) =>
    h(
      "a",
      {
        href: `#mx-${name}`,
        onclick: (event) => {
          event.preventDefault(); // the part of the address behind # holds the scene
          const panel = document.querySelector(`#mx-${name}`);
          panel?.scrollIntoView({ block: "nearest" });
          /** @type {HTMLElement | null | undefined} */
          const target = panel?.querySelector(`${selector}:not([tabindex="-1"])`);
          target?.focus();
        },
      },
      label,
    ),
  );
  document
    .querySelector(".gradio-container .contain")
    ?.prepend(h("nav", { class: "mx-skip", "aria-label": "Skip to a panel" }, ...links));
}
