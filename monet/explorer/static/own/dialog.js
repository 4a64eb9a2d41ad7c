// Dialog "Add your pictures": asks for name and fit, shows progress, then the report.

import { button, h, setText } from "../page/dom.js";
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

/** Ways to make a picture square, with labels. @type {Record<string, string>} */
const FITS = {
  crop: "crop: the central square",
  pad: "pad: the whole picture, on black",
  stretch: "stretch: the whole picture, distorted",
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
  const errorLine = h("p", { class: "mx-own-wrong", role: "alert" });
  const bar = h("progress", { class: "mx-own-bar", hidden: true, "aria-label": "Pictures read" });
  const status = h("p", { class: "mx-muted", role: "status" });
  const abort = new AbortController();
  const submit = button("Add", () => {}, { type: "submit", class: "mx-button mx-own-add" });
  const actions = h(
    "div",
    { class: "mx-row" },
    submit,
    button("Cancel", () => box.close()),
  );
  const form = h(
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
    h("label", {}, h("span", {}, "If not square"), fit),
    errorLine,
    bar,
    status,
    actions,
  );
  const box = h(
    "dialog",
    {
      id: "mx-own-dialog",
      class: "mx-own-dialog mx-panel",
      "aria-label": "Add your pictures",
      onclose: () => {
        abort.abort();
        box.remove();
      },
    },
    form,
  );

  async function add() {
    setText(errorLine, "");
    try {
      checkName(name.value.trim());
    } catch (error) {
      return void setText(errorLine, reasonOf(error));
    }
    submit.disabled = name.disabled = fit.disabled = true;
    bar.hidden = false;
    bar.removeAttribute("value");
    setText(status, "Uploading…");
    try {
      const report = await send(
        files,
        name.value.trim(),
        fit.value,
        (done, of) => {
          if (!of) return;
          [bar.max, bar.value] = [of, done];
          setText(status, `${done.toLocaleString("en")} of ${of.toLocaleString("en")} read`);
        },
        abort.signal,
      );
      await renewGalleries();
      box.replaceChildren(...outcome(report, box, request));
    } catch (error) {
      if (abort.signal.aborted) return;
      submit.disabled = name.disabled = fit.disabled = false;
      bar.hidden = true;
      setText(status, "");
      setText(errorLine, reasonOf(error));
    }
  }
  (document.querySelector(".gradio-container .contain") ?? document.body).append(box);
  box.showModal();
  name.select();
}

/** Content of the dialog after the upload. @param {Report} report @param {HTMLDialogElement} box @param {Request} request */
function outcome({ name, taken, labelled, notes, left_out: skipped, more }, box, request) {
  const reasons = Map.groupBy(skipped, ([, reason]) => reason);
  const skippedCount = skipped.length + more;
  return [
    h("h2", {}, `${count(taken, "picture")} in “${name}”`),
    h(
      "p",
      { role: "status" },
      labelled ? "With labels of their objects." : "Without labels: the pictures alone are used.",
    ),
    ...notes.map((note) => h("p", { class: "mx-muted" }, note)),
    ...(skippedCount
      ? [
          h("h3", {}, `${count(skippedCount, "file")} skipped`),
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
