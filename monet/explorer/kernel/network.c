// MONet's attention network and component VAE encoder for one picture, for WebAssembly SIMD.
//
//     s_0 = 1 or a given scope;  for every slot k:  log alpha_k from a U-Net that reads picture and log s_{k-1},
//     log m_k = log s_{k-1} + log alpha_k,  log s_k = log s_{k-1} + log(1 - alpha_k),  and m_K = s_{K-1}
//     (Burgess et al. 2019, equations 1 and 2);  mean and standard deviation of q(z_k | x, m_k) from the encoder.
//
// Order of calls: write settings() -> allocate() -> copy the parameters to weights() -> prepare(), and then for every
// picture: write pixels() and scope() (log s_0) -> decompose(slots) -> read masks(), scopes(), shares() (alpha_k),
// means(), deviations().
// The parameters are the flattened PyTorch state_dicts of monet.attention.UNet and then of monet.vae.Encoder.
//
// The first layer of either network reads the picture, which is constant, and one channel that changes with the slot.
// The picture's contribution is computed once. All activations are float32 [row][column][channel].

#include "attention.h"
#include "encoder.h"
#include "layout.h"

EXPORT("settings") float *settings_address(void) { return &settings.side; }
EXPORT("weights") float *weights(void) { return parameters; }
EXPORT("pixels") unsigned char *pixels(void) { return pixel_bytes; }
EXPORT("scope") float *scope(void) { return log_scope; }
EXPORT("masks") float *masks(void) { return mask_images; }
EXPORT("scopes") float *scopes(void) { return scope_images; }
EXPORT("shares") float *shares(void) { return share_images; }
EXPORT("means") float *means(void) { return mean_rows; }
EXPORT("deviations") float *deviations(void) { return deviation_rows; }

// Copies an image without border to `plane`; values below `least` become `least`.
static void fill_plane(const float *from, float least) {
  for (u32 y = 0; y < side; y++) {
    for (u32 x = 0; x < side; x++) {
      float value = from[y * side + x];
      plane[(y + 1) * row_of(side) + x + 1] = value < least ? least : value;
    }
  }
}

// Decomposes the picture at pixels(), uint8 [H][W][3], into `slots` slots, at most settings.slots. The first step reads
// scope(), log s_0 [H][W]; 0 means that nothing is explained yet. The masks sum to s_0.
EXPORT("decompose") void decompose(u32 slots) {
  u32 area = side * side;
  for (u32 p = 0; p < area; p++) {
    float *pixel = picture + ((p / side + 1) * row_of(side) + p % side + 1) * 4;
    for (u32 c = 0; c < 3; c++) pixel[c] = pixel_bytes[3 * p + c] / 255.f;
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
