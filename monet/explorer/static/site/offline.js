// Service worker of the static site: caches all files, so that the page opens offline.
// monet.explorer.site.export prepends the line with SITE; each export has its own version, which replaces the cache.

/**
 * The part of the service worker API used here; the page's type library lacks it.
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

const PREFIX = `monet ${worker.registration.scope} `;
const CACHE = PREFIX + worker.SITE.version;

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
      for (const name of await caches.keys()) if (name.startsWith(PREFIX) && name !== CACHE) await caches.delete(name);
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
