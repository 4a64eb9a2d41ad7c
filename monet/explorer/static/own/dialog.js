// Before pictures are added: what they are called and how they are made square. Afterwards: what became of them.

import { button, h, say } from "../page/dom.js";
import { renewGalleries } from "../engine/galleries.js";
import { checkName, nameFrom } from "./naming.js";
import { reasonOf } from "../page/reason.js";
import { learnFrom } from "../training/panel.js";
import { bytes, send } from "./files.js";

/** @typedef {import("./files.js").Chosen} Chosen @typedef {import("./files.js").Report} Report */
/** @typedef {import("../main.js").Context["request"]} Request */

/** @param {number} n @param {string} word */
const count = (n, word) => `${n.toLocaleString("en")} ${word}${n === 1 ? "" : "s"}`;
/** @param {number} n bytes */
const megabytes = (n) =>
  n < 2 ** 20 ? `${Math.ceil(n / 1024)} kB` : `${(n / 2 ** 20).toFixed(n < 10 * 2 ** 20 ? 1 : 0)} MB`;

/** What is kept of a picture that is not square. @type {Record<string, string>} */
const FITS = {
  crop: "crop: the square in the middle",
  pad: "pad: all of it, on black",
  stretch: "stretch: all of it, squeezed",
};

/**
 * @param {Chosen} chosen @param {string[]} fits @param {Request} request opens a scene
 */
export function addDialog({ name: stem, files }, fits, request) {
  const name = h("input", {
    class: "mx-text",
    type: "text",
    maxLength: 48,
    spellcheck: false,
    autocomplete: "off",
    value: nameFrom(stem),
  });
  const fit = h("select", { class: "mx-select" }, ...fits.map((way) => h("option", { value: way }, FITS[way] ?? way)));
  const wrong = h("p", { class: "mx-own-wrong", role: "alert" });
  const bar = h("progress", { class: "mx-own-bar", hidden: true, "aria-label": "Pictures that are read" });
  const told = h("p", { class: "mx-muted", role: "status" });
  const stopping = new AbortController();
  const submit = button("Add", () => {}, { type: "submit", class: "mx-button mx-own-add" });
  const actions = h(
    "div",
    { class: "mx-row" },
    submit,
    button("Cancel", () => box.close()),
  );
  const ask = h(
    "form",
    {
      method: "dialog",
      class: "mx-own-form",
      onsubmit: (event) => {
        event.preventDefault();
        add();
      },
    },
    h("h2", {}, "Add your pictures"),
    h("p", {}, `${count(files.length, "file")}, ${megabytes(bytes(files))}. They stay on this machine.`),
    h("label", {}, h("span", {}, "Name"), name),
    h("label", {}, h("span", {}, "Not square"), fit),
    wrong,
    bar,
    told,
    actions,
  );
  const box = h(
    "dialog",
    {
      id: "mx-own-dialog",
      class: "mx-own-dialog mx-panel",
      "aria-label": "Add your pictures",
      onclose: () => {
        stopping.abort();
        box.remove();
      },
    },
    ask,
  );

  async function add() {
    say(wrong, "");
    try {
      checkName(name.value.trim());
    } catch (error) {
      return void say(wrong, reasonOf(error));
    }
    submit.disabled = name.disabled = fit.disabled = true;
    bar.hidden = false;
    bar.removeAttribute("value");
    say(told, "They are sent…");
    try {
      const report = await send(
        files,
        name.value.trim(),
        fit.value,
        (done, of) => {
          if (!of) return;
          [bar.max, bar.value] = [of, done];
          say(told, `${done.toLocaleString("en")} of ${of.toLocaleString("en")} read`);
        },
        stopping.signal,
      );
      await renewGalleries();
      box.replaceChildren(...outcome(report, box, request));
    } catch (error) {
      if (stopping.signal.aborted) return;
      submit.disabled = name.disabled = fit.disabled = false;
      bar.hidden = true;
      say(told, "");
      say(wrong, reasonOf(error));
    }
  }
  (document.querySelector(".gradio-container .contain") ?? document.body).append(box);
  box.showModal();
  name.select();
}

/** @param {Report} report @param {HTMLDialogElement} box @param {Request} request */
function outcome({ name, taken, labelled, notes, left_out: left, more }, box, request) {
  const reasons = Map.groupBy(left, ([, reason]) => reason);
  const lost = left.length + more;
  return [
    h("h2", {}, `${count(taken, "picture")} in “${name}”`),
    h(
      "p",
      { role: "status" },
      labelled ? "With the labels of their objects." : "Without labels: nothing is asked of them but pixels.",
    ),
    ...notes.map((note) => h("p", { class: "mx-muted" }, note)),
    ...(lost
      ? [
          h("h3", {}, `${count(lost, "file")} left out`),
          h(
            "ul",
            { class: "mx-own-lost" },
            ...[...reasons].map(([reason, all]) =>
              h("li", {}, reason, " ", h("span", { class: "mx-muted" }, all.map(([file]) => file).join(", "))),
            ),
            ...(more ? [h("li", { class: "mx-muted" }, `and ${count(more, "more")}`)] : []),
          ),
        ]
      : []),
    h(
      "div",
      { class: "mx-row" },
      button(
        "Show them",
        () => {
          box.close();
          request({ kind: "stored", data: name, index: 0 });
        },
        { autofocus: true, class: "mx-button mx-own-add" },
      ),
      button("Train on them", () => {
        box.close();
        learnFrom({ kind: "stored", name });
      }),
      button("Close", () => box.close()),
    ),
  ];
}
