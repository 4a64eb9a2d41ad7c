// Toolbar of the canvas: shapes, colours, actions on the selected thing, brushes, ground, undo.

import { button, h } from "../page/dom.js";
import { roving } from "../page/roving.js";
import { removed, restacked } from "./desk.js";
import { shapeToDrag } from "./shapes.js";
import { grown, randomThings, sizable, turnedBy } from "./things.js";

/** @typedef {import("./render.js").Color} Color */
/** @typedef {import("./render.js").Thing} Thing */

/** @param {Color} color */
const hex = (color) => `#${color.map((c) => c.toString(16).padStart(2, "0")).join("")}`;
/** @param {string} text as hex wrote it @returns {Color} */
const rgb = (text) => {
  const part = (/** @type {number} */ at) => parseInt(text.slice(at, at + 2), 16);
  return [part(1), part(3), part(5)];
};
/** @param {Color | null} a @param {Color | null} b */
const same = (a, b) => a?.join() === b?.join();

/**
 * @param {import("./desk.js").Desk} desk
 * @param {import("./place.js").Place} place
 * @param {ReturnType<typeof import("./easel.js").easel>} easel
 * @param {ReturnType<typeof import("./scoping.js").scoping>} scope
 */
export function tools(desk, place, easel, scope) {
  const shapes = h("div", {
    class: "mx-row mx-compose-shapes",
    role: "group",
    "aria-label": "Shapes: drag one onto the canvas, or press Enter",
  });
  const colors = h("div", {
    class: "mx-row mx-compose-colors",
    role: "group",
    "aria-label": "Colour of the selected object and of the brush",
  });
  roving(shapes, "button");
  roving(colors, "button");
  const side = () => place.frame.picture;

  /** @param {string} shape */
  const shapeButton = (shape) => shapeToDrag(shape, desk, place, easel);
  /** @type {ReturnType<typeof shapeButton>[]} */
  let shapeButtons = [];
  /** @type {{patch: HTMLButtonElement, color: Color | null}[]} */
  let swatches = [];
  /** Redraws the shape icons in the current colour. */
  function paintShapes() {
    for (const { draw } of shapeButtons) draw();
  }

  /** @param {Color | null} color null: the object's own colours */
  const recolour = (color) => {
    if (color) desk.set({ color });
    const { thing } = desk;
    if (thing && (thing.shape !== "stroke" || (thing.color && color)))
      desk.editThing((thing) => ({ ...thing, color }), `colour/${desk.selected}`);
    paintShapes();
  };
  const anyColor = h("input", {
    type: "color",
    class: "mx-compose-any",
    title: "Any other colour",
    "aria-label": "Any other colour",
    oninput: () => recolour(rgb(anyColor.value)),
  });

  /** @param {"front" | "back"} to */
  const restack = (to) => desk.thing && desk.edit(restacked(desk.thing.id, to));
  /** Label, title and action. @type {Record<string, [string, string, () => void]>} */
  const acts = {
    back: ["To back", "Move behind all others (Page Down)", () => restack("back")],
    front: ["To front", "Move in front of all others (Page Up)", () => restack("front")],
    left: ["⟲", "Turn to the left ([)", () => desk.editThing((thing) => turnedBy(thing, -1, place.world, side()))],
    right: ["⟳", "Turn to the right (])", () => desk.editThing((thing) => turnedBy(thing, 1, place.world, side()))],
    smaller: ["−", "Smaller (−)", () => desk.editThing((thing) => grown(thing, -1, place.world, side()))],
    larger: ["+", "Larger (+)", () => desk.editThing((thing) => grown(thing, 1, place.world, side()))],
    remove: [
      "Delete",
      "Delete the object (Delete)",
      () => desk.thing && desk.edit(removed(desk.thing.id), { select: null }),
    ],
  };
  const buttons = Object.fromEntries(
    Object.entries(acts).map(([name, [label, title, act]]) => [
      name,
      button(label, act, { title, "aria-label": title }),
    ]),
  );
  const alpha = h("input", {
    type: "range",
    class: "mx-range",
    min: "0",
    max: "1",
    step: "0.01",
    "aria-label": "Opacity of the object",
    title: "Opacity: lower values fade the object into the ground",
    oninput: () => desk.editThing((thing) => ({ ...thing, alpha: Number(alpha.value) }), `alpha/${desk.selected}`),
  });

  /** Tool, label and title. @type {["move" | "brush" | "eraser", string, string][]} */
  const penChoices = [
    ["move", "Move", "Select and move objects"],
    ["brush", "Brush", "Paint freely; each stroke is an object like the others"],
    ["eraser", "Eraser", "Erase to the ground"],
  ];
  const pens = Object.fromEntries(
    penChoices.map(([tool, label, title]) => [tool, button(label, () => desk.set({ tool }), { title })]),
  );
  const width = h("input", {
    type: "range",
    class: "mx-range",
    min: "1",
    max: "16",
    step: "1",
    "aria-label": "Width of the brush in pixels",
    title: "Width of the brush",
    oninput: () => desk.set({ width: Number(width.value) }),
  });

  const grey = h("input", {
    type: "range",
    class: "mx-range",
    min: "0",
    max: "255",
    step: "1",
    "aria-label": "Grey of the ground",
    oninput: () => reground({ color: [Number(grey.value), Number(grey.value), Number(grey.value)] }),
  });
  const tint = h("input", {
    type: "color",
    class: "mx-compose-any",
    "aria-label": "Colour of the ground",
    oninput: () => reground({ color: rgb(tint.value) }),
  });
  /** @param {import("./render.js").Ground} ground */
  const reground = (ground) => desk.edit((composition) => ({ ...composition, ground }), { gesture: "ground" });
  const nextGround = button("Another ground", () => {
    const { grounds } = place.world;
    reground(grounds[(grounds.indexOf(desk.composition.ground) + 1) % grounds.length]);
    desk.endGesture();
  });
  const grounds = h("span", { class: "mx-label" }, "ground ", grey, tint, nextGround);

  const undo = button("Undo", () => desk.undo(), { title: "Ctrl+Z, with the focus in this panel" });
  const redo = button("Redo", () => desk.redo(), { title: "Ctrl+Shift+Z, with the focus in this panel" });
  /** Replaces the things; keeps the chosen ground unless it is a scene's picture. @param {Thing[]} things */
  const restart = (things) =>
    desk.edit(
      ({ ground }) => ({
        things,
        ground: ground.color || place.world.grounds.includes(ground) ? ground : place.world.grounds[0],
      }),
      { select: null },
    );
  const clear = button("Clear", () => restart([]), { title: "Remove all objects" });
  const random = button("Random scene", () => restart(randomThings(place.world, side(), place.slots)));
  const note = h("p", { class: "mx-muted mx-compose-note" });

  const element = h(
    "div",
    { class: "mx-compose-tools" },
    h(
      "div",
      { class: "mx-row mx-compose-acts", role: "group", "aria-label": "The selected object" },
      ...Object.values(buttons),
      h("label", { class: "mx-label" }, "opacity ", alpha),
    ),
    h(
      "div",
      { class: "mx-row", role: "group", "aria-label": "Tools" },
      ...Object.values(pens),
      scope.pen,
      h("label", { class: "mx-label" }, "width ", width),
      grounds,
    ),
    scope.element,
    h("div", { class: "mx-row" }, random, clear, undo, redo),
    note,
  );

  return {
    element,
    /** Shapes and colours, placed next to the canvas. */
    palette: [shapes, colors],
    /** Shows the shapes and colours of the loaded world. */
    showWorld() {
      const { world } = place;
      shapeButtons = world.kind.shapes.map(shapeButton);
      shapes.replaceChildren(...shapeButtons.map(({ element: shape }) => shape));
      /** @param {Color | null} color */
      const swatch = (color) => {
        const name = color ? `Colour ${hex(color)}` : "Its own colours";
        const patch = h("button", {
          type: "button",
          class: "mx-compose-color",
          title: name,
          "aria-label": name,
          onclick: () => recolour(color),
        });
        patch.style.background = color ? hex(color) : "conic-gradient(#d33, #dd3, #3d3, #3dd, #33d, #d3d, #d33)";
        return { patch, color };
      };
      /** @type {Color[]} */
      const paints = world.colors ?? [
        [220, 60, 50],
        [60, 120, 220],
        [70, 170, 80],
        [240, 220, 70],
        [30, 30, 30],
        [240, 240, 240],
      ];
      swatches = (world.colors ? paints : [null, ...paints]).map(swatch);
      colors.replaceChildren(
        ...swatches.map(({ patch }) => patch),
        ...(world.anyColor || !world.colors ? [anyColor] : []),
      );
      grey.hidden = world.ground !== "grey";
      tint.hidden = world.ground !== "colour";
      nextGround.hidden = world.grounds.length < 2;
      grounds.hidden = grey.hidden && tint.hidden && nextGround.hidden;
      note.textContent = world.note;
      desk.set({ tool: "move", color: paints[0] });
      paintShapes();
    },
    /** Updates the tools to the selection and the active tool. */
    update() {
      const {
        thing,
        settings,
        composition: { ground },
      } = desk;
      for (const control of [...Object.values(buttons), alpha]) control.disabled = !thing;
      for (const name of ["smaller", "larger"])
        buttons[name].hidden = !sizable(thing ?? { shape: place.world.kind.shapes[0] }, place.world);
      alpha.value = String(thing?.alpha ?? 1);
      for (const [tool, pen] of Object.entries(pens)) pen.setAttribute("aria-pressed", String(settings.tool === tool));
      width.disabled = settings.tool === "move";
      width.value = String(settings.width);
      const color = thing ? thing.color : settings.color;
      for (const swatch of swatches) swatch.patch.ariaPressed = String(same(swatch.color, color));
      anyColor.value = hex(color ?? settings.color);
      if (ground.color) {
        grey.value = String(ground.color[0]);
        tint.value = hex(ground.color);
      }
      scope.update();
      undo.disabled = !desk.canUndo;
      redo.disabled = !desk.canRedo;
    },
  };
}
