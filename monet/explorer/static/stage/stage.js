// Stage: the large scene. Highlights the object under the pointer, and moves, resizes, turns and colours objects.

import { resetSlot } from "../scene/actions.js";
import { h, setText, svg, targetIn } from "../page/dom.js";
import { learned } from "../scene/evidence.js";
import { pixelAt, positionOn } from "../page/pointing.js";
import { hueAt, hueRing, lit, tinted } from "./color.js";
import { Hand } from "./hand.js";
import { borderOf, placeOf } from "./outline.js";
import { pointerShares } from "./shares.js";
import { spotlight } from "./spotlight.js";

/** If an object stays behind its target by more scene pixels than this, a line shows the distance. */
const RESISTS = 1.5;

/** Directions of the arrow keys. @type {Record<string, [x: number, y: number]>} */
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** Factor by which a key enlarges or shrinks an object. */
const KEY_GROWTH = 1.06;

/** Radians that a key turns an object by, clockwise as the picture's y points down. */
const KEY_TURN = 0.1;

/** Drag distance, as a share of the picture's height, that changes the brightness by its whole range. */
const LIGHT_REACH = 0.5;

/** Keys pressed within this time form one gesture. */
const KEY_PAUSE_MS = 400;

/** @typedef {import("../scene/frames.js").Frame} Frame @typedef {import("../scene/grasp.js").Features} Features */
/** @typedef {import("./hand.js").Aim} Aim @typedef {import("./outline.js").Place} Place */
/** A position in pixels of the scene. @typedef {[x: number, y: number]} Spot */
/** Effect of a drag. @typedef {"move" | "size" | "turn" | "hue" | "light"} Mode */

/**
 * Adds the stage to the canvas of the recomposed scene.
 * @param {HTMLElement} frameElement parent of the canvas; overlays are added to it
 * @param {HTMLCanvasElement} screen the canvas
 * @param {{store: import("../scene/store.js").Store, frames: import("../scene/frames.js").FrameLoop, opening: import("../scene/opening.js").Opening}} page
 */
export function stage(frameElement, screen, page) {
  const { store, frames } = page;
  const spot = spotlight(screen);
  const pointed = svg("path", { class: "mx-border mx-border-pointed" });
  const chosen = svg("path", { class: "mx-border" });
  const pull = svg("line", { class: "mx-pull" });
  const ring = hueRing();
  const drawing = svg("svg", { class: "mx-drawing", "aria-hidden": "true" }, ring.element, pointed, chosen, pull);
  const shares = pointerShares(frameElement);
  /** @param {string} name @param {string} title @param {string} label */
  const handle = (name, title, label) =>
    h(
      "button",
      { type: "button", class: `mx-handle mx-handle-${name}`, title, "aria-label": title, tabIndex: -1, hidden: true },
      label,
    );
  const grow = handle("size", "Size: drag away from the object or towards it (keys + and −)", "⤡");
  const turn = handle("turn", "Turn: drag around the object (keys [ and ])", "↻");
  const light = handle("light", "Brightness: drag up or down", "☀");
  const spoken = h("span", { class: "mx-sr", "aria-live": "polite" });
  frameElement.classList.add("mx-stage");
  screen.tabIndex = 0;
  screen.setAttribute(
    "aria-description",
    "Arrow keys move the selected object by a pixel, plus and minus resize it, double-click or Backspace puts it back",
  );
  frameElement.append(spot.shade, drawing, spot.tag, shares.element, grow, turn, light, spoken);

  /** @type {Frame | null} */
  let frame = null;
  /** @type {Hand | null} */
  let hand = null;
  /** Pressed pointers by id: where each was pressed, and where it is now. @type {Map<number, {from: Spot, to: Spot}>} */
  const down = new Map();

  const at = (/** @type {MouseEvent} */ event) => positionOn(screen, event, store.scene.size);
  const pixelOf = (/** @type {Spot} */ spot) => pixelAt(spot, store.scene.size);
  const evidence = () => page.opening.offer.models[store.scene.model]?.latents ?? null;
  const turns = () => evidence()?.turns ?? false;
  const colors = () => learned(evidence(), "hue");
  const lights = () => learned(evidence(), "brightness");
  const sizes = () => !evidence() || learned(evidence(), "area");

  /** Starts dragging a slot. Its mask can follow only if it is the decoder's. @param {number} slot */
  function hold(slot) {
    if (store.view.masks === "attention") store.look({ masks: "auto" });
    hand = new Hand(page, slot, drawHand);
    Object.assign(Reflect.get(window, "monetExplorer"), { hand }); // for tests and the benchmark
    return hand;
  }

  /** @param {PointerEvent} event @param {Mode} mode */
  function press(event, mode) {
    if (!frame || event.button > 0) return;
    const spot = at(event);
    const pixel = pixelOf(spot);
    const slot = mode !== "move" ? store.view.slot : pixel === null ? null : frame.labels[pixel];
    const held = mode !== "move" || (slot !== null && placeOf(frame.labels, frame.scene.size, slot).object);
    if (!held && down.size === 0) return; // the background: a finger scrolls, and a click selects
    event.preventDefault(); // no text selection, and no scrolling while an object is held
    down.set(event.pointerId, { from: spot, to: spot });
    frameElement.setPointerCapture(event.pointerId);
    screen.focus({ preventScroll: true });
    if (down.size > 1 || slot === null) return pinch();
    if (slot !== store.view.slot) store.look({ slot });
    begin(slot, mode);
  }

  /** Target for the current positions of the pointers. @type {Aim | null} */
  let aim = null;
  /** @param {number} slot @param {Mode} mode */
  function begin(slot, mode) {
    hold(slot);
    const [pointer] = down.values(); // keeps its last position after it is released: the object still arrives there
    const angle = (/** @type {Features} */ start, /** @type {Spot} */ [x, y]) => Math.atan2(y - start.y, x - start.x);
    let turnedBy = 0;
    /** @type {Record<Mode, Aim>} */
    const aims = {
      move: (start) => ({
        ...start,
        x: start.x + pointer.to[0] - pointer.from[0],
        y: start.y + pointer.to[1] - pointer.from[1],
      }),
      size: (start) => ({
        ...start,
        size: start.size * Math.max(0.2, distance(start, pointer.to) / Math.max(1, distance(start, pointer.from))),
      }),
      turn: (start) => {
        const by = angle(start, pointer.to) - angle(start, pointer.from);
        turnedBy = by + 2 * Math.PI * Math.round((turnedBy - by) / (2 * Math.PI)); // atan2 jumps on the left
        return { ...start, angle: turnedBy };
      },
      hue: (start) => tinted(start, hueAt(pointer.to, start)),
      light: (start) => lit(start, (pointer.from[1] - pointer.to[1]) / (store.scene.size * LIGHT_REACH)),
    };
    aim = aims[mode];
  }
  const distance = (/** @type {Features} */ start, /** @type {Spot} */ [x, y]) => Math.hypot(x - start.x, y - start.y);

  /** Two fingers: their distance resizes the object, their midpoint moves it. */
  function pinch() {
    const [a, b] = [...down.values()];
    const between = (/** @type {Spot} */ p, /** @type {Spot} */ q) => Math.max(1, Math.hypot(p[0] - q[0], p[1] - q[1]));
    const apart = between(a.to, b.to);
    const middle = () => /** @type {Spot} */ ([(a.to[0] + b.to[0]) / 2, (a.to[1] + b.to[1]) / 2]);
    const [x, y] = middle();
    const before = aim;
    if (!before) return;
    aim = (start) => {
      const { x: fromX, y: fromY } = before(start);
      const [nowX, nowY] = middle();
      return { ...start, x: fromX + nowX - x, y: fromY + nowY - y, size: (start.size * between(a.to, b.to)) / apart };
    };
  }

  /** @param {PointerEvent} event */
  function follow(event) {
    if (!frame) return;
    const spot = at(event);
    const pointer = down.get(event.pointerId);
    if (pointer) {
      pointer.to = spot;
      if (hand && aim && (hand.moved ||= Math.hypot(spot[0] - pointer.from[0], spot[1] - pointer.from[1]) > 0.4))
        hand.to(aim, event);
    }
    shares.show(event, event.pointerType === "touch" && !down.size ? null : pixelOf(spot), frame);
  }

  /** @param {PointerEvent} event */
  function release(event) {
    if (!down.delete(event.pointerId)) return;
    if (down.size) return;
    aim = null;
    letGo();
  }

  function letGo() {
    const ended = hand;
    hand = null;
    ended?.end();
  }

  frameElement.addEventListener("pointerdown", (event) => {
    if (event.target === screen) press(event, "move");
    else if (event.target === grow) press(event, "size");
    else if (event.target === turn) press(event, "turn");
    else if (event.target === light) press(event, "light");
    else if (event.target instanceof Node && ring.element.contains(event.target)) press(event, "hue");
  });
  // A finger on an object holds it; anywhere else it scrolls.
  frameElement.addEventListener("touchstart", (event) => down.size && event.preventDefault(), { passive: false });
  frameElement.addEventListener("pointermove", follow);
  for (const end of /** @type {const} */ (["pointerup", "pointercancel"])) frameElement.addEventListener(end, release);
  frameElement.addEventListener("pointerleave", () => shares.hide());
  // Clicks of a captured pointer go to the frame, not to the canvas.
  frameElement.addEventListener("dblclick", (event) => {
    const pixel = targetIn(event, "button") ? null : pixelOf(at(event));
    if (pixel !== null && frame) putBack(frame.labels[pixel]);
  });
  const putBack = (/** @type {number} */ slot) => {
    store.endGesture();
    store.edit(resetSlot(slot), { select: slot });
    store.endGesture();
  };

  screen.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !frame) return;
    const by = KEYS[event.key];
    const pixels = event.shiftKey ? 8 : 1;
    /** @type {Record<string, Aim>} */
    const sizing = {
      "+": (s) => ({ ...s, size: s.size * KEY_GROWTH }),
      "=": (s) => ({ ...s, size: s.size * KEY_GROWTH }),
      "-": (s) => ({ ...s, size: s.size / KEY_GROWTH }),
    };
    /** @type {Record<string, Aim>} */
    const turning = {
      "[": (s) => ({ ...s, angle: s.angle - KEY_TURN }),
      "]": (s) => ({ ...s, angle: s.angle + KEY_TURN }),
    };
    /** @type {Aim | undefined} */
    const change = by
      ? (s) => ({ ...s, x: s.x + pixels * by[0], y: s.y + pixels * by[1] })
      : (sizing[event.key] ?? (turns() ? turning[event.key] : undefined));
    if (event.key === "Backspace") putBack(store.view.slot);
    if (!change) return;
    event.preventDefault();
    event.stopPropagation();
    const place = placeOf(frame.labels, frame.scene.size, store.view.slot);
    if (!place.object)
      return setText(spoken, "This slot is the background or empty. Select an object with the number keys.");
    keys.push(change, event);
  });

  // Repeated keys add up to one gesture until there is a pause.
  const keys = {
    aims: /** @type {Aim[]} */ ([]),
    timer: 0,
    /** @param {Aim} change @param {KeyboardEvent} event */
    push(change, event) {
      if (!hand) this.aims = [];
      const held = hand ?? hold(store.view.slot);
      this.aims.push(change);
      const aims = this.aims;
      held.to((start) => aims.reduce((target, next) => next(target), start), event);
      clearTimeout(this.timer);
      this.timer = setTimeout(() => {
        if (!down.size) letGo();
      }, KEY_PAUSE_MS);
    },
  };

  function drawHand() {
    const reached = hand?.reached;
    frameElement.classList.toggle("mx-holding", Boolean(hand));
    const resists = reached && Math.hypot(reached.aim.x - reached.now.x, reached.aim.y - reached.now.y) > RESISTS;
    pull.style.display = resists ? "" : "none";
    if (!resists) return;
    const { now, aim } = reached;
    for (const [name, value] of Object.entries({ x1: now.x, y1: now.y, x2: aim.x, y2: aim.y }))
      pull.setAttribute(name, String(value));
  }

  /** The state that is drawn. @type {(Pick<Frame, "scene" | "labels" | "view"> & {highlighted: number | null}) | null} */
  let last = null;
  frames.onFrame((next) => {
    frame = next;
    const { scene, view, labels } = frame;
    const slot = view.pixel === null ? null : labels[view.pixel];
    const unchanged = last?.labels === labels && last.scene === scene;
    if (!unchanged) drawing.setAttribute("viewBox", `0 0 ${scene.size} ${scene.size}`);
    if (!unchanged || last?.view.slot !== view.slot) {
      chosen.setAttribute("d", borderOf(labels, scene.size, view.slot));
      handles(scene.size, placeOf(labels, scene.size, view.slot));
    }
    const highlighted = hand || slot === null ? null : slot;
    if (!unchanged || last?.highlighted !== highlighted) {
      spot.update(frame, highlighted);
      const border = highlighted !== null && highlighted !== view.slot;
      pointed.setAttribute("d", border ? borderOf(labels, scene.size, highlighted) : "");
    }
    shares.update(frame);
    if (!hand) drawHand();
    last = { scene, labels, view, highlighted };
  });

  /** Places the handles around the selected slot. @param {number} size of the scene @param {Place} place of the slot */
  function handles(size, place) {
    const [left, top, right, bottom] = place.box;
    grow.hidden = !place.object || !sizes();
    turn.hidden = !place.object || !turns();
    const inside = (/** @type {number} */ v) => `${(100 * Math.max(0, Math.min(size, v))) / size}%`;
    Object.assign(grow.style, { left: inside(right), top: inside(bottom) });
    Object.assign(turn.style, { left: inside(right), top: inside(top) });
    light.hidden = !place.object || !lights();
    Object.assign(light.style, { left: inside(left), top: inside(bottom) });
    ring.element.style.display = place.object && colors() ? "" : "none";
    if (place.object && colors()) ring.place(place.box, screen.getBoundingClientRect().width / size);
  }
}
