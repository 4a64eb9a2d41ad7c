// Opens a model's decoder (latents to pixels): WebAssembly in the browser, else the server.

import { float32 } from "./arrays.js";
import { loadBrowserDecoder } from "./decoder/decoder.js";
import { reasonOf } from "../page/reason.js";
import { fetchSpec, isSite } from "../site/site.js";

/**
 * @typedef {object} Decoder
 * @property {"browser" | "server"} where
 * @property {string} note for people: where it runs, and its numerical error or the reason for the server
 * @property {(latents: Float32Array[]) => Promise<Float32Array[]>} decode [H*W][4] per latent
 */

/**
 * A model's decoder as sent by monet.explorer.payload.decoder_payload: numbers are float32 in base64.
 * @typedef {{height: number, width: number, latentDim: number, weights: string, probe: {latent: string, output: string}}} DecoderPayload
 */

/** @param {string} path */
const url = (path) => new URL(`monet/${path}`, document.baseURI);

/** Decodes the payload's base64 to arrays. @param {DecoderPayload} spec @returns {import("./decoder/decoder.js").DecoderSpec} */
export const readDecoder = ({ height, width, latentDim, weights, probe }) => ({
  height,
  width,
  latentDim,
  weights: float32(weights),
  probe: { latent: float32(probe.latent), output: float32(probe.output) },
});

/** @param {string} model @returns {Promise<Decoder>} */
export async function openDecoder(model) {
  /** @type {DecoderPayload} */
  const spec = await fetchSpec(url(`decoder/${encodeURIComponent(model)}`));
  const useServer = !isSite && new URLSearchParams(location.search).get("decoder") === "server";
  if (useServer) return serverDecoder(model, spec, "requested in the address");
  try {
    const kernel = await loadBrowserDecoder(readDecoder(spec));
    return {
      where: "browser",
      note: `decoded in your browser (${kernel.kind}), largest difference from ${isSite ? "PyTorch" : "the server"} ${kernel.error.toExponential(0)}`,
      decode: async (latents) => latents.map((latent) => kernel.decode(latent)),
    };
  } catch (error) {
    if (isSite) throw error;
    return serverDecoder(model, spec, reasonOf(error));
  }
}

/** @param {string} model @param {DecoderPayload} spec @param {string} reason @returns {Decoder} */
function serverDecoder(model, spec, reason) {
  return {
    where: "server",
    note: `decoded on the server: ${reason}`,
    async decode(latents) {
      const body = new Float32Array(latents.length * spec.latentDim);
      latents.forEach((latent, i) => body.set(latent, i * spec.latentDim));
      const response = await fetch(url(`decode/${encodeURIComponent(model)}`), { method: "POST", body });
      if (!response.ok) throw new Error(await response.text());
      const all = new Float32Array(await response.arrayBuffer());
      const each = spec.height * spec.width * 4;
      return latents.map((_, i) => all.slice(i * each, (i + 1) * each));
    },
  };
}
