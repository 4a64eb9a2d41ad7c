// Contact sheets of a run: the slots of held-out pictures at each evaluation, with a slider over the steps.

import { h, setText } from "../page/dom.js";
import { zoomable } from "../page/lightbox.js";
import { sheet } from "./client.js";

export class Sheets {
  #picture = zoomable(h("img", { class: "mx-canvas mx-train-sheet", alt: "" }));
  #heads = h("div", { class: "mx-train-heads mx-muted", "aria-hidden": "true" });
  #slider = h("input", { type: "range", class: "mx-range", min: "0", step: "1", "aria-label": "Step of the slots" });
  #step = h("output", { class: "mx-train-step" });
  /** @type {number[]} */
  #steps = [];
  #name = "";
  #onStep;

  /** @param {(step: number | null) => void} onStep called with the step that is shown */
  constructor(onStep) {
    this.#onStep = onStep;
    this.element = h(
      "figure",
      { class: "mx-figure mx-train-sheets", hidden: true },
      h("div", { class: "mx-row mx-nowrap" }, h("h3", {}, "Held-out pictures"), this.#slider, this.#step),
      this.#heads,
      this.#picture,
    );
    this.#slider.addEventListener("input", () => this.#show());
    this.#picture.addEventListener("load", () =>
      this.element.style.setProperty("--shape", String(this.#picture.naturalWidth / this.#picture.naturalHeight)),
    );
  }

  /** @param {import("./client.js").Run} run */
  update({ name, sheets: steps, slots, labelled }) {
    this.#label(slots, labelled);
    const other = name !== this.#name;
    const newest = other || Number(this.#slider.value) === this.#steps.length - 1;
    if (!other && steps.length === this.#steps.length && steps.at(-1) === this.#steps.at(-1)) return;
    [this.#name, this.#steps] = [name, steps];
    this.element.hidden = !steps.length;
    this.#slider.max = String(Math.max(steps.length - 1, 0));
    this.#slider.disabled = steps.length < 2;
    if (newest) this.#slider.value = this.#slider.max; // an older sheet stays if the visitor chose it
    this.#show();
  }

  #show() {
    const step = this.#steps[Number(this.#slider.value)] ?? null;
    this.#onStep(step);
    if (step === null) return;
    const address = sheet(this.#name, step);
    if (this.#picture.src !== address) this.#picture.src = address;
    setText(this.#step, `step ${step.toLocaleString("en")}`);
    this.#slider.ariaValueText = this.#step.textContent;
    this.#picture.alt = `Slots of held-out pictures at step ${step.toLocaleString("en")}`;
  }

  /** Names the columns. @param {number | null} slots @param {boolean} labelled */
  #label(slots, labelled) {
    const columns = ["picture", "rebuilt", ...(labelled ? ["true"] : []), "found"];
    const names = slots === null ? [] : [...columns, ...Array.from({ length: slots }, (_, k) => `slot ${k + 1}`)];
    if (this.#heads.childElementCount === names.length) return;
    this.#heads.style.setProperty("--columns", String(names.length));
    this.#heads.replaceChildren(...names.map((name) => h("span", {}, name)));
  }
}
