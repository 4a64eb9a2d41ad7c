// Service worker of a page of plain files: keeps all of them, so that the page opens without a network. The line above
// is written by monet.explorer.site.export; another export has another version, and takes the place of this one.

/**
 * What is used of a service worker, which the types of a page do not know.
 * @typedef {Event & {waitUntil: (work: Promise<void>) => void}} LifeEvent
 * @typedef {Event & {request: Request, respondWith: (answer: Promise<Response>) => void}} FetchEvent
 * @typedef {object} WorkerScope
 * @property {{scope: string}} registration
 * @property {() => Promise<void>} skipWaiting
 * @property {{claim: () => Promise<void>}} clients
 * @property {{version: string, files: string[]}} SITE
 * @property {(type: "install" | "activate", listener: (event: LifeEvent) => void) => void} addEventListener
 */
const worker = /** @type {WorkerScope} */ (/** @type {unknown} */ (self));

const OWN = `monet ${worker.registration.scope} `;
const CACHE = OWN + worker.SITE.version;

worker.addEventListener("install", (event) =>
  event.waitUntil(
    (async () => {
      const cache = await caches.open(CACHE);
      await cache.addAll(
        ["./", ...worker.SITE.files].map(
          (path) => new Request(path.split("/").map(encodeURIComponent).join("/"), { cache: "no-cache" }),
        ),
      );
      await worker.skipWaiting();
    })(),
  ),
);

worker.addEventListener("activate", (event) =>
  event.waitUntil(
    (async () => {
      for (const name of await caches.keys()) if (name.startsWith(OWN) && name !== CACHE) await caches.delete(name);
      await worker.clients.claim();
    })(),
  ),
);

addEventListener("fetch", (/** @type {any} */ given) => {
  /** @type {FetchEvent} */
  const event = given;
  const { request } = event;
  if (request.method !== "GET" || !request.url.startsWith(worker.registration.scope)) return;
  event.respondWith(
    (async () => {
      const cache = await caches.open(CACHE);
      return (await cache.match(request, { ignoreSearch: true })) ?? fetch(request);
    })(),
  );
});
