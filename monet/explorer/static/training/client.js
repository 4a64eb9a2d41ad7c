// Requests of the Train panel to the server.

/** @param {string} path */
const url = (path) => new URL(`monet/runs${path}`, document.baseURI);
/** @param {string} name of a run */
const of = (name) => `/${encodeURIComponent(name)}`;

/**
 * @typedef {object} Run as monet.explorer.training.Runs.describe returns it
 * @property {string} name
 * @property {"starting" | "running" | "stopping" | "paused" | "stopped" | "finished" | "died"} state
 * @property {string} data title of its data set
 * @property {number | null} minutes
 * @property {number} step
 * @property {number | null} share of the recipe that is done
 * @property {number} seconds of training
 * @property {number} pictures
 * @property {{steps: number, pictures: number} | null} rate per second
 * @property {boolean} resumable
 * @property {number | null} saved step of the last saved weights
 * @property {number[]} sheets steps of its contact sheets
 * @property {number | null} slots of the pictures on the sheets
 * @property {boolean} labelled whether the sheets show a true segmentation
 * @property {string} diagnosis result of the run's last check
 * @property {string[]} output
 */
/** @typedef {{kind: "generated" | "stored", name: string, title: string}} Data */
/** A data set as a run names it. @typedef {Pick<Data, "kind" | "name">} DataName */
/** @typedef {import("../scene/opening.js").Offer["models"]} Models */
/**
 * Data sets, runs and their models; if training is not possible here, only the reason.
 * @typedef {{closed: string, data?: undefined, runs?: undefined, models?: undefined} | {closed?: undefined, data: Data[], runs: Run[], models: Models}} Found
 */
/** A model that was made from a run's weights, and all such models. @typedef {{name: string, models: Models}} Taken */
/** @typedef {"start" | "resume" | "pause" | "stop" | "weights"} Action */
/** Figures by name, each in the order of `step`. @typedef {{step?: number[], [name: string]: (number | null)[] | undefined}} Columns */

/** @param {URL} address @param {RequestInit} [options] @returns {Promise<any>} @throws {Error} with a message for the visitor */
async function fetchJson(address, options) {
  const response = await fetch(address, { cache: "no-store", ...options }).catch((error) => {
    throw new Error("The server does not answer. Runs continue without it.", { cause: error });
  });
  if (!response.ok) throw new Error(await response.text());
  const answer = await response.json();
  if (answer.refused) throw new Error(answer.refused);
  return answer;
}

/** @returns {Promise<Found>} */
export const found = () => fetchJson(url(""));

/** @param {string} name @returns {Promise<{training: Columns, held_out: Columns}>} */
export const curves = (name) => fetchJson(url(`${of(name)}/curves`));

/** The address of a contact sheet. @param {string} name @param {number} step */
export const sheet = (name, step) => url(`${of(name)}/${step}.png`).href;

/**
 * @template {Action} A
 * @param {string} name of a run
 * @param {A} action
 * @param {object} [body]
 * @returns {Promise<A extends "weights" ? Taken : Run>}
 */
export const act = (name, action, body = {}) =>
  fetchJson(url(`${of(name)}/${action}`), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
