// Texts of the animation: a short sentence for each phase, and four ideas that explain them.

/** @param {number} share */
const percent = (share) => `${(100 * share).toFixed(0)} %`;

/**
 * The sentence for a phase of a step.
 * @param {Pick<import("./timeline.js").Moment, "step" | "phase">} moment
 * @param {{count: number, latents: number, left: number, taken: number}} facts number of slots and of latents, and the
 *   shares of the picture that are unexplained before this step (`left`) and that it takes (`taken`)
 */
export function sentence({ step, phase }, { count, latents, left, taken }) {
  const [k, last] = [step + 1, step === count - 1];
  switch (phase) {
    case "scope":
      return step === 0
        ? "Nothing is explained yet. The scope s, drawn as a veil, covers the whole picture."
        : `The part of slot ${step} is removed from the scope. ${percent(left)} of the picture is still unexplained.`;
    case "mask":
      return last
        ? `The last step takes everything that is left: ${percent(taken)} of the picture.`
        : `The attention network selects a share α of the scope: ${percent(taken)} of the picture.`;
    case "piece":
      return `Slot ${k} must describe this piece: the picture times the mask.`;
    case "latents":
      return `The encoder compresses it into ${latents} numbers z. Each bar is a mean, each thin line its uncertainty σ.`;
    case "component":
      return `From these ${latents} numbers alone, the decoder paints the piece again, and also a mask.`;
    case "slot":
      return last
        ? "The last slot is filled. The sum of all slots is the model’s reconstruction of the scene."
        : `The painted piece fills slot ${k}. The next step gets what is left.`;
    default:
      return `Slot ${k} of ${count}. All steps are done. The sum of all slots is the model’s reconstruction.`;
  }
}

/**
 * The ideas: phases that each explains, title, and a few short sentences.
 * @param {number} latents
 * @returns {[import("./timeline.js").Phase[], string, string][]}
 */
export const ideas = (latents) => [
  [
    ["scope", "mask"],
    "Why a scope?",
    "The scope says how much of each pixel is still unexplained. Each step can take only from the scope. So nothing is explained twice, and at each pixel the masks of all steps sum to one. The last step takes everything that is left.",
  ],
  [
    ["piece", "slot"],
    "What is a slot?",
    `A slot describes one part of the scene. A mask says where the part is, and ${latents} numbers say what it looks like. The model is never told what an object is. It learns to cut the scene into parts that are easy to describe with so few numbers. These parts are the objects.`,
  ],
  [
    ["latents"],
    "What does the decoder never see?",
    `The decoder sees only the ${latents} numbers, not the picture, the mask or the other slots. So everything that it paints correctly must be in these numbers. It has to guess the parts that another object hides. What it paints outside its mask does not count.`,
  ],
  [
    ["component"],
    "Why are the decoder’s masks softer?",
    "The attention sees the pixels and can follow an edge exactly. The decoder must draw the edge again from its few numbers. Where several slots claim the same pixel, a softmax divides it among them. Training makes the two kinds of masks similar.",
  ],
];
