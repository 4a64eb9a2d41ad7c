// Detects the static site (plain files, no server) and unpacks its gzip files and weights.

/** Whether the page is the static site; false in workers, which receive all URLs by message. */
export const isSite = globalThis.document?.documentElement.dataset.site !== undefined;

/** @param {string | URL} address of a gzip file @returns {Promise<ArrayBuffer>} its content */
export async function gunzip(address) {
  const response = await fetch(address);
  if (!response.ok)
    throw new Error(
      `${new URL(address).pathname.split("/").at(-1)} could not be fetched: the server answered ${response.status}.`,
    );
  if (!response.body) throw new Error("The server sent an empty response.");
  return new Response(response.body.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

/** Joins four byte planes, lowest byte first, to float32. @param {ArrayBuffer} planes */
function joinPlanes(planes) {
  const from = new Uint8Array(planes);
  const count = from.length / 4;
  const to = new Uint8Array(from.length);
  for (let plane = 0; plane < 4; plane++) {
    for (let i = 0, at = plane * count; i < count; i++, at++) to[4 * i + plane] = from[at];
  }
  return new Float32Array(to.buffer);
}

/** Fields whose numbers are in the packed file, same as in monet.explorer.site.weights. */
const NUMBERS = ["weights", "latent", "output", "masks", "latentMean", "latentStd", "components"];

/**
 * Loads the specification of a model's kernel. Its numbers are base64 from the server, or arrays from the file that
 * monet.explorer.site.weights.packed wrote.
 * @param {string | URL} address @returns {Promise<any>}
 * @throws {Error} with a sentence for people
 */
export async function fetchSpec(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`The model could not be loaded: the server answered ${response.status}.`);
  const spec = await response.json();
  if (!spec.file) return spec;
  const numbers = joinPlanes(await gunzip(new URL(encodeURIComponent(spec.file), address)));
  /** @param {Record<string, any>} table */
  const filled = (table) =>
    Object.fromEntries(
      Object.entries(table).map(([name, value]) => [name, NUMBERS.includes(name) ? numbers.subarray(...value) : value]),
    );
  return { ...filled(spec), probe: filled(spec.probe) };
}
