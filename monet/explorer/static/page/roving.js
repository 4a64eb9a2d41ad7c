// Groups of many controls that are one stop of Tab each: arrow keys go on inside (the "roving tabindex" of ARIA).

import { targetIn } from "./dom.js";

/** @typedef {HTMLElement & {disabled?: boolean}} Item */

/** @param {Item} element */
const visible = (element) => !element.disabled && element.checkVisibility();

/** The item of the row above or below that is nearest across. @param {Item[]} items @param {Item} from @param {number} sign 1 is down, -1 is up */
function beyond(items, from, sign) {
  const at = from.getBoundingClientRect();
  /** @param {DOMRect} box @returns {[number, number]} */
  const middle = (box) => [box.left + box.width / 2, box.top + box.height / 2];
  const [x, y] = middle(at);
  /** @type {Item | undefined} */
  let best;
  let least = Infinity;
  for (const item of items) {
    const [ix, iy] = middle(item.getBoundingClientRect());
    const down = sign * (iy - y);
    if (down <= at.height / 2) continue;
    const far = 4 * down + Math.abs(ix - x);
    if (far < least) [best, least] = [item, far];
  }
  return best;
}

/**
 * @param {HTMLElement} group whose items may come and go
 * @param {string} selector of its items
 */
export function roving(group, selector) {
  group.dataset.roving = "";
  /** @type {Item | null} */
  let current = null;
  /** @returns {NodeListOf<Item>} */
  const every = () => group.querySelectorAll(selector);
  const items = () => [...every()].filter(visible);

  /** @param {Item | null} element */
  function stop(element) {
    current = element;
    for (const item of every()) {
      const index = item === current ? 0 : -1;
      if (item.tabIndex !== index) item.tabIndex = index;
    }
  }
  function refresh() {
    const all = items();
    if (!current || !all.includes(current)) stop(all.find((item) => item.ariaPressed === "true") ?? all[0] ?? null);
    else stop(current);
  }

  group.addEventListener("focusin", (event) => {
    const item = targetIn(event, selector);
    if (item) stop(item);
  });
  group.addEventListener("keydown", (event) => {
    const item = targetIn(event, selector);
    if (!item || event.ctrlKey || event.metaKey || event.altKey) return;
    const all = items();
    const at = all.indexOf(item);
    /** @type {Record<string, () => Item | undefined>} */
    const ways = {
      ArrowRight: () => all[at + 1],
      ArrowLeft: () => all[at - 1],
      Home: () => all[0],
      End: () => all.at(-1),
      ArrowDown: () => beyond(all, item, 1),
      ArrowUp: () => beyond(all, item, -1),
    };
    const next = ways[event.key]?.();
    if (!next) return;
    event.preventDefault();
    next.focus();
  });
  new MutationObserver(refresh).observe(group, {
    childList: true,
    subtree: true,
    attributeFilter: ["hidden", "disabled"],
  });
  refresh();
}
