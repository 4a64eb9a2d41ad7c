// Lays out pictures, drawings and captions on a sheet in millimetres, as SVG or PNG for print.

import { context2d, svg } from "../page/dom.js";
import { errorColor, sizeOf } from "./draw.js";

/**
 * @typedef {object} Part
 * @property {HTMLCanvasElement | HTMLImageElement} [picture] embedded as a PNG, enlarged without smoothing
 * @property {SVGSVGElement} [drawing] kept as vectors; needs a view box; in black
 * @property {number} [letters] font size in the drawing's own units; limits its width, so that letters are not larger than the sheet's
 * @property {string | Node} [caption] below the picture
 * @property {number} [errors] squared error of the brightest colour; adds a scale below the picture
 * @property {number} [weight] relative width in the row, default 1
 */
/** @typedef {{label?: string | Node, parts: Part[]}} Row */
/** @typedef {{columns?: string[], rows: Row[]}} Sheet a table: column titles and rows */

const FONT = "Helvetica, Arial, sans-serif";
const XLINK = "http://www.w3.org/1999/xlink";

// In millimetres at every sheet width, so that letters match the surrounding text.
const TEXT = 2.5;
const TITLE = 3;
const LINE = 1.25;
const BOLD = 1.1; // width of bold letters relative to plain ones
const MARGIN = 1.5;
const GAP = 1.5;
const LABEL = 17;
const WIDEST_PICTURE = 60;
const SCALE_BAR = 1.6;

/** Chart pixels per millimetre, so that a chart's 13-pixel letters equal the sheet's. */
export const CHART_PX = 13 / TEXT;

const DOTS_PER_MM = 300 / 25.4;
/** Pictures are enlarged to about this width, so that viewers do not smooth their pixels. */
const PICTURE_PX = 480;

const ruler = context2d(document.createElement("canvas"));
/** Width of a text, in the unit of `size`. @param {string} text @param {number} size */
function widthOf(text, size) {
  ruler.font = `100px ${FONT}`;
  return (ruler.measureText(text).width * size) / 100;
}

/** @typedef {{italic?: boolean, sub?: boolean}} Style italic or subscript */
/** @typedef {{text: string} & Style} Run */

/** Splits a label of the page into runs of one style. @param {string | Node} label @param {Style} [style] @returns {Run[]} */
function runs(label, style = {}) {
  if (typeof label === "string") return [{ text: label, ...style }];
  if (label.nodeType === Node.TEXT_NODE) return [{ text: label.textContent ?? "", ...style }];
  const own = { italic: label.nodeName === "I" || style.italic, sub: label.nodeName === "SUB" || style.sub };
  return [...label.childNodes].flatMap((child) => runs(child, own));
}

/** Breaks a label into lines; a word wider than the line gets its own. @param {string | Node} label @param {number} width @param {number} size */
function lines(label, width, size) {
  const words = runs(label).flatMap((run) => run.text.split(/(?<= )/).map((text) => ({ ...run, text })));
  /** @type {Run[]} */
  let line = [];
  const all = [line];
  let taken = 0;
  for (const word of words) {
    const wide = widthOf(word.text, word.sub ? 0.7 * size : size);
    if (taken && taken + widthOf(word.text.trimEnd(), size) > width && !word.sub) {
      all.push((line = []));
      taken = 0;
    }
    line.push(word);
    taken += wide;
  }
  return all;
}

/**
 * SVG text elements of a label, one a line; the first line's baseline is at y.
 * @param {string | Node} label @param {number} x @param {number} y @param {number} width
 * @param {{size?: number, anchor?: "start" | "middle" | "end", weight?: "normal" | "bold"}} [type]
 * @returns {SVGElement[]}
 */
function texts(label, x, y, width, { size = TEXT, anchor = "start", weight = "normal" } = {}) {
  return lines(label, width, size).map((line, n) => {
    let lowered = false;
    const spans = line.map(({ text, italic, sub }) => {
      /** @type {Record<string, string | number>} */
      const attributes = { ...(italic && { "font-style": "italic" }), ...(sub && { "font-size": 0.7 * size }) };
      if (Boolean(sub) !== lowered) attributes.dy = (sub ? 0.25 : -0.25) * size;
      lowered = Boolean(sub);
      return svg("tspan", attributes, text);
    });
    return svg(
      "text",
      {
        x,
        y: y + n * LINE * size,
        "font-size": size,
        "text-anchor": anchor,
        "font-weight": weight,
        "xml:space": "preserve",
      },
      ...spans,
    );
  });
}
/** Font size at which the longest word fits, at most the sheet's. @param {string | Node} label @param {number} width */
const fitting = (label, width) =>
  TEXT *
  Math.min(
    1,
    width /
      Math.max(
        ...runs(label)
          .flatMap(({ text }) => text.split(" "))
          .map((word) => widthOf(word, TEXT)),
      ),
  );
/** @param {string | Node} label @param {number} width */
const heightOf = (label, width, size = TEXT) => lines(label, width, size).length * LINE * size;

/** @param {HTMLCanvasElement | HTMLImageElement} picture @returns {string} data URL of the enlarged PNG */
function embedded(picture) {
  const [width, height] = sizeOf(picture);
  const factor = Math.max(1, Math.round(PICTURE_PX / width));
  const large = document.createElement("canvas");
  [large.width, large.height] = [factor * width, factor * height];
  const context = context2d(large);
  context.imageSmoothingEnabled = false;
  context.drawImage(picture, 0, 0, large.width, large.height);
  return large.toDataURL("image/png");
}

/** Colour scale of errors from 0 to `top`. @param {number} x @param {number} y @param {number} width @param {number} top */
function errorScale(x, y, width, top) {
  const count = 32;
  const [left, right] = [widthOf("0 ", TEXT), widthOf(` ≥ ${top}`, TEXT)];
  const wide = width - left - right;
  const bars = Array.from({ length: count }, (_, i) =>
    svg("rect", {
      x: x + left + (i * wide) / count,
      y,
      width: wide / count + 0.02,
      height: SCALE_BAR,
      fill: errorColor(i / (count - 1)),
    }),
  );
  return [
    ...bars,
    ...texts("0", x, y + SCALE_BAR, left),
    ...texts(`≥ ${top}`, x + width, y + SCALE_BAR, 99, { anchor: "end" }),
  ];
}

/** Height divided by width. @param {Part} part */
const ratio = ({ drawing }) => (drawing ? drawing.viewBox.baseVal.height / drawing.viewBox.baseVal.width : 1);

/** @param {Part} part */
const widestDrawing = ({ drawing, letters }) =>
  drawing && letters ? (TEXT / letters) * drawing.viewBox.baseVal.width : Infinity;

/** @param {Part} part @param {number} x @param {number} y @param {number} width @returns {{nodes: SVGElement[], height: number}} */
function place(part, x, y, width) {
  const high = width * ratio(part);
  /** @type {SVGElement[]} */
  const nodes = [];
  if (part.drawing) {
    const drawing = document.importNode(part.drawing, true);
    for (const [name, value] of Object.entries({ x, y, width, height: high, color: "#000", "font-family": FONT }))
      drawing.setAttribute(name, String(value));
    for (const name of ["class", "style", "tabindex", "role"]) drawing.removeAttribute(name);
    nodes.push(drawing);
  } else if (part.picture?.width) {
    const image = svg("image", {
      x,
      y,
      width,
      height: high,
      preserveAspectRatio: "none",
      style: "image-rendering: pixelated",
    });
    image.setAttributeNS(XLINK, "xlink:href", embedded(part.picture));
    // The frame keeps white masks visible on white paper.
    nodes.push(image, svg("rect", { x, y, width, height: high, fill: "none", stroke: "#888", "stroke-width": 0.1 }));
  }
  let below = y + high;
  if (part.errors) {
    nodes.push(...errorScale(x, below + 1, width, part.errors));
    below += 1 + TEXT;
  }
  if (part.caption) {
    const size = fitting(part.caption, width);
    nodes.push(...texts(part.caption, x, below + LINE * TEXT, width, { size }));
    below += 0.6 + heightOf(part.caption, width, size);
  }
  return { nodes, height: below - y };
}

/**
 * Lays a sheet out.
 * @param {Sheet} sheet
 * @param {string} title
 * @param {number} width millimetres
 * @returns {SVGSVGElement} of the given width; the height follows from the content
 */
export function layout({ columns = [], rows }, title, width) {
  const inner = width - 2 * MARGIN;
  const nodes = texts(title, MARGIN, MARGIN + TITLE, inner / BOLD, { size: TITLE, weight: "bold" });
  let y = MARGIN + heightOf(title, inner / BOLD, TITLE) + GAP;
  const margin = rows.some(({ label }) => label) ? LABEL : 0;
  rows.forEach(({ label, parts }, r) => {
    const left = MARGIN + (label ? margin : 0);
    const room = MARGIN + inner - left - GAP * (parts.length - 1);
    const total = parts.reduce((sum, { weight = 1 }) => sum + weight, 0);
    let x = left;
    let tallest = 0;
    /** @type {SVGElement[]} */
    const heads = [];
    const placed = parts.flatMap((part, k) => {
      const share = (room * (part.weight ?? 1)) / total;
      const wide = Math.min(share, part.drawing ? widestDrawing(part) : WIDEST_PICTURE);
      if (r === 0 && columns[k]) {
        const head = widthOf(columns[k], TEXT) > wide ? columns[k].replace(/.* /, "") : columns[k]; // "slot 3" or only "3"
        heads.push(...texts(head, x + wide / 2, y + TEXT, wide, { anchor: "middle" }));
      }
      const at = place(part, x, y + (r === 0 && columns.length ? LINE * TEXT + 0.6 : 0), wide);
      x += wide + GAP;
      tallest = Math.max(tallest, at.height);
      return at.nodes;
    });
    if (heads.length) y += LINE * TEXT + 0.6;
    if (label) nodes.push(...texts(label, MARGIN, y + TEXT, margin - GAP));
    nodes.push(...heads, ...placed);
    y += Math.max(tallest, label ? heightOf(label, margin - GAP) : 0) + GAP;
  });
  const height = y + MARGIN - GAP;
  return svg(
    "svg",
    {
      width: `${width}mm`,
      height: `${height.toFixed(2)}mm`,
      viewBox: `0 0 ${width} ${height.toFixed(2)}`,
      "font-family": FONT,
      fill: "#000",
    },
    svg("title", {}, title),
    svg("rect", { width, height, fill: "#fff" }),
    ...nodes,
  );
}

/** @param {SVGSVGElement} figure @returns {Blob} */
export function toSvg(figure) {
  return new Blob([`<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(figure)}\n`], {
    type: "image/svg+xml",
  });
}

/** @param {SVGSVGElement} figure @returns {Promise<Blob>} at 300 dots per inch, on white */
export async function toPng(figure) {
  const [, , width, height] = (figure.getAttribute("viewBox") ?? "").split(" ").map(Number);
  const image = new Image();
  image.src = `data:image/svg+xml,${encodeURIComponent(new XMLSerializer().serializeToString(figure))}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [Math.round(width * DOTS_PER_MM), Math.round(height * DOTS_PER_MM)];
  context2d(canvas).drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) =>
    canvas.toBlob(
      (png) =>
        png ? resolve(png) : reject(new Error("The figure is too large for a PNG; choose a smaller width or SVG.")),
      "image/png",
    ),
  );
}
