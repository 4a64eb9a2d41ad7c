// The camera's buttons: its picture is the ground of the canvas while it runs, and is asked of the page's network alone.

import { button, h, say } from "../page/dom.js";
import { onGalleries } from "../engine/galleries.js";
import { reasonOf } from "../page/reason.js";
import { Camera } from "./camera.js";

/** Titles of the data sets that the server knows. @type {Map<string, string>} */
const titles = new Map();

/**
 * @param {import("./desk.js").Desk} desk
 * @param {import("./live.js").Live} live
 * @param {import("./place.js").Place} place whose `filmed` is what the camera sees
 * @param {{engine: import("../engine/engine.js").Engine, dataOf: (model: string) => string | null, draw: () => void}} page
 */
export function filming(desk, live, place, { engine, dataOf, draw }) {
  const camera = new Camera();
  let turn = 0; // counts what was asked and ended, so that an answer that comes too late does nothing
  let asking = false;
  /** What lay behind all things when it began. @type {import("./render.js").Ground | null} */
  let ground = null;
  onGalleries(({ galleries }) => {
    for (const { name, title } of galleries) titles.set(name, title);
  });

  const note = h("p", { class: "mx-muted", role: "status" });
  const start = button("Camera", () => begin(), {
    title: "Takes what your camera sees apart, live; the picture does not leave this page",
  });
  const freeze = button("Freeze", () => keep(), {
    title: "Keeps this picture as the ground, to paint on",
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

  /** What a model makes of it, honestly. @param {string} model */
  function warning(model) {
    const title = titles.get(dataOf(model) ?? "");
    return `This model has only seen ${title ? `“${title}”` : "its own data set"}; it will look for what it knows from there.`;
  }

  async function begin() {
    const { model, frame } = place;
    if (!model || !frame) return;
    const own = (turn += 1);
    asking = true;
    buttons();
    say(note, "Asking for the camera…");
    try {
      await engine.network(model).catch(refuse);
      if (own !== turn) return;
      if (live.course.where === "server") refuse(live.course.reason);
      const running = await camera.start(frame.picture, show, () => stop("The camera was taken away."));
      if (!running) return;
    } catch (error) {
      if (own === turn) stop(reasonOf(error));
      return;
    }
    asking = false;
    desk.edit((composition) => ({ things: [], ground: composition.ground }), { select: null });
    ({ ground } = desk.composition);
    buttons();
    say(note, `The picture stays in this page. ${warning(model)}`);
  }

  /** @param {unknown} reason @returns {never} */
  function refuse(reason) {
    throw new Error(
      `The camera stays off: here the server answers, and your pictures are not sent to it. (${reasonOf(reason)})`,
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
    stop("Kept as the ground. Opened on the stage it is a picture like any other, and the server is sent it.");
    desk.edit((composition) => ({ ...composition, ground: { pixels, origin: null, stays: true } }));
  }

  /** @param {string} [words] why */
  function stop(words = "") {
    turn += 1;
    asking = false;
    camera.stop();
    place.filmed = null;
    say(note, words);
    buttons();
    draw();
  }

  function buttons() {
    start.disabled = asking;
    start.hidden = camera.running;
    freeze.hidden = halt.hidden = !camera.running;
  }

  /** @param {string} words why it is off, if it is on or asked for */
  const leave = (words) => (camera.running || asking) && stop(words);
  document.addEventListener(
    "visibilitychange",
    () => document.hidden && leave("The camera is off: the page was out of sight."),
  );
  addEventListener("pagehide", () => leave(""));

  return {
    element,
    leave,
    /** Off where its picture is no longer the ground, or cannot be answered here. */
    follow() {
      if (!camera.running) return;
      if (desk.composition.ground !== ground) leave("The camera is off: the canvas has another ground.");
      else if (live.course.where === "server") leave("The camera is off: your browser’s network has stopped.");
    },
  };
}
