// Roving tabindex (ARIA): a group of controls is a single Tab stop, and arrow keys move between its items.

import { targetIn } from "./dom.js";

/** @typedef {HTMLElement & {disabled?: boolean}} Item */

/** @param {Item} element */
const visible = (element) => !element.disabled && element.checkVisibility();

/** The nearest item in the row below or above. @param {Item[]} items @param {Item} from @param {number} sign 1 is down, -1 is up */
function nearestInNextRow(items, from, sign) {
  const at = from.getBoundingClientRect();
  /** @param {DOMRect} box @returns {[number, number]} */
  const middle = (box) => [box.left + box.width / 2, box.top + box.height / 2];
  const [x, y] = middle(at);
  /** @type {Item | undefined} */
  let nearest;
  let least = Infinity;
  for (const item of items) {
    const [ix, iy] = middle(item.getBoundingClientRect());
    const down = sign * (iy - y);
    if (down <= at.height / 2) continue;
    const distance = 4 * down + Math.abs(ix - x);
    if (distance < least) [nearest, least] = [item, distance];
  }
  return nearest;
}

/**
 * Makes a group a single Tab stop.
 * @param {HTMLElement} group whose items may come and go
 * @param {string} selector of its items
 */
export function roving(group, selector) {
  group.dataset.roving = "";
  /** @type {Item | null} */
  let current = null;
  /** @returns {NodeListOf<Item>} */
  const all = () => group.querySelectorAll(selector);
  const visibleItems = () => [...all()].filter(visible);

  /** @param {Item | null} element */
  function setTabStop(element) {
    current = element;
    for (const item of all()) {
      const index = item === current ? 0 : -1;
      if (item.tabIndex !== index) item.tabIndex = index;
    }
  }
  function refresh() {
    const items = visibleItems();
    const lost = !current || !items.includes(current);
    setTabStop(lost ? (items.find((item) => item.ariaPressed === "true") ?? items[0] ?? null) : current);
  }

  group.addEventListener("focusin", (event) => {
    const item = targetIn(event, selector);
    if (item) setTabStop(item);
  });
  group.addEventListener("keydown", (event) => {
    const item = targetIn(event, selector);
    if (!item || event.ctrlKey || event.metaKey || event.altKey) return;
    const items = visibleItems();
    const at = items.indexOf(item);
    /** @type {Record<string, () => Item | undefined>} */
    const targets = {
      ArrowRight: () => items[at + 1],
      ArrowLeft: () => items[at - 1],
      Home: () => items[0],
      End: () => items.at(-1),
      ArrowDown: () => nearestInNextRow(items, item, 1),
      ArrowUp: () => nearestInNextRow(items, item, -1),
    };
    const next = targets[event.key]?.();
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
