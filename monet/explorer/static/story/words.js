// What the film says, a short sentence for each phase, and the four ideas behind it.

/** @param {number} share */
const percent = (share) => `${(100 * share).toFixed(0)} %`;

/**
 * @param {Pick<import("./timeline.js").Moment, "step" | "phase">} moment
 * @param {{count: number, latents: number, left: number, taken: number}} facts slots, latents of a slot, and the shares of
 *   the picture that this step finds unexplained and takes
 */
export function sentence({ step, phase }, { count, latents, left, taken }) {
  const [k, last] = [step + 1, step === count - 1];
  switch (phase) {
    case "scope":
      return step === 0
        ? "Nothing is explained yet: a veil, the scope s, lies over the whole picture."
        : `What slot ${step} took is gone from the scope; ${percent(left)} of the picture is left.`;
    case "mask":
      return last
        ? `The last step takes whatever is left: ${percent(taken)}.`
        : `The attention network opens a spotlight: a share α of the scope, ${percent(taken)} of the picture.`;
    case "piece":
      return `This piece, picture times mask, is what slot ${k} has to describe.`;
    case "latents":
      return `The encoder squeezes it into ${latents} numbers z: a bar for each, a whisker for its doubt σ.`;
    case "component":
      return `From these ${latents} numbers alone the decoder paints the piece again, and its own mask.`;
    case "slot":
      return last
        ? "The last slot is filled, and the sum of all is what the model makes of the scene."
        : `The painted piece fills slot ${k}; the next step gets what is left.`;
    default:
      return `Slot ${k} of ${count}. All steps are done: the slots’ sum is what the model makes of the scene.`;
  }
}

/**
 * The ideas: the phase that shows each, its title, and at most three sentences.
 * @param {number} latents
 * @returns {[import("./timeline.js").Phase[], string, string][]}
 */
export const ideas = (latents) => [
  [
    ["scope", "mask"],
    "Why a scope?",
    "The scope is what earlier steps have left unexplained, pixel by pixel, and each step may take only from that. So no pixel is explained twice, and the shares of all steps add up to one. The last step has no choice: it takes the rest.",
  ],
  [
    ["piece", "slot"],
    "What is a slot?",
    `A slot is a place for one part of the scene: a mask that says where, and ${latents} numbers that say what. Nobody tells the model what an object is. It learns to cut where the parts are easy to describe in so few numbers, and those parts are objects.`,
  ],
  [
    ["latents"],
    "What does the decoder never see?",
    `The picture, the mask and the other slots: all it gets are the ${latents} numbers. So whatever it paints right must be in them. What another object hides it has to guess, and outside its mask nothing that it paints counts.`,
  ],
  [
    ["component"],
    "Why are its masks softer?",
    "The attention looks at the pixels themselves and can follow an edge exactly. The decoder has to draw the edge again from its few numbers, and where slots claim the same pixel a softmax divides it among them. Training pulls the two masks together.",
  ],
];
