// Products of 8-bit integers: exact, so the same on every instruction set, however that multiplies.
//
// A row of a source is rounded to integers of -127 to 127 times a scale of its own, its largest number over 127, as a
// column of weights was when it was packed. The sum of their products over a segment is an integer, which up to
// `kInt8Depth` of depth fits 32 bits; it becomes a number once, times both scales, and is added to the sum.
#pragma once

#include "functions.h"
#include "tile.h"

namespace keepgate {
inline namespace KEEPGATE_SET {
namespace {

// Ways to add the products of a word, four bytes of depth, to each lane of a sum. `put` writes four numbers of a row as
// `add` reads them, in `words` words; `columns`: sums of the columns' weights.
#if defined(__AVX512BW__)
// Multiplies bytes without a sign by bytes with one: rows have 128 added, which is taken from the sum in the end. Not
// every processor of the set has the instruction.
struct Vnni {
  static constexpr int words = 1;
  using Weights = Ints;
  static Weights weights(Ints w) { return w; }
  static void put(uint32_t four, int32_t* to) { *to = (int32_t)(four ^ 0x80808080u); }
  static Ints add(Ints sum, const int32_t* row, Weights w) {
    const __m512i of_row = _mm512_set1_epi32(*row);
    asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(of_row), "v"(w));
    return sum;
  }
  static Ints total(Ints sum, Ints columns) { return sum - (columns << 7); }
};
#endif

#if defined(__AVX512BW__) || defined(__AVX2__)
// Multiplies pairs of 16 bits: of a word's bytes, first those with an even number, then the others.
struct Pairs {
  static constexpr int words = 2;
  typedef int16_t Shorts __attribute__((vector_size(KEEPGATE_BYTES)));
  struct Weights {
    Shorts even, odd;
  };
  static Weights weights(Ints w) { return {(Shorts)w << 8 >> 8, (Shorts)w >> 8}; }
  static void put(uint32_t four, int32_t* to) {
    const auto byte = [four](int shift) { return (uint32_t)((int32_t)(four << shift) >> 24); };
    to[0] = (int32_t)((byte(24) & 0xFFFF) | byte(8) << 16);
    to[1] = (int32_t)((byte(16) & 0xFFFF) | byte(0) << 16);
  }
  static Ints add(Ints sum, const int32_t* row, const Weights& w) {
    return sum + multiply(w.even, row[0]) + multiply(w.odd, row[1]);
  }
  static Ints total(Ints sum, Ints) { return sum; }

 private:
#if defined(__AVX512BW__)
  static Ints multiply(Shorts a, int32_t b) { return (Ints)_mm512_madd_epi16((__m512i)a, _mm512_set1_epi32(b)); }
#else
  static Ints multiply(Shorts a, int32_t b) { return (Ints)_mm256_madd_epi16((__m256i)a, _mm256_set1_epi32(b)); }
#endif
};
#else
// Multiplies one byte after the other.
struct Bytewise {
  static constexpr int words = 1;
  using Weights = Ints;
  static Weights weights(Ints w) { return w; }
  static void put(uint32_t four, int32_t* to) { *to = (int32_t)four; }
  static Ints add(Ints sum, const int32_t* row, Weights w) {
    for (int shift = 24; shift >= 0; shift -= 8) sum += (w << shift >> 24) * ((int32_t)((uint32_t)*row << shift) >> 24);
    return sum;
  }
  static Ints total(Ints sum, Ints) { return sum; }
};
#endif

typedef int8_t Bytes __attribute__((vector_size(KEEPGATE_BYTES / 4)));

// Write a row's scale and integers, as `Dot` reads them. A row with what is no number has a scale of NaN; one that is
// as good as zero, of 0.
template <class Dot> void quantize(const float* x, ptrdiff_t depth, char* to) {
  constexpr int L = lanes<float>;
  Floats top{}, bad{};
  for (ptrdiff_t k = 0; k < depth; k += L) {
    const Floats v = load_up_to(x + k, depth - k);
    top = max(absolute<float>(v), top);
    bad += v - v;
  }
  float largest = 0, fault = 0;
  for (int l = 0; l < L; ++l) {
    largest = top[l] > largest ? top[l] : largest;
    fault += bad[l];
  }
  const bool zero = largest < 0x1p-100f || fault != 0;
  const float scale = fault != 0 ? __builtin_nanf("") : zero ? 0 : largest / 127.0f;
  const Floats inverse = splat<float>(zero ? 0 : 127.0f / largest);
  std::memcpy(to, &scale, sizeof scale);
  auto* const words = reinterpret_cast<int32_t*>(to + kInt8Head);
  for (ptrdiff_t k = 0; k < depth; k += L) {
    Floats v = load_up_to(x + k, depth - k);
    if (zero) v = Floats{};
    // Adding this leaves the integer in the low bits, rounded to nearest even.
    const Bytes bytes = __builtin_convertvector((Ints)(v * inverse + 0x1.8p23f), Bytes);
    int32_t four[L / 4];
    std::memcpy(four, &bytes, sizeof four);
    for (int i = 0; i < L / 4; ++i) Dot::put(four[i], words + (k / 4 + i) * Dot::words);
  }
}

// As `product_tile`, of the rows that `quantize` has written.
template <class Dot, int M, int P, int N> void int8_tile(const Product<float>& product, ptrdiff_t row, int panel) {
  constexpr int W = panel_width<float>;
  Floats sum[M][P][N];
  begin_sums<float, M, P, N>(product, row, panel, sum);
  const char* rows = product.work;
  for (int s = 0; s < product.segment_count; ++s) {
    const Segment<float>& segment = product.segments[s];
    const ptrdiff_t bytes = panel_bytes<float>(Storage::int8, segment.depth, W);
    const ptrdiff_t row_bytes = int8_row_bytes(segment.depth);
    const char *const b = segment.packed + panel * bytes, *const a = rows + row * row_bytes;
    rows += product.rows * row_bytes;
    Ints dots[M][P][N] = {};
    const char* w = b + Int8::head;
    const auto* q = reinterpret_cast<const int32_t*>(a + kInt8Head);
    for (ptrdiff_t k = 0; k < segment.depth; k += 4, w += 2 * KEEPGATE_BYTES, q += Dot::words) {
      typename Dot::Weights right[P][N];
#pragma GCC unroll 6
      for (int p = 0; p < P; ++p)
#pragma GCC unroll 2
        for (int n = 0; n < N; ++n) right[p][n] = Dot::weights(words(w + p * bytes + n * KEEPGATE_BYTES));
#pragma GCC unroll 12
      for (int m = 0; m < M; ++m)
#pragma GCC unroll 6
        for (int p = 0; p < P; ++p)
#pragma GCC unroll 2
          for (int n = 0; n < N; ++n)
            dots[m][p][n] = Dot::add(dots[m][p][n], q + m * (row_bytes / 4), right[p][n]);
    }
#pragma GCC unroll 6
    for (int p = 0; p < P; ++p)
#pragma GCC unroll 2
      for (int n = 0; n < N; ++n) {
        const char* const head = b + p * bytes + n * KEEPGATE_BYTES;
        const Floats scale = load(reinterpret_cast<const float*>(head));
        const Ints columns = words(head + 2 * KEEPGATE_BYTES);
#pragma GCC unroll 12
        for (int m = 0; m < M; ++m) {
          float of_row;
          std::memcpy(&of_row, a + m * row_bytes, sizeof of_row);
          const Floats total = __builtin_convertvector(Dot::total(dots[m][p][n], columns), Floats);
          sum[m][p][n] = fma(total, splat<float>(of_row) * scale, sum[m][p][n]);
        }
      }
  }
  end_sums<float, M, P, N>(product, row, panel, sum);
}

}  // namespace
}  // namespace KEEPGATE_SET
}  // namespace keepgate
