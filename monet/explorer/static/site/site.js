// The page as plain files: whether it is, and how numbers and programs that were packed for it are unpacked.

/** Whether there is no server to ask; false in workers, which are given addresses. */
export const isSite = globalThis.document?.documentElement.dataset.site !== undefined;

/** @param {string | URL} address of a gzip file @returns {Promise<ArrayBuffer>} what is in it */
export async function gunzip(address) {
  const response = await fetch(address);
  if (!response.ok)
    throw new Error(
      `${new URL(address).pathname.split("/").at(-1)} could not be fetched: the answer was ${response.status}.`,
    );
  if (!response.body) throw new Error("An answer without content.");
  return new Response(response.body.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

/** Four planes of bytes, all lowest first, to little-endian float32. @param {ArrayBuffer} planes */
function joined(planes) {
  const from = new Uint8Array(planes);
  const count = from.length / 4;
  const to = new Uint8Array(from.length);
  for (let plane = 0; plane < 4; plane++) {
    for (let i = 0, at = plane * count; i < count; i++, at++) to[4 * i + plane] = from[at];
  }
  return new Float32Array(to.buffer);
}

/** What of a kernel's description lies in the file, as monet.explorer.site.weights has it. */
const NUMBERS = ["weights", "latent", "output", "masks", "latentMean", "latentStd", "components"];

/**
 * What is said of a kernel of a model, with its numbers: in base64 as the server sends them, or out of the file where
 * monet.explorer.site.weights.packed has put them.
 * @param {string | URL} address @returns {Promise<any>}
 * @throws {Error} with a sentence for people
 */
export async function fetchSpec(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`This model is not there: the server answered ${response.status}.`);
  const spec = await response.json();
  if (!spec.file) return spec;
  const numbers = joined(await gunzip(new URL(encodeURIComponent(spec.file), address)));
  /** @param {Record<string, any>} table */
  const filled = (table) =>
    Object.fromEntries(
      Object.entries(table).map(([name, value]) => [name, NUMBERS.includes(name) ? numbers.subarray(...value) : value]),
    );
  return { ...filled(spec), probe: filled(spec.probe) };
}
