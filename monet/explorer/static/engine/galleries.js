// The galleries that the server has: more may come while the page is open.

/** @typedef {{kind: "sample" | "stored", name: string, title: string, samples: number, background?: number[]}} Gallery `background` where labels come along */
/** @typedef {{galleries: Gallery[], fits: string[] | null, files: boolean, closed: string | null}} Known */

/** @type {Set<(known: Known) => void>} */
const listeners = new Set();
/** @type {Promise<Known> | null} */
let asked = null;

/** Asks anew, and tells all who listen. @returns {Promise<Known>} */
export async function renewGalleries() {
  asked = fetch(new URL("monet/galleries", document.baseURI), { cache: "no-store" }).then(async (response) => {
    if (!response.ok) throw new Error(await response.text());
    return response.json();
  });
  const known = await asked;
  for (const listener of listeners) listener(known);
  return known;
}

/** @param {(known: Known) => void} listener told of what there is, and of what comes */
export function onGalleries(listener) {
  listeners.add(listener);
  if (asked) asked.then(listener, () => {});
  else renewGalleries().catch((error) => console.warn("galleries:", error.message));
}
