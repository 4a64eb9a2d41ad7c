// Memory layout of the network's weights and activations, and conversion of the PyTorch parameters.

#pragma once
#include "state.h"

// Memory ------------------------------------------------------------------------------------------

static u32 top, most_raw, most_inputs;
static unsigned long long count;  // of parameters

static float *take_image(u32 image_side, u32 channels) {
  return take(&top, (unsigned long long)row_of(image_side) * row_of(image_side) * channels);
}

// Allocates the weights of a convolution of an image with `image_side` pixels a side, by stride 1 or 2.
static void lay_out(Convolution *c, u32 inputs, u32 outputs, u32 image_side, u32 stride, int bias) {
  u32 out = stride == 2 ? half(image_side) : image_side, width = outputs % 8 ? 4 : 8;
  int use_winograd = stride == 1 && out >= WINOGRAD_SIDE;
  *c = (Convolution){inputs, outputs, out, stride, row_of(image_side), width, (u32)use_winograd, 0, zeros};
  c->filters = take(&top, (unsigned long long)(use_winograd ? ELEMENTS : 9) * inputs * outputs);
  if (bias) c->bias = take(&top, outputs), count += outputs;
  count += 9 * inputs * outputs;
  most_raw = larger(most_raw, out * out * outputs);
  if (use_winograd) most_inputs = larger(most_inputs, inputs);
}

static void lay_out_block(Block *block, u32 inputs, u32 outputs, u32 image_side) {
  lay_out(&block->convolution, inputs, outputs, image_side, 1, 0);
  block->scale = take(&top, outputs);
  block->bias = take(&top, outputs);
  count += 2 * outputs;
}

static void lay_out_linear(Linear *layer, u32 inputs, u32 outputs) {
  layer->inputs = inputs;
  layer->outputs = outputs;
  layer->weight = take(&top, (unsigned long long)inputs * linear_size(outputs));
  layer->bias = take(&top, linear_size(outputs));
  count += (unsigned long long)inputs * outputs + outputs;
}

static int whole(float value, u32 least, u32 most, u32 multiple) {
  return value >= least && value <= most && (u32)value % multiple == 0 && (float)(u32)value == value;
}

static int can_serve(void) {
  const Settings *s = &settings;
  if (!whole(s->side, 2, MOST_SIDE, 1) || !whole(s->slots, 1, MOST_SLOTS, 1) || !whole(s->latents, 1, MOST_CHANNELS, 1))
    return 0;
  if (!whole(s->attention_hidden, 4, MOST_CHANNELS, 4) || !whole(s->encoder_hidden, 4, MOST_CHANNELS, 4)) return 0;
  if (!whole(s->encoder_activation, 0, 1, 1) || !whole(s->encoder_residuals, 0, MOST_RESIDUALS, 1)) return 0;
  if (!whole(s->attention_levels, 1, MOST_LEVELS, 1) || !whole(s->encoder_levels, 1, MOST_LEVELS, 1)) return 0;
  for (u32 level = 0; level < (u32)s->attention_levels; level++) {
    if (!whole(s->attention_channels[level], 8, MOST_CHANNELS, 8)) return 0;
  }
  for (u32 level = 0; level < (u32)s->encoder_levels; level++) {
    if (!whole(s->encoder_channels[level], 4, MOST_CHANNELS, 4)) return 0;
  }
  u32 multiple = 1u << ((u32)s->attention_levels - 1);
  return whole(s->side, 2 * multiple, MOST_SIDE, multiple) && s->log_mask_floor <= 0;
}

// Allocates the memory for the settings. Returns the number of parameters to copy to weights(), or 0 if it fails: a
// width that is not a multiple of 4 (8 for the attention), more than 8 levels, a limit above exceeded, no memory.
EXPORT("allocate") u32 allocate(void) {
  if (!can_serve()) return 0;
  const float *a = settings.attention_channels, *e = settings.encoder_channels;
  side = (u32)settings.side;
  latents = (u32)settings.latents;
  levels = (u32)settings.attention_levels;
  encoder_levels = (u32)settings.encoder_levels;
  residuals = (u32)settings.encoder_residuals;
  u32 slots = (u32)settings.slots, area = side * side;
  top = first_free();
  count = most_raw = most_inputs = 0;

  zeros = take(&top, MOST_CHANNELS);
  gain = take(&top, MOST_CHANNELS);
  shift = take(&top, MOST_CHANNELS);
  for (u32 level = 0; level < levels; level++) {
    lay_out_block(&down[level], level ? (u32)a[level - 1] : 4, (u32)a[level], side >> level);
  }
  u32 deepest = side >> (levels - 1), features = (u32)a[levels - 1] * deepest * deepest;
  lay_out_linear(&mlp[0], features, (u32)settings.attention_hidden);
  lay_out_linear(&mlp[1], (u32)settings.attention_hidden, (u32)settings.attention_hidden);
  lay_out_linear(&mlp[2], (u32)settings.attention_hidden, features);
  for (u32 number = 0; number < levels; number++) {
    u32 level = levels - 1 - number, skip = (u32)a[level], below = number ? (u32)a[level + 1] / 2 : skip;
    lay_out_block(&up[number], below + skip, skip / 2, side >> level);
  }
  scope_weight = take(&top, 9 * (u32)a[0]);
  logit_weight = take(&top, (u32)a[0] / 2);
  logit_bias = take(&top, 1);
  count += (u32)a[0] / 2 + 1;

  u32 image_side = side;
  for (u32 level = 0; level < encoder_levels; level++, image_side = half(image_side)) {
    u32 channels = (u32)e[level];
    lay_out(&strided[level], level ? (u32)e[level - 1] : 4, channels, image_side, 2, 1);
    for (u32 r = 0; level && r < residuals; r++) {
      lay_out(&residual[level][r], channels, channels, half(image_side), 1, 1);
    }
  }
  mask_weight = take(&top, 9 * (u32)e[0]);
  lay_out_linear(&hidden, (u32)e[encoder_levels - 1] * image_side * image_side, (u32)settings.encoder_hidden);
  lay_out_linear(&posterior, (u32)settings.encoder_hidden, 2 * latents);

  u32 parameters_end = top;
  activations = parameters = take(&parameters_end, count);
  picture = take_image(side, 4);
  plane = take_image(side, 1);
  picture_share = take(&top, area * (u32)a[0]);
  encoder_share = take(&top, half(side) * half(side) * (u32)e[0]);
  for (u32 number = 0; number < levels; number++) {
    u32 level = levels - 1 - number;
    joined[level] = take_image(side >> level, up[number].convolution.inputs);
    if (level) pooled[level] = take_image(side >> level, (u32)a[level - 1]);
  }
  for (u32 level = 1; level <= encoder_levels; level++) {
    rectified[level] = take_image(strided[level - 1].side, (u32)e[level - 1]);
  }
  raw = take(&top, most_raw);
  u32 longest = larger(larger(features, MOST_CHANNELS), 2 * latents);
  vector_a = take(&top, linear_size(longest));
  vector_b = take(&top, linear_size(longest));
  tiles_in = take(&top, ELEMENTS * BLOCK_TILES * most_inputs);
  tiles_out = take(&top, ELEMENTS * BLOCK_TILES * 8);
  logits = take(&top, area + 4);
  log_scope = take(&top, area + 4);
  mask_images = take(&top, slots * area + 4);
  scope_images = take(&top, slots * area + 4);
  share_images = take(&top, slots * area + 4);
  mean_rows = take(&top, slots * latents + 4);
  deviation_rows = take(&top, slots * latents + 4);
  pixel_bytes = (unsigned char *)take(&top, area);

  activations_end = (float *)top;
  if (!reserve(larger(top, parameters_end))) return 0;
  __builtin_memset((void *)first_free(), 0, (u32)activations - first_free());
  return (u32)count;
}

// Parameters --------------------------------------------------------------------------------------

static const float *prepare_convolution(Convolution *c, const float *next) {
  if (c->winograd) winograd_filters(c->filters, next, c->inputs, c->outputs, c->width);
  else direct_filters(c->filters, next, c->inputs, c->outputs, c->width);
  next += 9 * c->inputs * c->outputs;
  return c->bias == zeros ? next : copy(c->bias, next, c->outputs);
}

// The last of four input channels of the filters [channels][4][3][3] -> to[9][channels]
static void prepare_channel(float *to, const float *weight, u32 channels) {
  for (u32 o = 0; o < channels; o++) {
    for (u32 tap = 0; tap < 9; tap++) to[tap * channels + o] = weight[(o * 4 + 3) * 9 + tap];
  }
}

static const float *prepare_block(Block *block, const float *next) {
  next = prepare_convolution(&block->convolution, next);
  next = copy(block->scale, next, block->convolution.outputs);
  return copy(block->bias, next, block->convolution.outputs);
}

// Rearranges the parameters at weights() in the order of their use; their memory is free afterwards.
EXPORT("prepare") void prepare(void) {
  const float *next = parameters;
  u32 deepest = side >> (levels - 1);
  prepare_channel(scope_weight, next, down[0].convolution.outputs);
  for (u32 level = 0; level < levels; level++) next = prepare_block(&down[level], next);
  next = linear_weights(&mlp[0], next, deepest * deepest, 1);
  next = linear_weights(&mlp[1], next, 1, 1);
  next = linear_weights(&mlp[2], next, 1, deepest * deepest);
  for (u32 number = 0; number < levels; number++) next = prepare_block(&up[number], next);
  next = copy(logit_weight, next, down[0].convolution.outputs / 2);
  next = copy(logit_bias, next, 1);

  prepare_channel(mask_weight, next, strided[0].outputs);
  for (u32 level = 0; level < encoder_levels; level++) next = prepare_convolution(&strided[level], next);
  for (u32 level = 1; level < encoder_levels; level++) {
    for (u32 r = 0; r < residuals; r++) next = prepare_convolution(&residual[level][r], next);
  }
  u32 last = strided[encoder_levels - 1].side;
  next = linear_weights(&hidden, next, last * last, 1);
  linear_weights(&posterior, next, 1, 1);
  __builtin_memset(activations, 0, (u32)activations_end - (u32)activations);
}
