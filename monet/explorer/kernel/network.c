// MONet's attention network and the encoder of its component VAE on one picture, for WebAssembly SIMD.
//
//     s_0 = 1;  for every slot k:  log alpha_k from a U-Net that reads picture and log s_{k-1},
//     log m_k = log s_{k-1} + log alpha_k,  log s_k = log s_{k-1} + log(1 - alpha_k),  and m_K = s_{K-1}
//     (Burgess et al. 2019, equations 1 and 2);  mean and standard deviation of q(z_k | x, m_k) from the encoder.
//
// Calling order: write settings() -> allocate() -> copy the parameters to weights() -> prepare(), and then for every
// picture: write pixels() -> decompose(slots) -> read masks(), scopes(), shares() (alpha_k), means(), deviations().
// The parameters are those of the PyTorch state_dict of monet.attention.UNet and then of monet.vae.Encoder, flattened.
//
// The first layer of either network reads the picture, which stays, and one channel that changes with the slot. The
// picture's share is computed once. All activations are float32 [row][column][channel].

#include "layers.h"
#include "winograd.h"

enum {
  MOST_LEVELS = 8,
  MOST_RESIDUALS = 16,
  MOST_SLOTS = 64,
  MOST_SIDE = 256,
  MOST_CHANNELS = 1024,
  WINOGRAD_SIDE = 8,  // smaller images have too few tiles for filters that are four times as large
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
static float *scope_weight, *mask_weight;  // [9][channels]: of the changing channel in either network's first layer
static float *logit_weight, *logit_bias;
static float *zeros, *gain, *shift;

static float *activations, *activations_end;
static float *parameters;                         // lie where the activations will
static float *picture;                            // [row][row][4] with a border; the fourth channel is 0
static float *plane;                              // [row][row] with a border: what the slot adds to the picture
static float *picture_share, *encoder_share;
static float *pooled[MOST_LEVELS], *joined[MOST_LEVELS];  // what the way down reads, and the way up
static float *rectified[MOST_LEVELS + 1];         // what a layer of the encoder reads
static float *raw;                                // what a convolution has just written, no border
static float *vector_a, *vector_b;
static float *tiles_in, *tiles_out;
static float *logits, *log_scope;
static float *mask_images, *scope_images, *share_images, *mean_rows, *deviation_rows;
static unsigned char *pixel_bytes;

EXPORT("settings") float *settings_address(void) { return &settings.side; }
EXPORT("weights") float *weights(void) { return parameters; }
EXPORT("pixels") unsigned char *pixels(void) { return pixel_bytes; }
EXPORT("masks") float *masks(void) { return mask_images; }
EXPORT("scopes") float *scopes(void) { return scope_images; }
EXPORT("shares") float *shares(void) { return share_images; }
EXPORT("means") float *means(void) { return mean_rows; }
EXPORT("deviations") float *deviations(void) { return deviation_rows; }

// Memory ------------------------------------------------------------------------------------------

// Pixels in a row of an image with its border, up to the last tile's edge.
INLINE u32 row_of(u32 image_side) { return (image_side + TILE - 1) / TILE * TILE + 2; }
INLINE u32 half(u32 image_side) { return (image_side + 1) / 2; }
INLINE u32 larger(u32 a, u32 b) { return a > b ? a : b; }

static u32 top, most_raw, most_inputs;
static unsigned long long count;  // of parameters

static float *take_image(u32 image_side, u32 channels) {
  return take(&top, (unsigned long long)row_of(image_side) * row_of(image_side) * channels);
}

// Lays out the weights of a convolution from `image_side` pixels to half or as many.
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

// Lays out the memory by the settings. Returns how many parameters are expected at weights(), or 0 if it cannot serve:
// a width that is no multiple of 4 (of the attention's, 8), more than 8 levels, a limit above exceeded, no memory.
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

static const float *copy(float *to, const float *from, u32 number) {
  for (u32 i = 0; i < number; i++) to[i] = from[i];
  return from + number;
}

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

// Brings the parameters at weights() into the order of their use; their place is free afterwards.
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

// from[row][row][inputs] with its border -> to[side][side][outputs], added to what is there or not
static void convolve(const Convolution *c, float *to, const float *from, int add) {
  (c->width == 8 ? convolve_by_8 : convolve_by_4)(c, to, from, add);
}

// Attention ---------------------------------------------------------------------------------------

// relu(gain * raw + shift), each pixel `repeat` times along either side -> channels `at` and on of `to`, which has a
// border and `wide` channels.
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

// The mean of every 2x2 pixels of channels `at` and on of `from` -> to, of half the side; both have borders.
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

// A 1x1 convolution of relu(gain * raw + shift) to one channel -> logits[side][side]
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

// The logits of alpha_k for the log scope at `plane`.
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

  u32 deepest = side >> (levels - 1), channels = down[levels - 1].convolution.outputs, area = deepest * deepest;
  float *lowest = joined[levels - 1];
  for (u32 p = 0; p < area; p++) {
    copy(vector_a + p * channels,
         lowest + ((p / deepest + 1) * row_of(deepest) + p % deepest + 1) * 2 * channels + channels, channels);
  }
  linear(vector_b, &mlp[0], vector_a, 1);
  linear(vector_a, &mlp[1], vector_b, 1);
  linear(vector_b, &mlp[2], vector_a, 1);
  for (u32 p = 0; p < area; p++) {
    copy(lowest + ((p / deepest + 1) * row_of(deepest) + p % deepest + 1) * 2 * channels, vector_b + p * channels,
         channels);
  }

  for (u32 number = 0; number < levels; number++) {
    const Convolution *c = &up[number].convolution;
    convolve(c, raw, joined[levels - 1 - number], 0);
    normalise(&up[number]);
    if (number + 1 == levels) last_layer(c->outputs);
    else activate(joined[levels - 2 - number], up[number + 1].convolution.inputs, 0, c->side, c->outputs, 2);
  }
}

// An image without a border, none of it below `least` -> plane
static void fill_plane(const float *from, float least) {
  for (u32 y = 0; y < side; y++) {
    for (u32 x = 0; x < side; x++) {
      float value = from[y * side + x];
      plane[(y + 1) * row_of(side) + x + 1] = value < least ? least : value;
    }
  }
}

// Encoder -----------------------------------------------------------------------------------------

// relu(raw) -> the inside of `to`, which has a border
static void rectify(float *to, u32 image_side, u32 channels) {
  const float *x = raw;
  for (u32 p = 0; p < image_side * image_side; p++) {
    float *pixel = to + ((p / image_side + 1) * row_of(image_side) + p % image_side + 1) * channels;
    for (u32 c = 0; c < channels; c += 4, x += 4) store(pixel + c, relu(load(x)));
  }
}

// The posterior of slot k for the log mask at `plane`.
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

// Takes the picture at pixels(), uint8 [H][W][3], apart into so many slots, at most settings.slots.
EXPORT("decompose") void decompose(u32 slots) {
  u32 area = side * side;
  for (u32 p = 0; p < area; p++) {
    float *pixel = picture + ((p / side + 1) * row_of(side) + p % side + 1) * 4;
    for (u32 c = 0; c < 3; c++) pixel[c] = pixel_bytes[3 * p + c] / 255.f;
    log_scope[p] = 0;
  }
  convolve(&down[0].convolution, picture_share, picture, 0);
  convolve(&strided[0], encoder_share, picture, 0);
  const float infinity = __builtin_inff();
  for (u32 k = 0; k < slots; k++) {
    float *mask = mask_images + k * area, *scope = scope_images + k * area;
    float *share = share_images + k * area;
    if (k + 1 < slots) fill_plane(log_scope, -infinity), attend();
    for (u32 p = 0; p < area; p += 4) {
      Vector left = load(log_scope + p), log_of = {0}, log_of_rest = {0};
      store(scope + p, exponential(left));
      if (k + 1 < slots) log_sigmoids(load(logits + p), &log_of, &log_of_rest);
      store(logits + p, left + log_of);  // log m_k
      store(share + p, exponential(log_of));
      store(mask + p, exponential(left + log_of));
      store(log_scope + p, left + log_of_rest);
    }
    fill_plane(logits, settings.log_mask_floor);
    encode(k);
  }
}
