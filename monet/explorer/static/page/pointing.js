// Finds the scene's pixel that a mouse or a tap points at, on any picture of the scene.

/** Position of an event on a picture, in scene pixels from the left and the top. @param {Element} picture @param {MouseEvent} event @param {number} size @returns {[number, number]} */
export function positionOn(picture, event, size) {
  const box = picture.getBoundingClientRect();
  return [((event.clientX - box.left) / box.width) * size, ((event.clientY - box.top) / box.height) * size];
}

/** Index of the pixel at a position; null outside the scene. @param {[number, number]} position @param {number} size */
export const pixelAt = ([x, y], size) =>
  x >= 0 && y >= 0 && x < size && y < size ? Math.floor(y) * size + Math.floor(x) : null;

/**
 * Makes the pixel under the pointer the view's pixel. A finger points with a tap, and that pixel stays; scrolling does
 * not point.
 * @param {HTMLElement} picture @param {import("../scene/store.js").Store} store
 * @param {(pixel: number, event: MouseEvent) => void} [clicked]
 */
export function pointable(picture, store, clicked = () => {}) {
  /** @param {MouseEvent} event */
  const under = (event) => pixelAt(positionOn(picture, event, store.scene.size), store.scene.size);
  /** @param {number | null} pixel */
  const look = (pixel) => pixel !== store.view.pixel && store.look({ pixel });
  picture.addEventListener("pointermove", (e) => store.loaded && e.pointerType !== "touch" && look(under(e)));
  picture.addEventListener("pointerleave", (e) => store.loaded && e.pointerType === "mouse" && look(null));
  picture.addEventListener("click", (e) => {
    const pixel = store.loaded ? under(e) : null;
    if (pixel === null) return;
    if (e.pointerType === "touch") look(pixel);
    clicked(pixel, e);
  });
}
