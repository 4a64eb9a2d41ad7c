// Reads whether the system asks for reduced motion: then nothing moves by itself, and Play advances one picture.

const preference = matchMedia("(prefers-reduced-motion: reduce)");

export const lessMotion = () => preference.matches;

/** @param {() => void} listener called when the preference changes */
export const onMotionChange = (listener) => preference.addEventListener("change", listener);
