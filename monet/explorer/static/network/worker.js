// A thread of its own for the network, so that the page goes on drawing meanwhile.
//
// In: {network, decoder} addresses of what the server says about a model, once; then {id, pixels, slots} again and
// again. Out: {ready: {kind, error, spec}} or {failed: sentence}; then {id, answer} or {id, failed}.

import { float32, uint8 } from "../arrays.js";
import { loadBrowserDecoder } from "../decoder/decoder.js";
import { readDecoder } from "../decoders.js";
import { fetchSpec } from "../site/site.js";
import { loadBrowserNetwork } from "./network.js";

/** @type {import("./network.js").BrowserNetwork | null} */
let network = null;

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

addEventListener("message", async ({ data }) => {
  if (data.network) {
    try {
      postMessage({ ready: await open(data) });
    } catch (error) {
      postMessage({ failed: error.message });
    }
    return;
  }
  const { id, pixels, slots } = data;
  try {
    const answer = network.decompose(pixels, slots);
    postMessage({ id, answer }, Object.values(answer).map((array) => array.buffer));
  } catch (error) {
    postMessage({ id, failed: error.message });
  }
});
