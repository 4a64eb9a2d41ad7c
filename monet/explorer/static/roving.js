// Groups of many controls that are one stop of Tab each: arrow keys go on inside (the "roving tabindex" of ARIA).

const visible = (element) => !element.disabled && element.checkVisibility();

/** The item of the row above or below that is nearest across. */
function beyond(items, from, sign) {
  const at = from.getBoundingClientRect();
  const middle = (box) => [box.left + box.width / 2, box.top + box.height / 2];
  const [x, y] = middle(at);
  let [best, least] = [null, Infinity];
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
  let current = null;
  const items = () => [...group.querySelectorAll(selector)].filter(visible);

  function stop(element) {
    current = element;
    for (const item of group.querySelectorAll(selector)) {
      const index = item === current ? 0 : -1;
      if (item.tabIndex !== index) item.tabIndex = index;
    }
  }
  function refresh() {
    const all = items();
    if (!all.includes(current)) stop(all.find((item) => item.ariaPressed === "true") ?? all[0] ?? null);
    else stop(current);
  }

  group.addEventListener("focusin", (event) => {
    const item = event.target.closest(selector);
    if (item) stop(item);
  });
  group.addEventListener("keydown", (event) => {
    const item = event.target.closest(selector);
    if (!item || event.ctrlKey || event.metaKey || event.altKey) return;
    const all = items();
    const at = all.indexOf(item);
    const next = {
      ArrowRight: () => all[at + 1], ArrowLeft: () => all[at - 1], Home: () => all[0], End: () => all.at(-1),
      ArrowDown: () => beyond(all, item, 1), ArrowUp: () => beyond(all, item, -1),
    }[event.key]?.();
    if (!next) return;
    event.preventDefault();
    next.focus();
  });
  new MutationObserver(refresh).observe(group, { childList: true, subtree: true, attributeFilter: ["hidden", "disabled"] });
  refresh();
}
