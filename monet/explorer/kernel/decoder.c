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
// 2. The three 32 -> 32 layers use Winograd's minimal filtering F(4x4, 3x3) (Lavin & Gray 2016,
//    arXiv:1509.09308). Output is made in tiles of 4x4 pixels, each from a 6x6 patch d of the input.
//    With g a 3x3 filter and ' for the transpose,
//        U = G g G'       6x6, once per pair of channels, in prepare()
//        V = B' d B       6x6, once per tile and input channel
//        M = sum over the input channels of U * V, element by element
//        Y = A' M A       4x4, once per tile and output channel
//
//    The matrices follow from five points and infinity at which polynomials are evaluated (Toom-Cook). The points
//    are 0, a, -a, b, -b with a = 3/4 and b = 3/2 instead of the usual 1 and 2: rounding errors are then those of a
//    plain convolution, measured on the shipped decoders. With P = a^2 b^2, Q = a^2 + b^2,
//    p = 2 a^2 (a^2 - b^2), q = 2 b^2 (b^2 - a^2),
//
//             [ P    0    -Q    0  1  0 ]        [ 1/P    0     0  ]
//             [ 0  -ab^2 -b^2   a  1  0 ]        [ 1/p  a/p  a^2/p ]        [ 1  1    1    1    1   0 ]
//        B' = [ 0   ab^2 -b^2  -a  1  0 ]    G = [ 1/p -a/p  a^2/p ]   A' = [ 0  a   -a    b   -b   0 ]
//             [ 0  -a^2b -a^2   b  1  0 ]        [ 1/q  b/q  b^2/q ]        [ 0  a^2  a^2  b^2  b^2 0 ]
//             [ 0   a^2b -a^2  -b  1  0 ]        [ 1/q -b/q  b^2/q ]        [ 0  a^3 -a^3  b^3 -b^3 1 ]
//             [ 0   P     0    -Q  0  1 ]        [  0     0     1  ]
//
//    That is 36 multiplications per tile and pair of channels where the plain convolution needs 16 * 9 = 144.
//    For each of the 36 elements, M is a matrix product (tiles x channels) * (channels x channels): most of the
//    time goes there, into multiply().

#include <wasm_simd128.h>

enum {
  CHANNELS = 32,       // width of the hidden layers
  OUTPUTS = 4,         // red, green, blue, mask logit: one vector
  LAYERS = 3,          // 32 -> 32 convolutions
  TILE = 4,            // pixels of output along the side of a tile
  PATCH = TILE + 2,    // and of input
  ELEMENTS = PATCH * PATCH,
  BLOCK_TILES = 4,     // tiles transformed together: their V is 18 kB and stays in the first-level cache
  BLOCK_OUTPUTS = 8,   // output channels computed together: two vectors
  REGISTER_TILES = 4,  // tiles per inner loop: 4 x 2 accumulators and 3 temporaries fit into 15 registers
  MAX_SIDE = 1024,     // limits that keep every address below far within 32 bits
  MAX_LATENTS = 4096,
  PAGE = 65536,        // bytes in a page of WebAssembly memory
};

#define A 0.75  // the points of the Winograd transforms, see above
#define B 1.5

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
static float *filter[LAYERS], *bias[LAYERS];              // [32 / 8][36][32][8], [32]
static float *last_weight, *last_bias;                    // [32][4], [4]
// Layers 1 and 3, and 2, in rows of `stride` pixels; layer 4 [H][W]. The last tiles of a row and of a column may read
// up to three pixels beyond a layer, but no result depends on them; what is read there is finite.
static float *activations_a, *activations_b, *features;
static u32 stride;

static _Alignas(64) float tiles_in[ELEMENTS * BLOCK_TILES * CHANNELS];        // V: [36][tile][32]
static _Alignas(64) float tiles_out[ELEMENTS * BLOCK_TILES * BLOCK_OUTPUTS];  // M: [36][tile][8]

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
  stride = w + 10;
  activations_a = take(&top, (h + 10) * stride * CHANNELS);
  activations_b = take(&top, (h + 10) * stride * CHANNELS);
  features = take(&top, h * w * CHANNELS);
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

// G g for one column or row g of a filter, whose three numbers lie `step` apart.
static void transform_filter(double *to, const double *g, u32 step) {
  double g0 = g[0], g1 = g[step], g2 = g[2 * step];
  double near = 2 * A * A * (A * A - B * B), far = 2 * B * B * (B * B - A * A);
  to[0] = g0 / (A * A * B * B);
  to[1] = (g0 + A * g1 + A * A * g2) / near;
  to[2] = (g0 - A * g1 + A * A * g2) / near;
  to[3] = (g0 + B * g1 + B * B * g2) / far;
  to[4] = (g0 - B * g1 + B * B * g2) / far;
  to[5] = g2;
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
        double g[9], half[3][PATCH], u[PATCH];  // half = (G g)'
        for (u32 k = 0; k < 9; k++) g[k] = next[k];
        for (u32 x = 0; x < 3; x++) transform_filter(half[x], g + x, 3);
        for (u32 y = 0; y < PATCH; y++) {
          transform_filter(u, &half[0][y], PATCH);  // row y of U = (G g) G'
          for (u32 x = 0; x < PATCH; x++) to[((y * PATCH + x) * CHANNELS + i) * BLOCK_OUTPUTS] = (float)u[x];
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

// B' d for one column or row d of a patch.
INLINE void transform_input(Vector to[PATCH], const Vector d[PATCH]) {
  const float a = A, b = B, P = A * A * B * B, Q = A * A + B * B;
  Vector even_a = d[4] - b * b * d[2], odd_a = a * (d[3] - b * b * d[1]);
  Vector even_b = d[4] - a * a * d[2], odd_b = b * (d[3] - a * a * d[1]);
  to[0] = P * d[0] - Q * d[2] + d[4];
  to[1] = even_a + odd_a;
  to[2] = even_a - odd_a;
  to[3] = even_b + odd_b;
  to[4] = even_b - odd_b;
  to[5] = P * d[1] - Q * d[3] + d[5];
}

// A' m for one column or row m of a product.
INLINE void transform_output(Vector to[TILE], const Vector m[PATCH]) {
  const float a = A, b = B;
  Vector even_a = m[1] + m[2], odd_a = a * (m[1] - m[2]), even_b = m[3] + m[4], odd_b = b * (m[3] - m[4]);
  to[0] = m[0] + even_a + even_b;
  to[1] = odd_a + odd_b;
  to[2] = a * a * even_a + b * b * even_b;
  to[3] = a * a * odd_a + b * b * odd_b + m[5];
}

// V = B' d B for all channels of the 6x6 patch at `patch` -> to[36][.][32]
INLINE void load_tile(float *to, const float *patch) {
  for (u32 c = 0; c < CHANNELS; c += 4) {
    Vector d[PATCH], half[PATCH][PATCH], v[PATCH];  // half = B' d
    UNROLL for (u32 x = 0; x < PATCH; x++) {
      UNROLL for (u32 y = 0; y < PATCH; y++) d[y] = load(patch + (y * stride + x) * CHANNELS + c);
      transform_input(v, d);
      UNROLL for (u32 y = 0; y < PATCH; y++) half[y][x] = v[y];
    }
    UNROLL for (u32 y = 0; y < PATCH; y++) {
      transform_input(v, half[y]);  // row y of V = (B' d) B
      UNROLL for (u32 x = 0; x < PATCH; x++) store(to + (y * PATCH + x) * BLOCK_TILES * CHANNELS + c, v[x]);
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

// relu(A' M A + bias) for 8 channels of a tile -> its first `rows` x `columns` pixels at `pixel`, in an image with
// `pixels` in a row
INLINE void store_tile(float *pixel, u32 pixels, u32 rows, u32 columns, const float *m, const float *channel_bias) {
  UNROLL for (u32 c = 0; c < BLOCK_OUTPUTS; c += 4) {
    Vector column[PATCH], half[TILE][PATCH], out[TILE], shift = load(channel_bias + c);  // half = A' M
    UNROLL for (u32 x = 0; x < PATCH; x++) {
      UNROLL for (u32 y = 0; y < PATCH; y++) {
        column[y] = load(m + (y * PATCH + x) * BLOCK_TILES * BLOCK_OUTPUTS + c);
      }
      transform_output(out, column);
      UNROLL for (u32 y = 0; y < TILE; y++) half[y][x] = out[y];
    }
    UNROLL for (u32 y = 0; y < TILE; y++) {
      transform_output(out, half[y]);  // row y of Y = (A' M) A
      UNROLL for (u32 x = 0; x < TILE; x++) {
        if (y < rows && x < columns) store(pixel + (y * pixels + x) * CHANNELS + c, relu(shift + out[x]));
      }
    }
  }
}

// One 3x3 convolution 32 -> 32 and its ReLU: from[rows + 2][stride][32] -> to[rows][pixels][32], of which `columns`
// are the picture's
static NOINLINE void convolve(float *to, u32 pixels, const float *from, u32 rows, u32 columns, u32 layer) {
  u32 tiles_per_row = (columns + TILE - 1) / TILE, tiles = (rows + TILE - 1) / TILE * tiles_per_row;
  for (u32 first = 0; first < tiles; first += BLOCK_TILES) {
    u32 count = tiles - first < BLOCK_TILES ? tiles - first : BLOCK_TILES;
    for (u32 tile = 0; tile < count; tile++) {
      u32 y = (first + tile) / tiles_per_row * TILE, x = (first + tile) % tiles_per_row * TILE;
      load_tile(tiles_in + tile * CHANNELS, from + (y * stride + x) * CHANNELS);
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
        u32 y = (first + tile) / tiles_per_row * TILE, x = (first + tile) % tiles_per_row * TILE;
        store_tile(to + (y * pixels + x) * CHANNELS + block * BLOCK_OUTPUTS, pixels, rows - y, columns - x,
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
  convolve(activations_b, stride, activations_a, height + 4, width + 4, 0);
  convolve(activations_a, stride, activations_b, height + 2, width + 2, 1);
  convolve(features, width, activations_a, height, width, 2);
  last_layer(image, features);
}
