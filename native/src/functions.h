// Elementary functions on vectors, in exactly rounded operations alone, so that every instruction set gives the same
// bits. Errors in units in the last place, single and double precision (tests/native/test_functions.py):
//
//   sqrt 0.5   exp 1.1   log 2.1   sigmoid 2.6   softplus 3   tanh 3.2
//
// exp is infinite above `largest` of Format, near the end of the normal numbers; its results may be subnormal, and so
// may those of softplus. sigmoid is 0 below -sigmoid_bound: its error there is less than 5e-38 (single), 3e-307
// (double). NaN gives NaN; infinities, zeros and subnormal numbers give what they should.
//
// Two have a simpler end, for sums of probabilities, where subnormal numbers count for nothing and cost much, and for
// archives, which rest on its bits: `normal_exp` is 0 below `smallest`, `open_sigmoid` constant below -sigmoid_bound.
#pragma once

#include "simd.h"

namespace keepgate {
inline namespace KEEPGATE_SET {
namespace {

template <class T> struct Format;
template <> struct Format<float> {
  static constexpr int mantissa = 23;
  static constexpr int32_t bias = 127;
  static constexpr float round = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer in the low bits
  static constexpr float ln2_high = 0x1.62e4p-1f, ln2_low = 0x1.7f7d1cp-20f;
  static constexpr float largest = 88.72f, smallest = -86.64f, zero = -104.0f, sigmoid_bound = 86.0f, tanh_bound = 9.1f;
  static constexpr int32_t reciprocal = 0x7EF311C7, sqrt_half = 0x3F3504F3;
  static constexpr int reciprocal_steps = 2, log_terms = 5, log1p_terms = 8;
  // (e^r - 1 - r) / r^2 on |r| <= ln(2) / 2, minimax in the error relative to e^r - 1: 1.4e-8.
  static constexpr float exp_tail[] = {0.5f, 0x1.5554bp-3f, 0x1.555486p-5f, 0x1.122838p-7f, 0x1.6d9956p-10f};
};
template <> struct Format<double> {
  static constexpr int mantissa = 52;
  static constexpr int64_t bias = 1023;
  static constexpr double round = 6755399441055744.0;
  static constexpr double ln2_high = 0x1.62e42fefap-1, ln2_low = 0x1.cf79abc9e3b3ap-40;
  static constexpr double largest = 709.78, smallest = -707.70, zero = -745.2, sigmoid_bound = 706.0, tanh_bound = 19.1;
  static constexpr int64_t reciprocal = 0x7FDE623822FC16E6, sqrt_half = 0x3FE6A09E667F3BCD;
  static constexpr int reciprocal_steps = 3, log_terms = 12, log1p_terms = 17;
  // Taylor's series: the next term is below 1.3e-17 of the first.
  static constexpr double exp_tail[] = {
      1 / 2.0,      1 / 6.0,       1 / 24.0,       1 / 120.0,       1 / 720.0,       1 / 5040.0,       1 / 40320.0,
      1 / 362880.0, 1 / 3628800.0, 1 / 39916800.0, 1 / 479001600.0, 1 / 6227020800.0, 1 / 87178291200.0};
};

template <class T> inline Vector<T> absolute(Vector<T> a) {
  return (Vector<T>)((Bits<T>)a & ~(Bits<T>)splat<T>(T(-0.0)));
}

// 1 / a for a from 1 up to the largest finite number / 4: cubic steps from a guess by the exponent.
template <class T> inline Vector<T> reciprocal(Vector<T> a) {
  Vector<T> y = (Vector<T>)(Format<T>::reciprocal - (Bits<T>)a);
#pragma GCC unroll 3
  for (int i = 0; i < Format<T>::reciprocal_steps; ++i) {
    Vector<T> e = fnma(a, y, splat<T>(1));
    e = fma(e, e, e);
    y = fma(y, e, y);
  }
  return y;
}

template <class T, int N = 0> inline Vector<T> exp_tail(Vector<T> r) {
  constexpr int last = sizeof(Format<T>::exp_tail) / sizeof(T) - 1;
  if constexpr (N == last)
    return splat<T>(Format<T>::exp_tail[N]);
  else
    return fma(exp_tail<T, N + 1>(r), r, splat<T>(Format<T>::exp_tail[N]));
}

template <class T> struct Reduced {
  Vector<T> less_one;  // e^r - 1
  Vector<T> power;     // 2^n
};

// x = n ln(2) + r.
template <class T> inline Reduced<T> reduce(Vector<T> x) {
  Vector<T> shifted = fma(x, splat<T>(T(1.4426950408889634074)), splat<T>(Format<T>::round));
  Vector<T> n = shifted - Format<T>::round;
  Vector<T> r = fma(n, splat<T>(-Format<T>::ln2_high), x);
  r = fma(n, splat<T>(-Format<T>::ln2_low), r);
  Bits<T> power = ((Bits<T>)shifted + Format<T>::bias) << Format<T>::mantissa;
  return {fma(exp_tail<T>(r) * r, r, r), (Vector<T>)power};
}

// 2^n times 2^k, whatever n: also where 2^n is no number.
template <class T> inline Vector<T> times_power(Vector<T> power, int k) {
  return (Vector<T>)((Bits<T>)power + (typename Simd<T>::Bit)k * ((typename Simd<T>::Bit)1 << Format<T>::mantissa));
}

template <class T> inline Vector<T> exp(Vector<T> x) {
  Reduced<T> e = reduce<T>(min(splat<T>(Format<T>::largest), max(splat<T>(Format<T>::zero), x)));
  // 2^n may lie just above the range: half of it, twice; or far below that of normal numbers: 2^64 times it, over
  // 2^64, which rounds once more where the result is subnormal. (`smallest` keeps half the result a normal number.)
  const auto small = x < Format<T>::smallest;
  Vector<T> part = small ? times_power<T>(e.power, 64) : times_power<T>(e.power, -1);
  Vector<T> y = fma(e.less_one, part, part) * (small ? splat<T>(0x1p-64) : splat<T>(2));
  return x > Format<T>::largest ? splat<T>(T(INFINITY)) : y;
}

template <class T> inline Vector<T> normal_exp(Vector<T> x) {
  Reduced<T> e = reduce<T>(min(splat<T>(Format<T>::largest), max(splat<T>(Format<T>::smallest), x)));
  Vector<T> half = times_power<T>(e.power, -1);
  Vector<T> y = fma(e.less_one, half, half) * T(2);
  y = x > Format<T>::largest ? splat<T>(T(INFINITY)) : y;
  return x < Format<T>::smallest ? splat<T>(0) : y;
}

template <class T> inline Vector<T> open_sigmoid(Vector<T> x) {
  // Beyond the bound e^-x leaves the range of `reciprocal`; the result there is 1 or nearly 0.
  Vector<T> bound = splat<T>(Format<T>::sigmoid_bound);
  Reduced<T> e = reduce<T>(min(bound, max(-bound, -x)));
  return reciprocal<T>(fma(e.less_one, e.power, e.power) + T(1));
}

template <class T> inline Vector<T> sigmoid(Vector<T> x) {
  return x < -Format<T>::sigmoid_bound ? splat<T>(0) : open_sigmoid<T>(x);
}

template <class T> inline Vector<T> tanh(Vector<T> x) {
  Vector<T> size = min(splat<T>(Format<T>::tanh_bound), absolute<T>(x));
  Reduced<T> e = reduce<T>(size + size);
  Vector<T> less_one = fma(e.less_one, e.power, e.power - T(1));  // e^2|x| - 1, without cancellation near 0
  Vector<T> y = min(splat<T>(1), less_one * reciprocal<T>(less_one + T(2)));
  Bits<T> sign = (Bits<T>)x & (Bits<T>)splat<T>(T(-0.0));
  return (Vector<T>)((Bits<T>)y | sign);
}

// 2 artanh(s) = 2 (s + s^3 / 3 + s^5 / 5 + ...).
template <class T> inline Vector<T> twice_artanh(Vector<T> s, int terms) {
  Vector<T> square = s * s, sum = splat<T>(T(1) / T(2 * terms + 1));
  for (int k = terms - 1; k >= 1; --k) sum = fma(sum, square, splat<T>(T(1) / T(2 * k + 1)));
  return T(2) * fma(sum * square, s, s);
}

template <class T> inline Vector<T> log(Vector<T> x) {
  const Vector<T> tiny = splat<T>(T(1e-30));
  Vector<T> scaled = x < tiny ? x * T(0x1p64) : x;  // out of the reach of subnormal numbers
  Bits<T> exponent = ((Bits<T>)scaled - Format<T>::sqrt_half) >> Format<T>::mantissa;
  Vector<T> m = (Vector<T>)((Bits<T>)scaled - (exponent << Format<T>::mantissa));
  Vector<T> n = __builtin_convertvector(exponent, Vector<T>) - (x < tiny ? splat<T>(64) : splat<T>(0));
  Vector<T> y = twice_artanh<T>((m - T(1)) / (m + T(1)), Format<T>::log_terms);
  y = fma(n, splat<T>(Format<T>::ln2_high), fma(n, splat<T>(Format<T>::ln2_low), y));
  y = x == T(INFINITY) ? x : y;
  y = x == T(0) ? splat<T>(T(-INFINITY)) : y;
  return x >= T(0) ? y : splat<T>(T(NAN));
}

template <class T> inline Vector<T> softplus(Vector<T> x) {
  Vector<T> e = exp<T>(-absolute<T>(x));
  return max(splat<T>(0), x) + twice_artanh<T>(e / (e + T(2)), Format<T>::log1p_terms);
}

}  // namespace
}  // namespace KEEPGATE_SET
}  // namespace keepgate
