// How a product reads packed weights, and how they are stored in fewer bits; see `Storage`.
#pragma once

#include "keepgate/kernels.h"
#include "simd.h"

namespace keepgate {
inline namespace KEEPGATE_SET {
namespace {

template <class T> constexpr int panel_width = 2 * lanes<T>;

// A panel consists of lines of two vectors. Each way says how many steps of depth lie in one line, and the bytes of
// what precedes the lines; `read` gives the numbers of half a line for one of its steps, by the scales that `scale`
// found.
template <class T> struct Full {
  static constexpr Storage storage = Storage::full;
  static constexpr int each = 1, head = 0;
  struct Scale {};
  static Scale scale(const char*) { return {}; }
  static Vector<T> read(const char* from, int, Scale) { return load(reinterpret_cast<const T*>(from)); }
};

inline Ints words(const char* from) { return load(reinterpret_cast<const int32_t*>(from)); }

struct Bfloat16 {
  static constexpr Storage storage = Storage::bfloat16;
  static constexpr int each = 2, head = 0;
  struct Scale {};
  static Scale scale(const char*) { return {}; }
  static Floats read(const char* from, int step, Scale) {
    return (Floats)(step ? words(from) & (int32_t)0xFFFF0000 : words(from) << 16);
  }
};

struct Int8 {
  static constexpr Storage storage = Storage::int8;
  static constexpr int each = 4, head = 2 * KEEPGATE_BYTES;
  using Scale = Floats;
  static Scale scale(const char* from) { return load(reinterpret_cast<const float*>(from)); }
  static Floats read(const char* from, int step, Scale scale) {
    return __builtin_convertvector(words(from) << (24 - 8 * step) >> 24, Floats) * scale;
  }
};

// To nearest, ties to even; a NaN stays one, and what is too large becomes infinite.
inline uint16_t to_bfloat16(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  if (x != x) return (uint16_t)(bits >> 16 | 0x40);
  return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

// To the nearest integer, ties to even, of what is far below 2^22 in size.
inline float nearest(float x) {
  constexpr float shift = 0x1.8p23f;
  return (x + shift) - shift;
}

// The scale takes the largest number of a column to 127; a column with a number that is not finite is NaN.
inline void to_int8(const float* from, ptrdiff_t depth, ptrdiff_t stride, float* scale, uint32_t* to) {
  float largest = 0;
  bool finite = true;
  for (ptrdiff_t k = 0; k < depth; ++k) {
    const float size = __builtin_fabsf(from[k * stride]);
    finite &= size <= __FLT_MAX__;
    largest = size > largest ? size : largest;
  }
  *scale = finite ? largest / 127.0f : __builtin_nanf("");
  for (ptrdiff_t k = 0; k < depth; ++k) {
    const float q = *scale > 0 ? nearest(from[k * stride] / *scale) : 0.0f;
    const auto number = (uint8_t)(int8_t)(q > 127.0f ? 127.0f : q < -127.0f ? -127.0f : q);
    to[k / 4 * stride] |= (uint32_t)number << k % 4 * 8;
  }
}

inline void narrow(const float* panel, ptrdiff_t depth, Storage storage, char* to) {
  constexpr int W = panel_width<float>;
  std::memset(to, 0, panel_bytes<float>(storage, depth, W));
  auto* const words = reinterpret_cast<uint32_t*>(to);
  if (storage == Storage::bfloat16) {
    for (ptrdiff_t k = 0; k < depth; ++k)
      for (int j = 0; j < W; ++j) words[k / 2 * W + j] |= (uint32_t)to_bfloat16(panel[k * W + j]) << k % 2 * 16;
    return;
  }
  for (int j = 0; j < W; ++j) to_int8(panel + j, depth, W, reinterpret_cast<float*>(to) + j, words + W + j);
}
inline void narrow(const double*, ptrdiff_t, Storage, char*) {}  // double precision is always full

}  // namespace
}  // namespace KEEPGATE_SET
}  // namespace keepgate
