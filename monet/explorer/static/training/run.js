// One run: how far it is, what can be done with it, its curves, and its slots over time.

import { button, h, say } from "../page/dom.js";
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
const whole = (n) => Math.round(n).toLocaleString("en");

/** @param {number} seconds */
export function duration(seconds) {
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1) return `${Math.round(seconds)} s`;
  return minutes < 60
    ? `${minutes} min ${Math.round(seconds % 60)} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** @param {number} n */
const rate = (n) => (n < 10 ? n.toFixed(1) : whole(n));

/** How far a run is, in pieces. @param {Run} run */
const figures = (run) => [
  ["step", whole(run.step)],
  ...(run.share === null ? [] : [["done", `${Math.floor(100 * run.share)} %`]]),
  ...(run.rate
    ? [
        ["steps/s", rate(run.rate.steps)],
        ["pictures/s", rate(run.rate.pictures)],
      ]
    : []),
  ["pictures", whole(run.pictures)],
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
  #drawn = ""; // what the curves show
  #buttons;

  /** @param {(name: string, action: Action) => void} act */
  constructor(act) {
    /** @param {string} label @param {Action} action @param {string} title */
    const control = (label, action, title) => button(label, () => this.run && act(this.run.name, action), { title });
    this.#buttons = {
      pause: control("Pause", "pause", "Saves the state and ends the process; Resume goes on from there"),
      resume: control("Resume", "resume", "Goes on from the state that was saved last"),
      stop: control("Stop", "stop", "Saves the state and ends the run; its weights stay"),
      weights: control(
        "Take the scene apart with the weights of now",
        "weights",
        "The averaged weights of the last saved state become a model of this page",
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
    say(this.#title, `${run.name}, learning ${run.data}, ${STATES[run.state]}`);
    this.#figures.replaceChildren(
      ...figures(run).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
    );
    const { pause, resume, stop, weights } = this.#buttons;
    pause.hidden = !live;
    stop.hidden = !live && run.state !== "paused";
    resume.hidden = live || ["finished", "stopping"].includes(run.state);
    resume.disabled = !run.resumable;
    weights.disabled = run.saved === null;
    say(this.#note, note(run));
    this.#note.hidden = !this.#note.textContent;
    this.#output.hidden = !run.output.length;
    say(this.#output, run.output.join("\n"));
    this.#sheets.follow(run);
    const drawn = `${run.name}/${run.step}/${run.sheets.length}`;
    if (drawn === this.#drawn) return;
    const rows = await curves(run.name);
    if (this.run.name !== run.name) return;
    this.#drawn = drawn;
    this.#curves.draw(rows);
  }
}

/** What is not there yet, and why. @param {Run} run */
function note(run) {
  if (run.state === "died")
    return run.saved === null
      ? "It ended by itself before it saved anything. It printed:"
      : `It ended by itself. What it had learned until step ${whole(run.saved)} is kept. It printed:`;
  if (["paused", "stopped"].includes(run.state) && !run.resumable)
    return "It was not begun here and its recipe is not known: resume it with the command that began it.";
  if (run.state === "starting") return "Its process loads PyTorch and makes the first pictures.";
  if (run.state === "running" && run.saved === null)
    return "Its first weights are saved within a minute; then they can be tried on the scene.";
  if (run.state === "running" && !run.sheets.length) return "Curves and slots come with the first evaluation.";
  return run.diagnosis && `Its last check: ${run.diagnosis}`;
}
