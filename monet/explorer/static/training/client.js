// What the Train panel asks the server.

const url = (path) => new URL(`monet/runs${path}`, document.baseURI);
const of = (name) => `/${encodeURIComponent(name)}`;

/**
 * @typedef {object} Run as monet.explorer.training.Runs.describe makes it
 * @property {string} name
 * @property {"starting" | "running" | "stopping" | "paused" | "stopped" | "finished" | "died"} state
 * @property {string} data title of what it learns from
 * @property {number | null} minutes
 * @property {number} step
 * @property {number | null} share of the recipe that is done
 * @property {number} seconds of training
 * @property {number} pictures
 * @property {{steps: number, pictures: number} | null} rate per second
 * @property {boolean} resumable
 * @property {number | null} saved step of the weights that can be taken
 * @property {number[]} sheets steps of its contact sheets
 * @property {number | null} slots of the pictures on them
 * @property {boolean} labelled whether they show a true segmentation
 * @property {string} diagnosis what the run said last about how it goes
 * @property {string[]} output
 */
/** @typedef {{kind: "generated" | "stored", name: string, title: string}} Data */
/** @typedef {{closed?: string, data: Data[], runs: Run[], models: import("../opening.js").Offer["models"]}} Found */

/** @param {URL} address @param {RequestInit} [options] @throws {Error} with a sentence for people */
async function ask(address, options) {
  const response = await fetch(address, { cache: "no-store", ...options }).catch((error) => {
    throw new Error("The server does not answer; runs go on without it.", { cause: error });
  });
  if (!response.ok) throw new Error(await response.text());
  const answer = await response.json();
  if (answer.refused) throw new Error(answer.refused);
  return answer;
}

/** @returns {Promise<Found>} */
export const found = () => ask(url(""));

/** @param {string} name @returns {Promise<{training: Record<string, (number | null)[]>, held_out: Record<string, (number | null)[]>}>} */
export const curves = (name) => ask(url(`${of(name)}/curves`));

/** The address of a contact sheet. @param {string} name @param {number} step */
export const sheet = (name, step) => url(`${of(name)}/${step}.png`).href;

/**
 * @param {string} name of a run
 * @param {"start" | "resume" | "pause" | "stop" | "weights"} action
 * @param {object} [body]
 */
export const act = (name, action, body = {}) =>
  ask(url(`${of(name)}/${action}`), { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
