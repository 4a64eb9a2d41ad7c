// Explanations of the panels: a few sentences and the paper's equation (Burgess et al. 2019) behind each “?”.

import { h } from "./dom.js";

/** A symbol with an optional subscript and superscript. @param {string} text */
const i = (text, sub = "", sup = "") =>
  h("i", {}, text, ...(sub ? [h("sub", {}, sub)] : []), ...(sup ? [h("sup", {}, sup)] : []));

/** The training loss (paper, equation 3). */
const objective = () =>
  h(
    "p",
    { class: "mx-equation" },
    "ℒ = −log ",
    i("p"),
    "(",
    i("x"),
    " | ",
    i("z"),
    ") + β KL(",
    i("q"),
    "(",
    i("z"),
    ") ‖ ",
    i("p"),
    "(",
    i("z"),
    ")) + γ KL(",
    i("q"),
    "(",
    i("c"),
    " | ",
    i("x"),
    ") ‖ ",
    i("p"),
    "(",
    i("c"),
    " | ",
    i("z"),
    "))",
  );

/** @satisfies {Record<string, () => (Node | string)[]>} */
const TEXTS = {
  gallery: () => [
    "MONet learns from pictures x like these, without labels. Each data set has 24 sample scenes that were not used for training, and a generator makes new ones. “Out of distribution” lists unusual scenes, unlike those in training.",
    h("p", { class: "mx-equation" }, i("x"), " ∈ [0, 1]", h("sup", {}, "3×H×W")),
  ],
  scene: () => [
    "MONet describes a picture as a mixture of K slots. Each slot paints its own component, and its mask says how much of each pixel it explains. At each pixel the masks sum to one.",
    h(
      "p",
      { class: "mx-equation" },
      i("p"),
      "(",
      i("x"),
      ") = Σ",
      h("sub", {}, "k"),
      " ",
      i("m", "k"),
      " 𝒩(",
      i("x"),
      "; ",
      i("x̂", "k"),
      ", ",
      i("σ", "k", "2"),
      ")",
    ),
    "The reconstruction is Σ m x̂. Before an edit, m is the attention’s mask. An edited object may have moved, so it gets the decoder’s mask. The other slots share the remaining pixels in the proportions of their attention masks. Where the object leaves a hole, the decoder’s masks decide which slots fill it.",
  ],
  compose: () => [
    "The network sees only the pixels of the canvas. It takes the picture apart again after every change. So you can test what counts as an object for it: what gets its own slot, and what does not.",
    h(
      "p",
      { class: "mx-equation" },
      i("x"),
      " → (",
      i("m", "k"),
      ", ",
      i("z", "k"),
      ")",
      h("sub", {}, "k = 1…K"),
      " → Σ ",
      i("m", "k"),
      " ",
      i("x̂", "k"),
    ),
    h(
      "p",
      {},
      "The Scope brush marks pixels as already explained. There the recursion begins with ",
      i("s", "0"),
      " = 0 instead of 1, and no slot takes these pixels.",
    ),
    "The page knows the true object of each pixel, so it can score the result. The network runs in your browser if possible, otherwise on the server. Keys on the canvas: Space selects an object, arrow keys move it, [ and ] turn it, plus and minus resize it, Page Up and Page Down bring it forward or back, Delete removes it.",
  ],
  attention: () => [
    "The scope s says how much of each pixel is still unexplained. In each step a U-Net sees the picture and the scope, and takes a share α of the scope as its mask m. The next step gets the remaining scope, and the last step takes all of it.",
    h(
      "p",
      { class: "mx-equation" },
      i("s", "0"),
      " = 1,  ",
      i("m", "k"),
      " = ",
      i("s", "k−1"),
      " ",
      i("α", "k"),
      "(",
      i("x"),
      "; ",
      i("s", "k−1"),
      "),  ",
      i("s", "k"),
      " = ",
      i("s", "k−1"),
      " (1 − ",
      i("α", "k"),
      "),  ",
      i("m", "K"),
      " = ",
      i("s", "K−1"),
    ),
  ],
  moments: () => [
    "The model is never told what an object is. It learns to describe pictures with little information, and as a result its slots become objects. The slider shows the model at different steps of its training, always on the same scenes.",
    h(
      "p",
      { class: "mx-equation" },
      "loss = −log ",
      i("p"),
      "(",
      i("x"),
      ") + ½ KL(",
      i("z"),
      ") + ½ KL(",
      i("m"),
      ")",
    ),
    "The loss is in nats, measured on scenes that are not used for training. ARI-FG compares the masks with the true objects: 0 is chance, 1 is perfect.",
  ],
  slots: () => [
    "All slots share one VAE. Its encoder sees the picture and the logarithm of the slot’s mask, and compresses them into 16 latents. From these alone, its decoder paints a component and the logit of a mask.",
    h(
      "p",
      { class: "mx-equation" },
      i("z", "k"),
      " ~ ",
      i("q"),
      "(",
      i("z"),
      " | ",
      i("x"),
      ", ",
      i("m", "k"),
      "),  ",
      i("m̂", "k"),
      " = softmax",
      h("sub", {}, "k"),
      " logit",
      h("sub", {}, "k"),
    ),
  ],
  latents: () => [
    "Each latent has a posterior N(μ, σ²) for this slot. On the slider, the tick is μ and the band is one σ to each side. The KL divergence from the prior N(0, 1) measures how much information the latent carries about the slot, in nats.",
    h("p", { class: "mx-equation" }, "KL = ½ (", i("μ", "", "2"), " + ", i("σ", "", "2"), " − 1) − ln ", i("σ")),
  ],
  traversals: () => [
    "One latent moves from end to end while all others stay fixed. What changes in the pictures is what this latent encodes. The numbers beside them are its KL, the information it carries, and its effect Δ: the root mean square difference between the two ends, over pixels and channels.",
    h(
      "p",
      { class: "mx-equation" },
      "Δ = √ ⟨ ( ",
      i("x̂"),
      "(",
      i("z", "d"),
      " = end) − ",
      i("x̂"),
      "(",
      i("z", "d"),
      " = start) )",
      h("sup", {}, "2"),
      " ⟩",
    ),
  ],
  pad: () => [
    "Drag the dot to change two latents of the slot at once. The rings are one and two σ of the prior. The ellipse is one σ of the slot’s posterior. It is never tilted, because the latents are independent in the posterior.",
    h(
      "p",
      { class: "mx-equation" },
      i("q"),
      "(",
      i("z", "i"),
      ", ",
      i("z", "j"),
      ") = 𝒩(",
      i("z", "i"),
      "; ",
      i("μ", "i"),
      ", ",
      i("σ", "i", "2"),
      ") 𝒩(",
      i("z", "j"),
      "; ",
      i("μ", "j"),
      ", ",
      i("σ", "j", "2"),
      ")",
    ),
  ],
  map: () => [
    "All slots share one VAE, so their latents can be compared. Each point is a slot of a sample scene: its posterior mean μ, projected on the first two principal components u of all these slots. The larger a point, the larger its slot’s share of the pixels.",
    h(
      "p",
      { class: "mx-equation" },
      "place = (",
      i("u", "1"),
      "·(",
      i("μ", "k"),
      " − ",
      i("μ̄"),
      "), ",
      i("u", "2"),
      "·(",
      i("μ", "k"),
      " − ",
      i("μ̄"),
      "))",
    ),
  ],
  charts: () => [
    "The training loss has three terms: the error of the reconstruction, the information in the latents, and the difference between the attention’s masks and the decoder’s masks.",
    objective(),
  ],
  train: () => [
    "A run trains a model: it minimises the mean of ℒ over the pictures of a data set. Each run is a separate process with its own folder runs/NAME, as python -m monet.training starts it. It continues when the page or the app is closed, and the app finds it again. It saves its state at least once a minute, and when you pause it.",
    objective(),
    "Lines show training batches. Dots show held-out pictures, which are not used for training. If the dots rise while the line falls, the model memorises its training pictures (overfitting).",
  ],
  export: () => ["Exports contain what is on screen. Nothing leaves this machine unless you share it."],
};

// Escape, or a press anywhere else, closes an open explanation.
/** @returns {NodeListOf<HTMLDetailsElement>} */
const open = () => document.querySelectorAll(".mx-why[open]");
addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const why of open()) {
    why.open = false;
    if (why.contains(document.activeElement) || document.activeElement === document.body)
      why.querySelector("summary")?.focus();
  }
});
addEventListener("pointerdown", (event) => {
  for (const why of open()) if (!(event.target instanceof Node && why.contains(event.target))) why.open = false;
});

/** The closed explanation for a panel's head. @param {keyof typeof TEXTS} name */
export function explanation(name) {
  return h(
    "details",
    { class: "mx-why" },
    h("summary", { title: "What is this?", "aria-label": "What is this?" }, "?"),
    h("div", { class: "mx-why-text" }, ...TEXTS[name]()),
  );
}
