// One step of the attention: the U-Net of monet.attention.UNet.

#pragma once
#include "state.h"

// relu(gain * raw + shift), each pixel repeated `repeat` times along both axes -> channels from `at` on of `to`, which
// has a border and `wide` channels.
static NOINLINE void activate(float *to, u32 wide, u32 at, u32 image_side, u32 channels, u32 repeat) {
  u32 row = row_of(image_side * repeat);
  const float *x = raw;
  for (u32 p = 0; p < image_side * image_side; p++) {
    float *corner = to + ((p / image_side * repeat + 1) * row + p % image_side * repeat + 1) * wide + at;
    for (u32 c = 0; c < channels; c += 4, x += 4) {
      Vector value = relu(multiply_add(load(shift + c), load(x), load(gain + c)));
      store(corner + c, value);
      if (repeat > 1) {
        store(corner + wide + c, value);
        store(corner + row * wide + c, value);
        store(corner + (row + 1) * wide + c, value);
      }
    }
  }
}

// 2x2 average pooling of the channels from `at` on of `from` -> `to`, of half the side; both have borders.
static NOINLINE void pool(float *to, const float *from, u32 wide, u32 at, u32 image_side, u32 channels) {
  u32 row = row_of(image_side), small = image_side / 2;
  for (u32 p = 0; p < small * small; p++) {
    const float *corner = from + ((p / small * 2 + 1) * row + p % small * 2 + 1) * wide + at;
    float *pixel = to + ((p / small + 1) * row_of(small) + p % small + 1) * channels;
    for (u32 c = 0; c < channels; c += 4) {
      Vector above = load(corner + c) + load(corner + wide + c);
      Vector below = load(corner + row * wide + c) + load(corner + (row + 1) * wide + c);
      store(pixel + c, (above + below) * 0.25f);
    }
  }
}

// 1x1 convolution of relu(gain * raw + shift) to one channel -> logits[side][side]
static NOINLINE void last_layer(u32 channels) {
  const float *x = raw;
  for (u32 p = 0; p < side * side; p++) {
    Vector sum = {0};
    for (u32 c = 0; c < channels; c += 4, x += 4) {
      Vector value = relu(multiply_add(load(shift + c), load(x), load(gain + c)));
      sum = multiply_add(sum, value, load(logit_weight + c));
    }
    logits[p] = *logit_bias + ((sum[0] + sum[1]) + (sum[2] + sum[3]));
  }
}

static void normalise(const Block *block) {
  normalisation(gain, shift, raw, block->convolution.side, block->convolution.outputs, block->scale, block->bias);
}

// The MLP between the two paths: reads the last channels of joined[levels - 1], the lowest skip, and writes the first.
static void bottleneck(void) {
  const u32 small = side >> (levels - 1), channels = down[levels - 1].convolution.outputs, wide = 2 * channels;
  for (u32 p = 0; p < small * small; p++) {
    const float *pixel = joined[levels - 1] + ((p / small + 1) * row_of(small) + p % small + 1) * wide;
    copy(vector_a + p * channels, pixel + channels, channels);
  }
  linear(vector_b, &mlp[0], vector_a, 1);
  linear(vector_a, &mlp[1], vector_b, 1);
  linear(vector_b, &mlp[2], vector_a, 1);
  for (u32 p = 0; p < small * small; p++) {
    float *pixel = joined[levels - 1] + ((p / small + 1) * row_of(small) + p % small + 1) * wide;
    copy(pixel, vector_b + p * channels, channels);
  }
}

// Computes the logits of alpha_k from the log scope at `plane`.
static void attend(void) {
  for (u32 level = 0; level < levels; level++) {
    const Convolution *c = &down[level].convolution;
    if (level) convolve(c, raw, pooled[level], 0);
    else add_channel(raw, picture_share, plane, row_of(side), side, 1, c->outputs, scope_weight);
    normalise(&down[level]);
    u32 wide = up[levels - 1 - level].convolution.inputs, at = wide - c->outputs;
    activate(joined[level], wide, at, c->side, c->outputs, 1);
    if (level + 1 < levels) pool(pooled[level + 1], joined[level], wide, at, c->side, c->outputs);
  }

  bottleneck();
  for (u32 number = 0; number < levels; number++) {
    const Convolution *c = &up[number].convolution;
    convolve(c, raw, joined[levels - 1 - number], 0);
    normalise(&up[number]);
    if (number + 1 == levels) last_layer(c->outputs);
    else activate(joined[levels - 2 - number], up[number + 1].convolution.inputs, 0, c->side, c->outputs, 2);
  }
}
