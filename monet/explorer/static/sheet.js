// A panel as one picture at print size: what it shows enlarged pixel by pixel, each with its caption below.

import { CHARTS, picture, withEdits } from "./charts.js";
import { canvas } from "./draw.js";

const CELL = 320;
const GAP = 16;
const TEXT = 26;
const FONT = "system-ui, sans-serif";

/**
 * @typedef {object} Part
 * @property {CanvasImageSource} picture
 * @property {string} caption
 * @property {number} [width] on the sheet, a cell's if not given
 * @property {number} [height]
 */

/** Tables of slots, strips of traversals, or figures: whatever a panel shows. @param {HTMLElement} panel @returns {Part[][]} */
export function canvases(panel) {
  const table = panel.querySelector(".mx-columns");
  if (table) {
    const count = table.querySelectorAll(".mx-column-head").length;
    const labels = [...table.querySelectorAll(".mx-row-label")].slice(1).map((e) => e.textContent);
    const cells = [...table.querySelectorAll(".mx-cell canvas")];
    return labels.map((label, r) =>
      cells.slice(r * count, (r + 1) * count).map((picture, k) => ({ picture, caption: `${label}, slot ${k + 1}` })));
  }
  const strips = [...panel.querySelectorAll(".mx-strip")];
  if (strips.length) {
    return strips.map((strip) =>
      [...strip.querySelectorAll("canvas")].map((picture) => ({ picture, caption: picture.getAttribute("aria-label") })));
  }
  return [[...panel.querySelectorAll("figure")].map((figure) => ({
    picture: figure.querySelector("canvas"), caption: figure.querySelector("figcaption").textContent,
  }))];
}

/** The selected slot's pictures and below them all its latents. @param {HTMLElement} panel @returns {Part[][]} */
export function latents(panel, { document, view }) {
  const picture = scales(document.slots[view.slot]);
  const caption = "tick: posterior mean; band: one σ; dot: value; bar: divergence from the prior";
  return [...canvases(panel), [{ picture, caption, width: picture.width, height: picture.height }]];
}

/** The pad in paper's colours, and beside it what the slot and the scene look like there. @param {HTMLElement} panel @returns {Promise<Part[][]>} */
export async function pad(panel) {
  const surface = panel.querySelector(".mx-pad").cloneNode(true);
  const side = 2 * CELL;
  for (const [name, value] of [["width", side], ["height", side], ["color", "#000"]]) surface.setAttribute(name, value);
  const picture = new Image();
  picture.src = `data:image/svg+xml,${encodeURIComponent(new XMLSerializer().serializeToString(surface))}`;
  await picture.decode();
  const [across, up] = [...panel.querySelectorAll("select")].map((select) => select.selectedOptions[0].text);
  const caption = `${across} across, ${up} up, −3 to 3; rings: 1 and 2 σ of the prior; ellipse: σ of the posterior; dot: value`;
  return [[{ picture, caption, width: side, height: side }, ...canvases(document.querySelector("#mx-latents"))[0]]];
}

/** Every latent of a slot on its scale, those that say most first. @param {import("./store.js").Slot} slot */
function scales(slot) {
  const [width, row] = [3 * CELL + 2 * GAP, 34];
  const order = slot.kl.map((_, d) => d).sort((a, b) => slot.kl[b] - slot.kl[a]);
  const most = Math.max(...slot.kl, 1e-6);
  const sheet = canvas("");
  [sheet.width, sheet.height] = [width, row * (order.length + 1)];
  const context = sheet.getContext("2d");
  context.font = `17px ${FONT}`;
  const reach = Math.max(4, ...order.map((d) => Math.max(Math.abs(slot.mean[d]) + 4 * slot.std[d], Math.abs(slot.latent[d]))));
  const x = (value) => 280 + ((value + reach) / (2 * reach)) * 560;
  const box = (color, left, top, wide, high) => {
    context.fillStyle = color;
    context.fillRect(left, top, wide, high);
  };
  order.forEach((d, r) => {
    const middle = row * (r + 0.5);
    const [mean, std, value] = [slot.mean[d], slot.std[d], slot.latent[d]];
    box("#0072b2", 60, middle - 5, (110 * slot.kl[d]) / most, 10);
    box("#bbb", x(-reach), middle - 1, x(reach) - x(-reach), 2);
    box("#9cc3dd", x(mean - std), middle - 9, x(mean + std) - x(mean - std), 18);
    box("#000", x(mean) - 1, middle - 11, 2, 22);
    context.fillStyle = "#0072b2";
    context.beginPath();
    context.arc(x(value), middle, 7, 0, 2 * Math.PI);
    context.fill();
    context.fillStyle = "#000";
    context.fillText(`z${d}`, 0, middle + 6);
    context.fillText(`${slot.kl[d].toFixed(2)} nats`, 178, middle + 6);
    context.fillText(value.toFixed(2), 870, middle + 6);
  });
  const foot = row * (order.length + 0.5) + 6;
  context.textAlign = "center";
  for (let tick = -Math.floor(reach); tick <= reach; tick++) context.fillText(String(tick), x(tick), foot);
  return sheet;
}

/** The charts one below the other, in paper's colours. @returns {Promise<Part[][]>} */
export const charts = (store) =>
  Promise.all(Object.entries(CHARTS).map(async ([name, [title, help]]) => {
    const figure = store.scene.charts[name];
    return [await chart(name === "posterior" ? withEdits(figure, store) : figure, `${title}: ${help.replace(" Click selects.", "")}`)];
  }));

/** @param {{data: object[], layout: object}} figure @param {string} caption @returns {Promise<Part>} */
export async function chart(figure, caption) {
  const [width, height, scale] = [800, 360, 1.6];
  return { picture: await picture(figure, width, height, scale), caption, width: width * scale, height: height * scale };
}

/**
 * @param {Part[][]} rows
 * @param {string} title
 * @returns {Promise<Blob>} PNG on white
 */
export function toPng(rows, title) {
  const sized = rows.map((row) => row.map((part) => ({ width: CELL, height: CELL, ...part })));
  const heights = sized.map((row) => Math.max(...row.map((part) => part.height)));
  const sheet = document.createElement("canvas");
  sheet.width = Math.max(...sized.map((row) => row.reduce((sum, part) => sum + part.width + GAP, GAP)));
  sheet.height = heights.reduce((sum, height) => sum + height + TEXT + GAP, 2 * GAP + TEXT);
  const context = sheet.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, sheet.width, sheet.height);
  context.fillStyle = "#000";
  context.font = `20px ${FONT}`;
  context.fillText(title, GAP, GAP + 20, sheet.width - 2 * GAP);
  context.font = `17px ${FONT}`;
  context.imageSmoothingEnabled = false;
  let y = 2 * GAP + TEXT;
  sized.forEach((row, r) => {
    let x = GAP;
    for (const { picture, caption, width, height } of row) {
      if (picture.width) context.drawImage(picture, x, y, width, height);
      context.fillText(caption, x, y + height + 19, width);
      x += width + GAP;
    }
    y += heights[r] + TEXT + GAP;
  });
  return new Promise((resolve) => sheet.toBlob(resolve, "image/png"));
}
