// From the top of the page straight to a panel: links that show themselves when Tab reaches them.

import { h } from "./dom.js";

/** What the links are called, and what of its panel takes the focus. */
/** @type {Record<string, [label: string, selector: string]>} */
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
          event.preventDefault(); // what stands behind # is the scene
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
