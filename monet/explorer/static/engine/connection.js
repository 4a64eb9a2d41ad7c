// Whether the server is still there, and is still the same one. While it is gone the page says so; when another has
// taken its place the page opens anew, with the scene and its edits as they were.

import { h } from "../page/dom.js";
import { toRequest } from "../scene/permalink.js";

const KEPT = "monet-kept";
const LOOK_MS = 3000;
const LOOK_AGAIN_MS = 1000;
const SHAKEN_MS = 6000; // Gradio opens the page anew within two seconds of an answer to its own question

const url = new URL("gradio_api/app_id", document.baseURI);

/** Another one after every start of the server. */
async function serverId() {
  const response = await fetch(url, { cache: "no-store" });
  if (!response.ok) throw new Error(await response.text());
  return response.text();
}

/** Watches from now on. @param {import("../scene/store.js").Store} store */
export function watchServer(store) {
  /** @type {string | null} */
  let id = null;
  let lost = false;
  let shaken = 0;
  const banner = h(
    "div",
    { class: "mx-lost", role: "alert", hidden: true },
    "The server does not answer. Your edits are kept, and the page goes on as soon as it is back.",
  );
  (document.querySelector(".gradio-container") ?? document.body).append(banner);

  async function look() {
    if (!document.hidden) {
      try {
        const now = await serverId();
        lost = false;
        if (id !== null && now !== id) return location.reload();
        id = now;
      } catch {
        lost = true;
        shaken = performance.now() + SHAKEN_MS;
      }
      banner.hidden = !lost;
    }
    setTimeout(look, lost ? LOOK_AGAIN_MS : LOOK_MS);
  }
  look();

  addEventListener("pagehide", () => {
    if (!store.loaded) return;
    sessionStorage.setItem(KEPT, JSON.stringify({ id, shaken: performance.now() < shaken, ...toRequest(store) }));
  });
}

/**
 * What the page showed when it lost its server; null after a visitor's own reload, who wants to begin anew.
 * @returns {Promise<import("../scene/permalink.js").Link | null>}
 */
export async function takeKept() {
  const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
  sessionStorage.removeItem(KEPT);
  if (!kept || (!kept.shaken && kept.id === null)) return null;
  return kept.shaken || kept.id !== (await serverId()) ? kept : null;
}
