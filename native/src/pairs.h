// Products of bfloat16 in pairs, as the instruction VDPBF16PS makes them: to each sum the product of the second
// numbers of two pairs is added, then that of the first, each by fused multiply-add in float32, rounded to nearest
// even. Numbers and sums that are smaller than all normal ones are 0. Where the instruction is missing, two fused
// multiply-adds give the same bits.
#pragma once

#include "storage.h"
#include "tile.h"

namespace keepgate {
inline namespace KEEPGATE_SET {
namespace {

// While it lives, results and operands below the normal numbers are 0.
class FlushToZero {
 public:
#if defined(__SSE__)
  FlushToZero() : before_(__builtin_ia32_stmxcsr()) { __builtin_ia32_ldmxcsr(before_ | 0x8040); }
  ~FlushToZero() { __builtin_ia32_ldmxcsr(before_); }

 private:
  const unsigned before_;
#elif defined(__aarch64__)
  FlushToZero() {
    asm volatile("mrs %0, fpcr" : "=r"(before_));
    asm volatile("msr fpcr, %0" ::"r"(before_ | 1ull << 24) : "memory");
  }
  ~FlushToZero() { asm volatile("msr fpcr, %0" ::"r"(before_) : "memory"); }

 private:
  uint64_t before_;
#else
  FlushToZero() {}
  ~FlushToZero() {}
#endif
};

typedef uint16_t Halves __attribute__((vector_size(KEEPGATE_BYTES / 2)));

// Ways to round numbers, alone or to pairs of the numbers of two rows; and to add the product of a pair, one for all
// lanes, and a vector of pairs.
struct PairsByTwo {
  static Halves round(Floats x) { return __builtin_convertvector(to_normal_bfloat16(x) >> 16, Halves); }
  static Words round(Floats first, Floats second) {
    return pair(to_normal_bfloat16(first), to_normal_bfloat16(second));
  }
  static Floats add(Floats sum, uint32_t pair, Words pairs) {
    sum = fma((Floats)splat_word(pair & 0xFFFF0000), (Floats)(pairs & 0xFFFF0000), sum);
    return fma((Floats)splat_word(pair << 16), (Floats)(pairs << 16), sum);
  }

 private:
  static Words splat_word(uint32_t word) { return word - Words{}; }
};
#if defined(__AVX512BW__)
// Not every processor of the set has the instructions.
struct PairsAtOnce {
  static Halves round(Floats x) {
    Halves halves;
    asm("vcvtneps2bf16 %1, %0" : "=v"(halves) : "v"(x));
    return halves;
  }
  static Words round(Floats first, Floats second) {
    return __builtin_convertvector(round(first), Words) | __builtin_convertvector(round(second), Words) << 16;
  }
  static Floats add(Floats sum, uint32_t pair, Words pairs) {
    const __m512i of_row = _mm512_set1_epi32((int)pair);
    asm("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(of_row), "v"(pairs));
    return sum;
  }
};
#endif

// Do `run(way)` with the best way of this processor.
template <class F> void by_pairs(const F& run) {
#if defined(__AVX512BW__)
  if (__builtin_cpu_supports("avx512bf16")) return run(PairsAtOnce());
#endif
  const FlushToZero flush;
  run(PairsByTwo());
}

// Write a row as pairs of numbers next to each other.
template <class Way> void round_row(const float* x, ptrdiff_t depth, char* to) {
  constexpr int L = lanes<float>;
  for (ptrdiff_t k = 0; k < depth; k += L, to += sizeof(Halves)) {
    const Halves halves = Way::round(load_up_to(x + k, depth - k));
    std::memcpy(to, &halves, sizeof halves);
  }
}

// As `product_tile`, of the rows that `round_row` has written.
template <class Way, int M, int P, int N> void pairs_tile(const Product<float>& product, ptrdiff_t row, int panel) {
  constexpr int W = panel_width<float>;
  Floats sum[M][P][N];
  begin_sums<float, M, P, N>(product, row, panel, sum);
  const char* rows = product.work;
  for (int s = 0; s < product.segment_count; ++s) {
    const Segment<float>& segment = product.segments[s];
    const ptrdiff_t bytes = panel_bytes<float>(Storage::pairs, segment.depth, W);
    const ptrdiff_t row_words = pairs_row_bytes(segment.depth) / 4;
    const auto* a = reinterpret_cast<const uint32_t*>(rows) + row * row_words;
    rows += product.rows * row_words * 4;
    const char* b = segment.packed + panel * bytes;
    for (ptrdiff_t k = 0; k < segment.depth; k += 2, b += 2 * KEEPGATE_BYTES, ++a) {
      if (M > 4) {  // the panel that comes next may lie far off
        __builtin_prefetch(b + bytes, 0, 2);
        __builtin_prefetch(b + bytes + KEEPGATE_BYTES, 0, 2);
      }
      Words right[P][N];
#pragma GCC unroll 6
      for (int p = 0; p < P; ++p)
#pragma GCC unroll 2
        for (int n = 0; n < N; ++n) right[p][n] = (Words)words(b + p * bytes + n * KEEPGATE_BYTES);
#pragma GCC unroll 12
      for (int m = 0; m < M; ++m)
#pragma GCC unroll 6
        for (int p = 0; p < P; ++p)
#pragma GCC unroll 2
          for (int n = 0; n < N; ++n) sum[m][p][n] = Way::add(sum[m][p][n], a[m * row_words], right[p][n]);
    }
  }
  end_sums<float, M, P, N>(product, row, panel, sum);
}

}  // namespace
}  // namespace KEEPGATE_SET
}  // namespace keepgate
