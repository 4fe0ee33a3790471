// The loops in which nearly all of the time goes, for WebAssembly with 128-bit SIMD. The same loops
// in plain JavaScript, which is what to read first, are in js/kernels.js.
// Build: python -m wmlib.book.widgets.kernels   (needs clang and wasm-ld; writes js/kernels_wasm.js)
#include <wasm_simd128.h>

#define EXPORT(name) __attribute__((export_name(#name)))

static inline float sum(v128_t v) {
  return wasm_f32x4_extract_lane(v, 0) + wasm_f32x4_extract_lane(v, 1) +
         wasm_f32x4_extract_lane(v, 2) + wasm_f32x4_extract_lane(v, 3);
}

static inline v128_t add_product(v128_t total, v128_t x, v128_t y) {
  return wasm_f32x4_add(total, wasm_f32x4_mul(x, y));
}

// y[r] = bias[r] + sum over k of w[r][k] x[k]
EXPORT(linear)
void linear(const float *x, const float *w, const float *bias, float *y, int rows, int columns) {
  for (int r = 0; r < rows; r++, w += columns) {
    v128_t one = wasm_f32x4_splat(0);
    int k = 0;
    for (; k + 4 <= columns; k += 4)
      one = add_product(one, wasm_v128_load(w + k), wasm_v128_load(x + k));
    float total = sum(one);
    for (; k < columns; k++) total += w[k] * x[k];
    y[r] = bias[r] + total;
  }
}

// Adds to total[c] the product of x (n) with row c of w, for the first `count` <= 4 of its rows.
static inline void add_rows(const float *x, const float *w, int row, int n, int count, v128_t *total) {
  for (int i = 0; i < n; i += 4) {
    v128_t four = wasm_v128_load(x + i);
    total[0] = add_product(total[0], four, wasm_v128_load(w + i));
    if (count > 1) total[1] = add_product(total[1], four, wasm_v128_load(w + row + i));
    if (count > 2) total[2] = add_product(total[2], four, wasm_v128_load(w + 2 * row + i));
    if (count > 3) total[3] = add_product(total[3], four, wasm_v128_load(w + 3 * row + i));
  }
}

static inline void put(v128_t *total, const float *bias, float *out, int count, int relu) {
  for (int c = 0; c < count; c++) {
    float value = bias[c] + sum(total[c]);
    out[c] = relu && value < 0 ? 0 : value;
  }
}

// One output pixel of a transposed convolution of stride 2: those places (ky, kx) of the kernel
// that lie over an input pixel.
static inline void deconv_pixel(const float *in, int side, int n_in, const float *w, int k, int oy,
                                int ox, int count, v128_t *total) {
  int row = k * k * n_in;
  for (int ky = oy & 1; ky < k; ky += 2) {
    int iy = (oy - ky) / 2;
    if (oy < ky || iy >= side) continue;
    for (int kx = ox & 1; kx < k; kx += 2) {
      int ix = (ox - kx) / 2;
      if (ox < kx || ix >= side) continue;
      add_rows(in + (iy * side + ix) * n_in, w + (ky * k + kx) * n_in, row, n_in, count, total);
    }
  }
}

// in (side, side, n_in) -> out (2 side - 2 + k, same, n_out); w (n_out, k, k, n_in)
EXPORT(deconv)
void deconv(const float *in, int side, int n_in, const float *w, const float *bias, int k,
            int n_out, float *out, int relu) {
  int size = 2 * side - 2 + k, row = k * k * n_in;
  for (int c = 0; c < n_out; c += 4)
    for (int oy = 0; oy < size; oy++)
      for (int ox = 0; ox < size; ox++) {
        v128_t total[4] = {0};
        float *place = out + (oy * size + ox) * n_out + c;
        if (n_out - c >= 4) {
          deconv_pixel(in, side, n_in, w + c * row, k, oy, ox, 4, total);
          put(total, bias + c, place, 4, relu);
        } else {
          deconv_pixel(in, side, n_in, w + c * row, k, oy, ox, 3, total);
          put(total, bias + c, place, 3, relu);
        }
      }
}

// in (side, side, n_in) -> out (size, size, n_out), size = (side - k) / 2 + 1; w (n_out, k, k, n_in)
EXPORT(conv)
void conv(const float *in, int side, int n_in, const float *w, const float *bias, int k, int n_out,
          float *out, int relu) {
  int size = (side - k) / 2 + 1, row = k * k * n_in;
  for (int c = 0; c < n_out; c += 4)
    for (int oy = 0; oy < size; oy++)
      for (int ox = 0; ox < size; ox++) {
        v128_t total[4] = {0};
        for (int ky = 0; ky < k; ky++)
          add_rows(in + ((2 * oy + ky) * side + 2 * ox) * n_in, w + c * row + ky * k * n_in, row,
                   k * n_in, 4, total);
        put(total, bias + c, out + (oy * size + ox) * n_out + c, 4, relu);
      }
}
