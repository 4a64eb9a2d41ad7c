// Watches the connection: shows a banner while the server is away; after its restart reloads the page with all edits.

import { h } from "../page/dom.js";
import { toRequest } from "../scene/permalink.js";

const STORAGE_KEY = "monet-kept";
const POLL_MS = 3000;
const RETRY_MS = 1000;
const RECENT_MS = 6000; // Gradio itself reloads the page within two seconds after the server is back

const url = new URL("gradio_api/app_id", document.baseURI);

/** An id that changes with every start of the server. */
async function serverId() {
  const response = await fetch(url, { cache: "no-store" });
  if (!response.ok) throw new Error(await response.text());
  return response.text();
}

/** Polls the server, and keeps the scene for a reload. @param {import("../scene/store.js").Store} store */
export function watchServer(store) {
  /** @type {string | null} */
  let id = null;
  let lost = false;
  let recentUntil = 0; // end of the time after a loss in which Gradio may reload the page
  const banner = h(
    "div",
    { class: "mx-lost", role: "alert", hidden: true },
    "The server does not answer. Your edits are kept, and the page continues as soon as it is back.",
  );
  (document.querySelector(".gradio-container") ?? document.body).append(banner);

  async function poll() {
    if (!document.hidden) {
      try {
        const now = await serverId();
        lost = false;
        if (id !== null && now !== id) return location.reload();
        id = now;
      } catch {
        lost = true;
        recentUntil = performance.now() + RECENT_MS;
      }
      banner.hidden = !lost;
    }
    setTimeout(poll, lost ? RETRY_MS : POLL_MS);
  }
  poll();

  addEventListener("pagehide", () => {
    if (!store.loaded) return;
    const lostRecently = performance.now() < recentUntil;
    sessionStorage.setItem(STORAGE_KEY, JSON.stringify({ id, lostRecently, ...toRequest(store) }));
  });
}

/**
 * Takes the scene kept when the server was lost from the storage; null after a reload by the visitor, who starts afresh.
 * @returns {Promise<import("../scene/permalink.js").Link | null>}
 */
export async function takeKept() {
  const kept = JSON.parse(sessionStorage.getItem(STORAGE_KEY) ?? "null");
  sessionStorage.removeItem(STORAGE_KEY);
  if (!kept || (!kept.lostRecently && kept.id === null)) return null;
  return kept.lostRecently || kept.id !== (await serverId()) ? kept : null;
}
