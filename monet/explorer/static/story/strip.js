// Strip of slots below the animation: fills slot by slot, and shows their sum, the scene: sum over k of m_k x_k.

import { canvas, inkOn, slotColor } from "../drawing/draw.js";
import { h, setText } from "../page/dom.js";
import { zoomable } from "../page/lightbox.js";
import { roving } from "../page/roving.js";
import { hat, inline } from "./mathml.js";
import { drawPiece, drawSum } from "./pictures.js";

/** Shows a step's number on its slot's colour. @param {HTMLElement} element @param {number} step */
export function numbered(element, step) {
  setText(element, String(step + 1));
  element.style.background = slotColor(step);
  element.style.color = inkOn(step);
  return element;
}

export class Strip {
  element = h("div", {
    class: "mx-story-strip",
    role: "group",
    "aria-label": "Slots: arrow keys move, Enter shows the step that filled the slot",
  });
  #sum = zoomable(canvas("Sum of the filled slots"));
  /** @type {{tile: HTMLButtonElement, picture: HTMLCanvasElement}[]} */
  #tiles = [];
  /** Whether each slot's picture is drawn. @type {boolean[]} */
  #drawn = [];
  #sumCount = -1; // slots in the drawn sum

  /** @param {(step: number) => void} select called when a slot is clicked */
  constructor(select) {
    this.select = select;
    roving(this.element, "button, .mx-story-sum canvas");
  }

  /** Opens another scene. @param {import("../scene/scene.js").Scene} scene */
  open(scene) {
    this.scene = scene;
    this.#drawn = [];
    this.#sumCount = -1;
    this.#tiles = scene.masks.map((_, k) => {
      const picture = canvas(`Slot ${k + 1}: its component under its mask`);
      const chip = numbered(h("span", { class: "mx-story-number" }), k);
      const tile = h(
        "button",
        {
          type: "button",
          class: "mx-story-tile",
          "aria-label": `Step ${k + 1} of the film`,
          onclick: () => this.select(k),
        },
        h("span", { class: "mx-frame" }, picture),
        chip,
      );
      return { tile, picture };
    });
    this.element.style.setProperty("--tiles", String(scene.slots + 1));
    this.element.replaceChildren(
      ...this.#tiles.map(({ tile }) => tile),
      h(
        "div",
        { class: "mx-story-tile mx-story-sum" },
        h("span", { class: "mx-frame" }, this.#sum),
        h("span", {}, inline(hat("x"))),
      ),
    );
  }

  /** The picture that a step's component flies to. @param {number} step */
  target(step) {
    return this.#tiles[step].picture;
  }

  /** Draws a moment of the animation. @param {import("./timeline.js").Moment} moment @param {{slots: Float32Array[]} | null} decoded */
  show({ step, done, filled }, decoded) {
    const { scene } = this;
    if (!scene) return;
    const count = Math.max(filled, step + (done.slot === 1 ? 1 : 0));
    this.#tiles.forEach(({ tile, picture }, k) => {
      const isFilled = decoded !== null && k < count;
      tile.classList.toggle("mx-there", isFilled);
      if (k === step) tile.setAttribute("aria-current", "step");
      else tile.removeAttribute("aria-current");
      if (!isFilled || this.#drawn[k]) return;
      this.#drawn[k] = true;
      drawPiece(picture, scene.size, decoded.slots[k], 4, scene.masks[k]);
    });
    if (!decoded || count === this.#sumCount) return;
    this.#sumCount = count;
    drawSum(this.#sum, scene, decoded.slots, count);
  }
}
