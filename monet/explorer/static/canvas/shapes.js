// Shape button beside the canvas: a drag or click adds the shape; its icon shows the current colour.

import { context2d, h } from "../page/dom.js";
import { notify } from "../page/notices.js";
import { added } from "./desk.js";
import { FULL } from "./easel.js";
import { render } from "./render.js";
import { made, nameOf } from "./things.js";

/** Distance in CSS pixels after which a press becomes a drag. */
const DRAG_PX = 6;

/** Side of the icon in its own pixels: of pieces made of cells, and of other shapes. */
const [CELL_ICON, ICON] = [22, 36];

/** The scale at which a sprite fills its icon. */
const ICON_SCALE = 2.2;

/**
 * @param {string} shape
 * @param {import("./desk.js").Desk} desk
 * @param {import("./place.js").Place} place
 * @param {ReturnType<typeof import("./easel.js").easel>} easel
 */
export function shapeToDrag(shape, desk, place, easel) {
  const name = nameOf(shape, place.world);
  const icon = h("canvas", { "aria-hidden": "true" });
  /** Where the pointer was pressed, or "dragged". @type {[number, number] | "dragged" | null} */
  let pressed = null;
  const element = h(
    "button",
    {
      type: "button",
      class: "mx-compose-shape",
      title: `${name}: drag it onto the canvas, or click`,
      "aria-label": `Add ${name}`,
      onclick: (event) => (event.detail === 0 || pressed !== "dragged") && add(),
      onpointerdown: (event) => {
        pressed = [event.clientX, event.clientY];
        element.setPointerCapture(event.pointerId); // the pointer leaves the button before the drag begins
      },
      onpointermove: (event) => {
        if (
          !Array.isArray(pressed) ||
          !event.buttons ||
          Math.hypot(event.clientX - pressed[0], event.clientY - pressed[1]) < DRAG_PX
        )
          return;
        pressed = "dragged";
        add(event);
      },
    },
    icon,
  );

  /** Adds a thing at the canvas's centre or, with an event, at the pointer. @param {PointerEvent | null} event */
  function add(event = null) {
    if (desk.isFull) return notify(FULL);
    const side = place.frame.picture;
    const [x, y] = event ? easel.at(event) : [side / 2, side / 2];
    const thing = made(place.world, side, {
      id: desk.nextId,
      shape,
      x,
      y,
      ...(place.world.colors && { color: desk.settings.color }),
    });
    desk.set({ tool: "move" });
    if (event) easel.carry(event, thing);
    else desk.edit(added(thing), { select: thing.id });
  }

  /** Draws the icon, in the current colour if the world's shapes take colours. */
  function draw() {
    const { world } = place;
    const side = world.kind.integerScales ? CELL_ICON : ICON;
    const thing = {
      ...made(world, side, { shape, color: world.colors && desk.settings.color }),
      scale: world.colors && !world.kind.integerScales ? ICON_SCALE : 1,
    };
    const { pixels, owners } = render({ things: [thing], ground: { color: [0, 0, 0] } }, world, {
      picture: side,
      side,
    });
    icon.width = icon.height = side;
    const drawn = new ImageData(side, side);
    owners.forEach((owner, p) =>
      drawn.data.set([pixels[3 * p], pixels[3 * p + 1], pixels[3 * p + 2], owner ? 255 : 0], 4 * p),
    );
    context2d(icon).putImageData(drawn, 0, 0);
  }
  return { element, draw };
}
