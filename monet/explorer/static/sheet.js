// A panel as one picture at print size: its canvases enlarged pixel by pixel, with what they are written below.

const CELL = 320;
const GAP = 16;
const TEXT = 26;

/** Rows of canvases with captions, from whatever a panel shows. @param {HTMLElement} panel */
function contents(panel) {
  const table = panel.querySelector(".mx-columns");
  if (table) {
    const count = table.querySelectorAll(".mx-column-head").length;
    const labels = [...table.querySelectorAll(".mx-row-label")].slice(1).map((e) => e.textContent);
    const cells = [...table.querySelectorAll(".mx-cell canvas")];
    return labels.map((label, r) =>
      cells.slice(r * count, (r + 1) * count).map((canvas, k) => ({ canvas, caption: `${label}, slot ${k + 1}` })));
  }
  const strips = [...panel.querySelectorAll(".mx-strip")];
  if (strips.length) {
    return strips.map((strip) =>
      [...strip.querySelectorAll("canvas")].map((canvas) => ({ canvas, caption: canvas.getAttribute("aria-label") })));
  }
  return [[...panel.querySelectorAll("figure")].map((figure) => ({
    canvas: figure.querySelector("canvas"), caption: figure.querySelector("figcaption").textContent,
  }))];
}

/**
 * @param {HTMLElement} panel
 * @param {string} title
 * @returns {Promise<Blob>} PNG on white
 */
export function toPng(panel, title) {
  const rows = contents(panel);
  const width = GAP + Math.max(...rows.map((row) => row.length)) * (CELL + GAP);
  const sheet = document.createElement("canvas");
  sheet.width = width;
  sheet.height = 2 * GAP + TEXT + rows.length * (CELL + TEXT + GAP);
  const context = sheet.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, sheet.width, sheet.height);
  context.fillStyle = "#000";
  context.font = "20px system-ui, sans-serif";
  context.fillText(title, GAP, GAP + 20, width - 2 * GAP);
  context.font = "17px system-ui, sans-serif";
  context.imageSmoothingEnabled = false;
  rows.forEach((row, r) => row.forEach(({ canvas, caption }, c) => {
    const [x, y] = [GAP + c * (CELL + GAP), 2 * GAP + TEXT + r * (CELL + TEXT + GAP)];
    if (canvas.width) context.drawImage(canvas, x, y, CELL, CELL);
    context.fillText(caption, x, y + CELL + 19, CELL);
  }));
  return new Promise((resolve) => sheet.toBlob(resolve, "image/png"));
}
