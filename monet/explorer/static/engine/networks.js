// Pixels to slots in the page: the network in a worker.

import { isSite } from "../site/site.js";

/**
 * @typedef {object} Network
 * @property {string} note for people: by which build, with what difference from the server
 * @property {import("./network/network.js").NetworkAbout} spec
 * @property {(pixels: Uint8Array, slots: number, scope?: Float32Array | null) => Promise<import("./network/network.js").Decomposition>} decompose
 *   of pixels [H][W][3], 0 to 255, from a scope [H][W] of one's own if there is one
 * @property {() => void} close ends the worker; questions under way fail
 */

/**
 * @param {string} model
 * @returns {Promise<Network>}
 * @throws {Error} with a sentence that says why the server has to be asked instead
 */
export async function openNetwork(model) {
  if (!isSite && new URLSearchParams(location.search).get("network") === "server")
    throw new Error("asked for in the address");
  const worker = new Worker(new URL("network/worker.js", import.meta.url), { type: "module" });
  /** Who waits for the answer to a question, by its number. @type {Map<number, PromiseWithResolvers<import("./network/network.js").Decomposition>>} */
  const waiting = new Map();
  let asked = 0;
  /** @type {PromiseWithResolvers<{kind: string, error: number, spec: Network["spec"]}>} */
  const opened = Promise.withResolvers();
  /** @param {string} reason */
  const close = (reason) => {
    worker.terminate();
    for (const { reject } of [opened, ...waiting.values()]) reject(new Error(reason));
    waiting.clear();
  };
  worker.onerror = (event) => {
    event.preventDefault();
    close(`The browser's network does not run: ${event.message ?? "its worker did not start"}`);
  };
  worker.onmessage = ({ data }) => {
    const { resolve, reject } = waiting.get(data.id) ?? opened;
    waiting.delete(data.id);
    if (data.failed) reject(new Error(data.failed));
    else resolve(data.answer ?? data.ready);
  };
  /** @param {string} path */
  const address = (path) => new URL(`monet/${path}/${encodeURIComponent(model)}`, document.baseURI).href;
  worker.postMessage({ network: address("network"), decoder: address("decoder") });
  try {
    const { kind, error, spec } = await opened.promise;
    return {
      note: `taken apart in your browser (${kind}), largest difference from ${isSite ? "PyTorch" : "the server"} ${error.toExponential(0)}`,
      spec,
      decompose(pixels, slots, scope = null) {
        const answer = Promise.withResolvers();
        waiting.set(++asked, answer);
        worker.postMessage({ id: asked, pixels, slots, scope });
        return answer.promise;
      },
      close: () => close("another model has taken its place"),
    };
  } catch (error) {
    worker.terminate();
    throw error;
  }
}
