// Service worker of a page of plain files: keeps all of them, so that the page opens without a network. The line above
// is written by monet.explorer.site.export; another export has another version, and takes the place of this one.

const OWN = `monet ${registration.scope} `;
const CACHE = OWN + SITE.version;

addEventListener("install", (event) => event.waitUntil((async () => {
  const cache = await caches.open(CACHE);
  await cache.addAll(["./", ...SITE.files].map((path) => new Request(path.split("/").map(encodeURIComponent).join("/"), { cache: "no-cache" })));
  await skipWaiting();
})()));

addEventListener("activate", (event) => event.waitUntil((async () => {
  for (const name of await caches.keys()) if (name.startsWith(OWN) && name !== CACHE) await caches.delete(name);
  await clients.claim();
})()));

addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || !request.url.startsWith(registration.scope)) return;
  event.respondWith((async () => {
    const cache = await caches.open(CACHE);
    return (await cache.match(request, { ignoreSearch: true })) ?? fetch(request);
  })());
});
