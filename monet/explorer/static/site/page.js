// The page of plain files: plain controls where the app has Gradio's, and a worker that keeps all files for later.

import { choose, mount, openFile, start } from "../main.js";
import { find } from "../page/dom.js";
import { notify } from "../page/notices.js";
import { followTheme } from "./theme.js";

followTheme();

/** @type {HTMLSelectElement} */
const model = find(document, "[data-choice=model]");
/** @type {HTMLInputElement} */
const slots = find(document, "[data-choice=slots]");
/** @type {HTMLInputElement} */
const file = find(document, "[data-choice=file]");
const ways = /** @type {HTMLInputElement[]} */ ([...document.querySelectorAll("[data-choice=how]")]);
/** @type {HTMLOutputElement} */
const count = find(slots.parentElement ?? document, "output");

/** What the inputs show, as Opening tells it. @param {string} told JSON */
function show(told) {
  const chosen = JSON.parse(told);
  model.value = chosen.model;
  slots.value = count.value = String(chosen.slots);
  for (const way of ways) way.checked = way.value === chosen.how;
  if (!chosen.file) file.value = "";
}

model.addEventListener("change", () => choose({ model: model.value }));
slots.addEventListener("input", () => (count.value = slots.value));
slots.addEventListener("change", () => choose({ slots: Number(slots.value) }));
for (const way of ways)
  way.addEventListener("change", () => choose({ how: /** @type {import("../engine/engine.js").How} */ (way.value) }));
/** @param {Blob} picture */
const take = (picture) => openFile({ url: URL.createObjectURL(picture) });
file.addEventListener("change", () => file.files?.[0] && take(file.files[0]));
// A picture that is dropped or pasted anywhere is meant.
addEventListener("dragover", (event) => event.dataTransfer?.types.includes("Files") && event.preventDefault());
addEventListener("drop", (event) => {
  if (!event.dataTransfer?.files.length) return;
  event.preventDefault();
  take(event.dataTransfer.files[0]);
});
addEventListener("paste", (event) => event.clipboardData?.files.length && take(event.clipboardData.files[0]));

const offer = JSON.parse(find(document, "[data-start]").dataset.start ?? "");
show(JSON.stringify({ model: offer.model, slots: offer.models[offer.model].slots, how: "crop", file: true }));
for (const place of document.querySelectorAll("[data-mount]"))
  mount(/** @type {HTMLElement} */ (place).dataset.mount ?? "", find(place, "*"));
await start(offer, show);

// Only now, so that the first scene does not wait for files that nobody has asked for yet.
if ("serviceWorker" in navigator) {
  const known = Boolean(navigator.serviceWorker.controller);
  navigator.serviceWorker.addEventListener(
    "controllerchange",
    () => known && notify("There is a newer version of this page: load it again to see it."),
  );
  navigator.serviceWorker
    .register(new URL("sw.js", document.baseURI))
    .catch((error) => console.info("offline:", error.message));
}
