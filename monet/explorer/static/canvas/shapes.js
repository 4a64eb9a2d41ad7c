// A shape beside the canvas: dragged or clicked it becomes a thing on it, and its picture has the colour in hand.

import { context2d, h } from "../page/dom.js";
import { notify } from "../page/notices.js";
import { added } from "./desk.js";
import { FULL } from "./easel.js";
import { render } from "./render.js";
import { made, nameOf } from "./things.js";

/** Pixels of the window that a shape has to be pulled before it comes along. */
const PULL_PX = 6;

/** Side of a picture of a shape, in its own pixels: of a piece made of cells, and of others. */
const [CELLS, SAMPLE] = [22, 36];

/** The scale at which a sprite fills its picture. */
const LARGE = 2.2;

/**
 * @param {string} shape
 * @param {import("./desk.js").Desk} desk
 * @param {import("./place.js").Place} place
 * @param {ReturnType<typeof import("./easel.js").easel>} easel
 */
export function shapeToDrag(shape, desk, place, easel) {
  const name = nameOf(shape, place.world);
  const picture = h("canvas", { "aria-hidden": "true" });
  /** Where the pointer went down, or that it came along. @type {[number, number] | "away" | null} */
  let pulled = null;
  const element = h(
    "button",
    {
      type: "button",
      class: "mx-compose-shape",
      title: `${name}: drag it onto the canvas, or click`,
      "aria-label": `Add ${name}`,
      onclick: (event) => (event.detail === 0 || pulled !== "away") && put(),
      onpointerdown: (event) => {
        pulled = [event.clientX, event.clientY];
        element.setPointerCapture(event.pointerId); // it leaves the button before it has gone far enough
      },
      onpointermove: (event) => {
        if (
          !Array.isArray(pulled) ||
          !event.buttons ||
          Math.hypot(event.clientX - pulled[0], event.clientY - pulled[1]) < PULL_PX
        )
          return;
        pulled = "away";
        put(event);
      },
    },
    picture,
  );

  /** A new thing, in the middle of the canvas or with the pointer. @param {PointerEvent | null} event */
  function put(event = null) {
    if (desk.isFull) return notify(FULL);
    const side = place.frame.picture;
    const [x, y] = event ? easel.at(event) : [side / 2, side / 2];
    const thing = made(place.world, side, {
      id: desk.nextId,
      shape,
      x,
      y,
      ...(place.world.colors && { color: desk.hand.color }),
    });
    desk.take({ tool: "move" });
    if (event) easel.carry(event, thing);
    else desk.edit(added(thing), { select: thing.id });
  }

  /** Its picture, in the colour that is in hand where it takes one. */
  function draw() {
    const { world } = place;
    const side = world.kind.whole ? CELLS : SAMPLE;
    const thing = {
      ...made(world, side, { shape, color: world.colors && desk.hand.color }),
      scale: world.colors && !world.kind.whole ? LARGE : 1,
    };
    const { pixels, owners } = render({ things: [thing], ground: { color: [0, 0, 0] } }, world, {
      picture: side,
      side,
    });
    picture.width = picture.height = side;
    const drawn = new ImageData(side, side);
    owners.forEach((owner, p) =>
      drawn.data.set([pixels[3 * p], pixels[3 * p + 1], pixels[3 * p + 2], owner ? 255 : 0], 4 * p),
    );
    context2d(picture).putImageData(drawn, 0, 0);
  }
  return { element, draw };
}
