// SIMD vectors of four floats and a bump allocator, shared by the kernels.

#pragma once
#include <wasm_simd128.h>

typedef unsigned u32;
typedef float Vector __attribute__((vector_size(16), aligned(4), may_alias));  // four channels; + - * act on each

#define EXPORT(name) __attribute__((export_name(name)))
#define INLINE static inline __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))
#define UNROLL _Pragma("clang loop unroll(full)")
#define KEEP_ROLLED _Pragma("clang loop unroll(disable)")

INLINE Vector load(const float *from) { return *(const Vector *)from; }
INLINE void store(float *to, Vector value) { *(Vector *)to = value; }
INLINE Vector load_repeated(const float *from) { return (Vector)wasm_v128_load32_splat(from); }

// max(0, value) that propagates NaN, as torch.relu does (pmax(a, b) is a < b ? b : a).
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

enum {
  PAGE = 65536,             // bytes in a page of WebAssembly memory
  MOST_MEMORY = 1u << 30,   // bytes; keeps every address well within 32 bits
};

extern unsigned char __heap_base;  // first free byte, set by the linker

INLINE u32 first_free(void) { return ((u32)&__heap_base + 63) & ~63u; }

// Allocates the next `count` floats, aligned to 64 bytes. The top never exceeds MOST_MEMORY.
static float *take(u32 *top, unsigned long long count) {
  float *start = (float *)*top;
  unsigned long long end = *top + ((count * sizeof(float) + 63) & ~63ull);
  *top = end < MOST_MEMORY ? (u32)end : MOST_MEMORY;
  return start;
}

// Grows the memory to `top` bytes; returns whether that succeeded.
static int reserve(u32 top) {
  u32 pages = (top + PAGE - 1) / PAGE, present = __builtin_wasm_memory_size(0);
  if (top >= MOST_MEMORY) return 0;
  return pages <= present || __builtin_wasm_memory_grow(0, pages - present) != -1ul;
}
