// Panel "Compose a scene": connects canvas, tools, camera, experiments, links and the live decomposition.

import { canvas, drawColors } from "../drawing/draw.js";
import { copyText } from "../page/clipboard.js";
import { button, h, setText } from "../page/dom.js";
import { explanation } from "../page/explain.js";
import { unfold } from "../page/folding.js";
import { notify } from "../page/notices.js";
import { toHash as stageHash } from "../scene/permalink.js";
import { reasonOf } from "../page/reason.js";
import { sceneFrom } from "../scene/scene.js";
import { Desk } from "./desk.js";
import { easel as easelOf } from "./easel.js";
import { filming as filmingOf } from "./filming.js";
import { canvasIn, fromText, toHash } from "./link.js";
import { Live } from "./live.js";
import { Place } from "./place.js";
import { pictureOf, render } from "./render.js";
import { scopeOf, veiled } from "./scope.js";
import { scoping as scopingOf } from "./scoping.js";
import { randomThings } from "./things.js";
import { tools as toolsOf } from "./tools.js";
import { trials as trialsOf } from "./trials.js";
import { worldOf } from "./worlds.js";

/** @typedef {import("../engine/engine.js").Origin} Origin */
/** @typedef {import("./render.js").Composition} Composition */

/** @param {HTMLElement} root @param {import("../main.js").Context} context */
export function mount(root, context) {
  const body = h("div", { class: "mx-compose" });
  root.append(
    h(
      "div",
      { class: "mx-head" },
      h("h2", {}, "Compose a scene"),
      h("span", { class: "mx-muted" }, "Paint a picture, and watch the network take it apart."),
      h("span", { class: "mx-spring" }),
      explanation("compose"),
    ),
    body,
  );
  // Built when it first comes into view; requests nothing while out of view.
  /** @type {ReturnType<typeof build> | null} */
  let studio = null;
  new IntersectionObserver((entries) => {
    const visible = entries.at(-1)?.isIntersecting ?? false;
    if (visible) studio ??= build(body, context);
    studio?.watch(visible);
  }).observe(body);
  const readLink = () => {
    const text = canvasIn(location.hash);
    if (text === null) return;
    studio ??= build(body, context);
    studio.restore(text);
    setTimeout(() => unfold("compose")); // after main.js has made the panel foldable
  };
  readLink();
  addEventListener("hashchange", readLink);
}

/** @param {HTMLElement} body @param {import("../main.js").Context} context */
function build(body, { store, frames, engine, opening }) {
  const desk = new Desk();
  const live = new Live(engine);
  const place = new Place();
  const screen = canvas("");
  const easel = easelOf(screen, desk, place);
  const scoping = scopingOf(desk, live);
  const tools = toolsOf(desk, place, easel, scoping);
  const filming = filmingOf(desk, live, place, { engine, dataOf: (model) => opening.offer.models[model].data, draw });
  const trials = trialsOf(desk, live, place);
  /** @type {Map<string, Composition>} */
  const kept = new Map(); // model -> composition, restored when the model returns
  /** The canvas of a link that has not been shown yet. @type {{text: string, model: string | null} | null} */
  let pendingLink = null;
  const note = h("p", { class: "mx-muted", role: "status" });

  /** Disables a button's action until the canvas is drawn. @param {() => void} act */
  const ready = (act) => () => place.drawn && act();
  const open = button(
    "Open on the stage",
    ready(() =>
      opening.open({
        source: {
          origin: { kind: "picture" },
          picture: { image: Array.from(place.rendered.pixels), of: String(place.model) },
        },
      }),
    ),
    {
      title: "Shows this picture on the stage: drag its objects, play the story, export it",
      class: "mx-button mx-compose-open",
    },
  );
  const takePicture = button(
    "Take this scene’s picture",
    ready(() => {
      if (!frames.frame) return;
      const { scene, image, edited } = frames.frame;
      const origin = edited || scene.origin.kind === "picture" ? null : scene.origin;
      const pixels = pictureOf(edited ? image : scene.image, place.frame);
      desk.edit(() => ({ things: [], ground: { pixels, origin } }), { select: null });
    }),
    { title: "Makes the stage’s picture the ground of the canvas, to paint on" },
  );
  const link = button(
    "Copy link",
    ready(async () => {
      try {
        history.replaceState(
          null,
          "",
          toHash(stageLink(), { composition: desk.composition, experiment: trials.name }, place.world),
        );
      } catch (error) {
        return setText(note, `No link: ${reasonOf(error)}`);
      }
      const copied = await copyText(location.href);
      const { ground } = desk.composition;
      const missing = ground.pixels && !ground.origin ? " The ground’s picture is not in it." : "";
      setText(
        note,
        `${copied ? "Link copied: it opens this canvas." : "The link is in the address bar: copy it from there."}${missing}`,
      );
    }),
    { title: "An address that restores this canvas, and the experiment" },
  );
  body.append(
    h("div", { class: "mx-compose-canvas" }, easel.element, ...tools.palette),
    live.element,
    tools.element,
    trials.element,
  );
  tools.element.append(filming.element, h("div", { class: "mx-row" }, open, takePicture, link, note));
  body.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || !["z", "y"].includes(event.key.toLowerCase())) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.key.toLowerCase() === "y" || event.shiftKey) desk.redo();
    else desk.undo();
  });

  /** The stage's part of a link. Links hold no pictures, so the model's first scene replaces a visitor's picture. */
  function stageLink() {
    if (store.scene.origin.kind !== "picture") return stageHash(store);
    const {
      source: { origin },
    } = opening.first(store.scene.model);
    return stageHash({ scene: { ...store.scene, origin }, document: store.original, original: store.original });
  }

  let visible = false;
  let scheduled = false;
  function draw() {
    if (scheduled || !place.hasWorld) return;
    scheduled = true;
    requestAnimationFrame(() => {
      scheduled = false;
      const { composition } = desk;
      const { world, frame } = place;
      if (!place.hasWorld) return;
      filming.update();
      const { filmed } = place;
      const ground = filmed ? { pixels: filmed, origin: null, stays: true } : composition.ground;
      const explained = live.status.where === "server" ? null : composition.explained; // the server takes no scope
      place.rendered = render({ ...composition, ground }, world, frame);
      drawColors(screen, frame.side, veiled(place.rendered.pixels, explained));
      easel.mark();
      tools.update();
      const about = { ...place.rendered, composition, world, side: frame.side };
      if (visible) live.ask(place.rendered.pixels, about, { scope: scopeOf(explained), stays: ground.stays });
    });
  }
  desk.subscribe(draw);
  live.onCourse(draw);

  /** Loads the world of the stage's model and restores its canvas. */
  async function loadStage() {
    if (!store.loaded) return;
    const { scene } = store;
    const { model, slots, how } = scene;
    if (slots !== place.slots) trials.resume(null); // the chart's axes depend on the number of slots
    place.slots = slots;
    if (visible) live.use({ model, slots, how }, scene.size);
    if (model === place.model) return place.hasWorld && pendingLink !== null ? showLink() : draw();
    filming.stopIfOn("The camera is off: another model is on the stage.");
    if (place.model && place.hasWorld) kept.set(place.model, desk.composition);
    place.setModel(model);
    trials.resume(null);
    const { data, picture } = opening.offer.models[model];
    try {
      const world = await worldOf(data);
      if (place.model !== model) return;
      place.setWorld(world, { picture: picture ?? scene.size, side: scene.size });
      tools.showWorld();
      desk.open(
        kept.get(model) ?? { ground: world.grounds[0], things: randomThings(world, place.frame.picture, slots) },
      );
      desk.select(desk.composition.things.at(-1)?.id ?? null); // shows the handles
      if (pendingLink !== null) showLink();
    } catch (error) {
      place.model = null; // retried when the panel comes into view again
      setText(note, `The shapes of this model’s data set could not be loaded: ${reasonOf(error)}`);
    }
  }

  /** Shows the canvas of a link, once its model is on the stage. */
  async function showLink() {
    if (!pendingLink) return;
    const { text, model } = pendingLink;
    if (model !== null && model !== place.model) return;
    pendingLink = null;
    try {
      const { things, ground, origin, explained, experiment } = fromText(text, place.world, place.frame);
      if (!ground && !origin) notify("The ground’s picture is not in the link; the objects are shown without it.");
      const background = ground ?? (origin ? await groundOf(origin) : place.world.grounds[0]);
      desk.open({ things, ground: background, ...(explained && { explained }) });
      trials.resume(experiment);
    } catch (error) {
      notify(`The canvas of this link cannot be shown: ${reasonOf(error).replace(/\.$/, "")}.`);
    }
  }

  /** The picture of a scene as a ground. @param {Origin} origin @returns {Promise<import("./render.js").Ground>} */
  async function groundOf(origin) {
    const { model, slots, how } = store.scene;
    const scene = sceneFrom(await engine.decompose({ origin }, { model, slots, how }));
    return { pixels: pictureOf(scene.image, place.frame), origin };
  }

  /** @type {import("../scene/scene.js").Scene | null} */
  let scene = null;
  frames.onFrame((frame) => {
    if (frame.scene === scene) return;
    scene = frame.scene;
    loadStage();
  });
  const studio = {
    desk,
    place,
    live,
    trials,
    filming,
    /** @param {boolean} now whether the panel is in view */
    watch(now) {
      visible = now;
      if (visible) loadStage();
      else {
        trials.stop();
        filming.stopIfOn("The camera is off: the canvas was out of view.");
      }
    },
    /** @param {string} text the canvas of a link; the rest of the link opens its model on the stage */
    restore(text) {
      pendingLink = { text, model: new URLSearchParams(location.hash.slice(1)).get("model") };
      loadStage();
    },
  };
  Object.assign(Reflect.get(window, "monetExplorer"), { studio }); // for tests
  return studio;
}
