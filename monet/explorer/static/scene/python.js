// Writes a Python program that reproduces the view with `monet`.

/** @param {Float32Array} latent */
const list = (latent) => `[${Array.from(latent, (v) => Number(v.toPrecision(9))).join(", ")}]`;

/** @param {import("./frames.js").Frame} frame @returns {string} */
export function toPython({ scene, document, masks, steps, view }) {
  const { kind, data, index, seed, objects } = scene.origin;
  const number = objects === undefined ? "" : `, (${objects}, ${objects})`;
  const source = {
    sample: `picture = samples.read("${data}", ${index}).image`,
    seed: `picture = DATASETS["${data}"].scene(${seed}${number}).image`,
    stored: `picture = stored("${data}").scene(${index}).image`,
    picture: `picture = "picture.png"  # the file that you opened`,
  }[kind];
  const lines = [
    "# Runs in any folder, with the Python in which MONet Explorer is installed (pip install -e .).",
    "import numpy as np",
    "",
    "import monet",
    ...{
      sample: ["from monet.data import samples"],
      seed: ["from monet.data import DATASETS"],
      stored: ["from monet.data import stored"],
      picture: [],
    }[kind],
    "",
    `model = monet.load(${JSON.stringify(scene.model)})`,
    source,
    `scene = monet.decompose(model, picture, num_slots=${scene.slots}, how="${scene.how}")`,
  ];
  const unedited =
    document.slots.length === scene.slots &&
    document.slots.every((s, k) => s.latent === s.mean && steps[k] === k && masks[k]);
  if (unedited) return [...lines, "image = scene.reconstruction  # 3, H, W", ""].join("\n");
  const present = document.slots
    .map((slot, k) => ({ ...slot, kept: steps[k], visible: Boolean(masks[k]), k }))
    .filter(({ hidden, k }) => !hidden || k === view.solo);
  if (!present.length) return [...lines, "image = np.zeros_like(scene.image)  # every slot is hidden", ""].join("\n");
  const asDecoded = present.map(({ kept }) => (kept === null ? "True" : "False"));
  lines.push(
    "",
    "latents = np.array([",
    ...present.map(({ step, latent, mean }) =>
      step !== null && latent === mean ? `    scene.latent_mean[${step}],` : `    ${list(latent)},`,
    ),
    "], np.float32)",
    "components, mask_logits = monet.decode(model, latents)",
    `as_decoded = [${asDecoded.join(", ")}]`,
    `attention = scene.masks[[${present.map(({ kept }) => kept ?? 0).join(", ")}]]  # ignored where as_decoded is True`,
    "masks = monet.compose_masks(attention, mask_logits, as_decoded)",
  );
  const visible = present.flatMap((slot, i) => (slot.visible ? [i] : []));
  const selection = visible.length === present.length ? "" : `[${JSON.stringify(visible)}]`;
  return [...lines, `image = monet.compose(components${selection}, masks${selection})  # 3, H, W`, ""].join("\n");
}
