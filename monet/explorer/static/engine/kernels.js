// WebAssembly kernels: which build a browser can run, and how it is fetched. Their source is in explorer/kernel.

import { reasonOf } from "../page/reason.js";

const BUILDS = [
  { kind: "relaxed SIMD", suffix: "_relaxed" }, // fused multiply-add; not in every browser
  { kind: "SIMD", suffix: "" },
];

/** What a kernel exports: functions of sizes and addresses, and its memory. @typedef {Record<string, (...values: number[]) => number> & {memory: WebAssembly.Memory}} Kernel */

/**
 * The first build of a kernel that this browser can run.
 * @param {string} name of the kernel: its files are NAME.wasm and NAME_relaxed.wasm
 * @param {string | URL} baseUrl where they lie
 * @returns {Promise<{kind: string, kernel: Kernel}>} kind of the build, and what it exports
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

/** The content of a WebAssembly file; always revalidated, so that an update of the app is not half cached. @param {URL} url */
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

/** NaN if any number is NaN in either array. @param {Float32Array} a @param {Float32Array} b */
export function largestDifference(a, b) {
  return a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i])), 0);
}
