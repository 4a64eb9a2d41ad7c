// The view as a Python program that makes it again with `monet`.

const list = (latent) => `[${Array.from(latent, (v) => Number(v.toPrecision(7))).join(", ")}]`;

/** @param {import("./store.js").Store} store @returns {string} */
export function toPython(store) {
  const { scene, document } = store;
  const { kind, data, index, seed, objects } = scene.origin;
  const number = objects === undefined ? "" : `, (${objects}, ${objects})`;
  const source = {
    sample: `picture = samples.read("${data}", ${index}).image`,
    seed: `picture = DATASETS["${data}"].scene(${seed}${number}).image`,
    stored: `picture = stored("${data}").scene(${index}).image`,
    picture: `picture = "picture.png"  # the file that you opened`,
  }[kind];
  const lines = [
    "import numpy as np", "", "import monet",
    ...({ sample: ["from monet.data import samples"], seed: ["from monet.data import DATASETS"], stored: ["from monet.data import stored"] }[kind] ?? []),
    "", `model = monet.load(${JSON.stringify(scene.model)})`, source,
    `scene = monet.decompose(model, picture, num_slots=${scene.slots}, how="${scene.how}")`,
  ];
  if (!store.edited) return [...lines, "image = scene.reconstruction  # 3, H, W", ""].join("\n");
  lines.push("", "latents = np.array([");
  for (const slot of document.slots) {
    if (slot.hidden) continue;
    const untouched = slot.step !== null && slot.latent === slot.mean;
    lines.push(untouched ? `    scene.latent_mean[${slot.step}],` : `    ${list(slot.latent)},`);
  }
  return [
    ...lines, "], np.float32)", "components, mask_logits = monet.decode(model, latents)",
    "masks = np.exp(mask_logits - mask_logits.max(0))", "masks /= masks.sum(0)",
    "image = monet.compose(components, masks)  # 3, H, W", "",
  ].join("\n");
}
