// Matrix products on packed panels. A tile of up to `tile_rows` rows and one panel (or several, for few rows) keeps its
// sums in registers through all segments; each sum takes its terms in order, so tiles of any shape give the same bits.
#pragma once

#include "keepgate/kernels.h"
#include "int8.h"
#include "pairs.h"
#include "storage.h"
#include "tile.h"

namespace keepgate {
inline namespace KEEPGATE_SET {
namespace {

template <class T, class Stored, int M, int P, int N>
__attribute__((always_inline)) inline void product_tile(const Product<T>& product, ptrdiff_t row, int panel) {
  constexpr int W = panel_width<T>;
  Vector<T> sum[M][P][N];
  begin_sums<T, M, P, N>(product, row, panel, sum);
  for (int s = 0; s < product.segment_count; ++s) {
    const Segment<T>& segment = product.segments[s];
    const T* a = segment.rows + row * segment.stride;
    const ptrdiff_t stride = segment.stride, depth = segment.depth;
    const ptrdiff_t bytes = panel_bytes<T>(Stored::storage, depth, W);
    const char* b = segment.packed + panel * bytes;
    constexpr int each = Stored::each;
    for (ptrdiff_t at = 0; at < depth; at += each, b += 2 * KEEPGATE_BYTES) {
      if (M > 4) {  // the panel that comes next may lie far off
        __builtin_prefetch(b + bytes, 0, 2);
        __builtin_prefetch(b + bytes + KEEPGATE_BYTES, 0, 2);
      }
#pragma GCC unroll 4
      for (int u = 0; u < each; ++u) {
        const ptrdiff_t k = at + u;
        if (each > 1 && k >= depth) break;
        Vector<T> right[P][N];
#pragma GCC unroll 6
        for (int p = 0; p < P; ++p)
#pragma GCC unroll 2
          for (int n = 0; n < N; ++n)
            right[p][n] = Stored::read(b + p * bytes + n * KEEPGATE_BYTES, u);
#pragma GCC unroll 12
        for (int m = 0; m < M; ++m) {
          Vector<T> left = splat<T>(a[m * stride + k]);
#pragma GCC unroll 6
          for (int p = 0; p < P; ++p)
#pragma GCC unroll 2
            for (int n = 0; n < N; ++n) sum[m][p][n] = fma(left, right[p][n], sum[m][p][n]);
        }
      }
    }
  }
  end_sums<T, M, P, N>(product, row, panel, sum);
}

// S segments of equal depth, from segment `first` on, each summed by itself; then the sums are added in order to what
// the segments before have left in C.
template <class T, int M, int P, int N, int S>
__attribute__((always_inline)) inline void apart_tile(const Product<T>& product, ptrdiff_t row, int panel, int first) {
  constexpr int W = panel_width<T>, L = lanes<T>;
  const Segment<T>* const segments = product.segments + first;
  const ptrdiff_t depth = segments[0].depth, size = depth * W;
  Vector<T> sum[S][M][P][N] = {};
  for (ptrdiff_t k = 0; k < depth; ++k) {
#pragma GCC unroll 4
    for (int s = 0; s < S; ++s) {
      const T* const a = segments[s].rows + row * segments[s].stride + k;
      const T* const b = reinterpret_cast<const T*>(segments[s].packed) + panel * size + k * W;
      if (M > 4) {  // the panel that comes next may lie far off
        __builtin_prefetch(b + size, 0, 2);
        __builtin_prefetch(b + size + L, 0, 2);
      }
      Vector<T> right[P][N];
#pragma GCC unroll 6
      for (int p = 0; p < P; ++p)
#pragma GCC unroll 2
        for (int n = 0; n < N; ++n) right[p][n] = load(b + p * size + n * L);
#pragma GCC unroll 12
      for (int m = 0; m < M; ++m) {
        const Vector<T> left = splat<T>(a[m * segments[s].stride]);
#pragma GCC unroll 6
        for (int p = 0; p < P; ++p)
#pragma GCC unroll 2
          for (int n = 0; n < N; ++n) sum[s][m][p][n] = fma(left, right[p][n], sum[s][m][p][n]);
      }
    }
  }
#pragma GCC unroll 6
  for (int p = 0; p < P; ++p) {
    const Panel<T>& to = product.panels[panel + p];
#pragma GCC unroll 12
    for (int m = 0; m < M; ++m)
#pragma GCC unroll 2
      for (int n = 0; n < N; ++n) {
        T* const out = to.to + (row + m) * to.stride + n * L;
        const ptrdiff_t columns = to.columns - n * L;
        if (columns <= 0) continue;
        Vector<T> total = first ? load_up_to(out, columns) + sum[0][m][p][n] : sum[0][m][p][n];
#pragma GCC unroll 4
        for (int s = 1; s < S; ++s) total += sum[s][m][p][n];
        store_up_to(out, total, columns);
      }
  }
}

// As many segments at once as there are registers for.
template <class T> struct ByParts {
  template <int M, int P, int N> static void tile(const Product<T>& product, ptrdiff_t row, int panel) {
    constexpr int most = tile_rows * 2 / (M * P * N);
    int s = 0;
    const auto alike = [&](int count) {
      if (product.segment_count - s < count) return false;
      for (int i = 1; i < count; ++i)
        if (product.segments[s + i].depth != product.segments[s].depth) return false;
      return true;
    };
    while (s < product.segment_count) {
      if constexpr (most >= 4)
        if (alike(4)) {
          apart_tile<T, M, P, N, 4>(product, row, panel, s);
          s += 4;
          continue;
        }
      if constexpr (most >= 2)
        if (alike(2)) {
          apart_tile<T, M, P, N, 2>(product, row, panel, s);
          s += 2;
          continue;
        }
      apart_tile<T, M, P, N, 1>(product, row, panel, s++);
    }
  }
};

// Tiles of all shapes, as a way to multiply has them.
template <class T, class Stored> struct ByNumbers {
  template <int M, int P, int N> static void tile(const Product<T>& product, ptrdiff_t row, int panel) {
    product_tile<T, Stored, M, P, N>(product, row, panel);
  }
};
template <class Way> struct ByPairs {
  template <int M, int P, int N> static void tile(const Product<float>& product, ptrdiff_t row, int panel) {
    pairs_tile<Way, M, P, N>(product, row, panel);
  }
};
template <class Dot> struct ByIntegers {
  template <int M, int P, int N> static void tile(const Product<float>& product, ptrdiff_t row, int panel) {
    int8_tile<Dot, M, P, N>(product, row, panel);
  }
};

template <class T> using Tile = void (*)(const Product<T>&, ptrdiff_t, int);

// of[M][P]: the tile of M rows and P panels; narrow[M]: of one panel whose columns fill no more than half of it.
template <class T, class Way> struct Tiles {
  Tile<T> of[tile_rows + 1][panels_for(1) + 1] = {};
  Tile<T> narrow[tile_rows + 1] = {};
  constexpr Tiles() { fill<tile_rows, panels_for(tile_rows)>(); }

 private:
  template <int M, int P> constexpr void fill() {
    of[M][P] = Way::template tile<M, P, 2>;
    if constexpr (P == 1) narrow[M] = Way::template tile<M, 1, 1>;
    if constexpr (P > 1) fill<M, P - 1>();
    else if constexpr (M > 1) fill<M - 1, panels_for(M - 1)>();
  }
};

template <class T, class Way> void product_by(const Product<T>& product) {
  static constexpr Tiles<T, Way> tiles;
  const ptrdiff_t heights = (product.rows + tile_rows - 1) / tile_rows;
  if (!heights || !product.panel_count) return;
  // Panels and rows are cut evenly: the last tile is nearly as large as the others.
  const int high = heights == 1 ? (int)product.rows : (int)((product.rows + heights - 1) / heights);
  const int widest = panels_for(high);
  if (heights == 1 && product.panel_count <= widest) {  // one tile: nothing to divide
    const bool narrow = product.panel_count == 1 && product.panels[0].columns <= lanes<T>;
    return (narrow ? tiles.narrow[high] : tiles.of[high][product.panel_count])(product, 0, 0);
  }
  const int groups = (product.panel_count + widest - 1) / widest;
  for (int turn = 0; turn < groups; ++turn) {
    const int group = product.backwards ? groups - 1 - turn : turn;
    const int panel = (int)((ptrdiff_t)product.panel_count * group / groups);
    const int panels = (int)((ptrdiff_t)product.panel_count * (group + 1) / groups) - panel;
    const bool narrow = panels == 1 && product.panels[panel].columns <= lanes<T>;
    ptrdiff_t row = 0;
    for (ptrdiff_t i = 0; i < heights; ++i) {
      const int rows = (int)((product.rows - row + heights - i - 1) / (heights - i));
      (narrow ? tiles.narrow[rows] : tiles.of[rows][panels])(product, row, panel);
      row += rows;
    }
  }
}

// Round the rows of all segments, one after the other, to `work`, as `round(row, depth, to)` does.
template <class F> void round_rows(const Product<float>& product, F round) {
  char* to = product.work;
  for (int s = 0; s < product.segment_count; ++s) {
    const Segment<float>& segment = product.segments[s];
    for (ptrdiff_t r = 0; r < product.rows; ++r, to += rounded_row_bytes(product.storage, segment.depth))
      round(segment.rows + r * segment.stride, segment.depth, to);
  }
}

template <class Dot> void int8_product(const Product<float>& product) {
  round_rows(product, quantize<Dot>);
  product_by<float, ByIntegers<Dot>>(product);
}

inline void int8_product(const Product<float>& product) {
#if defined(__AVX512BW__)
  return __builtin_cpu_supports("avx512vnni") ? int8_product<Vnni>(product) : int8_product<Pairs>(product);
#elif defined(__AVX2__)
  int8_product<Pairs>(product);
#else
  int8_product<Bytewise>(product);
#endif
}

inline void pairs_product(const Product<float>& product) {
  by_pairs([&](auto way) {
    round_rows(product, round_row<decltype(way)>);
    product_by<float, ByPairs<decltype(way)>>(product);
  });
}

template <class T> void product(const Product<T>& product) {
  if constexpr (sizeof(T) == 4) {
    if (product.storage == Storage::pairs) return pairs_product(product);
    if (product.storage == Storage::bfloat16) return product_by<T, ByNumbers<T, Bfloat16>>(product);
    if (product.storage == Storage::int8) return int8_product(product);
  }
  product.apart ? product_by<T, ByParts<T>>(product) : product_by<T, ByNumbers<T, Full<T>>>(product);
}

}  // namespace
}  // namespace KEEPGATE_SET
}  // namespace keepgate
