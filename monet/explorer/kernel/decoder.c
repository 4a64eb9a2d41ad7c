// Spatial broadcast decoder of MONet's component VAE, one slot at a time, for WebAssembly SIMD.
//
//     latent z[Z], tiled over (H+8) x (W+8), with channels row coordinate and column coordinate, each linspace(-1, 1)
//       -> 3x3 convolution Z+2 -> 32, ReLU        (H+6) x (W+6)
//       -> 3x3 convolution 32 -> 32, ReLU         (H+4) x (W+4)
//       -> 3x3 convolution 32 -> 32, ReLU         (H+2) x (W+2)
//       -> 3x3 convolution 32 -> 32, ReLU          H    x  W
//       -> 1x1 convolution 32 -> 4                 H    x  W      red, green, blue, mask logit
//
// No convolution is padded. All numbers are float32. The memory layout of activations and output is
// [row][column][channel].
//
// Order of calls: allocate(H, W, Z) -> copy the parameters to weights() -> prepare(),
// and then for every latent: copy it to latent() -> decode() -> read output().
// The parameters are the flattened PyTorch state_dict, in its order: five times (weight, bias),
// with weight [output channel][input channel][3][3] and the input channels z_0 .. z_{Z-1}, row, column.
//
// Two identities make this fast; both are exact up to rounding.
//
// 1. The first layer needs no convolution. Output channel o at pixel (y, x), before the ReLU, is
//        bias[o] + sum over i, dy, dx of weight[o][i][dy][dx] * input[i][y + dy][x + dx].
//    A latent channel is constant over space, the row coordinate depends only on y, and the column coordinate only
//    on x. So the sum splits into three terms that are added instead of convolved:
//        latent_term[o]     = bias[o] + sum over i of z_i * (sum over dy, dx of weight[o][i][dy][dx])
//        row_term[y][o]     = sum over dy of row(y + dy)    * (sum over dx of weight[o][Z][dy][dx])
//        column_term[x][o]  = sum over dx of column(x + dx) * (sum over dy of weight[o][Z+1][dy][dx])
//    Only the first term changes with the latent.
//
// 2. The three 32 -> 32 layers use Winograd's minimal filtering: winograd.h.

#include "simd.h"
#include "winograd.h"

enum {
  CHANNELS = 32,      // width of the hidden layers
  OUTPUTS = 4,        // red, green, blue, mask logit: one vector
  LAYERS = 3,         // 32 -> 32 convolutions
  WIDTH = 8,          // output channels computed together: two vectors
  MAX_SIDE = 1024,    // these limits keep every address well within 32 bits
  MAX_LATENTS = 4096,
};

// Memory ------------------------------------------------------------------------------------------

static u32 height, width, latent_dim;
static float *parameters, *latents, *image;
static float *latent_weight, *latent_bias;                // [Z][32], [32]
static float *row_term, *column_term;                     // [H+6][32], [W+6][32]
static float *filter[LAYERS], *bias[LAYERS];              // [32 / 8][36][32][8], [32]
static float *last_weight, *last_bias;                    // [32][4], [4]
// a: layers 1 and 3, b: layer 2, both in rows of `stride` pixels; features: layer 4, [H][W]. The last tiles of a row
// and of a column may read up to three pixels beyond a layer. These are finite, and no result depends on them.
static float *activations_a, *activations_b, *features;
static u32 stride;

static _Alignas(64) float tiles_in[ELEMENTS * BLOCK_TILES * CHANNELS];  // V: [36][tile][32], 18 kB: first-level cache
static _Alignas(64) float tiles_out[ELEMENTS * BLOCK_TILES * WIDTH];    // M: [36][tile][8]

EXPORT("weights") float *weights(void) { return parameters; }
EXPORT("latent") float *latent(void) { return latents; }
EXPORT("output") float *output(void) { return image; }

// Allocates the memory for images of h x w pixels and z latents. Returns the number of parameters to copy to weights(),
// or 0 if it fails: an odd side, a limit above exceeded, no latents, no memory.
EXPORT("allocate") u32 allocate(u32 h, u32 w, u32 z) {
  if (h % 2 || w % 2 || h < 2 || w < 2 || z < 1 || h > MAX_SIDE || w > MAX_SIDE || z > MAX_LATENTS) return 0;
  height = h;
  width = w;
  latent_dim = z;
  u32 count = CHANNELS * (z + 2) * 9 + CHANNELS;
  count += LAYERS * (CHANNELS * CHANNELS * 9 + CHANNELS);
  count += OUTPUTS * CHANNELS + OUTPUTS;

  u32 top = first_free();
  parameters = take(&top, count);
  latents = take(&top, z);
  latent_weight = take(&top, z * CHANNELS);
  latent_bias = take(&top, CHANNELS);
  row_term = take(&top, (h + 6) * CHANNELS);
  column_term = take(&top, (w + 6) * CHANNELS);
  for (u32 layer = 0; layer < LAYERS; layer++) {
    filter[layer] = take(&top, ELEMENTS * CHANNELS * CHANNELS);
    bias[layer] = take(&top, CHANNELS);
  }
  last_weight = take(&top, CHANNELS * OUTPUTS);
  last_bias = take(&top, OUTPUTS);
  stride = w + 10;
  activations_a = take(&top, (h + 10) * stride * CHANNELS);
  activations_b = take(&top, (h + 10) * stride * CHANNELS);
  features = take(&top, h * w * CHANNELS);
  image = take(&top, h * w * OUTPUTS);

  return reserve(top) ? count : 0;
}

// Parameters --------------------------------------------------------------------------------------

// Computes a coordinate channel's contribution to layer 1 at each of the `length` positions along its axis:
// term[position][32]. The filter is summed across the axis, then moved along it; `along` and `across` are the
// strides of its weights in memory in either direction (3 for rows, 1 for columns).
static void prepare_coordinate(float *term, u32 length, u32 channel, u32 along, u32 across) {
  for (u32 position = 0; position < length; position++) {
    for (u32 o = 0; o < CHANNELS; o++) {
      const float *w = parameters + (o * (latent_dim + 2) + channel) * 9;
      float sum = 0;
      for (u32 k = 0; k < 3; k++, w += along) {
        double coordinate = -1.0 + 2.0 * (position + k) / (length + 1);  // linspace(-1, 1, length + 2)
        sum += (w[0] + w[across] + w[2 * across]) * (float)coordinate;
      }
      term[position * CHANNELS + o] = sum;
    }
  }
}

// Rearranges the parameters at weights() in the order of their use.
EXPORT("prepare") void prepare(void) {
  const float *next = parameters;
  for (u32 o = 0; o < CHANNELS; o++) {
    for (u32 i = 0; i < latent_dim + 2; i++) {
      float sum = 0;
      for (u32 k = 0; k < 9; k++) sum += *next++;
      if (i < latent_dim) latent_weight[i * CHANNELS + o] = sum;
    }
  }
  prepare_coordinate(row_term, height + 6, latent_dim, 3, 1);
  prepare_coordinate(column_term, width + 6, latent_dim + 1, 1, 3);
  for (u32 o = 0; o < CHANNELS; o++) latent_bias[o] = *next++;

  for (u32 layer = 0; layer < LAYERS; layer++) {
    winograd_filters(filter[layer], next, CHANNELS, CHANNELS, WIDTH);
    next += CHANNELS * CHANNELS * 9;
    for (u32 o = 0; o < CHANNELS; o++) bias[layer][o] = *next++;
  }

  for (u32 o = 0; o < OUTPUTS; o++) {
    for (u32 i = 0; i < CHANNELS; i++) last_weight[i * OUTPUTS + o] = *next++;
  }
  for (u32 o = 0; o < OUTPUTS; o++) last_bias[o] = *next++;
}

// Layer 1 -----------------------------------------------------------------------------------------

// relu(latent_term + row_term[y] + column_term[x]) -> to[H+6][stride][32]
static void first_layer(float *to) {
  _Alignas(16) float latent_term[CHANNELS];
  for (u32 o = 0; o < CHANNELS; o++) {
    float sum = latent_bias[o];
    for (u32 i = 0; i < latent_dim; i++) sum += latents[i] * latent_weight[i * CHANNELS + o];
    latent_term[o] = sum;
  }
  for (u32 y = 0; y < height + 6; y++) {
    for (u32 o = 0; o < CHANNELS; o += 4) {
      Vector of_row = load(latent_term + o) + load(row_term + y * CHANNELS + o);
      float *pixel = to + y * stride * CHANNELS + o;
      for (u32 x = 0; x < width + 6; x++) {
        store(pixel + x * CHANNELS, relu(of_row + load(column_term + x * CHANNELS + o)));
      }
    }
  }
}

// Layers 2 to 4 -----------------------------------------------------------------------------------

// One 3x3 convolution 32 -> 32 and its ReLU: from[rows + 2][stride][32] -> to[rows][pixels][32]; only the first
// `columns` pixels of a row belong to the image.
static NOINLINE void convolve(float *to, u32 pixels, const float *from, u32 rows, u32 columns, u32 layer) {
  winograd(to, pixels, from, stride, rows, columns, CHANNELS, CHANNELS, WIDTH, filter[layer], bias[layer], RECTIFY,
           tiles_in, tiles_out);
}

// Layer 5 -----------------------------------------------------------------------------------------

// The 1x1 convolution 32 -> 4, four pixels at a time (H * W is a multiple of four).
static void last_layer(float *to, const float *from) {
  const float *end = to + height * width * OUTPUTS;
  for (; to != end; to += 4 * OUTPUTS, from += 4 * CHANNELS) {
    Vector sum[4];
    UNROLL for (u32 pixel = 0; pixel < 4; pixel++) sum[pixel] = load(last_bias);
    for (u32 i = 0; i < CHANNELS; i++) {
      Vector weight = load(last_weight + i * OUTPUTS);
      UNROLL for (u32 pixel = 0; pixel < 4; pixel++) {
        sum[pixel] = multiply_add(sum[pixel], load_repeated(from + pixel * CHANNELS + i), weight);
      }
    }
    UNROLL for (u32 pixel = 0; pixel < 4; pixel++) store(to + pixel * OUTPUTS, sum[pixel]);
  }
}

// Decodes the latent at latent() -> output()[H][W][4].
EXPORT("decode") void decode(void) {
  first_layer(activations_a);
  convolve(activations_b, stride, activations_a, height + 4, width + 4, 0);
  convolve(activations_a, stride, activations_b, height + 2, width + 2, 1);
  convolve(features, width, activations_a, height, width, 2);
  last_layer(image, features);
}
