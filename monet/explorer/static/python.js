// The view as a Python program that makes it again with `monet`.

const list = (latent) => `[${Array.from(latent, (v) => Number(v.toPrecision(9))).join(", ")}]`;

/** @param {import("./frames.js").Frame} frame @returns {string} */
export function toPython({ scene, document, masks, byAttention }) {
  const { kind, data, index, seed, objects } = scene.origin;
  const number = objects === undefined ? "" : `, (${objects}, ${objects})`;
  const source = {
    sample: `picture = samples.read("${data}", ${index}).image`,
    seed: `picture = DATASETS["${data}"].scene(${seed}${number}).image`,
    stored: `picture = stored("${data}").scene(${index}).image`,
    picture: `picture = "picture.png"  # the file that you opened`,
  }[kind];
  const lines = [
    "# Runs in any folder, by the Python that MONet Explorer was installed for (pip install -e .).",
    "import numpy as np", "", "import monet",
    ...({ sample: ["from monet.data import samples"], seed: ["from monet.data import DATASETS"], stored: ["from monet.data import stored"] }[kind] ?? []),
    "", `model = monet.load(${JSON.stringify(scene.model)})`, source,
    `scene = monet.decompose(model, picture, num_slots=${scene.slots}, how="${scene.how}")`,
  ];
  const untouched = document.slots.every(({ step, latent, mean }, k) => step === k && latent === mean && masks[k]);
  if (untouched && byAttention) return [...lines, "image = scene.reconstruction  # 3, H, W", ""].join("\n");
  lines.push(
    "", "latents = np.array([",
    ...document.slots.map(({ step, latent, mean }) =>
      (step !== null && latent === mean ? `    scene.latent_mean[${step}],` : `    ${list(latent)},`)),
    "], np.float32)", "components, mask_logits = monet.decode(model, latents)",
  );
  const numbers = (chosen) => `[${document.slots.flatMap((slot, k) => (chosen(slot, k) ? [k] : [])).join(", ")}]`;
  if (byAttention) {
    lines.push(`masks = scene.masks[[${document.slots.map((slot) => slot.step).join(", ")}]]  # the attention's`);
  } else {
    const hidden = document.slots.some((slot) => slot.hidden) && document.slots.some((slot) => !slot.hidden);
    if (hidden) lines.push(`mask_logits[${numbers((slot) => slot.hidden)}] = -np.inf  # hidden`);
    lines.push("masks = np.exp(mask_logits - mask_logits.max(0))", "masks /= masks.sum(0)  # the decoder's");
  }
  if (!masks.every(Boolean)) lines.push(`shown = ${numbers((_, k) => masks[k])}`);
  const shown = masks.every(Boolean) ? "" : "[shown]";
  return [...lines, `image = monet.compose(components${shown}, masks${shown})  # 3, H, W`, ""].join("\n");
}
