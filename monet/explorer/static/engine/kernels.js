// Loads the WebAssembly build of a kernel that the browser supports. Sources are in monet/explorer/kernel.

import { reasonOf } from "../page/reason.js";

const BUILDS = [
  { kind: "relaxed SIMD", suffix: "_relaxed" }, // with fused multiply-add; not supported by every browser
  { kind: "SIMD", suffix: "" },
];

/** A kernel's exports: functions of sizes and addresses, and its memory. @typedef {Record<string, (...values: number[]) => number> & {memory: WebAssembly.Memory}} Kernel */

/**
 * Loads the first build of a kernel that this browser can run.
 * @param {string} name of the kernel: its files are NAME.wasm and NAME_relaxed.wasm
 * @param {string | URL} baseUrl folder of the files
 * @returns {Promise<{kind: string, kernel: Kernel}>} kind of the build, and its exports
 * @throws {Error} with a sentence that says why this browser cannot run it
 */
export async function loadKernel(name, baseUrl) {
  if (typeof WebAssembly === "undefined") throw new Error("This browser has no WebAssembly.");
  for (const { kind, suffix } of BUILDS) {
    const bytes = await fetchBytes(new URL(`${name}${suffix}.wasm`, baseUrl));
    if (!WebAssembly.validate(bytes)) continue;
    try {
      const { instance } = await WebAssembly.instantiate(bytes);
      return { kind, kernel: /** @type {Kernel} */ (instance.exports) };
    } catch (cause) {
      throw new Error(`This page is not allowed to run WebAssembly: ${reasonOf(cause)}`, { cause });
    }
  }
  throw new Error("This browser's WebAssembly has no SIMD instructions.");
}

/** Fetches a WebAssembly file. Always revalidated, so that old and new files of the app never mix. @param {URL} url */
async function fetchBytes(url) {
  const file = url.pathname.split("/").at(-1);
  let response;
  try {
    response = await fetch(url, { cache: "no-cache" });
  } catch (cause) {
    throw new Error(`${file} could not be fetched: ${reasonOf(cause)}`, { cause });
  }
  if (!response.ok) throw new Error(`${file} could not be fetched: the server answered ${response.status}.`);
  const bytes = await response.arrayBuffer();
  // The first eight bytes, magic number and version, are by themselves a valid (empty) module.
  if (!WebAssembly.validate(bytes.slice(0, 8))) throw new Error(`${file} is not a WebAssembly file.`);
  return bytes;
}

/** Largest absolute difference; NaN if either array has a NaN. @param {Float32Array} a @param {Float32Array} b */
export function largestDifference(a, b) {
  return a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i])), 0);
}
