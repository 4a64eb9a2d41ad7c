// 3x3 convolutions of stride 1 by Winograd's minimal filtering F(4x4, 3x3) (Lavin & Gray 2016, arXiv:1509.09308).
//
// The output is computed in tiles of 4x4 pixels, each from a 6x6 patch d of the input.
// With g a 3x3 filter and ' for the transpose,
//     U = G g G'       6x6, once per pair of channels, in winograd_filters()
//     V = B' d B       6x6, once per tile and input channel
//     M = sum over the input channels of U * V, element by element
//     Y = A' M A       4x4, once per tile and output channel
//
// The matrices follow from evaluating polynomials at five points and infinity (Toom-Cook). The points are
// 0, a, -a, b, -b with a = 3/4 and b = 3/2 instead of the usual 1 and 2: with these, rounding errors equal those of a
// plain convolution, as measured on the shipped decoders. With P = a^2 b^2, Q = a^2 + b^2,
// p = 2 a^2 (a^2 - b^2), q = 2 b^2 (b^2 - a^2),
//
//          [ P    0    -Q    0  1  0 ]        [ 1/P    0     0  ]
//          [ 0  -ab^2 -b^2   a  1  0 ]        [ 1/p  a/p  a^2/p ]        [ 1  1    1    1    1   0 ]
//     B' = [ 0   ab^2 -b^2  -a  1  0 ]    G = [ 1/p -a/p  a^2/p ]   A' = [ 0  a   -a    b   -b   0 ]
//          [ 0  -a^2b -a^2   b  1  0 ]        [ 1/q  b/q  b^2/q ]        [ 0  a^2  a^2  b^2  b^2 0 ]
//          [ 0   a^2b -a^2  -b  1  0 ]        [ 1/q -b/q  b^2/q ]        [ 0  a^3 -a^3  b^3 -b^3 1 ]
//          [ 0   P     0    -Q  0  1 ]        [  0     0     1  ]
//
// That is 36 multiplications per tile and pair of channels; a plain convolution needs 16 * 9 = 144.
// For each of the 36 elements, M is a matrix product (tiles x channels) * (channels x channels), multiply(), which
// takes most of the time.

#pragma once
#include "simd.h"

enum {
  TILE = 4,            // output pixels along the side of a tile
  PATCH = TILE + 2,    // input pixels along the side of a tile
  ELEMENTS = PATCH * PATCH,
  BLOCK_TILES = 4,     // tiles transformed and multiplied together: 4 x 2 accumulators and 3 temporaries fit into 15
                       // registers
};

#define A 0.75  // the points of the transforms, see above
#define B 1.5

// Filters ----------------------------------------------------------------------------------------------

// G g for one column or row g of a filter; `step` is the stride of its three numbers.
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

// Transforms filters [outputs][inputs][3][3] to U[outputs / width][36][inputs][width].
static void winograd_filters(float *u, const float *weight, u32 inputs, u32 outputs, u32 width) {
  for (u32 o = 0; o < outputs; o++) {
    float *to = u + o / width * ELEMENTS * inputs * width + o % width;
    for (u32 i = 0; i < inputs; i++, weight += 9) {
      double g[9], half[3][PATCH], row[PATCH];  // half = (G g)'
      for (u32 k = 0; k < 9; k++) g[k] = weight[k];
      for (u32 x = 0; x < 3; x++) transform_filter(half[x], g + x, 3);
      for (u32 y = 0; y < PATCH; y++) {
        transform_filter(row, &half[0][y], PATCH);  // row y of U = (G g) G'
        for (u32 x = 0; x < PATCH; x++) to[((y * PATCH + x) * inputs + i) * width] = (float)row[x];
      }
    }
  }
}

// Tiles ------------------------------------------------------------------------------------------------

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

// V = B' d B for all channels of the 6x6 patch at `patch`, in an image with `row` pixels in a row -> to[36][.][inputs]
INLINE void load_tile(float *to, const float *patch, u32 row, u32 inputs) {
  for (u32 c = 0; c < inputs; c += 4) {
    Vector d[PATCH], half[PATCH][PATCH], v[PATCH];  // half = B' d
    UNROLL for (u32 x = 0; x < PATCH; x++) {
      UNROLL for (u32 y = 0; y < PATCH; y++) d[y] = load(patch + (y * row + x) * inputs + c);
      transform_input(v, d);
      UNROLL for (u32 y = 0; y < PATCH; y++) half[y][x] = v[y];
    }
    UNROLL for (u32 y = 0; y < PATCH; y++) {
      transform_input(v, half[y]);  // row y of V = (B' d) B
      UNROLL for (u32 x = 0; x < PATCH; x++) store(to + (y * PATCH + x) * BLOCK_TILES * inputs + c, v[x]);
    }
  }
}

// m[4 tiles][width] = v[4 tiles][inputs] * u[inputs][width], one input channel per iteration; width is 4 or 8.
// The loop stays rolled, because the compiler would hoist more loads of an unrolled one than there are registers.
INLINE void multiply(float *m, const float *v, const float *u, u32 inputs, u32 width) {
  Vector sum[BLOCK_TILES][2] = {0};
  const float *end = v + inputs;
  KEEP_ROLLED for (; v != end; v++, u += width) {
    Vector u_low = load(u), u_high = load(u + width - 4);
    UNROLL for (u32 tile = 0; tile < BLOCK_TILES; tile++) {
      Vector input = load_repeated(v + tile * inputs);
      sum[tile][0] = multiply_add(sum[tile][0], input, u_low);
      if (width > 4) sum[tile][1] = multiply_add(sum[tile][1], input, u_high);
    }
  }
  UNROLL for (u32 tile = 0; tile < BLOCK_TILES; tile++) {
    store(m + tile * width, sum[tile][0]);
    if (width > 4) store(m + tile * width + 4, sum[tile][1]);
  }
}

// How to store A' M A + bias: as it is, rectified, or added to the image.
typedef enum { KEEP, RECTIFY, ADD } Finish;

INLINE void finish(float *to, Vector value, Finish how) {
  if (how == RECTIFY) value = relu(value);
  if (how == ADD) value = load(to) + value;
  store(to, value);
}

// A' M A + bias for `width` channels of a tile -> its first `rows` x `columns` pixels at `pixel`, in an image with
// `row` pixels of `outputs` channels in a row
INLINE void store_tile(float *pixel, u32 row, u32 outputs, u32 rows, u32 columns, const float *m, const float *bias,
                       u32 width, Finish how) {
  UNROLL for (u32 c = 0; c < width; c += 4) {
    Vector column[PATCH], half[TILE][PATCH], out[TILE], shift = load(bias + c);  // half = A' M
    UNROLL for (u32 x = 0; x < PATCH; x++) {
      UNROLL for (u32 y = 0; y < PATCH; y++) column[y] = load(m + (y * PATCH + x) * BLOCK_TILES * width + c);
      transform_output(out, column);
      UNROLL for (u32 y = 0; y < TILE; y++) half[y][x] = out[y];
    }
    UNROLL for (u32 y = 0; y < TILE; y++) {
      transform_output(out, half[y]);  // row y of Y = (A' M) A
      UNROLL for (u32 x = 0; x < TILE; x++) {
        if (y < rows && x < columns) finish(pixel + (y * row + x) * outputs + c, shift + out[x], how);
      }
    }
  }
}

// One 3x3 convolution without padding: from[rows + 2][from_row][inputs] -> to[rows][to_row][outputs]; only the first
// `columns` pixels of a row are computed. The last tiles of a row and of a column may read up to three pixels beyond
// `from`; no result depends on them, but they must be finite. Scratch memory: v[36][4][inputs], m[36][4][width].
INLINE void winograd(float *to, u32 to_row, const float *from, u32 from_row, u32 rows, u32 columns, u32 inputs,
                     u32 outputs, u32 width, const float *filters, const float *bias, Finish how, float *v, float *m) {
  u32 tiles_per_row = (columns + TILE - 1) / TILE, tiles = (rows + TILE - 1) / TILE * tiles_per_row;
  for (u32 first = 0; first < tiles; first += BLOCK_TILES) {
    u32 count = tiles - first < BLOCK_TILES ? tiles - first : BLOCK_TILES;
    for (u32 tile = 0; tile < count; tile++) {
      u32 y = (first + tile) / tiles_per_row * TILE, x = (first + tile) % tiles_per_row * TILE;
      load_tile(v + tile * inputs, from + (y * from_row + x) * inputs, from_row, inputs);
    }
    const float *u = filters;
    for (u32 o = 0; o < outputs; o += width) {
      for (u32 element = 0; element < ELEMENTS; element++, u += inputs * width) {
        multiply(m + element * BLOCK_TILES * width, v + element * BLOCK_TILES * inputs, u, inputs, width);
      }
      for (u32 tile = 0; tile < count; tile++) {
        u32 y = (first + tile) / tiles_per_row * TILE, x = (first + tile) % tiles_per_row * TILE;
        store_tile(to + (y * to_row + x) * outputs + o, to_row, outputs, rows - y, columns - x, m + tile * width,
                   bias + o, width, how);
      }
    }
  }
}
