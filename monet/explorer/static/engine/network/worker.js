// A thread of its own for the network, so that the page goes on drawing meanwhile.
//
// In: {network, decoder} addresses of what the server says about a model, once; then {id, pixels, slots, scope} again and
// again. Out: {ready: {kind, error, spec}} or {failed: sentence}; then {id, answer} or {id, failed}.

import { float32, uint8 } from "../arrays.js";
import { loadBrowserDecoder } from "../decoder/decoder.js";
import { readDecoder } from "../decoders.js";
import { reasonOf } from "../../page/reason.js";
import { fetchSpec } from "../../site/site.js";
import { loadBrowserNetwork } from "./network.js";

/**
 * What is used of a worker's global scope, which the types of a page do not know.
 * @typedef {object} WorkerScope
 * @property {(message: Reply, transfer?: Transferable[]) => void} postMessage
 * @property {(type: "message", listener: (event: MessageEvent) => void) => void} addEventListener
 */
/** @typedef {{ready: Ready} | {failed: string} | {id: number, answer: import("./network.js").Decomposition} | {id: number, failed: string}} Reply */
/** @typedef {{kind: string, error: number, spec: import("./network.js").NetworkAbout}} Ready */
const scope = /** @type {WorkerScope} */ (/** @type {unknown} */ (self));

/** @type {import("./network.js").BrowserNetwork | null} */
let network = null;

/** @param {{network: string, decoder: string}} addresses @returns {Promise<Ready>} */
async function open({ network: address, decoder }) {
  const [{ weights, probe, ...spec }, decoderSpec] = await Promise.all([fetchSpec(address), fetchSpec(decoder)]);
  network = await loadBrowserNetwork(
    {
      config: spec.config,
      weights: float32(weights),
      probe: {
        pixels: uint8(probe.pixels),
        slots: probe.slots,
        masks: float32(probe.masks),
        latentMean: float32(probe.latentMean),
        latentStd: float32(probe.latentStd),
        components: float32(probe.components),
      },
    },
    await loadBrowserDecoder(readDecoder(decoderSpec)),
  );
  return { kind: network.kind, error: network.error, spec };
}

scope.addEventListener("message", async ({ data }) => {
  if (data.network) {
    try {
      scope.postMessage({ ready: await open(data) });
    } catch (error) {
      scope.postMessage({ failed: reasonOf(error) });
    }
    return;
  }
  const { id, pixels, slots, scope: given } = data;
  try {
    if (!network) throw new Error("The browser's network is not open.");
    const answer = network.decompose(pixels, slots, given);
    scope.postMessage(
      { id, answer },
      Object.values(answer).map((array) => array.buffer),
    );
  } catch (error) {
    scope.postMessage({ id, failed: reasonOf(error) });
  }
});
