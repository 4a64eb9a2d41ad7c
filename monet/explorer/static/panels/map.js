// Slot map panel: 2-D projection of the latents of all sample slots, with this scene's slots marked.

import { coloursAt, CONFIG, plotly, styled } from "../drawing/charts.js";
import { canvas, drawColors, slotColor } from "../drawing/draw.js";
import { button, h } from "../page/dom.js";
import { leaveTouches } from "../page/fingers.js";
import { explanation } from "../page/explain.js";
import { zoomable } from "../page/lightbox.js";
import { reasonOf } from "../page/reason.js";
import { roving } from "../page/roving.js";

/** A slot of a sample scene. @typedef {{index: number, step: number, share: number, latent: Float32Array}} Point */
/**
 * From monet.explorer.slotmap: mean [Z] and axes [2][Z] of the plane, and the share of the variance along each axis.
 * @typedef {{data: string, title: string, mean: number[], axes: number[][], explained: number[], slots: Point[]}} SlotMap
 */

/** Slots and scenes that a key moves by. @type {Record<string, [slots: number, scenes: number]>} */
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** @param {string} model @returns {Promise<SlotMap>} */
async function fetchMap(model) {
  const response = await fetch(new URL(`monet/map/${encodeURIComponent(model)}`, document.baseURI));
  if (!response.ok) throw new Error(await response.text());
  const map = await response.json();
  for (const slot of map.slots) slot.latent = Float32Array.from(slot.latent);
  return map;
}

/** @param {HTMLElement} root @param {import("../main.js").Context} context */
export function mount(root, { store, frames, request }) {
  const plot = h("div", { class: "mx-plot" });
  leaveTouches(plot);
  const surface = h(
    "div",
    {
      class: "mx-map",
      tabIndex: 0,
      role: "application",
      "aria-label":
        "Map of slots: left and right move from slot to slot, up and down from scene to scene, Enter opens the scene",
      onkeydown: (event) => {
        const by = KEYS[event.key];
        if (event.key === "Enter" && at !== null) open(at);
        if (!by || !map) return;
        event.preventDefault();
        const steps = map.slots.filter((s) => s.index === 0).length;
        const next = (at ?? -by[0] - steps * by[1]) + by[0] + steps * by[1];
        if (next >= 0 && next < map.slots.length) point(next);
      },
    },
    plot,
  );
  const component = canvas("Component of the slot on the map", "mx-small");
  const scene = h("img", { class: "mx-canvas", alt: "" });
  const status = h(
    "p",
    { class: "mx-muted", role: "status" },
    "Point at a slot to see its component and its scene; click to open the scene.",
  );
  const go = button("Open this scene", () => at !== null && open(at), { disabled: true });
  const detail = h(
    "div",
    { class: "mx-map-detail" },
    h("figure", { class: "mx-figure" }, zoomable(component), h("figcaption", {}, "component")),
    h("figure", { class: "mx-figure" }, zoomable(scene), h("figcaption", {}, "scene")),
    status,
    go,
  );
  roving(detail, ".mx-canvas");
  root.append(
    h(
      "div",
      { class: "mx-head" },
      h("h2", {}, "Map of slots"),
      h(
        "span",
        { class: "mx-muted" },
        "Slots of all sample scenes: similar latents lie close together. Rings: slots of this scene. Axes: principal components, with their share of the variance.",
      ),
      h("span", { class: "mx-spring" }),
      explanation("map"),
    ),
    h("div", { class: "mx-with-side" }, surface, detail),
  );

  /** @type {SlotMap | null} */
  let map = null;
  /** Index of the slot that is pointed at. @type {number | null} */
  let at = null;
  /** A slot to select once its scene is open. @type {Point | null} */
  let wanted = null;

  /** Projects a latent on the plane: two coordinates. @param {SlotMap} map @param {Float32Array} latent */
  const project = ({ axes, mean }, latent) =>
    axes.map((axis) => axis.reduce((sum, a, d) => sum + a * (latent[d] - mean[d]), 0));

  /** @param {number} number */
  function open(number) {
    if (!map) return;
    wanted = map.slots[number];
    request({ kind: "sample", data: map.data, index: wanted.index });
  }

  /** Shows the slot at a point of the map. @param {number} number */
  async function point(number) {
    if (!map) return;
    at = number;
    const slot = map.slots[number];
    go.disabled = false;
    status.textContent = `slot ${slot.step + 1} of ${map.title}, sample ${slot.index + 1}: ${(100 * slot.share).toFixed(1)} % of its pixels`;
    const file = `${String(slot.index).padStart(2, "0")}.png`;
    scene.alt = `${map.title}, sample ${slot.index + 1}`;
    scene.src = new URL(`monet/samples/${map.data}/${file}`, document.baseURI).href;
    mark();
    try {
      const [pixels] = await frames.decode([slot.latent]);
      if (at === number) drawColors(component, store.scene.size, pixels, 4);
    } catch (error) {
      console.warn("the slot was not decoded:", reasonOf(error)); // pointing at it again tries again
    }
  }

  /** @param {SlotMap} map @returns {import("../drawing/charts.js").Figure} */
  function figure(map) {
    const places = map.slots.map((slot) => project(map, slot.latent));
    const own = store.document.slots.map((slot) => project(map, slot.latent));
    /** @param {number} i */
    const axis = (i) => ({
      title: { text: `PC ${i + 1}, in σ of the prior (${(100 * map.explained[i]).toFixed(0)} %)` },
      zeroline: false,
    });
    return {
      data: [
        {
          type: "scatter",
          mode: "markers",
          x: places.map(([x]) => x),
          y: places.map(([, y]) => y),
          marker: {
            // area grows with the slot's share of the scene; an empty slot is a dot
            size: map.slots.map((slot) => 6 + 26 * Math.sqrt(slot.share)),
            opacity: 0.75,
            color: map.slots.map((slot) => slotColor(slot.step)),
            line: { width: 1, color: "#8888" },
          },
          hovertemplate: map.slots.map((slot) => `slot ${slot.step + 1}, sample ${slot.index + 1}<extra></extra>`),
        },
        {
          type: "scatter",
          mode: "markers+text",
          x: own.map(([x]) => x),
          y: own.map(([, y]) => y),
          hoverinfo: "skip",
          marker: {
            symbol: "circle-open",
            size: 20,
            line: { width: 2.5 },
            color: store.document.slots.map((s) => slotColor(s.color)),
          },
          text: own.map((_, k) => String(k + 1)),
          textposition: "top right",
        },
        {
          type: "scatter",
          mode: "markers",
          hoverinfo: "skip",
          x: at === null ? [] : [places[at][0]],
          y: at === null ? [] : [places[at][1]],
          marker: { symbol: "cross-thin", size: 18, line: { width: 2, color: "#888" } },
        },
      ],
      layout: {
        margin: { l: 48, r: 8, t: 8, b: 40 },
        paper_bgcolor: "rgba(0,0,0,0)",
        plot_bgcolor: "rgba(0,0,0,0)",
        showlegend: false,
        uirevision: map.data,
        hovermode: "closest",
        xaxis: axis(0),
        yaxis: axis(1),
      },
    };
  }
  // For the export: the map as a figure.
  Object.assign(root, {
    figure: async () => {
      await load();
      if (!map) throw new Error("the model was changed meanwhile; try again.");
      return figure(map);
    },
  });

  /** @type {{model: string, done: Promise<void>} | null} */
  let loading = null;
  /** Loads the map of the current model, once. @returns {Promise<void>} */
  function load() {
    const { model } = store.scene;
    if (loading?.model !== model) {
      map = at = null;
      /** @type {typeof loading} */
      const own = { model, done: fetchMap(model).then((fetched) => void (loading === own && (map = fetched))) };
      own.done.catch(() => loading === own && (loading = null));
      loading = own;
    }
    return loading.done;
  }

  /** Set once the map is drawn. @type {import("../drawing/charts.js").Plotly | null} */
  let library = null;
  async function draw() {
    if (!visible || !store.loaded) return;
    try {
      const [Plotly] = await Promise.all([plotly(), load()]);
      if (!map) return;
      const { data, layout } = styled(figure(map), coloursAt(root));
      const chart = await Plotly.react(
        plot,
        data,
        { ...layout, height: Math.max(340, parseFloat(getComputedStyle(plot).minHeight)), autosize: true },
        CONFIG,
      );
      if (library) return;
      library = Plotly;
      /** @param {{points: Record<string, any>[]}} event @returns {number | null} */
      const numberOf = ({ points }) => (points[0].curveNumber === 0 ? points[0].pointIndex : null);
      chart.on("plotly_hover", (event) => {
        const number = numberOf(event);
        if (number !== null && number !== at) point(number);
      });
      chart.on("plotly_click", (event) => {
        const number = numberOf(event);
        if (number !== null) open(number);
      });
    } catch (error) {
      status.textContent = `The map cannot be drawn: ${reasonOf(error)}`;
    }
  }
  const mark = () => {
    if (!library || !map) return;
    const { data } = figure(map);
    library.restyle(plot, { x: [data[2].x], y: [data[2].y] }, [2]);
  };

  let visible = false;
  new IntersectionObserver((entries) => {
    visible = Boolean(entries.at(-1)?.isIntersecting);
    if (visible) draw();
  }).observe(root);
  new MutationObserver(draw).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  /** @type {import("../scene/store.js").Document | null} */
  let drawn = null;
  let timer = 0;
  frames.onFrame((frame) => {
    const { origin } = frame.scene;
    if (wanted && origin.kind === "sample" && origin.data === map?.data && origin.index === wanted.index) {
      const { step } = wanted;
      wanted = null;
      store.lookAtStep(step);
    }
    if (frame.document === drawn) return;
    drawn = frame.document;
    clearTimeout(timer);
    timer = setTimeout(draw, 120); // draws after a drag, not during it
  });
}
