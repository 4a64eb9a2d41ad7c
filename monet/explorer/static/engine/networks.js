// Opens a model's network (pixels to slots) in a web worker.

import { isSite } from "../site/site.js";

/**
 * @typedef {object} Network
 * @property {string} note for people: the build, and its numerical error
 * @property {import("./network/network.js").NetworkAbout} spec
 * @property {(pixels: Uint8Array, slots: number, scope?: Float32Array | null) => Promise<import("./network/network.js").Decomposition>} decompose
 *   pixels [H][W][3], 0 to 255; initial scope [H][W], 1 everywhere if not given
 * @property {() => void} close ends the worker; pending calls fail
 */

/**
 * @param {string} model
 * @returns {Promise<Network>}
 * @throws {Error} with a sentence that says why the server has to be used instead
 */
export async function openNetwork(model) {
  if (!isSite && new URLSearchParams(location.search).get("network") === "server")
    throw new Error("requested in the address");
  const worker = new Worker(new URL("network/worker.js", import.meta.url), { type: "module" });
  /** Pending calls by message id. @type {Map<number, PromiseWithResolvers<import("./network/network.js").Decomposition>>} */
  const pending = new Map();
  let lastId = 0;
  /** @type {PromiseWithResolvers<{kind: string, error: number, spec: Network["spec"]}>} */
  const opened = Promise.withResolvers();
  /** @param {string} reason */
  const close = (reason) => {
    worker.terminate();
    for (const { reject } of [opened, ...pending.values()]) reject(new Error(reason));
    pending.clear();
  };
  worker.onerror = (event) => {
    event.preventDefault();
    close(`The browser's network does not run: ${event.message ?? "its worker did not start"}`);
  };
  worker.onmessage = ({ data }) => {
    const { resolve, reject } = pending.get(data.id) ?? opened;
    pending.delete(data.id);
    if (data.failed) reject(new Error(data.failed));
    else resolve(data.answer ?? data.ready);
  };
  /** @param {string} path */
  const address = (path) => new URL(`monet/${path}/${encodeURIComponent(model)}`, document.baseURI).href;
  worker.postMessage({ network: address("network"), decoder: address("decoder") });
  try {
    const { kind, error, spec } = await opened.promise;
    return {
      note: `decomposed in your browser (${kind}), largest difference from ${isSite ? "PyTorch" : "the server"} ${error.toExponential(0)}`,
      spec,
      decompose(pixels, slots, scope = null) {
        const answer = Promise.withResolvers();
        pending.set(++lastId, answer);
        worker.postMessage({ id: lastId, pixels, slots, scope });
        return answer.promise;
      },
      close: () => close("another model was opened"),
    };
  } catch (error) {
    worker.terminate();
    throw error;
  }
}
