// In front of a class: F leaves nothing on screen but the stage, the latents and the story, and brings the rest back.

/** The id of the button that says whether it is so. */
export const PRESENTING = "mx-present";

/** @param {boolean} [on] the other way round if left out */
export function present(on = !document.documentElement.classList.contains("mx-presenting")) {
  document.documentElement.classList.toggle("mx-presenting", on);
  document.getElementById(PRESENTING)?.setAttribute("aria-pressed", String(on));
  if (on) scrollTo({ top: 0 });
  dispatchEvent(new Event("resize"));
}
