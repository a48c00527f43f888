// Vectors of the widest registers that the instruction set of this compilation has. Arithmetic is that of the
// compiler's vector types; only what they lack is written per instruction set: fused multiply-add, square root, and the
// smaller and the larger of two, of which a NaN survives in the second place.
//
// This header and all that include it are compiled once per instruction set, with KEEPGATE_SET its name. What they
// define lies in a namespace of that name, so that no linkage name is shared: the linker keeps one copy of what has one
// name, and that copy may have instructions which another machine lacks. Templates of the standard library that the
// compiler may choose not to inline have such names too, so no kernel uses any (tests/native/test_symbols.py).
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#if defined(__AVX512F__)
#define KEEPGATE_BYTES 64
#include <immintrin.h>
#elif defined(__AVX2__) && defined(__FMA__)
#define KEEPGATE_BYTES 32
#include <immintrin.h>
#elif defined(__ARM_NEON) && defined(__aarch64__)
#define KEEPGATE_BYTES 16
#include <arm_neon.h>
#else
#define KEEPGATE_BYTES 16
#endif

namespace keepgate {
inline namespace KEEPGATE_SET {
namespace {

typedef float Floats __attribute__((vector_size(KEEPGATE_BYTES)));
typedef double Doubles __attribute__((vector_size(KEEPGATE_BYTES)));
typedef int32_t Ints __attribute__((vector_size(KEEPGATE_BYTES)));
typedef int64_t Longs __attribute__((vector_size(KEEPGATE_BYTES)));

template <class T> struct Simd;
template <> struct Simd<float> {
  using Vector = Floats;
  using Bits = Ints;
  using Bit = int32_t;
};
template <> struct Simd<double> {
  using Vector = Doubles;
  using Bits = Longs;
  using Bit = int64_t;
};

template <class T> using Vector = typename Simd<T>::Vector;
template <class T> using Bits = typename Simd<T>::Bits;
template <class T> constexpr int lanes = KEEPGATE_BYTES / sizeof(T);

inline Ints load(const int32_t* from) {
  Ints v;
  std::memcpy(&v, from, sizeof v);
  return v;
}
template <class T> inline Vector<T> load(const T* from) {
  Vector<T> v;
  std::memcpy(&v, from, sizeof v);
  return v;
}
template <class T> inline void store(T* to, Vector<T> v) { std::memcpy(to, &v, sizeof v); }
#if defined(__AVX512F__) && !defined(__SANITIZE_ADDRESS__)  // which does not see what masked instructions touch
inline Floats load_partial(const float* from, ptrdiff_t count) {
  return (Floats)_mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), from);
}
inline Doubles load_partial(const double* from, ptrdiff_t count) {
  return (Doubles)_mm512_maskz_loadu_pd((__mmask8)((1u << count) - 1), from);
}
inline void store_partial(float* to, Floats v, ptrdiff_t count) {
  _mm512_mask_storeu_ps(to, (__mmask16)((1u << count) - 1), (__m512)v);
}
inline void store_partial(double* to, Doubles v, ptrdiff_t count) {
  _mm512_mask_storeu_pd(to, (__mmask8)((1u << count) - 1), (__m512d)v);
}
#else
template <class T> inline Vector<T> load_partial(const T* from, ptrdiff_t count) {
  Vector<T> v{};
  std::memcpy(&v, from, count * sizeof(T));
  return v;
}
template <class T> inline void store_partial(T* to, Vector<T> v, ptrdiff_t count) {
  std::memcpy(to, &v, count * sizeof(T));
}
#endif
template <class T> inline Vector<T> load_up_to(const T* from, ptrdiff_t count) {
  return count >= lanes<T> ? load(from) : load_partial(from, count);
}
template <class T> inline void store_up_to(T* to, Vector<T> v, ptrdiff_t count) {
  if (count >= lanes<T>) store(to, v);
  else if (count > 0) store_partial(to, v, count);
}
// The first `count` lanes of a vector, then zeros.
#if defined(__AVX512F__)
inline Floats mask_first(Floats v, ptrdiff_t count) {
  return (Floats)_mm512_maskz_mov_ps((__mmask16)((1u << count) - 1), (__m512)v);
}
inline Doubles mask_first(Doubles v, ptrdiff_t count) {
  return (Doubles)_mm512_maskz_mov_pd((__mmask8)((1u << count) - 1), (__m512d)v);
}
template <class T> inline Vector<T> mask_tail(Vector<T> v, ptrdiff_t count) {
  return count == lanes<T> ? v : mask_first(v, count);
}
#else
template <class T> inline Vector<T> mask_tail(Vector<T> v, ptrdiff_t count) {
  if (count == lanes<T>) return v;
  T part[lanes<T>];
  store(part, v);
  return load_partial(part, count);
}
#endif
template <class T> inline Vector<T> splat(T x) { return x - Vector<T>{}; }  // x + 0 would lose the sign of -0

#if defined(__AVX512F__)
inline Floats fma(Floats a, Floats b, Floats c) { return (Floats)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c); }
inline Doubles fma(Doubles a, Doubles b, Doubles c) {
  return (Doubles)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
}
inline Floats fnma(Floats a, Floats b, Floats c) { return (Floats)_mm512_fnmadd_ps((__m512)a, (__m512)b, (__m512)c); }
inline Doubles fnma(Doubles a, Doubles b, Doubles c) {
  return (Doubles)_mm512_fnmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
}
inline Floats min(Floats bound, Floats a) { return (Floats)_mm512_min_ps((__m512)bound, (__m512)a); }
inline Doubles min(Doubles bound, Doubles a) { return (Doubles)_mm512_min_pd((__m512d)bound, (__m512d)a); }
inline Floats max(Floats bound, Floats a) { return (Floats)_mm512_max_ps((__m512)bound, (__m512)a); }
inline Doubles max(Doubles bound, Doubles a) { return (Doubles)_mm512_max_pd((__m512d)bound, (__m512d)a); }
inline Floats sqrt(Floats a) { return (Floats)_mm512_sqrt_ps((__m512)a); }
inline Doubles sqrt(Doubles a) { return (Doubles)_mm512_sqrt_pd((__m512d)a); }
#elif defined(__AVX2__) && defined(__FMA__)
inline Floats fma(Floats a, Floats b, Floats c) { return (Floats)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c); }
inline Doubles fma(Doubles a, Doubles b, Doubles c) {
  return (Doubles)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
}
inline Floats fnma(Floats a, Floats b, Floats c) { return (Floats)_mm256_fnmadd_ps((__m256)a, (__m256)b, (__m256)c); }
inline Doubles fnma(Doubles a, Doubles b, Doubles c) {
  return (Doubles)_mm256_fnmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
}
inline Floats min(Floats bound, Floats a) { return (Floats)_mm256_min_ps((__m256)bound, (__m256)a); }
inline Doubles min(Doubles bound, Doubles a) { return (Doubles)_mm256_min_pd((__m256d)bound, (__m256d)a); }
inline Floats max(Floats bound, Floats a) { return (Floats)_mm256_max_ps((__m256)bound, (__m256)a); }
inline Doubles max(Doubles bound, Doubles a) { return (Doubles)_mm256_max_pd((__m256d)bound, (__m256d)a); }
inline Floats sqrt(Floats a) { return (Floats)_mm256_sqrt_ps((__m256)a); }
inline Doubles sqrt(Doubles a) { return (Doubles)_mm256_sqrt_pd((__m256d)a); }
#elif defined(__ARM_NEON) && defined(__aarch64__)
inline Floats fma(Floats a, Floats b, Floats c) {
  return (Floats)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
inline Doubles fma(Doubles a, Doubles b, Doubles c) {
  return (Doubles)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
}
inline Floats sqrt(Floats a) { return (Floats)vsqrtq_f32((float32x4_t)a); }
inline Doubles sqrt(Doubles a) { return (Doubles)vsqrtq_f64((float64x2_t)a); }
#else
inline Floats fma(Floats a, Floats b, Floats c) {
  for (int i = 0; i < lanes<float>; ++i) c[i] = __builtin_fmaf(a[i], b[i], c[i]);
  return c;
}
inline Doubles fma(Doubles a, Doubles b, Doubles c) {
  for (int i = 0; i < lanes<double>; ++i) c[i] = __builtin_fma(a[i], b[i], c[i]);
  return c;
}
inline Floats sqrt(Floats a) {
  for (int i = 0; i < lanes<float>; ++i) a[i] = __builtin_sqrtf(a[i]);
  return a;
}
inline Doubles sqrt(Doubles a) {
  for (int i = 0; i < lanes<double>; ++i) a[i] = __builtin_sqrt(a[i]);
  return a;
}
#endif

#if !defined(__AVX2__) || !defined(__FMA__)
template <class V> inline V fnma(V a, V b, V c) { return fma(-a, b, c); }
template <class V> inline V min(V bound, V a) { return bound < a ? bound : a; }
template <class V> inline V max(V bound, V a) { return bound > a ? bound : a; }
#endif

}  // namespace
}  // namespace KEEPGATE_SET
}  // namespace keepgate
