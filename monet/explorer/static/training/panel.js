// Train panel: starts and watches training runs, and loads their weights as models.
// A run is a separate process; the panel polls its state while it is in view.

import { button, find, h, setText } from "../page/dom.js";
import { explanation } from "../page/explain.js";
import { lessMotion } from "../page/motion.js";
import { notify } from "../page/notices.js";
import { reasonOf } from "../page/reason.js";
import { roving } from "../page/roving.js";
import { act, found } from "./client.js";
import { form } from "./form.js";
import { RunView, STATES } from "./run.js";

/** Milliseconds between two requests: while a run is active, and otherwise. */
const [OFTEN, SELDOM] = [1500, 6000];

/** Scrolls to the panel and chooses a data set. @type {(data: import("./client.js").DataName) => void} */
export let learnFrom = () => {};

/** @typedef {import("./client.js").Run} Run */

/** @param {HTMLElement} root @param {import("../main.js").Context} context */
export function mount(root, { opening }) {
  const list = h("div", { class: "mx-train-list", role: "group", "aria-label": "Runs" });
  const empty = h(
    "p",
    { class: "mx-muted mx-train-empty" },
    "No run yet. Choose a data set and press Train. Its curves and the slots of held-out pictures appear here during the training.",
  );
  const closed = h("p", { class: "mx-muted", hidden: true });
  const view = new RunView(guard(perform));
  const begin = form(async (name, wanted) => {
    await act(name, "start", wanted);
    chosen = name;
    await refresh();
  });
  const body = h(
    "div",
    { class: "mx-train", hidden: true },
    h("div", { class: "mx-train-side" }, begin.element, list),
    h("div", { class: "mx-train-main" }, empty, view.element),
  );
  root.append(
    h("div", { class: "mx-head" }, h("h2", {}, "Train"), h("span", { class: "mx-spring" }), explanation("train")),
    closed,
    body,
  );
  roving(list, "button");

  /** Name of the run on screen. @type {string | null} */
  let chosen = null;
  learnFrom = (data) => {
    if (root.classList.contains("mx-folded")) find(root, ".mx-fold-toggle").click();
    root.scrollIntoView({ block: "start", behavior: lessMotion() ? "auto" : "smooth" });
    begin.choose(data);
    refresh().catch((error) => notify(error.message, { urgent: true }));
  };

  /** Wraps an action so that its errors are shown to the visitor. @template {unknown[]} Given @param {(...given: Given) => unknown} action @returns {(...given: Given) => Promise<void>} */
  function guard(action) {
    return async (...given) => {
      try {
        await action(...given);
      } catch (error) {
        notify(reasonOf(error), { urgent: true });
      }
    };
  }

  /** @param {string} name @param {import("./client.js").Action} action */
  async function perform(name, action) {
    const answer = await act(name, action);
    if (!("models" in answer)) return refresh(); // only "weights" returns a model
    opening.offerMore(answer.models);
    const shown = await opening.open({
      choices: { ...opening.choices, model: answer.name, slots: answer.models[answer.name].slots },
    });
    if (!shown) return;
    notify(`${answer.models[answer.name].title} is now in the list of models and has taken the scene apart.`);
    document.querySelector("#mx-scene")?.scrollIntoView({ block: "start", behavior: lessMotion() ? "auto" : "smooth" });
  }

  /** @param {import("./client.js").Found} found */
  function show({ closed: why, data, runs, models }) {
    closed.hidden = !why;
    body.hidden = Boolean(why);
    if (why !== undefined) return void setText(closed, why);
    opening.offerMore(models);
    begin.offer(
      data,
      runs.map(({ name }) => name),
    );
    const run = runs.find(({ name }) => name === chosen) ?? runs.find(({ state }) => state === "running") ?? runs[0];
    empty.hidden = Boolean(run);
    view.element.hidden = !run;
    rows(runs, run);
    if (!run) return;
    chosen = run.name;
    return view.show(run);
  }

  let names = "";
  /** @param {Run[]} runs @param {Run | undefined} run */
  function rows(runs, run) {
    if (names !== (names = runs.map(({ name }) => name).join("/"))) {
      list.replaceChildren(
        ...runs.map(({ name }) =>
          button(
            "",
            guard(() => {
              chosen = name;
              return refresh();
            }),
            { class: "mx-button mx-train-item" },
          ),
        ),
      );
    }
    const items = list.querySelectorAll("button");
    runs.forEach(({ name, state, step }, i) => {
      const item = items[i];
      item.dataset.state = state;
      item.ariaPressed = String(name === run?.name);
      item.ariaLabel = `${name} ${STATES[state]}, step ${step}`;
      const texts = [name, `${state}, ${step.toLocaleString("en")}`];
      if (item.childElementCount !== 2) item.replaceChildren(h("strong"), h("span"));
      texts.forEach((text, n) => setText(item.children[n], text));
    });
  }

  /** @type {[visible: boolean, timer: number, asking: Promise<void> | null]} */
  let [visible, timer, asking] = [false, 0, null];
  /** Requests and shows the state of all runs, after a request that is already running. */
  function refresh() {
    clearTimeout(timer);
    return (asking = (asking ?? Promise.resolve())
      .catch(() => {})
      .then(async () => {
        const answer = await found();
        await show(answer);
        if (answer.closed === undefined)
          again(answer.runs.some(({ state }) => ["starting", "running", "stopping"].includes(state)) ? OFTEN : SELDOM);
      }));
  }
  /** @param {number} pause milliseconds */
  const again = (pause) => {
    clearTimeout(timer);
    timer = setTimeout(() => (watching() ? refresh().catch(() => again(SELDOM)) : again(SELDOM)), pause); // the page itself reports a lost server
  };
  const watching = () => visible && !document.hidden;
  new IntersectionObserver((entries) => {
    const before = visible;
    visible = Boolean(entries.at(-1)?.isIntersecting);
    if (visible && !before) refresh().catch(() => again(SELDOM));
  }).observe(root);
}
