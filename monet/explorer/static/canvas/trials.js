// The five experiments beside the canvas: a question, a scene, a path to play or to drag along, and the chart.

import { button, h, say } from "../page/dom.js";
import { Chart } from "./chart.js";
import { EXPERIMENTS } from "./experiments.js";

/** Steps that Play takes from end to end, and the least time between two, in milliseconds. */
const [STEPS, STEP_MS] = [48, 40];

/**
 * @param {import("./desk.js").Desk} desk
 * @param {import("./live.js").Live} live
 * @param {import("./place.js").Place} place
 */
export function trials(desk, live, place) {
  /** @type {import("./experiments.js").Experiment | null} */
  let chosen = null;
  let playing = 0; // counts up, so that a new one ends the old
  let answered = () => {}; // called once with the next answer

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
      go(Number(path.value));
    },
  });
  const play = button("▶ Play", () => (playing % 2 ? stop() : start()), {
    class: "mx-button mx-play",
    title: "Moves it along the path by itself and draws the curve",
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
    say(title, experiment.question);
    say(hint, experiment.hint);
    say(figure, "");
    empty(experiment);
    path.value = "0";
  }

  /** The chart without a point. @param {import("./experiments.js").Experiment} experiment */
  function empty({ x, y }) {
    chart.begin({ x: { ...x, range: x.range(table()) }, y: { ...y, range: y.range(table()) } });
  }

  /** Sets an experiment up; its scene is one step of undo. @param {string} name */
  function choose(name) {
    stop();
    const experiment = EXPERIMENTS.find((one) => one.name === name);
    if (!experiment) return;
    show(experiment);
    desk.edit(() => experiment.begin(table()), { select: null });
  }

  /** @param {number} t from 0 to 1 */
  function go(t) {
    const experiment = chosen;
    if (!experiment) return;
    path.value = String(t);
    desk.edit(() => experiment.at(t, table()), { gesture: "path", select: null });
  }

  /** Every step waits for its answer, so that the curve is whole however fast the network is. */
  async function start() {
    if (!chosen) return;
    const own = (playing += 1);
    play.textContent = "❚❚ Stop";
    empty(chosen);
    for (let step = 0; step <= STEPS && playing === own; step++) {
      const { promise: seen, resolve } = /** @type {PromiseWithResolvers<void>} */ (Promise.withResolvers());
      answered = resolve;
      go(step / STEPS);
      await Promise.all([seen, new Promise((resolve) => setTimeout(resolve, STEP_MS))]);
    }
    if (playing === own) stop();
  }

  function stop() {
    if (playing % 2) playing += 1;
    answered();
    play.textContent = "▶ Play";
  }

  live.onAnswer(({ masks }, about) => {
    if (about.composition === desk.composition) answered();
    if (!chosen || about.world !== place.world) return;
    if (about.composition.explained)
      return say(figure, "A part counts as explained; the question is asked with everything to explain.");
    const outcome = { ...about, masks };
    const point = chosen.measure(outcome);
    if (!point) return say(figure, "Nothing is to be seen now of what the question is about.");
    chart.add(point);
    say(figure, chosen.answer(point, outcome));
  });

  return {
    element,
    choose,
    stop,
    chart,
    /** Goes on with an experiment whose scene is there already, as a link brings it. @param {string | null} name */
    resume(name) {
      stop();
      show(EXPERIMENTS.find((experiment) => experiment.name === name) ?? null);
    },
    get name() {
      return chosen?.name ?? null;
    },
  };
}
