// Canvas element: pointer and keyboard input to select, move, turn and scale things, and to paint and erase.

import { h, setText, svg } from "../page/dom.js";
import { notify } from "../page/notices.js";
import { positionOn } from "../page/pointing.js";
import { borderOf } from "../stage/outline.js";
import { added, MOST_POINTS, MOST_THINGS, removed, restacked } from "./desk.js";
import { margin, outline } from "./render.js";
import { brushed } from "./scope.js";
import { stroke } from "./strokes.js";
import { fitted, grown, movedTo, nameOf, sizable, sizedTo, turnedBy } from "./things.js";

/** @typedef {import("./render.js").Spot} Spot */
/** @typedef {import("./render.js").Thing} Thing */

/** @type {Record<string, Spot>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** Factor of an arrow key's step with Shift. */
const SHIFT_FACTOR = 8;

export const FULL = `The canvas is full: it holds ${MOST_THINGS} objects.`;

let gestures = 0;

/**
 * @param {HTMLCanvasElement} screen the composition is drawn on it, at the model's resolution
 * @param {import("./desk.js").Desk} desk
 * @param {import("./place.js").Place} place
 */
export function easel(screen, desk, place) {
  const border = svg("path", { class: "mx-border" });
  const pointed = svg("path", { class: "mx-border mx-border-pointed" });
  const tip = svg("circle", { class: "mx-border mx-border-pointed" });
  const drawing = svg("svg", { class: "mx-drawing", "aria-hidden": "true" }, pointed, border, tip);
  /** @param {string} name @param {string} title @param {string} label */
  const handle = (name, title, label) =>
    h(
      "button",
      { type: "button", class: `mx-handle mx-handle-${name}`, title, "aria-label": title, tabIndex: -1, hidden: true },
      label,
    );
  const grow = handle("size", "Size: drag away from the middle or towards it (keys + and −)", "⤡");
  const turn = handle("turn", "Turn: drag around the object (keys [ and ])", "↻");
  const announcement = h("span", { class: "mx-sr", "aria-live": "polite" });
  const element = h("div", { class: "mx-frame mx-stage mx-easel" }, screen, drawing, grow, turn, announcement);
  Object.assign(screen, { tabIndex: 0, role: "application" });
  screen.setAttribute(
    "aria-label",
    "Canvas. Space selects the next object, arrow keys move it, [ and ] turn it, plus and minus size it, Delete removes it",
  );

  /** @param {PointerEvent} event @returns {Spot} */
  const at = (event) => {
    const [x, y] = positionOn(screen, event, place.frame.side);
    return [x - margin(place.frame), y - margin(place.frame)];
  };
  const side = () => place.frame.picture;
  /** @param {Spot} spot */
  const inside = ([x, y]) => x >= 0 && y >= 0 && x < side() && y < side();
  /** The visible thing at a spot. @param {Spot} spot */
  const thingAt = ([x, y]) => {
    if (!inside([x, y])) return null;
    const start = margin(place.frame);
    const owner = place.rendered.owners[(start + Math.floor(y)) * place.frame.side + start + Math.floor(x)];
    return owner ? desk.composition.things[owner - 1] : null;
  };

  /** Handles each move of the pressed pointer. @type {((spot: Spot) => void) | null} */
  let onMove = null;
  /** @type {number | null} */
  let pointer = null;
  let gesture = "";
  /** Id of the new thing being dragged in from the shapes. @type {number | null} */
  let carried = null;

  /** @param {PointerEvent} event @param {(spot: Spot) => void} move */
  function begin(event, move) {
    gesture = `easel/${(gestures += 1)}`;
    desk.endGesture();
    pointer = event.pointerId;
    onMove = move;
    element.setPointerCapture(event.pointerId);
    element.classList.toggle("mx-holding", desk.settings.tool === "move");
  }

  /** @param {(thing: Thing) => Thing} to */
  const change = (to) => desk.editThing(to, gesture);

  /** @param {PointerEvent} event @param {Thing} thing @param {Spot} from */
  function drag(event, thing, from) {
    begin(event, ([x, y]) =>
      change((now) => movedTo(now, thing.x + x - from[0], thing.y + y - from[1], place.world, side())),
    );
  }

  /** @param {PointerEvent} event @param {"size" | "turn"} mode */
  function pressHandle(event, mode) {
    const { thing } = desk;
    if (!thing) return;
    const from = at(event);
    /** @param {Spot} spot */
    const distance = ([x, y]) => Math.max(1, Math.hypot(x - thing.x, y - thing.y));
    /** @param {Spot} spot */
    const direction = ([x, y]) => Math.atan2(y - thing.y, x - thing.x);
    begin(
      event,
      mode === "size"
        ? (spot) => change(() => sizedTo(thing, (thing.scale * distance(spot)) / distance(from), place.world, side()))
        : (spot) =>
            change(() =>
              fitted({ ...thing, angle: thing.angle + direction(spot) - direction(from) }, place.world, side()),
            ),
    );
  }

  /** @param {PointerEvent} event @param {Spot} from */
  function paint(event, from) {
    if (desk.isFull) return notify(FULL);
    const { tool, width, color } = desk.settings;
    const points = [from];
    const id = desk.nextId;
    const update = () => {
      const line = { ...stroke(points, width, tool === "eraser" ? null : color), id };
      desk.edit((composition) => added(line)(removed(id)(composition)), { gesture, select: null });
    };
    begin(event, (spot) => {
      const [x, y] = points[points.length - 1];
      if (points.length >= MOST_POINTS || Math.hypot(spot[0] - x, spot[1] - y) < 0.5) return;
      points.push(spot);
      update();
    });
    update();
  }

  /** Paints with the scope's brush. @param {PointerEvent} event @param {Spot} from */
  function paintScope(event, from) {
    const { settings } = desk;
    let last = from;
    /** @param {Spot} spot */
    const extend = (spot) => {
      desk.edit(
        (composition) => ({
          ...composition,
          explained: brushed(composition.explained, [last, spot], settings, place.frame),
        }),
        { gesture, select: null },
      );
      last = spot;
    };
    begin(event, extend);
    extend(from);
  }

  element.addEventListener("pointerdown", (event) => {
    if (event.button > 0 || !place.drawn || onMove) return;
    if (event.target === grow || event.target === turn) {
      event.preventDefault();
      return pressHandle(event, event.target === grow ? "size" : "turn");
    }
    const spot = at(event);
    if (desk.settings.tool !== "move") {
      event.preventDefault();
      screen.focus({ preventScroll: true });
      return desk.settings.tool === "scope" ? paintScope(event, spot) : paint(event, spot);
    }
    const thing = thingAt(spot);
    desk.select(thing?.id ?? null);
    if (!thing) return; // a touch on the ground scrolls the page
    event.preventDefault();
    screen.focus({ preventScroll: true });
    drag(event, thing, spot);
  });
  element.addEventListener("pointermove", (event) => {
    if (!place.drawn) return;
    const spot = at(event);
    if (event.pointerId === pointer) onMove?.(spot);
    hover(event.pointerType === "touch" ? null : spot);
  });
  /** @param {PointerEvent} event */
  const end = (event) => {
    if (event.pointerId !== pointer) return;
    // A new thing dropped outside the canvas is discarded.
    if (carried !== null && !inside(at(event))) desk.edit(removed(carried), { gesture, select: null });
    onMove = pointer = carried = null;
    element.classList.remove("mx-holding");
    desk.endGesture();
  };
  element.addEventListener("pointerup", end);
  element.addEventListener("pointercancel", end);
  element.addEventListener("pointerleave", () => hover(null));
  // A touch that drags or paints must not scroll the page.
  element.addEventListener("touchstart", (event) => onMove && event.preventDefault(), { passive: false });

  /** The thing under the pointer. @type {Thing | null} */
  let hovered = null;
  /** @param {Spot | null} spot */
  function hover(spot) {
    const brush = desk.settings.tool !== "move";
    const start = margin(place.frame);
    tip.style.display = brush && spot ? "" : "none";
    if (brush && spot) {
      for (const [name, value] of Object.entries({
        cx: spot[0] + start,
        cy: spot[1] + start,
        r: desk.settings.width / 2,
      }))
        tip.setAttribute(name, String(value));
    }
    const thing = brush || onMove || !spot ? null : thingAt(spot);
    screen.style.cursor = brush ? "crosshair" : thing ? "grab" : "default";
    if (thing === hovered) return;
    hovered = thing;
    pointed.setAttribute(
      "d",
      thing && thing.id !== desk.selected
        ? borderOf(outline(thing, place.world, place.frame), place.frame.side, 1)
        : "",
    );
  }

  screen.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !place.drawn) return;
    const { things } = desk.composition;
    const { thing } = desk;
    const { world } = place;
    const gesture = `keys/${desk.selected}`;
    /** @param {(thing: Thing) => Thing} to */
    const act = (to) => () => thing && desk.editThing(to, gesture);
    const offset = ARROWS[event.key]?.map((v) => v * world.kind.step * (event.shiftKey ? SHIFT_FACTOR : 1));
    /** @param {1 | -1} sign */
    const grows = (sign) => act((now) => grown(now, sign, world, side()));
    /** @type {Record<string, () => unknown>} */
    const others = {
      "[": act((now) => turnedBy(now, -1, world, side())),
      "]": act((now) => turnedBy(now, 1, world, side())),
      "+": grows(1),
      "=": grows(1),
      "-": grows(-1),
      Delete: () => thing && desk.edit(removed(thing.id), { select: null }),
      Backspace: () => thing && desk.edit(removed(thing.id), { select: null }),
      PageUp: () => thing && desk.edit(restacked(thing.id, "front")),
      PageDown: () => thing && desk.edit(restacked(thing.id, "back")),
      " ": () =>
        things.length &&
        desk.select(
          things[((thing ? things.indexOf(thing) : -1) + (event.shiftKey ? things.length - 1 : 1)) % things.length].id,
        ),
      Escape: () => desk.select(null),
    };
    const action = offset
      ? act((now) => movedTo(now, now.x + offset[0], now.y + offset[1], world, side()))
      : others[event.key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
    const now = desk.thing;
    setText(
      announcement,
      now
        ? `${nameOf(now.shape, world)}, column ${Math.round(now.x)}, row ${Math.round(now.y)}`
        : things.length
          ? "Nothing is selected; Space selects the next object."
          : "The canvas is empty.",
    );
  });

  return {
    element,
    at,
    /** Adds a new thing whose centre follows the pointer. @param {PointerEvent} event @param {import("./render.js").Thing} thing */
    carry(event, thing) {
      drag(event, thing, [thing.x, thing.y]);
      carried = thing.id;
      desk.edit(added(thing), { gesture, select: thing.id });
    },
    /** Draws border and handles of the selected thing. */
    mark() {
      const { world, frame } = place;
      drawing.setAttribute("viewBox", `0 0 ${frame.side} ${frame.side}`);
      hovered = null;
      const { thing } = desk;
      const mask = thing && outline(thing, world, frame);
      border.setAttribute("d", mask ? borderOf(mask, frame.side, 1) : "");
      pointed.setAttribute("d", "");
      const own = mask ? [...mask.keys()].filter((p) => mask[p]) : [];
      grow.hidden = !thing || !own.length || !sizable(thing, world);
      turn.hidden = !own.length;
      if (!own.length) return;
      /** @param {number} v */
      const share = (v) => `${(100 * Math.max(0, Math.min(frame.side, v))) / frame.side}%`;
      const [columns, rows] = [own.map((p) => p % frame.side), own.map((p) => Math.floor(p / frame.side))];
      const right = share(Math.max(...columns) + 1);
      Object.assign(grow.style, { left: right, top: share(Math.max(...rows) + 1) });
      Object.assign(turn.style, { left: right, top: share(Math.min(...rows)) });
    },
  };
}
