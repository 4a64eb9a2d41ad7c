// State of the network kernel: settings, layers, activation buffers, and its convolutions.

#pragma once
#include "layers.h"
#include "winograd.h"

enum {
  MOST_LEVELS = 8,
  MOST_RESIDUALS = 16,
  MOST_SLOTS = 64,
  MOST_SIDE = 256,
  MOST_CHANNELS = 1024,
  WINOGRAD_SIDE = 8,  // smaller images have too few tiles to pay for filters that are four times as large
};

typedef struct {
  float side, slots, latents;
  float log_mask_floor;  // minus infinity for none
  float attention_hidden, encoder_hidden, encoder_activation, encoder_residuals;
  float attention_levels, encoder_levels;
  float attention_channels[MOST_LEVELS], encoder_channels[MOST_LEVELS];
} Settings;

typedef struct {
  u32 inputs, outputs, side, stride, row;  // `side` of its output, `row` of its input
  u32 width, winograd;
  float *filters, *bias;
} Convolution;

typedef struct {
  Convolution convolution;
  float *scale, *bias;
} Block;

static Settings settings;
static u32 side, latents, levels, encoder_levels, residuals;
static Block down[MOST_LEVELS], up[MOST_LEVELS];  // up[0] is the lowest
static Linear mlp[3], hidden, posterior;
static Convolution strided[MOST_LEVELS], residual[MOST_LEVELS][MOST_RESIDUALS];
static float *scope_weight, *mask_weight;  // [9][channels]: first-layer weights of the scope and of the mask channel
static float *logit_weight, *logit_bias;
static float *zeros, *gain, *shift;

static float *activations, *activations_end;
static float *parameters;                         // share their memory with the activations
static float *picture;                            // [row][row][4] with a border; the fourth channel is 0
static float *plane;                              // [row][row] with a border: the log scope or log mask channel
static float *picture_share, *encoder_share;
static float *pooled[MOST_LEVELS], *joined[MOST_LEVELS];  // inputs of the way down and of the way up
static float *rectified[MOST_LEVELS + 1];         // inputs of the encoder's layers
static float *raw;                                // output of the last convolution, no border
static float *vector_a, *vector_b;
static float *tiles_in, *tiles_out;
static float *logits, *log_scope;
static float *mask_images, *scope_images, *share_images, *mean_rows, *deviation_rows;
static unsigned char *pixel_bytes;

// Pixels in a row of an image with its border, up to the last tile's edge.
INLINE u32 row_of(u32 image_side) { return (image_side + TILE - 1) / TILE * TILE + 2; }
INLINE u32 half(u32 image_side) { return (image_side + 1) / 2; }
INLINE u32 larger(u32 a, u32 b) { return a > b ? a : b; }

static const float *copy(float *to, const float *from, u32 number) {
  for (u32 i = 0; i < number; i++) to[i] = from[i];
  return from + number;
}

// Convolutions ------------------------------------------------------------------------------------

INLINE void convolve_by(u32 width, const Convolution *c, float *to, const float *from, int add) {
  if (c->winograd) {
    winograd(to, c->side, from, c->row, c->side, c->side, c->inputs, c->outputs, width, c->filters, c->bias,
             add ? ADD : KEEP, tiles_in, tiles_out);
  } else {
    direct(to, from, c->row, c->side, c->stride, c->inputs, c->outputs, width, c->filters, c->bias, add);
  }
}

static NOINLINE void convolve_by_4(const Convolution *c, float *to, const float *from, int add) {
  convolve_by(4, c, to, from, add);
}

static NOINLINE void convolve_by_8(const Convolution *c, float *to, const float *from, int add) {
  convolve_by(8, c, to, from, add);
}

// from[row][row][inputs] with its border -> to[side][side][outputs]; `add` adds to the values in `to`
static void convolve(const Convolution *c, float *to, const float *from, int add) {
  (c->width == 8 ? convolve_by_8 : convolve_by_4)(c, to, from, add);
}
