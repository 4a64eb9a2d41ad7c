// Charts panel: Plotly charts of the scene in the page's colours, with the edits on top.

import { CHARTS, coloursAt, CONFIG, plotly, styled, withEdits } from "../drawing/charts.js";
import { h } from "../page/dom.js";
import { FIGURES } from "../drawing/figures.js";
import { leaveTouches } from "../page/fingers.js";
import { explanation } from "../page/explain.js";

/** @param {HTMLElement} root @param {import("../main.js").Context} context */
export function mount(root, { store, frames }) {
  const holders = Object.fromEntries(
    Object.entries(CHARTS).map(([name, [title, help]]) => [
      name,
      h("div", { class: "mx-plot", role: "img", "aria-label": `${title}. ${help}` }),
    ]),
  );
  root.append(
    h("div", { class: "mx-head" }, h("h2", {}, "Charts"), h("span", { class: "mx-spring" }), explanation("charts")),
    h(
      "div",
      { class: "mx-charts" },
      ...Object.entries(CHARTS).map(([name, [title, help]]) =>
        h("section", {}, h("h3", {}, title), holders[name], h("p", { class: "mx-muted" }, help)),
      ),
    ),
  );

  Object.values(holders).forEach(leaveTouches);

  let visible = false;
  new IntersectionObserver((entries) => {
    visible = Boolean(entries.at(-1)?.isIntersecting);
    if (visible) draw();
  }).observe(root);
  new MutationObserver(() => {
    drawn = {};
    draw();
  }).observe(document.body, { attributes: true, attributeFilter: ["class"] });

  /** The value that each chart was last drawn from. @type {Record<string, unknown>} */
  let drawn = {};
  /** Charts with a click listener. @type {Set<string>} */
  const listening = new Set();
  async function draw() {
    if (!visible || !store.loaded) return;
    const Plotly = await plotly();
    for (const name of Object.keys(CHARTS)) {
      const { scene } = store;
      const source = name === "posterior" ? store.document : scene;
      if (drawn[name] === source) continue;
      drawn[name] = source;
      const chart = FIGURES[name](scene);
      const { data, layout } = styled(name === "posterior" ? withEdits(chart, store) : chart, coloursAt(root));
      const plot = await Plotly.react(
        holders[name],
        data,
        { ...layout, height: Math.max(280, parseFloat(getComputedStyle(holders[name]).minHeight)), autosize: true },
        CONFIG,
      );
      if (!listening.has(name)) {
        listening.add(name);
        plot.on("plotly_click", ({ points: [point] }) => select(name, point));
      }
    }
  }

  /** @param {string} name @param {Record<string, any>} point of a Plotly click event */
  function select(name, point) {
    if (name === "posterior" && point.customdata) {
      store.lookAtStep(point.customdata[0] - 1, { dimension: point.customdata[1] });
    } else if (name === "kl") {
      store.lookAtStep(point.pointIndex[0], { dimension: point.pointIndex[1] });
    } else if (name === "scope") {
      store.lookAtStep(point.x - 1, { step: point.x - 1 });
    }
  }

  let timer = 0;
  frames.onFrame(() => {
    clearTimeout(timer);
    timer = setTimeout(draw, 120); // draws after a drag, not during it
  });
}
