// One sentence and its equation for each panel, in the paper's words (Burgess et al. 2019), folded away.

import { h } from "./dom.js";

/** A symbol, with an index and an exponent if it has them. @param {string} text */
const i = (text, sub = "", sup = "") =>
  h("i", {}, text, ...(sub ? [h("sub", {}, sub)] : []), ...(sup ? [h("sup", {}, sup)] : []));

/** The loss that a model is trained with (paper, equation 3). */
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
    "Scenes of the kind x that MONet learns from without being told what is in them: two dozen that it was never trained on, new ones from the data set’s generator, and some unlike anything in its training.",
    h("p", { class: "mx-equation" }, i("x"), " ∈ [0, 1]", h("sup", {}, "3×H×W")),
  ],
  scene: () => [
    "MONet explains a picture as a mixture: every pixel is owned, in shares that sum to one, by K slots, and each slot paints its own component.",
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
    "The reconstruction is Σ m x̂. Before an edit m is the attention’s mask. An edited object may have moved, so its mask is the decoder’s; the other slots share the rest as the attention shared it, and the hole that the object leaves goes to the slot that the decoder believes in.",
  ],
  compose: () => [
    "Nothing on the canvas is told to the network but its pixels. It takes them apart anew with every change, so one sees what an object is to it: what keeps a slot of its own, and what does not.",
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
      "What the scope’s brush marks counts as explained: there the recursion begins with ",
      i("s", "0"),
      " = 0 instead of 1, and no slot takes it.",
    ),
    "The page knows which pixel belongs to which object, so it can measure the answer; the network runs in the browser where it can. With the canvas in focus, Space selects, arrow keys move, [ and ] turn, plus and minus size, Page Up and Page Down stack, Delete removes.",
  ],
  attention: () => [
    "A U-Net looks at the picture and at the scope, what is still unexplained, and takes a share of it; the next step gets what is left, and the last takes the rest.",
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
    "Nobody tells the model what an object is: it learns to explain pictures cheaply, and slots that are objects are what comes of it. Each moment is the model as it was at that step, on the same scenes.",
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
    "It is measured on scenes that the training does not see, in nats. ARI-FG compares the masks with the true objects: 0 is chance, 1 is perfect.",
  ],
  slots: () => [
    "One VAE serves all slots: it sees the picture and the logarithm of one mask, squeezes them into 16 latents, and paints from these a component and the logit of a mask.",
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
    "Each latent has a posterior N(μ, σ²) for this slot; the tick is μ, the band one σ. How far it is from the prior N(0, 1) is what it says about the slot, in nats.",
    h("p", { class: "mx-equation" }, "KL = ½ (", i("μ", "", "2"), " + ", i("σ", "", "2"), " − 1) − ln ", i("σ")),
  ],
  traversals: () => [
    "One latent goes from end to end while the others hold still: what changes is what it encodes. Beside it, how much it says (KL) and how much it does (Δ, root mean square over pixels and channels between the two ends).",
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
    "Two latents of the slot under one finger: the rings are one and two σ of the prior, the ellipse is one σ of the slot’s posterior, whose axes are those of the pad since the latents are independent.",
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
    "All slots share one VAE, so their latents can be compared: the map is the plane over which the posterior means of all slots of the sample scenes spread most (principal components u). A point’s area is its slot’s share of the pixels.",
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
    "The objective that the model was trained with has three terms: how well the pixels are explained, how much the latents say, and how well the decoder’s masks foretell the attention’s.",
    objective(),
  ],
  train: () => [
    "A run lowers the mean of ℒ over the pictures of a data set. It is a process of its own in the folder runs/NAME, the same as python -m monet.training starts: closing the page or the app does not stop it, and the app finds it again. It saves its state at least once a minute, and when it is paused.",
    objective(),
    "Lines are batches of training, dots are held-out pictures that no step has learned from: where the dots rise while the line falls, the model learns its pictures by heart.",
  ],
  export: () => ["Everything here is made from what is on screen; nothing leaves this machine unless you take it."],
};

// One explanation at a time: Escape and a press anywhere else fold it away again.
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

/** A folded explanation for a panel's head. @param {keyof typeof TEXTS} name */
export function explanation(name) {
  return h(
    "details",
    { class: "mx-why" },
    h("summary", { title: "What is this?", "aria-label": "What is this?" }, "?"),
    h("div", { class: "mx-why-text" }, ...TEXTS[name]()),
  );
}
