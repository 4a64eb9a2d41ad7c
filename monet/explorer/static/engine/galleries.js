// Fetches the list of galleries and notifies listeners when it changes.

/** @typedef {{kind: "sample" | "stored", name: string, title: string, samples: number, background?: number[]}} Gallery `background`: background labels, if the samples have labels */
/** @typedef {{galleries: Gallery[], fits: string[] | null, files: boolean, closed: string | null}} Galleries */

/** @type {Set<(known: Galleries) => void>} */
const listeners = new Set();
/** @type {Promise<Galleries> | null} */
let request = null;

/** Fetches the list again and notifies all listeners. @returns {Promise<Galleries>} */
export async function renewGalleries() {
  request = fetch(new URL("monet/galleries", document.baseURI), { cache: "no-store" }).then(async (response) => {
    if (!response.ok) throw new Error(await response.text());
    return response.json();
  });
  const known = await request;
  for (const listener of listeners) listener(known);
  return known;
}

/** @param {(known: Galleries) => void} listener called with the current list and after every change */
export function onGalleries(listener) {
  listeners.add(listener);
  if (request) request.then(listener, () => {});
  else renewGalleries().catch((error) => console.warn("galleries:", error.message));
}
