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

typedef uint32_t Words __attribute__((vector_size(KEEPGATE_BYTES)));

// To bfloat16, in the upper half of each word: to nearest, ties to even; a NaN stays one, and what is too large becomes
// infinite.
inline Words to_bfloat16(Floats x) {
  const Words bits = (Words)x, number = (Words)(x == x);
  const Words rounded = bits + 0x7FFF + (bits >> 16 & 1), marked = bits | 0x400000;
  return ((rounded & number) | (marked & ~number)) & 0xFFFF0000;
}

// As it is multiplied in pairs: what is smaller than all normal numbers is 0.
inline Words to_normal_bfloat16(Floats x) {
  const Words normal = (Words)(((Words)x & 0x7F800000) != 0);
  return to_bfloat16(x) & (normal | 0x80000000);
}

// Two numbers of depth for each column, the first in the lower half.
inline Words pair(Words first, Words second) { return first >> 16 | second; }

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
  const auto rounded = [&](ptrdiff_t k, int n) {
    if (k >= depth) return Words{};
    const Floats numbers = load(panel + k * W + n * lanes<float>);
    return storage == Storage::pairs ? to_normal_bfloat16(numbers) : to_bfloat16(numbers);
  };
  for (ptrdiff_t k = 0; k < depth; k += 2)
    for (int n = 0; n < 2; ++n, to += KEEPGATE_BYTES) {
      const Words both = pair(rounded(k, n), rounded(k + 1, n));
      std::memcpy(to, &both, sizeof both);
    }
}
inline void narrow(const double*, ptrdiff_t, Storage, char*) {}  // double precision is always full

}  // namespace
}  // namespace KEEPGATE_SET
}  // namespace keepgate
