// Entry point of the static site: connects its plain controls and registers the service worker.

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
const fitChoices = /** @type {HTMLInputElement[]} */ ([...document.querySelectorAll("[data-choice=how]")]);
/** @type {HTMLOutputElement} */
const count = find(slots.parentElement ?? document, "output");

/** Updates the inputs to the opened scene. @param {string} json as Opening sends it */
function show(json) {
  const chosen = JSON.parse(json);
  model.value = chosen.model;
  slots.value = count.value = String(chosen.slots);
  for (const choice of fitChoices) choice.checked = choice.value === chosen.how;
  if (!chosen.file) file.value = "";
}

model.addEventListener("change", () => choose({ model: model.value }));
slots.addEventListener("input", () => (count.value = slots.value));
slots.addEventListener("change", () => choose({ slots: Number(slots.value) }));
for (const choice of fitChoices)
  choice.addEventListener("change", () =>
    choose({ how: /** @type {import("../engine/engine.js").How} */ (choice.value) }),
  );
/** @param {Blob} picture */
const openPicture = (picture) => openFile({ url: URL.createObjectURL(picture) });
file.addEventListener("change", () => file.files?.[0] && openPicture(file.files[0]));
// Accepts a picture dropped or pasted anywhere on the page.
addEventListener("dragover", (event) => event.dataTransfer?.types.includes("Files") && event.preventDefault());
addEventListener("drop", (event) => {
  if (!event.dataTransfer?.files.length) return;
  event.preventDefault();
  openPicture(event.dataTransfer.files[0]);
});
addEventListener("paste", (event) => event.clipboardData?.files.length && openPicture(event.clipboardData.files[0]));

const offer = JSON.parse(find(document, "[data-start]").dataset.start ?? "");
show(JSON.stringify({ model: offer.model, slots: offer.models[offer.model].slots, how: "crop", file: true }));
for (const place of document.querySelectorAll("[data-mount]"))
  mount(/** @type {HTMLElement} */ (place).dataset.mount ?? "", find(place, "*"));
await start(offer, show);

// After the first scene, so that caching all files does not delay it.
if ("serviceWorker" in navigator) {
  const isUpdate = Boolean(navigator.serviceWorker.controller);
  navigator.serviceWorker.addEventListener(
    "controllerchange",
    () => isUpdate && notify("A newer version of this page is available: reload to see it."),
  );
  navigator.serviceWorker
    .register(new URL("sw.js", document.baseURI))
    .catch((error) => console.info("offline:", error.message));
}
