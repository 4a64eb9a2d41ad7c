// Layers of the attention network and the encoder: direct and one-channel convolution, linear, instance normalisation.
//
// Also exponential and log-sigmoid; Winograd convolutions are in winograd.h. The memory layout of images is
// [row][column][channel]. Every image that a 3x3 convolution reads has a border of one pixel.

#pragma once
#include "simd.h"

enum {
  PIXELS = 4,          // pixels that a direct convolution computes together
  LINEAR_WIDTH = 16,   // outputs that a linear layer computes together
};

// Direct convolution -----------------------------------------------------------------------------------

// Rearranges filters [outputs][inputs][3][3] as [outputs / width][9][inputs][width].
static void direct_filters(float *to, const float *weight, u32 inputs, u32 outputs, u32 width) {
  for (u32 o = 0; o < outputs; o++) {
    float *column = to + o / width * 9 * inputs * width + o % width;
    for (u32 i = 0; i < inputs; i++) {
      for (u32 tap = 0; tap < 9; tap++) column[(tap * inputs + i) * width] = *weight++;
    }
  }
}

// 3x3 convolution of any stride: from[.][row][inputs] -> to[side][side][outputs]; `add` adds to the values in `to`.
// The numbers of inputs and outputs are multiples of four.
INLINE void direct(float *to, const float *from, u32 row, u32 side, u32 stride, u32 inputs, u32 outputs, u32 width,
                   const float *filters, const float *bias, int add) {
  for (u32 first = 0; first < side * side; first += PIXELS) {
    const float *corner[PIXELS];
    float *target[PIXELS];
    UNROLL for (u32 p = 0; p < PIXELS; p++) {
      // Beyond the last pixel, repeat the last one.
      u32 pixel = first + p < side * side ? first + p : side * side - 1;
      corner[p] = from + (pixel / side * row + pixel % side) * stride * inputs;
      target[p] = to + pixel * outputs;
    }
    const float *w = filters;
    for (u32 o = 0; o < outputs; o += width) {
      Vector sum[PIXELS][2];
      UNROLL for (u32 p = 0; p < PIXELS; p++) {
        sum[p][0] = load(bias + o);
        sum[p][1] = load(bias + o + width - 4);
        if (add) sum[p][0] += load(target[p] + o), sum[p][1] += load(target[p] + o + width - 4);
      }
      for (u32 tap = 0; tap < 9; tap++) {
        const float *in[PIXELS];
        UNROLL for (u32 p = 0; p < PIXELS; p++) in[p] = corner[p] + (tap / 3 * row + tap % 3) * inputs;
        KEEP_ROLLED for (u32 i = 0; i < inputs; i++, w += width) {
          Vector low = load(w), high = load(w + width - 4);
          UNROLL for (u32 p = 0; p < PIXELS; p++) {
            Vector input = load_repeated(in[p] + i);
            sum[p][0] = multiply_add(sum[p][0], input, low);
            if (width > 4) sum[p][1] = multiply_add(sum[p][1], input, high);
          }
        }
      }
      UNROLL for (u32 p = 0; p < PIXELS; p++) {
        store(target[p] + o, sum[p][0]);
        if (width > 4) store(target[p] + o + 4, sum[p][1]);
      }
    }
  }
}

// Adds the 3x3 convolution of one channel to a precomputed image:
// to[side][side][channels] = share[side][side][channels] + plane[.][row] * weight[9][channels].
static NOINLINE void add_channel(float *to, const float *share, const float *plane, u32 row, u32 side, u32 stride,
                                 u32 channels, const float *weight) {
  for (u32 y = 0; y < side; y++) {
    for (u32 c = 0; c < channels; c += 4) {
      Vector w[9];
      UNROLL for (u32 tap = 0; tap < 9; tap++) w[tap] = load(weight + tap * channels + c);
      for (u32 x = 0; x < side; x++) {
        const float *corner = plane + (y * row + x) * stride;
        u32 at = (y * side + x) * channels + c;
        Vector sum = load(share + at);
        UNROLL for (u32 dy = 0; dy < 3; dy++) {
          UNROLL for (u32 dx = 0; dx < 3; dx++) {
            sum = multiply_add(sum, load_repeated(corner + dy * row + dx), w[3 * dy + dx]);
          }
        }
        store(to + at, sum);
      }
    }
  }
}

// Linear layers ----------------------------------------------------------------------------------------

// Converts a feature's number: PyTorch flattens images by channel and pixel, these kernels by pixel and channel.
INLINE u32 feature(u32 number, u32 channels, u32 pixels) {
  return number % pixels * channels + number / pixels;
}

typedef struct {
  u32 inputs, outputs;
  float *weight, *bias;  // [outputs / 16][inputs][16], padded with zeros; [outputs]
} Linear;

INLINE u32 linear_size(u32 outputs) { return (outputs + LINEAR_WIDTH - 1) / LINEAR_WIDTH * LINEAR_WIDTH; }

// Rearranges weight[outputs][inputs] and bias[outputs] in the order of their use; `pixels_in` and `pixels_out` are the
// pixels of the input and output images, 1 for a plain vector. Returns the address of the next parameters.
static const float *linear_weights(const Linear *layer, const float *next, u32 pixels_in, u32 pixels_out) {
  u32 inputs = layer->inputs, outputs = layer->outputs;
  for (u32 number = 0; number < outputs; number++) {
    u32 o = feature(number, outputs / pixels_out, pixels_out);
    float *to = layer->weight + o / LINEAR_WIDTH * inputs * LINEAR_WIDTH + o % LINEAR_WIDTH;
    for (u32 i = 0; i < inputs; i++) to[feature(i, inputs / pixels_in, pixels_in) * LINEAR_WIDTH] = *next++;
  }
  for (u32 number = 0; number < outputs; number++) {
    layer->bias[feature(number, outputs / pixels_out, pixels_out)] = *next++;
  }
  return next;
}

// to[outputs, rounded up to a multiple of 16] = weight * from[inputs] + bias; `rectify` applies a ReLU.
static NOINLINE void linear(float *to, const Linear *layer, const float *from, int rectify) {
  const float *w = layer->weight;
  for (u32 o = 0; o < layer->outputs; o += LINEAR_WIDTH) {
    Vector sum[4];
    UNROLL for (u32 v = 0; v < 4; v++) sum[v] = load(layer->bias + o + 4 * v);
    KEEP_ROLLED for (u32 i = 0; i < layer->inputs; i++, w += LINEAR_WIDTH) {
      Vector input = load_repeated(from + i);
      UNROLL for (u32 v = 0; v < 4; v++) sum[v] = multiply_add(sum[v], input, load(w + 4 * v));
    }
    UNROLL for (u32 v = 0; v < 4; v++) store(to + o + 4 * v, rectify ? relu(sum[v]) : sum[v]);
  }
}

// Instance normalisation -------------------------------------------------------------------------------

#define EPSILON 1e-5f  // torch.nn.GroupNorm's

// normalisation() for 4 * `vectors` channels: independent sums run in parallel in the CPU's pipeline.
INLINE void normalise_channels(float *gain, float *shift, const float *x, u32 side, u32 channels, const float *scale,
                               const float *bias, u32 vectors) {
  float pixels = (float)(side * side);
  Vector total[4] = {0}, squares[4] = {0}, mean[4];
  for (u32 y = 0; y < side; y++) {
    Vector sum[4] = {0};
    for (const float *p = x + y * side * channels, *end = p + side * channels; p != end; p += channels) {
      UNROLL for (u32 v = 0; v < vectors; v++) sum[v] += load(p + 4 * v);
    }
    UNROLL for (u32 v = 0; v < vectors; v++) total[v] += sum[v];
  }
  UNROLL for (u32 v = 0; v < vectors; v++) mean[v] = total[v] / pixels;
  for (u32 y = 0; y < side; y++) {
    Vector sum[4] = {0};
    for (const float *p = x + y * side * channels, *end = p + side * channels; p != end; p += channels) {
      UNROLL for (u32 v = 0; v < vectors; v++) {
        Vector deviation = load(p + 4 * v) - mean[v];
        sum[v] = multiply_add(sum[v], deviation, deviation);
      }
    }
    UNROLL for (u32 v = 0; v < vectors; v++) squares[v] += sum[v];
  }
  UNROLL for (u32 v = 0; v < vectors; v++) {
    Vector deviation = (Vector)wasm_f32x4_sqrt((v128_t)(squares[v] / pixels + EPSILON));
    Vector g = load(scale + 4 * v) / deviation;
    store(gain + 4 * v, g);
    store(shift + 4 * v, load(bias + 4 * v) - mean[v] * g);
  }
}

// Computes gain and shift of each channel of x[side][side][channels], so that gain * x + shift is x normalised over its
// pixels, times `scale`, plus `bias`. Exact: sums rows first, and squares deviations from the mean instead of values.
static NOINLINE void normalisation(float *gain, float *shift, const float *x, u32 side, u32 channels,
                                   const float *scale, const float *bias) {
  u32 c = 0;
  for (; c + 16 <= channels; c += 16) {
    normalise_channels(gain + c, shift + c, x + c, side, channels, scale + c, bias + c, 4);
  }
  for (; c < channels; c += 4) {
    normalise_channels(gain + c, shift + c, x + c, side, channels, scale + c, bias + c, 1);
  }
}

// Exponential and logarithm ----------------------------------------------------------------------------

// e^x to a relative error of 2e-7; x is clamped to -87 to 88.
INLINE Vector exponential(Vector x) {
  x = (Vector)wasm_f32x4_max(wasm_f32x4_min((v128_t)x, wasm_f32x4_const_splat(88)), wasm_f32x4_const_splat(-87));
  Vector n = (Vector)wasm_f32x4_nearest((v128_t)(x * 1.44269504f));
  Vector r = x - n * 0.693359375f + n * 2.12194440e-4f;  // ln 2 in two parts, the first of which is exact
  Vector power = 1 + r * (1 + r * (1 / 2.f + r * (1 / 6.f + r * (1 / 24.f + r * (1 / 120.f + r * (1 / 720.f))))));
  v128_t scale = wasm_i32x4_shl(wasm_i32x4_add(wasm_i32x4_trunc_sat_f32x4((v128_t)n), wasm_i32x4_const_splat(127)), 23);
  return power * (Vector)scale;
}

// log(1 + t) for t in [0, 1] to 3e-8, by the series of 2 artanh(t / (2 + t)).
INLINE Vector log_1_plus(Vector t) {
  Vector s = t / (2 + t), q = s * s;
  return 2 * s * (1 + q * (1 / 3.f + q * (1 / 5.f + q * (1 / 7.f + q * (1 / 9.f + q * (1 / 11.f + q * (1 / 13.f)))))));
}

// log sigmoid(x) and log sigmoid(-x) = log(1 - sigmoid(x)), exact where either is near 0 or 1.
INLINE void log_sigmoids(Vector x, Vector *log_of, Vector *log_of_rest) {
  Vector magnitude = (Vector)wasm_f32x4_abs((v128_t)x);
  Vector near = -log_1_plus(exponential(-magnitude)), far = near - magnitude;
  v128_t positive = wasm_f32x4_gt((v128_t)x, wasm_f32x4_const_splat(0));
  *log_of = (Vector)wasm_v128_bitselect((v128_t)near, (v128_t)far, positive);
  *log_of_rest = (Vector)wasm_v128_bitselect((v128_t)far, (v128_t)near, positive);
}
