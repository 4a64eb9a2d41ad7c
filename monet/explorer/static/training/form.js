// Form that starts a run: data set, name and duration.

import { button, h, setText } from "../page/dom.js";
import { checkName, nameFrom } from "../own/naming.js";
import { reasonOf } from "../page/reason.js";

/** Default duration in minutes. */
const MINUTES = 20;

/** @typedef {import("./client.js").Data} Data */
/** @typedef {import("./client.js").DataName} DataName */

/**
 * @param {(name: string, wanted: {data: DataName, minutes: number | null}) => Promise<void>} start
 * @returns {{element: HTMLElement, offer: (data: Data[], taken: string[]) => void, choose: (data: DataName) => void}}
 */
export function form(start) {
  const data = h("select", { class: "mx-select", "aria-label": "Learn from" });
  const name = h("input", {
    class: "mx-text",
    type: "text",
    maxLength: 48,
    autocomplete: "off",
    spellcheck: false,
    "aria-label": "Name of the run",
  });
  const minutes = h("input", {
    class: "mx-number",
    type: "number",
    min: "1",
    step: "1",
    value: String(MINUTES),
    "aria-label": "Minutes",
  });
  const endless = h("input", {
    type: "checkbox",
    "aria-label": "Until stopped",
    onchange: () => (minutes.disabled = endless.checked),
  });
  const problem = h("p", { class: "mx-train-wrong", role: "alert" });
  const submit = button("Train", () => {}, { type: "submit", class: "mx-button mx-train-start" });
  let nameTyped = false;
  /** @type {string[]} */
  let names = [];

  const suggest = () => {
    if (nameTyped || !data.value) return;
    const stem = nameFrom(JSON.parse(data.value).name);
    let free = stem;
    for (let n = 2; names.includes(free); n++) free = `${stem}-${n}`;
    name.value = free;
  };
  name.addEventListener("input", () => (nameTyped = Boolean(name.value)));
  data.addEventListener("change", suggest);

  const element = h(
    "form",
    {
      class: "mx-train-form",
      noValidate: true,
      onsubmit: async (event) => {
        event.preventDefault();
        if (submit.disabled) return;
        submit.disabled = true;
        setText(problem, "");
        try {
          if (!endless.checked && !(minutes.valueAsNumber > 0))
            throw new Error("Minutes must be a number above 0. To train without a limit, choose “until stopped”.");
          checkName(name.value.trim());
          await start(name.value.trim(), {
            data: JSON.parse(data.value),
            minutes: endless.checked ? null : minutes.valueAsNumber,
          });
          nameTyped = false;
        } catch (error) {
          setText(problem, reasonOf(error));
        } finally {
          submit.disabled = false;
        }
      },
    },
    h("label", {}, h("span", {}, "Data set"), data),
    h("label", {}, h("span", {}, "Name"), name),
    h(
      "div",
      { class: "mx-row mx-nowrap mx-train-time" },
      h("label", { class: "mx-label" }, h("span", {}, "Minutes"), minutes),
      h("label", { class: "mx-label" }, endless, "until stopped"),
    ),
    submit,
    problem,
  );

  let offered = ""; // the data sets in the list, as JSON
  /** @param {Data[]} list @param {string[]} taken */
  function offer(list, taken) {
    names = taken;
    const key = JSON.stringify(list);
    if (key !== offered) {
      offered = key;
      const chosen = data.value;
      /** @param {Data} data */
      const option = ({ kind, name: of, title }) => h("option", { value: JSON.stringify({ kind, name: of }) }, title);
      const [stored, generated] = ["stored", "generated"].map((kind) =>
        list.filter((d) => d.kind === kind).map(option),
      );
      data.replaceChildren(
        ...(stored.length
          ? [
              h("optgroup", { label: "On this machine" }, ...stored),
              h("optgroup", { label: "Generated" }, ...generated),
            ]
          : generated),
      );
      if ([...data.options].some((o) => o.value === chosen)) data.value = chosen;
    }
    if (wanted) choose(JSON.parse(wanted));
    if (document.activeElement !== name) suggest();
  }
  /** A data set to choose once it is in the list, as JSON. @type {string | null} */
  let wanted = null;
  /** @param {DataName} data */
  function choose({ kind, name: of }) {
    wanted = JSON.stringify({ kind, name: of });
    if (![...data.options].some((o) => o.value === wanted)) return;
    data.value = wanted;
    [wanted, nameTyped] = [null, false];
    suggest();
    submit.focus({ preventScroll: true });
  }
  return { element, offer, choose };
}
