// Sample scenes per data set, and new ones from the generators.

import { button, h } from "../dom.js";

/**
 * @param {HTMLElement} root
 * @param {{data: {name: string, title: string, samples: number}[]}} context
 */
export function mount(root, { store, frames, request, data: datasets }) {
  const thumbnails = h("div", { class: "mx-thumbnails", role: "group", "aria-label": "Sample scenes" });
  const seed = h("input", {
    type: "number", class: "mx-number", min: "0", max: "999999", step: "1", value: "1", "aria-label": "Seed of the scene",
    title: "The same seed gives the same scene",
  });
  const select = h("select", { class: "mx-select", "aria-label": "Data set" },
    ...datasets.map((d) => h("option", { value: d.name }, d.title)));

  const open = (origin) => request(origin);
  const show = () => {
    const dataset = datasets.find((d) => d.name === select.value);
    thumbnails.replaceChildren(
      ...Array.from({ length: dataset.samples }, (_, index) => {
        const number = String(index).padStart(2, "0");
        const picture = h("img", {
          src: new URL(`monet/samples/${dataset.name}/${number}.png`, document.baseURI).href, alt: "",
        });
        return h("button", {
          type: "button", class: "mx-thumbnail", "aria-label": `${dataset.title}, sample ${index + 1}`,
          "data-key": `${dataset.name}/${index}`,
          onclick: () => open({ kind: "sample", data: dataset.name, index }),
        }, picture);
      }),
    );
    mark();
  };
  const mark = () => {
    const origin = store.scene?.origin;
    const key = origin?.kind === "sample" ? `${origin.data}/${origin.index}` : null;
    for (const thumbnail of thumbnails.children) {
      thumbnail.setAttribute("aria-pressed", String(thumbnail.dataset.key === key));
    }
  };
  const generate = () => {
    const number = Math.min(999999, Math.max(0, Math.floor(Number(seed.value) || 0)));
    seed.value = String(number);
    open({ kind: "seed", data: select.value, seed: number });
  };
  select.addEventListener("change", show);
  seed.addEventListener("keydown", (event) => event.key === "Enter" && generate());
  root.append(
    select,
    thumbnails,
    h("div", { class: "mx-row" },
      button("New random scene", () => {
        seed.value = String(Math.floor(Math.random() * 1e6));
        generate();
      }, { title: "A scene that nobody has seen, from this data set's generator" }),
      h("label", { class: "mx-label" }, "seed ", seed)),
  );
  show();
  let scene = null;
  frames.onFrame((frame) => {
    if (frame.scene === scene) return;
    scene = frame.scene;
    const { origin } = scene;
    if (origin.data && select.value !== origin.data) {
      select.value = origin.data;
      show();
    }
    mark();
  });
}
