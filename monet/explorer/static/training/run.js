// View of one run: progress, buttons, curves, and the slots of held-out pictures over time.

import { button, h, setText } from "../page/dom.js";
import { curves } from "./client.js";
import { Curves } from "./curves.js";
import { Sheets } from "./sheets.js";

/** @typedef {import("./client.js").Run} Run */
/** @typedef {import("./client.js").Action} Action */

export const STATES = {
  starting: "is starting",
  running: "is training",
  stopping: "is saving its state and stopping",
  paused: "is paused",
  stopped: "was stopped",
  finished: "is done",
  died: "has died",
};

/** @param {number} n */
const integer = (n) => Math.round(n).toLocaleString("en");

/** @param {number} seconds */
export function duration(seconds) {
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1) return `${Math.round(seconds)} s`;
  return minutes < 60
    ? `${minutes} min ${Math.round(seconds % 60)} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** @param {number} n */
const rate = (n) => (n < 10 ? n.toFixed(1) : integer(n));

/** Progress of a run: names and values. @param {Run} run */
const figures = (run) => [
  ["step", integer(run.step)],
  ...(run.share === null ? [] : [["done", `${Math.floor(100 * run.share)} %`]]),
  ...(run.rate
    ? [
        ["steps/s", rate(run.rate.steps)],
        ["pictures/s", rate(run.rate.pictures)],
      ]
    : []),
  ["pictures", integer(run.pictures)],
  ["trained for", duration(run.seconds)],
  ["ends", run.minutes === null ? "when stopped, or at the recipe’s end" : `after ${rate(run.minutes)} min`],
];

export class RunView {
  element = h("div", { class: "mx-train-run", hidden: true });
  #title = h("h3", { role: "status" });
  #figures = h("dl", { class: "mx-figures" });
  #note = h("p", { class: "mx-muted mx-train-note" });
  #output = h("pre", { class: "mx-train-output", tabIndex: 0, "aria-label": "The last lines that the run printed" });
  #curves = new Curves();
  #sheets = new Sheets((step) => this.#curves.mark(step));
  #drawn = ""; // key of the state that the curves show
  #buttons;

  /** @param {(name: string, action: Action) => void} act */
  constructor(act) {
    /** @param {string} label @param {Action} action @param {string} title */
    const control = (label, action, title) => button(label, () => this.run && act(this.run.name, action), { title });
    this.#buttons = {
      pause: control("Pause", "pause", "Saves the state and ends the process; Resume continues from there"),
      resume: control("Resume", "resume", "Continues from the last saved state"),
      stop: control("Stop", "stop", "Saves the state and ends the run; its weights are kept"),
      weights: control(
        "Take the scene apart with the current weights",
        "weights",
        "Adds the averaged weights of the last saved state to the list of models",
      ),
    };
    this.element.append(
      this.#title,
      this.#figures,
      h("div", { class: "mx-row" }, ...Object.values(this.#buttons)),
      this.#note,
      this.#output,
      this.#curves.element,
      this.#sheets.element,
    );
  }

  /** @param {Run} run */
  async show(run) {
    this.run = run;
    this.element.hidden = false;
    const live = ["starting", "running"].includes(run.state);
    setText(this.#title, `${run.name}, learning ${run.data}, ${STATES[run.state]}`);
    this.#figures.replaceChildren(
      ...figures(run).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
    );
    const { pause, resume, stop, weights } = this.#buttons;
    pause.hidden = !live;
    stop.hidden = !live && run.state !== "paused";
    resume.hidden = live || ["finished", "stopping"].includes(run.state);
    resume.disabled = !run.resumable;
    weights.disabled = run.saved === null;
    setText(this.#note, note(run));
    this.#note.hidden = !this.#note.textContent;
    this.#output.hidden = !run.output.length;
    setText(this.#output, run.output.join("\n"));
    this.#sheets.update(run);
    const drawn = `${run.name}/${run.step}/${run.sheets.length}`;
    if (drawn === this.#drawn) return;
    const rows = await curves(run.name);
    if (this.run.name !== run.name) return;
    this.#drawn = drawn;
    this.#curves.draw(rows);
  }
}

/** Explains a run that has failed or has no results yet. @param {Run} run */
function note(run) {
  if (run.state === "died")
    return run.saved === null
      ? "The run ended unexpectedly before it saved anything. Its last output:"
      : `The run ended unexpectedly. Its state at step ${integer(run.saved)} is saved. Its last output:`;
  if (["paused", "stopped"].includes(run.state) && !run.resumable)
    return "This run was not started in the app, and its recipe is not known. Resume it with the command that started it.";
  if (run.state === "starting") return "The run is loading PyTorch and making the first pictures.";
  if (run.state === "running" && run.saved === null)
    return "The first weights are saved within a minute. Then you can try them on the scene.";
  if (run.state === "running" && !run.sheets.length) return "Curves and slots appear after the first evaluation.";
  return run.diagnosis && `Last check: ${run.diagnosis}`;
}
