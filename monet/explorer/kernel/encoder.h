// Encoder: the posterior of one slot, as in monet.vae.Encoder.

#pragma once
#include "state.h"

// relu(raw) -> the interior of `to`, which has a border
static void rectify(float *to, u32 image_side, u32 channels) {
  const float *x = raw;
  for (u32 p = 0; p < image_side * image_side; p++) {
    float *pixel = to + ((p / image_side + 1) * row_of(image_side) + p % image_side + 1) * channels;
    for (u32 c = 0; c < channels; c += 4, x += 4) store(pixel + c, relu(load(x)));
  }
}

// Computes the posterior of slot k from the log mask at `plane`.
static void encode(u32 k) {
  for (u32 level = 0; level < encoder_levels; level++) {
    const Convolution *c = &strided[level];
    if (level) convolve(c, raw, rectified[level], 0);
    else add_channel(raw, encoder_share, plane, row_of(side), c->side, 2, c->outputs, mask_weight);
    for (u32 r = 0; level && r < residuals; r++) {
      rectify(rectified[level + 1], c->side, c->outputs);
      convolve(&residual[level][r], raw, rectified[level + 1], 1);
    }
    rectify(rectified[level + 1], c->side, c->outputs);
  }
  for (u32 i = 0; i < hidden.inputs; i += 4) store(raw + i, relu(load(raw + i)));
  linear(vector_a, &hidden, raw, settings.encoder_activation != 0);
  linear(vector_b, &posterior, vector_a, 0);
  for (u32 z = 0; z < latents; z += 4) {
    store(mean_rows + k * latents + z, load(vector_b + z));
    store(deviation_rows + k * latents + z, exponential(load(vector_b + latents + z)));
  }
}
