// Shows a small copy of the scene in the corner while a control is dragged and no scene is in view.

import { context2d, targetIn } from "./dom.js";
import { canvas } from "../drawing/draw.js";

/** Controls that edit when they are dragged, and canvases that show the scene. */
const HANDLES = "#mx-pad .mx-pad, #mx-slots .mx-range, #mx-latents .mx-range";
const SCENES = "[data-name=image] .mx-large, #mx-latents .mx-previews figure:last-child canvas";

/** @param {Element} element */
const inWindow = (element) => {
  const { top, bottom } = element.getBoundingClientRect();
  return top >= 0 && bottom <= innerHeight;
};

export function floatingPreview() {
  const copy = canvas("The scene while it is edited", "mx-floating");
  copy.hidden = true;
  let held = false;

  function follow() {
    /** @type {NodeListOf<HTMLCanvasElement>} */
    const pictures = document.querySelectorAll(SCENES);
    const scenes = [...pictures];
    copy.hidden = !held || scenes.length === 0 || scenes.some(inWindow);
    if (!held) return;
    const [scene] = scenes;
    if (scene?.width) {
      if (copy.width !== scene.width) copy.width = copy.height = scene.width;
      context2d(copy).drawImage(scene, 0, 0);
    }
    requestAnimationFrame(follow);
  }

  addEventListener("pointerdown", (event) => {
    if (!targetIn(event, HANDLES)) return;
    if (!copy.isConnected) document.querySelector(".gradio-container .contain")?.append(copy);
    held = true;
    follow();
  });
  for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => (held = false));
}
