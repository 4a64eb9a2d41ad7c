// Panel "Your pictures": a dropped or chosen folder or ZIP file becomes a data set on this machine.

import { button, h } from "../page/dom.js";
import { onGalleries } from "../engine/galleries.js";
import { notify } from "../page/notices.js";
import { reasonOf } from "../page/reason.js";
import { addDialog } from "./dialog.js";
import { chosen, dropped, isMany } from "./files.js";

/** @param {HTMLElement} root @param {import("../main.js").Context} context */
export function mount(root, { request }) {
  /** @type {string[] | null} */
  let fits = null;
  /** Why no pictures can be added. @type {string | null} */
  let closed = null;
  /** @param {() => import("./files.js").Chosen | Promise<import("./files.js").Chosen>} read */
  const open = async (read) => {
    try {
      if (!fits) throw new Error(closed ?? "The server has not answered yet. Try again in a moment.");
      addDialog(await read(), fits, request);
    } catch (error) {
      notify(reasonOf(error), { urgent: true });
    }
  };
  /** @param {import("../page/dom.js").Properties<"input">} properties */
  const picker = (properties) => {
    const input = h("input", {
      type: "file",
      hidden: true,
      ...properties,
      onchange: () => {
        open(() => chosen(input.files ?? [])).then(() => (input.value = "")); // so that the same files can be chosen again
      },
    });
    return input;
  };
  const folder = picker({ webkitdirectory: true, "aria-label": "Folder of pictures" });
  const archive = picker({ accept: ".zip", "aria-label": "ZIP file of pictures" });
  const zone = h(
    "div",
    { class: "mx-own" },
    h("strong", {}, "Your pictures"),
    h("span", { class: "mx-muted" }, "Drop a folder or a ZIP file."),
    h(
      "div",
      { class: "mx-row" },
      button("Folder…", () => folder.click()),
      button("ZIP…", () => archive.click()),
    ),
    folder,
    archive,
  );
  const closedNote = h("p", { class: "mx-muted" });
  root.append(zone, closedNote);

  // The upload for one picture accepts folders and ZIP files, too.
  /** @type {HTMLElement | null} */
  const upload = document.querySelector("#mx-upload");
  for (const place of upload ? [root, upload] : [root]) {
    place.addEventListener("dragover", (event) => {
      event.preventDefault();
      zone.classList.add("mx-own-over");
    });
    for (const end of ["dragleave", "drop"])
      place.addEventListener(end, () => zone.classList.remove("mx-own-over"), { capture: true });
    place.addEventListener(
      "drop",
      (event) => {
        const { dataTransfer: transfer } = event;
        if (!transfer || (place !== root && !isMany(transfer))) return;
        event.preventDefault();
        event.stopPropagation();
        const all = dropped(transfer);
        open(() => all);
      },
      { capture: true },
    );
  }

  onGalleries((known) => {
    ({ fits, closed } = known);
    zone.hidden = !fits;
    closedNote.textContent = closed ?? "";
    root.hidden = !fits && !closed;
  });
}
