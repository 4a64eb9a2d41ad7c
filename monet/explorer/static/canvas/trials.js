// Experiments beside the canvas: choice, slider and Play along the path, chart and answer.

import { button, h, setText } from "../page/dom.js";
import { Chart } from "./chart.js";
import { EXPERIMENTS } from "./experiments.js";

/** Steps of Play from end to end, and the least time of a step in milliseconds. */
const [STEPS, STEP_MS] = [48, 40];

/**
 * @param {import("./desk.js").Desk} desk
 * @param {import("./live.js").Live} live
 * @param {import("./place.js").Place} place
 */
export function trials(desk, live, place) {
  /** @type {import("./experiments.js").Experiment | null} */
  let chosen = null;
  let playing = 0; // odd while playing; a changed count ends an older run
  let resolveStep = () => {}; // called when the current step is answered

  const table = () => ({ world: place.world, side: place.frame.picture, slots: place.slots });
  const chart = new Chart();
  const title = h("p", { class: "mx-trial-question" });
  const hint = h("p", { class: "mx-muted" });
  const figure = h("p", { class: "mx-trial-answer" });
  const path = h("input", {
    type: "range",
    class: "mx-range",
    min: "0",
    max: "1",
    step: "any",
    value: "0",
    "aria-label": "Along the experiment’s path",
    oninput: () => {
      stop();
      seek(Number(path.value));
    },
  });
  const play = button("▶ Play", () => (playing % 2 ? stop() : start()), {
    class: "mx-button mx-play",
    title: "Plays the path and draws the curve",
  });
  const body = h(
    "div",
    { class: "mx-trial", hidden: true },
    title,
    chart.element,
    figure,
    h("div", { class: "mx-row mx-nowrap" }, play, path),
    hint,
  );
  const choices = EXPERIMENTS.map((experiment) =>
    h(
      "button",
      {
        type: "button",
        class: "mx-unusual",
        "data-experiment": experiment.name,
        onclick: () => choose(experiment.name),
      },
      h("strong", {}, experiment.title),
      h("span", {}, experiment.question),
    ),
  );
  const element = h(
    "div",
    { class: "mx-trials" },
    h("h3", {}, "Ask the network"),
    h("div", { class: "mx-trial-choices" }, ...choices),
    body,
  );

  /** @param {import("./experiments.js").Experiment | null} experiment */
  function show(experiment) {
    chosen = experiment;
    for (const choice of choices)
      choice.setAttribute("aria-pressed", String(choice.dataset.experiment === experiment?.name));
    body.hidden = !experiment;
    if (!experiment) return;
    setText(title, experiment.question);
    setText(hint, experiment.hint);
    setText(figure, "");
    clearChart(experiment);
    path.value = "0";
  }

  /** Empties the chart. @param {import("./experiments.js").Experiment} experiment */
  function clearChart({ x, y }) {
    chart.begin({ x: { ...x, range: x.range(table()) }, y: { ...y, range: y.range(table()) } });
  }

  /** Starts an experiment; its scene is one undo step. @param {string} name */
  function choose(name) {
    stop();
    const experiment = EXPERIMENTS.find((one) => one.name === name);
    if (!experiment) return;
    show(experiment);
    desk.edit(() => experiment.begin(table()), { select: null });
  }

  /** Shows the path's scene at t. @param {number} t from 0 to 1 */
  function seek(t) {
    const experiment = chosen;
    if (!experiment) return;
    path.value = String(t);
    desk.edit(() => experiment.at(t, table()), { gesture: "path", select: null });
  }

  /** Plays the path; each step waits for its answer, so that the curve has every point. */
  async function start() {
    if (!chosen) return;
    const run = (playing += 1);
    play.textContent = "❚❚ Stop";
    clearChart(chosen);
    for (let step = 0; step <= STEPS && playing === run; step++) {
      const { promise: answered, resolve } = /** @type {PromiseWithResolvers<void>} */ (Promise.withResolvers());
      resolveStep = resolve;
      seek(step / STEPS);
      await Promise.all([answered, new Promise((resolve) => setTimeout(resolve, STEP_MS))]);
    }
    if (playing === run) stop();
  }

  function stop() {
    if (playing % 2) playing += 1;
    resolveStep();
    play.textContent = "▶ Play";
  }

  live.onAnswer(({ masks }, about) => {
    if (about.composition === desk.composition) resolveStep();
    if (!chosen || about.world !== place.world) return;
    if (about.composition.explained)
      return setText(figure, "Part of the picture is marked as explained. Press “Unmark all” to run the experiment.");
    const outcome = { ...about, masks };
    const point = chosen.measure(outcome);
    if (!point) return setText(figure, "The objects of this question are not visible.");
    chart.add(point);
    setText(figure, chosen.answer(point, outcome));
  });

  return {
    element,
    choose,
    stop,
    chart,
    /** Selects an experiment without changing the scene, for links; null: none. @param {string | null} name */
    resume(name) {
      stop();
      show(EXPERIMENTS.find((experiment) => experiment.name === name) ?? null);
    },
    get name() {
      return chosen?.name ?? null;
    },
  };
}
