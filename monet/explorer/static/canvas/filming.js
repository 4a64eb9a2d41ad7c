// Camera controls: live frames become the canvas's ground; only the browser's network decomposes them.

import { button, h, setText } from "../page/dom.js";
import { onGalleries } from "../engine/galleries.js";
import { reasonOf } from "../page/reason.js";
import { Camera } from "./camera.js";

/** Titles of data sets by name. @type {Map<string, string>} */
const titles = new Map();

/**
 * @param {import("./desk.js").Desk} desk
 * @param {import("./live.js").Live} live
 * @param {import("./place.js").Place} place its `filmed` is the camera's latest frame
 * @param {{engine: import("../engine/engine.js").Engine, dataOf: (model: string) => string | null, draw: () => void}} page
 */
export function filming(desk, live, place, { engine, dataOf, draw }) {
  const camera = new Camera();
  let turn = 0; // counts starts and stops, so that a late answer is ignored
  let asking = false;
  /** The ground before the camera started. @type {import("./render.js").Ground | null} */
  let ground = null;
  onGalleries(({ galleries }) => {
    for (const { name, title } of galleries) titles.set(name, title);
  });

  const note = h("p", { class: "mx-muted", role: "status" });
  const start = button("Camera", () => begin(), {
    title: "Decomposes your camera’s picture live; it does not leave this page",
  });
  const freeze = button("Freeze", () => keep(), {
    title: "Keeps the current picture as the ground, to paint on",
    hidden: true,
  });
  const halt = button("Stop", () => stop("The camera is off."), { title: "Switches the camera off", hidden: true });
  const element = h(
    "div",
    { class: "mx-row mx-compose-camera", role: "group", "aria-label": "Camera" },
    start,
    freeze,
    halt,
    note,
  );

  /** What to expect of a model on camera pictures. @param {string} model */
  function warning(model) {
    const title = titles.get(dataOf(model) ?? "");
    return `This model has only seen ${title ? `“${title}”` : "its own data set"}; it only finds what looks similar.`;
  }

  async function begin() {
    const { model, frame } = place;
    if (!model || !frame) return;
    const current = (turn += 1);
    asking = true;
    buttons();
    setText(note, "Asking for the camera…");
    try {
      await engine.network(model).catch(refuse);
      if (current !== turn) return;
      if (live.status.where === "server") refuse(live.status.reason);
      const running = await camera.start(frame.picture, show, () => stop("The camera was disconnected."));
      if (!running) return;
    } catch (error) {
      if (current === turn) stop(reasonOf(error));
      return;
    }
    asking = false;
    desk.edit((composition) => ({ things: [], ground: composition.ground }), { select: null });
    ({ ground } = desk.composition);
    buttons();
    setText(note, `The picture stays in this page. ${warning(model)}`);
  }

  /** @param {unknown} reason @returns {never} */
  function refuse(reason) {
    throw new Error(
      `The camera needs the network in your browser; your pictures are not sent to the server. (${reasonOf(reason)})`,
    );
  }

  /** @param {Uint8Array} pixels */
  function show(pixels) {
    place.filmed = pixels;
    draw();
  }

  function keep() {
    const pixels = place.filmed;
    if (!pixels) return;
    stop("Kept as the ground. “Open on the stage” would send it to the server.");
    desk.edit((composition) => ({ ...composition, ground: { pixels, origin: null, stays: true } }));
  }

  /** @param {string} [words] the reason, shown in the note */
  function stop(words = "") {
    turn += 1;
    asking = false;
    camera.stop();
    place.filmed = null;
    setText(note, words);
    buttons();
    draw();
  }

  function buttons() {
    start.disabled = asking;
    start.hidden = camera.running;
    freeze.hidden = halt.hidden = !camera.running;
  }

  /** Stops the camera if it runs or is being requested. @param {string} words the reason, shown in the note */
  const stopIfOn = (words) => (camera.running || asking) && stop(words);
  document.addEventListener(
    "visibilitychange",
    () => document.hidden && stopIfOn("The camera is off: the page was hidden."),
  );
  addEventListener("pagehide", () => stopIfOn(""));

  return {
    element,
    stopIfOn,
    /** Stops the camera if its picture is no longer the ground or the browser's network failed. */
    update() {
      if (!camera.running) return;
      if (desk.composition.ground !== ground) stopIfOn("The camera is off: the canvas has another ground.");
      else if (live.status.where === "server") stopIfOn("The camera is off: your browser’s network has stopped.");
    },
  };
}
