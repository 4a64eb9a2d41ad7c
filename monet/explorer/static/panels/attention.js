// Attention panel: the animation of the steps, and below it a table of all steps.

import { h } from "../page/dom.js";
import { explanation } from "../page/explain.js";
import { story } from "../story/story.js";
import { stepsTable } from "../story/table.js";

/** @param {HTMLElement} root @param {import("../main.js").Context} context */
export function mount(root, context) {
  const film = story(context);
  const table = stepsTable(context);
  root.append(
    h(
      "div",
      { class: "mx-head mx-story-head" },
      h("h2", {}, "Attention, step by step"),
      h("span", { class: "mx-row mx-nowrap" }, ...film.controls),
      explanation("attention"),
    ),
    film.element,
    h("h3", { class: "mx-story-table-title" }, "All steps side by side"),
    table.element,
  );
  context.frames.onFrame((frame) => {
    film.draw();
    table.draw(frame);
  });
}
