// The spatial broadcast decoder of MONet's component VAE, one slot at a time, for WebAssembly SIMD.
//
//     latent z[Z], tiled over (H+8) x (W+8), + row coordinate + column coordinate, each linspace(-1, 1)
//       -> 3x3 convolution Z+2 -> 32, ReLU        (H+6) x (W+6)
//       -> 3x3 convolution 32 -> 32, ReLU         (H+4) x (W+4)
//       -> 3x3 convolution 32 -> 32, ReLU         (H+2) x (W+2)
//       -> 3x3 convolution 32 -> 32, ReLU          H    x  W
//       -> 1x1 convolution 32 -> 4                 H    x  W      red, green, blue, mask logit
//
// No convolution is padded. All numbers are float32. Activations and output lie in memory as
// [row][column][channel].
//
// Calling order: allocate(H, W, Z) -> copy the parameters to weights() -> prepare(),
// and then for every latent: copy it to latent() -> decode() -> read output().
// The parameters are those of the PyTorch state_dict, in its order, flattened: five times (weight, bias),
// with weight [output channel][input channel][3][3] and the input channels z_0 .. z_{Z-1}, row, column.
//
// Two identities make this fast; both are exact up to rounding.
//
// 1. The first layer needs no convolution. Output channel o at pixel (y, x), before the ReLU, is
//        bias[o] + sum over i, dy, dx of weight[o][i][dy][dx] * input[i][y + dy][x + dx].
//    A latent channel is constant over space, the row coordinate depends on y alone, the column coordinate on
//    x alone. So the sum falls into three terms that are added instead of convolved:
//        latent_term[o]     = bias[o] + sum over i of z_i * (sum over dy, dx of weight[o][i][dy][dx])
//        row_term[y][o]     = sum over dy of row(y + dy)    * (sum over dx of weight[o][Z][dy][dx])
//        column_term[x][o]  = sum over dx of column(x + dx) * (sum over dy of weight[o][Z+1][dy][dx])
//    Only the first one changes when a latent is moved.
//
// 2. The three 32 -> 32 layers use Winograd's minimal filtering F(2x2, 3x3) (Lavin & Gray 2016,
//    arXiv:1509.09308). Output is made in tiles of 2x2 pixels, each from a 4x4 patch d of the input.
//    With g a 3x3 filter and ' for the transpose,
//        U = G g G'       4x4, once per pair of channels, in prepare()
//        V = B' d B       4x4, once per tile and input channel
//        M = sum over the input channels of U * V, element by element
//        Y = A' M A       2x2, once per tile and output channel
//
//             [ 1  0 -1  0 ]         [  1    0    0  ]
//        B' = [ 0  1  1  0 ]     G = [ 1/2  1/2  1/2 ]     A' = [ 1  1  1  0 ]
//             [ 0 -1  1  0 ]         [ 1/2 -1/2  1/2 ]          [ 0  1 -1 -1 ]
//             [ 0  1  0 -1 ]         [  0    0    1  ]
//
//    That is 16 multiplications per tile and pair of channels where the plain convolution needs 4 * 9 = 36.
//    For each of the 16 elements, M is a matrix product (tiles x channels) * (channels x channels): nine
//    tenths of the time go there, into multiply().

#include <wasm_simd128.h>

enum {
  CHANNELS = 32,       // width of the hidden layers
  OUTPUTS = 4,         // red, green, blue, mask logit: one vector
  LAYERS = 3,          // 32 -> 32 convolutions
  ELEMENTS = 16,       // of the 4x4 Winograd domain
  BLOCK_TILES = 8,     // tiles transformed together: their V is 16 kB and stays in the first-level cache
  BLOCK_OUTPUTS = 8,   // output channels computed together: two vectors
  REGISTER_TILES = 4,  // tiles per inner loop: 4 x 2 accumulators and 3 temporaries fit into 15 registers
  MAX_SIDE = 1024,     // limits that keep every address below far within 32 bits
  MAX_LATENTS = 4096,
  PAGE = 65536,        // bytes in a page of WebAssembly memory
};

typedef unsigned u32;
typedef float Vector __attribute__((vector_size(16), may_alias));  // four channels; + - * act on each

#define EXPORT(name) __attribute__((export_name(name)))
#define INLINE static inline __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))
#define UNROLL _Pragma("clang loop unroll(full)")
#define KEEP_ROLLED _Pragma("clang loop unroll(disable)")

INLINE Vector load(const float *from) { return *(const Vector *)from; }
INLINE void store(float *to, Vector value) { *(Vector *)to = value; }
INLINE Vector load_repeated(const float *from) { return (Vector)wasm_v128_load32_splat(from); }

// max(0, value) that hands on NaN, as torch.relu does (pmax(a, b) is a < b ? b : a).
INLINE Vector relu(Vector value) {
  return (Vector)wasm_f32x4_pmax((v128_t)value, wasm_f32x4_const_splat(0));
}

INLINE Vector multiply_add(Vector sum, Vector a, Vector b) {
#ifdef __wasm_relaxed_simd__  // one fused instruction where the CPU has it
  return (Vector)wasm_f32x4_relaxed_madd((v128_t)a, (v128_t)b, (v128_t)sum);
#else
  return sum + a * b;
#endif
}

// Memory ------------------------------------------------------------------------------------------

static u32 height, width, latent_dim;
static float *parameters, *latents, *image;
static float *latent_weight, *latent_bias;                // [Z][32], [32]
static float *row_term, *column_term;                     // [H+6][32], [W+6][32]
static float *filter[LAYERS], *bias[LAYERS];              // [32 / 8][16][32][8], [32]
static float *last_weight, *last_bias;                    // [32][4], [4]
static float *activations_a, *activations_b;              // layers 1 and 3, layers 2 and 4

static _Alignas(64) float tiles_in[ELEMENTS * BLOCK_TILES * CHANNELS];        // V: [16][tile][32]
static _Alignas(64) float tiles_out[ELEMENTS * BLOCK_TILES * BLOCK_OUTPUTS];  // M: [16][tile][8]

extern unsigned char __heap_base;  // first free byte, set by the linker

// The next `count` floats of memory, beginning at a multiple of 64 bytes.
static float *take(u32 *top, u32 count) {
  float *start = (float *)*top;
  *top += (count * sizeof(float) + 63) & ~63u;
  return start;
}

EXPORT("weights") float *weights(void) { return parameters; }
EXPORT("latent") float *latent(void) { return latents; }
EXPORT("output") float *output(void) { return image; }

// Lays out the memory for images of h x w pixels and z latents. Returns how many parameters are expected at
// weights(), or 0 if it cannot serve: an odd side, a limit above exceeded, no latents, no memory.
EXPORT("allocate") u32 allocate(u32 h, u32 w, u32 z) {
  if (h % 2 || w % 2 || h < 2 || w < 2 || z < 1 || h > MAX_SIDE || w > MAX_SIDE || z > MAX_LATENTS) return 0;
  height = h;
  width = w;
  latent_dim = z;
  u32 count = CHANNELS * (z + 2) * 9 + CHANNELS;
  count += LAYERS * (CHANNELS * CHANNELS * 9 + CHANNELS);
  count += OUTPUTS * CHANNELS + OUTPUTS;

  u32 top = ((u32)&__heap_base + 63) & ~63u;
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
  activations_a = take(&top, (h + 6) * (w + 6) * CHANNELS);
  activations_b = take(&top, (h + 4) * (w + 4) * CHANNELS);
  image = take(&top, h * w * OUTPUTS);

  u32 pages = (top + PAGE - 1) / PAGE, present = __builtin_wasm_memory_size(0);
  if (pages > present && __builtin_wasm_memory_grow(0, pages - present) == -1ul) return 0;
  return count;
}

// Parameters --------------------------------------------------------------------------------------

// What a coordinate channel adds to layer 1 at each of the `length` positions along its axis:
// term[position][32]. A filter is summed across the axis, then slid along it; `along` and `across` are the
// distances in memory from one of its numbers to the next in either direction (3 for rows, 1 for columns).
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

// G g for one column or row g of a filter, whose three numbers lie `stride` apart.
static void transform_filter(float *to, const float *g, u32 stride) {
  float g0 = g[0], g1 = g[stride], g2 = g[2 * stride];
  to[0] = g0;
  to[1] = (g0 + g1 + g2) / 2;
  to[2] = (g0 - g1 + g2) / 2;
  to[3] = g2;
}

// Brings the parameters at weights() into the order of their use.
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
    for (u32 o = 0; o < CHANNELS; o++) {
      float *block = filter[layer] + o / BLOCK_OUTPUTS * ELEMENTS * CHANNELS * BLOCK_OUTPUTS;
      float *to = block + o % BLOCK_OUTPUTS;
      for (u32 i = 0; i < CHANNELS; i++, next += 9) {
        float half[3][4], u[4];  // half = (G g)'
        for (u32 x = 0; x < 3; x++) transform_filter(half[x], next + x, 3);
        for (u32 y = 0; y < 4; y++) {
          transform_filter(u, &half[0][y], 4);  // row y of U = (G g) G'
          for (u32 x = 0; x < 4; x++) to[((y * 4 + x) * CHANNELS + i) * BLOCK_OUTPUTS] = u[x];
        }
      }
    }
    for (u32 o = 0; o < CHANNELS; o++) bias[layer][o] = *next++;
  }

  for (u32 o = 0; o < OUTPUTS; o++) {
    for (u32 i = 0; i < CHANNELS; i++) last_weight[i * OUTPUTS + o] = *next++;
  }
  for (u32 o = 0; o < OUTPUTS; o++) last_bias[o] = *next++;
}

// Layer 1 -----------------------------------------------------------------------------------------

// relu(latent_term + row_term[y] + column_term[x]) -> to[H+6][W+6][32]
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
      float *pixel = to + y * (width + 6) * CHANNELS + o;
      for (u32 x = 0; x < width + 6; x++) {
        store(pixel + x * CHANNELS, relu(of_row + load(column_term + x * CHANNELS + o)));
      }
    }
  }
}

// Layers 2 to 4 -----------------------------------------------------------------------------------

// B' d for one column or row d of a patch.
INLINE void transform_input(Vector to[4], Vector d0, Vector d1, Vector d2, Vector d3) {
  to[0] = d0 - d2;
  to[1] = d1 + d2;
  to[2] = d2 - d1;
  to[3] = d1 - d3;
}

// A' m for one column or row m of a product.
INLINE void transform_output(Vector to[2], Vector m0, Vector m1, Vector m2, Vector m3) {
  to[0] = m0 + m1 + m2;
  to[1] = m1 - m2 - m3;
}

// V = B' d B for all channels of the 4x4 patch at `patch`, in an image of `columns` columns -> to[16][.][32]
INLINE void load_tile(float *to, const float *patch, u32 columns) {
  for (u32 c = 0; c < CHANNELS; c += 4) {
    Vector half[4][4], v[4];  // half = (B' d)'
    UNROLL for (u32 x = 0; x < 4; x++) {
      const float *d = patch + x * CHANNELS + c;
      transform_input(half[x], load(d), load(d + columns * CHANNELS), load(d + 2 * columns * CHANNELS),
                      load(d + 3 * columns * CHANNELS));
    }
    UNROLL for (u32 y = 0; y < 4; y++) {
      transform_input(v, half[0][y], half[1][y], half[2][y], half[3][y]);  // row y of V = (B' d) B
      UNROLL for (u32 x = 0; x < 4; x++) store(to + (y * 4 + x) * BLOCK_TILES * CHANNELS + c, v[x]);
    }
  }
}

// m[4 tiles][8 outputs] = v[4 tiles][32 inputs] * u[32 inputs][8 outputs], one input channel at each turn.
// The loop stays rolled: unrolled, the compiler moves more loads ahead than there are registers to hold them.
INLINE void multiply(float *m, const float *v, const float *u) {
  Vector sum[REGISTER_TILES][2] = {0};
  const float *end = v + CHANNELS;
  KEEP_ROLLED for (; v != end; v++, u += BLOCK_OUTPUTS) {
    Vector u_low = load(u), u_high = load(u + 4);
    UNROLL for (u32 tile = 0; tile < REGISTER_TILES; tile++) {
      Vector input = load_repeated(v + tile * CHANNELS);
      sum[tile][0] = multiply_add(sum[tile][0], input, u_low);
      sum[tile][1] = multiply_add(sum[tile][1], input, u_high);
    }
  }
  UNROLL for (u32 tile = 0; tile < REGISTER_TILES; tile++) {
    store(m + tile * BLOCK_OUTPUTS, sum[tile][0]);
    store(m + tile * BLOCK_OUTPUTS + 4, sum[tile][1]);
  }
}

// relu(A' M A + bias) for 8 channels of a tile -> the 2x2 pixels at `pixel`, in an image of `columns` columns
INLINE void store_tile(float *pixel, u32 columns, const float *m, const float *channel_bias) {
  UNROLL for (u32 c = 0; c < BLOCK_OUTPUTS; c += 4) {
    enum { ROW = 4 * BLOCK_TILES * BLOCK_OUTPUTS };  // from one row of M to the next
    Vector half[4][2], out[2], shift = load(channel_bias + c);  // half = (A' M)'
    UNROLL for (u32 x = 0; x < 4; x++) {
      const float *of_column = m + x * BLOCK_TILES * BLOCK_OUTPUTS + c;
      transform_output(half[x], load(of_column), load(of_column + ROW), load(of_column + 2 * ROW),
                       load(of_column + 3 * ROW));
    }
    UNROLL for (u32 y = 0; y < 2; y++) {
      transform_output(out, half[0][y], half[1][y], half[2][y], half[3][y]);  // row y of Y = (A' M) A
      store(pixel + y * columns * CHANNELS + c, relu(shift + out[0]));
      store(pixel + (y * columns + 1) * CHANNELS + c, relu(shift + out[1]));
    }
  }
}

// One 3x3 convolution 32 -> 32 and its ReLU: from[rows + 2][columns + 2][32] -> to[rows][columns][32]
static NOINLINE void convolve(float *to, const float *from, u32 rows, u32 columns, u32 layer) {
  u32 tiles_per_row = columns / 2, tiles = rows / 2 * tiles_per_row;
  for (u32 first = 0; first < tiles; first += BLOCK_TILES) {
    u32 count = tiles - first < BLOCK_TILES ? tiles - first : BLOCK_TILES;
    for (u32 tile = 0; tile < count; tile++) {
      u32 y = (first + tile) / tiles_per_row * 2, x = (first + tile) % tiles_per_row * 2;
      load_tile(tiles_in + tile * CHANNELS, from + (y * (columns + 2) + x) * CHANNELS, columns + 2);
    }
    for (u32 block = 0; block < CHANNELS / BLOCK_OUTPUTS; block++) {
      const float *u = filter[layer] + block * ELEMENTS * CHANNELS * BLOCK_OUTPUTS;
      for (u32 element = 0; element < ELEMENTS; element++, u += CHANNELS * BLOCK_OUTPUTS) {
        float *m = tiles_out + element * BLOCK_TILES * BLOCK_OUTPUTS;
        const float *v = tiles_in + element * BLOCK_TILES * CHANNELS;
        for (u32 tile = 0; tile < count; tile += REGISTER_TILES) {
          multiply(m + tile * BLOCK_OUTPUTS, v + tile * CHANNELS, u);
        }
      }
      for (u32 tile = 0; tile < count; tile++) {
        u32 y = (first + tile) / tiles_per_row * 2, x = (first + tile) % tiles_per_row * 2;
        store_tile(to + (y * columns + x) * CHANNELS + block * BLOCK_OUTPUTS, columns,
                   tiles_out + tile * BLOCK_OUTPUTS, bias[layer] + block * BLOCK_OUTPUTS);
      }
    }
  }
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
  convolve(activations_b, activations_a, height + 4, width + 4, 0);
  convolve(activations_a, activations_b, height + 2, width + 2, 1);
  convolve(activations_b, activations_a, height, width, 2);
  last_layer(image, activations_b);
}
