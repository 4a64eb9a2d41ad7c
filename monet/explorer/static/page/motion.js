// Whether the visitor's system asks for less motion: then nothing moves by itself, and Play goes one picture on.

const preference = matchMedia("(prefers-reduced-motion: reduce)");

export const lessMotion = () => preference.matches;

/** @param {() => void} listener called when the preference changes */
export const onMotionChange = (listener) => preference.addEventListener("change", listener);
