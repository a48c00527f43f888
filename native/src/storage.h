// How a product reads packed weights, and how they are stored in fewer bits; see `Storage`.
#pragma once

#include "keepgate/kernels.h"
#include "simd.h"

namespace keepgate {
inline namespace KEEPGATE_SET {
namespace {

template <class T> constexpr int panel_width = 2 * lanes<T>;

inline Ints words(const char* from) { return load(reinterpret_cast<const int32_t*>(from)); }

// A panel consists of lines of two vectors. Each way says how many steps of depth lie in one line; `read` gives the
// numbers of half a line for one of its steps.
template <class T> struct Full {
  static constexpr Storage storage = Storage::full;
  static constexpr int each = 1;
  static Vector<T> read(const char* from, int) { return load(reinterpret_cast<const T*>(from)); }
};

struct Bfloat16 {
  static constexpr Storage storage = Storage::bfloat16;
  static constexpr int each = 2;
  static Floats read(const char* from, int step) {
    return (Floats)(step ? words(from) & (int32_t)0xFFFF0000 : words(from) << 16);
  }
};

// Before the lines, of which each holds four steps: the columns' scales, and the sums of their integers.
struct Int8 {
  static constexpr int head = 4 * KEEPGATE_BYTES;
};

// To nearest, ties to even; a NaN stays one, and what is too large becomes infinite.
inline uint16_t to_bfloat16(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  if (x != x) return (uint16_t)(bits >> 16 | 0x40);
  return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

// A vector of columns of a panel: `to` at its scales. The scale takes the largest number of a column to 127; a column
// with a number that is not finite is NaN.
inline void to_int8(const float* panel, ptrdiff_t depth, char* to) {
  constexpr int W = panel_width<float>;
  constexpr float shift = 0x1.8p23f;  // adding it rounds to an integer, ties to even, in the low bits
  Floats largest{}, fault{};
  for (ptrdiff_t k = 0; k < depth; ++k) {
    const Floats v = load(panel + k * W);
    largest = max((Floats)((Ints)v & 0x7FFFFFFF), largest);
    fault += v - v;  // 0, or NaN
  }
  const Floats scale = fault == 0.0f ? largest / 127.0f : splat<float>(__builtin_nanf(""));
  const Ints numbers = scale > 0.0f;
  Ints sums{};
  for (ptrdiff_t k = 0; k < depth; k += 4) {
    Ints four{};
    for (int i = 0; i < 4 && k + i < depth; ++i) {
      const Floats q = load(panel + (k + i) * W) / scale + shift - shift;
      const Floats bounded = min(splat<float>(127), max(splat<float>(-127), q));
      const Ints number = ((Ints)(bounded + shift) - (Ints)splat<float>(shift)) & numbers;
      sums += number;
      four |= (number & 0xFF) << 8 * i;
    }
    std::memcpy(to + (4 + k / 2) * KEEPGATE_BYTES, &four, sizeof four);
  }
  std::memcpy(to, &scale, sizeof scale);
  std::memcpy(to + 2 * KEEPGATE_BYTES, &sums, sizeof sums);
}

inline void narrow(const float* panel, ptrdiff_t depth, Storage storage, char* to) {
  constexpr int W = panel_width<float>;
  if (storage == Storage::int8) {
    for (int n = 0; n < 2; ++n) to_int8(panel + n * lanes<float>, depth, to + n * KEEPGATE_BYTES);
    return;
  }
  std::memset(to, 0, panel_bytes<float>(storage, depth, W));
  auto* const words = reinterpret_cast<uint32_t*>(to);
  for (ptrdiff_t k = 0; k < depth; ++k)
    for (int j = 0; j < W; ++j) words[k / 2 * W + j] |= (uint32_t)to_bfloat16(panel[k * W + j]) << k % 2 * 16;
}
inline void narrow(const double*, ptrdiff_t, Storage, char*) {}  // double precision is always full

}  // namespace
}  // namespace KEEPGATE_SET
}  // namespace keepgate
