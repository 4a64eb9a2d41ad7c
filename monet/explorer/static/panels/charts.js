// Plotly charts: drawn from the figures that the server made, with the page's colours and the edits on top.

import { h } from "../dom.js";
import { explanation } from "../explain.js";

const CHARTS = [
  ["posterior", "Posterior of every latent", "Mean and one σ per slot; the grey band is two σ of the prior. Click selects."],
  ["kl", "What each latent says", "KL divergence from the prior, nats; dark says nothing. Click selects."],
  ["scope", "Scope left per step", "How much of the scene is unexplained before each step, and what each step takes."],
];

let library = null;
/** Plotly is large: it is fetched when charts come into view, and only then. */
function plotly() {
  library ??= new Promise((resolve, reject) => {
    const script = h("script", { src: new URL("monet/plotly/plotly.min.js", document.baseURI).href });
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => reject(new Error("the charts’ library did not load"));
    document.head.append(script);
  });
  return library;
}

/** @param {HTMLElement} root */
export function mount(root, { store, frames }) {
  const holders = Object.fromEntries(CHARTS.map(([name, title, help]) => [
    name, h("div", { class: "mx-plot", role: "img", "aria-label": `${title}. ${help}` }),
  ]));
  root.append(h("div", { class: "mx-head" }, h("h2", {}, "Charts"), h("span", { class: "mx-spring" }), explanation("charts")),
    h("div", { class: "mx-charts" }, ...CHARTS.map(([name, title, help]) =>
      h("section", {}, h("h3", {}, title), holders[name], h("p", { class: "mx-muted" }, help)))));

  let visible = false;
  new IntersectionObserver((entries) => {
    visible = entries.some((entry) => entry.isIntersecting);
    if (visible) draw();
  }).observe(root);
  new MutationObserver(() => {
    drawn = null;
    draw();
  }).observe(document.body, { attributes: true, attributeFilter: ["class"] });

  let drawn = null;
  async function draw() {
    const { scene } = store;
    if (!visible || !scene || drawn === scene) return;
    drawn = scene;
    const Plotly = await plotly();
    const style = getComputedStyle(root);
    const ink = style.color;
    const grid = style.getPropertyValue("--border-color-primary");
    for (const [name] of CHARTS) {
      const figure = structuredClone(scene.charts[name]);
      const axis = { gridcolor: grid, linecolor: grid };
      figure.layout = { ...figure.layout, font: { ...figure.layout.font, color: ink, size: 11 }, height: 260, autosize: true };
      for (const key of ["xaxis", "yaxis"]) figure.layout[key] = { ...axis, ...figure.layout[key] };
      await Plotly.react(holders[name], figure.data, figure.layout, {
        responsive: true, displaylogo: false, modeBarButtonsToRemove: ["sendChartToCloud", "lasso2d", "select2d"],
      });
      if (!holders[name].listening) {
        holders[name].listening = true;
        holders[name].on("plotly_click", ({ points: [point] }) => select(name, point));
      }
    }
  }

  function select(name, point) {
    if (name === "posterior" && point.customdata) {
      store.look({ slot: point.customdata[0] - 1, dimension: point.customdata[1] });
    } else if (name === "kl") {
      store.look({ slot: point.pointIndex[0], dimension: point.pointIndex[1] });
    } else if (name === "scope") {
      store.look({ step: point.x - 1, slot: point.x - 1 });
    }
  }

  frames.onFrame(() => draw());
}
