// Presentation mode (key F): shows only the stage, the latents and the animation of the attention.

/** Id of the button that toggles the mode. */
export const PRESENTING = "mx-present";

/** Switches presentation mode. @param {boolean} [on] toggles it if left out */
export function present(on = !document.documentElement.classList.contains("mx-presenting")) {
  document.documentElement.classList.toggle("mx-presenting", on);
  document.getElementById(PRESENTING)?.setAttribute("aria-pressed", String(on));
  if (on) scrollTo({ top: 0 });
  dispatchEvent(new Event("resize"));
}
