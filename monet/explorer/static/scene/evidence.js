// Measurements of a model's latents: names, ranges where objects dissolve, and a heat map of all effects.

import { h, svg, targetIn } from "../page/dom.js";

/**
 * @typedef {object} LatentEvidence
 * @property {string} name
 * @property {string} evidence the strongest effect in words, "" for none
 * @property {number[]} alive share of the objects that have not dissolved, at each value of the sweep
 * @property {Record<string, number>} strengths of visible effects: 1 is just visible, 0 differs from slot to slot
 */
/** `turns`: whether objects can be turned. @typedef {{slots: number, sweep: number[], turns: boolean, features: Record<string, string>, latents: LatentEvidence[]}} Evidence */

/** Strength that is drawn darkest. */
const FULL = 8;

/**
 * Limits of a latent: below the first and above the second value most objects have dissolved.
 * @param {LatentEvidence} latent @param {number[]} sweep ascending
 * @returns {[number, number]} infinite if they never do
 */
export function limits({ alive }, sweep) {
  const dead = sweep.filter((_, i) => alive[i] < 0.5);
  return [Math.max(-Infinity, ...dead.filter((v) => v < 0)), Math.min(Infinity, ...dead.filter((v) => v > 0))];
}

/** Strength from which an effect is usable as a handle on the stage. */
const USEFUL = 2;

/** Whether some latent of a model changes a feature in the same way in most slots. @param {Evidence | null} evidence @param {string} feature */
export const learned = (evidence, feature) =>
  Boolean(evidence?.latents.some(({ strengths }) => strengths[feature] >= USEFUL));

/**
 * Draws a heat map, features by latents, of how strong each effect is.
 * @param {Evidence} evidence
 * @param {(dimension: number) => void} select
 * @returns {HTMLElement}
 */
export function heatMap({ features, latents, slots }, select) {
  const [cell, left, top] = [18, 26, 64];
  const names = Object.keys(features);
  const rows = latents.map((latent, d) => ({ latent, d })).filter(({ latent }) => latent.name !== "unused");
  const cells = rows.flatMap(({ latent, d }, row) =>
    names.map((feature, column) => {
      const strength = latent.strengths[feature];
      const title =
        strength === undefined
          ? "no visible effect"
          : strength
            ? `${strength.toFixed(1)} times a just visible change`
            : "differs from slot to slot";
      return svg(
        "rect",
        {
          x: left + column * cell,
          y: top + row * cell,
          width: cell - 1,
          height: cell - 1,
          rx: 2,
          "data-dimension": d,
          class: strength === 0 ? "mx-heat-mixed" : "mx-heat",
          "fill-opacity": strength === undefined ? 0.06 : Math.max(0.12, Math.min(1, (strength || 1) / FULL)),
        },
        svg("title", {}, `z${d}, ${features[feature]}: ${title}`),
      );
    }),
  );
  const picture = svg(
    "svg",
    {
      viewBox: `0 0 ${left + names.length * cell + 26} ${top + rows.length * cell}`,
      class: "mx-heat-map",
      role: "img",
      "aria-label": `What each latent changes, measured on ${slots} objects`,
    },
    ...names.map((feature, i) =>
      svg(
        "text",
        { x: 0, y: 0, transform: `translate(${left + (i + 0.65) * cell} ${top - 4}) rotate(-45)`, "font-size": 8.5 },
        features[feature],
      ),
    ),
    ...rows.map(({ d }, row) =>
      svg("text", { x: left - 4, y: top + (row + 0.7) * cell, "font-size": 9, "text-anchor": "end" }, `z${d}`),
    ),
    ...cells,
  );
  picture.addEventListener("click", (event) => {
    const dimension = targetIn(event, "[data-dimension]")?.dataset.dimension;
    if (dimension !== undefined) select(Number(dimension));
  });
  return h(
    "figure",
    { class: "mx-figure" },
    picture,
    h(
      "figcaption",
      {},
      `Dark: strong effect. Outlined: differs from slot to slot. Each latent moved from −2 to 2 σ of the prior, on ${slots} objects.`,
    ),
  );
}
