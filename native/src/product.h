// Matrix products on packed panels. A tile of up to `tile_rows` rows and one panel (or several, for few rows) keeps its
// sums in registers through all segments; each sum takes its terms in order, so tiles of any shape give the same bits.
#pragma once

#include "keepgate/kernels.h"
#include "simd.h"

namespace keepgate {
namespace {

template <class T> constexpr int panel_width = 2 * lanes<T>;
#if KEEPGATE_BYTES == 64 || defined(__ARM_NEON)
constexpr int tile_rows = 12;
#else
constexpr int tile_rows = 6;
#endif

// Panels at once for few rows, so that enough independent sums hide the latency of fused multiply-add.
constexpr int panels_for(int rows) {
  int sums = tile_rows * 2;
  int panels = sums / (2 * rows);
  return panels < 1 ? 1 : panels > 6 ? 6 : panels;
}

template <class T, int M, int P>
__attribute__((always_inline)) inline void product_tile(const Product<T>& product, ptrdiff_t row, int panel) {
  constexpr int W = panel_width<T>, L = lanes<T>;
  Vector<T> sum[M][P][2];
#pragma GCC unroll 12
  for (int m = 0; m < M; ++m)
#pragma GCC unroll 6
    for (int p = 0; p < P; ++p) {
      const T* start = product.start;
      if (start) start += (row + m) * product.start_stride + (ptrdiff_t)(panel + p) * W;
      sum[m][p][0] = start ? load(start) : Vector<T>{};
      sum[m][p][1] = start ? load(start + L) : Vector<T>{};
    }
  for (int s = 0; s < product.segment_count; ++s) {
    const Segment<T>& segment = product.segments[s];
    const T* a = segment.rows + row * segment.stride;
    const ptrdiff_t stride = segment.stride, depth = segment.depth;
    const T* b = segment.packed + (ptrdiff_t)panel * depth * W;
    for (ptrdiff_t k = 0; k < depth; ++k, b += W) {
      Vector<T> right[P][2];
#pragma GCC unroll 6
      for (int p = 0; p < P; ++p) {
        right[p][0] = load(b + p * depth * W);
        right[p][1] = load(b + p * depth * W + L);
      }
#pragma GCC unroll 12
      for (int m = 0; m < M; ++m) {
        Vector<T> left = all<T>(a[m * stride + k]);
#pragma GCC unroll 6
        for (int p = 0; p < P; ++p) {
          sum[m][p][0] = fma(left, right[p][0], sum[m][p][0]);
          sum[m][p][1] = fma(left, right[p][1], sum[m][p][1]);
        }
      }
    }
  }
#pragma GCC unroll 6
  for (int p = 0; p < P; ++p) {
    const Panel<T>& to = product.panels[panel + p];
#pragma GCC unroll 12
    for (int m = 0; m < M; ++m) {
      T* out = to.to + (row + m) * to.stride;
      if (to.columns == W) {
        store(out, sum[m][p][0]);
        store(out + L, sum[m][p][1]);
      } else if (to.columns > L) {
        store(out, sum[m][p][0]);
        store_some(out + L, sum[m][p][1], to.columns - L);
      } else {
        store_some(out, sum[m][p][0], to.columns);
      }
    }
  }
}

template <class T, int M, int P> void tile_rows_panels(const Product<T>& product, ptrdiff_t row, int panel) {
  product_tile<T, M, P>(product, row, panel);
}

template <class T> using Tile = void (*)(const Product<T>&, ptrdiff_t, int);

template <class T, int M> struct Tiles {
  static void fill(Tile<T> (&one)[tile_rows + 1], Tile<T> (&several)[tile_rows + 1]) {
    one[M] = tile_rows_panels<T, M, 1>;
    several[M] = tile_rows_panels<T, M, panels_for(M)>;
    if constexpr (M > 1) Tiles<T, M - 1>::fill(one, several);
  }
};

template <class T> void product(const Product<T>& product) {
  static Tile<T> one[tile_rows + 1], several[tile_rows + 1];
  static const bool filled = (Tiles<T, tile_rows>::fill(one, several), true);
  (void)filled;
  const ptrdiff_t rows = product.rows;
  if (rows <= 0) return;
  const ptrdiff_t tiles = (rows + tile_rows - 1) / tile_rows;
  for (int panel = 0; panel < product.panel_count;) {
    const int height = (int)((rows + tiles - 1) / tiles);
    int group = panels_for(height);
    if (group > product.panel_count - panel) group = 1;
    ptrdiff_t row = 0;
    for (ptrdiff_t tile = 0; tile < tiles; ++tile) {
      const int here = (int)((rows - row + tiles - tile - 1) / (tiles - tile));
      if (group == panels_for(here) && group > 1) {
        several[here](product, row, panel);
      } else {
        for (int p = 0; p < group; ++p) one[here](product, row, panel + p);
      }
      row += here;
    }
    panel += group;
  }
}

template <class T>
void pack(const T* from, ptrdiff_t columns, ptrdiff_t column_stride, ptrdiff_t depth, ptrdiff_t depth_stride, T* to) {
  constexpr int W = panel_width<T>;
  for (ptrdiff_t first = 0; first < columns; first += W) {
    const ptrdiff_t here = columns - first < W ? columns - first : W;
    for (ptrdiff_t k = 0; k < depth; ++k, to += W)
      for (ptrdiff_t j = 0; j < W; ++j)
        to[j] = j < here ? from[(first + j) * column_stride + k * depth_stride] : T(0);
  }
}

// One tile of the outer products: M rows of `to`, one panel of columns; `sources` is packed, W numbers a row.
template <class T, int M>
__attribute__((always_inline)) inline void outer_tile(const Outer<T>& outer, const T* const* deltas, ptrdiff_t m,
                                                      const T* sources, T* to, ptrdiff_t columns) {
  constexpr int W = panel_width<T>, L = lanes<T>;
  const ptrdiff_t stride = outer.to_stride, left = columns > L ? L : columns, right = columns - left;
  Vector<T> sum[M][2];
#pragma GCC unroll 12
  for (int i = 0; i < M; ++i) {
    sum[i][0] = load_some(to + i * stride, left);
    sum[i][1] = load_some(to + i * stride + L, right);
  }
  for (ptrdiff_t b = 0; b < outer.block_count; ++b) {
    const T* delta = deltas[b] + m;
    for (ptrdiff_t r = outer.blocks[b].count; r > 0; --r, delta += outer.m, sources += W) {
      Vector<T> s0 = load(sources), s1 = load(sources + L);
#pragma GCC unroll 12
      for (int i = 0; i < M; ++i) {
        Vector<T> d = all<T>(delta[i]);
        sum[i][0] = fma(d, s0, sum[i][0]);
        sum[i][1] = fma(d, s1, sum[i][1]);
      }
    }
  }
#pragma GCC unroll 12
  for (int i = 0; i < M; ++i) {
    store_some(to + i * stride, sum[i][0], left);
    store_some(to + i * stride + L, sum[i][1], right);
  }
}

// The last tile of a gate may be lower than the others.
template <class T, int M>
void outer_tile_of(int height, const Outer<T>& outer, const T* const* deltas, ptrdiff_t m, const T* sources, T* to,
                   ptrdiff_t columns) {
  if (height == M) return outer_tile<T, M>(outer, deltas, m, sources, to, columns);
  if constexpr (M > 1) outer_tile_of<T, M - 1>(height, outer, deltas, m, sources, to, columns);
}

template <class T> void outer(const Outer<T>& outer, T* work) {
  constexpr int W = panel_width<T>;
  const ptrdiff_t tiles = (outer.m + tile_rows - 1) / tile_rows;
  for (ptrdiff_t column = 0; column < outer.n; column += W) {
    const ptrdiff_t columns = outer.n - column < W ? outer.n - column : W;
    T* to = work;
    for (ptrdiff_t b = 0; b < outer.block_count; ++b) {
      const T* from = outer.blocks[b].rows + column;
      for (ptrdiff_t r = 0; r < outer.blocks[b].count; ++r, from += outer.blocks[b].stride, to += W) {
        if (columns == W) {
          store(to, load(from));
          store(to + lanes<T>, load(from + lanes<T>));
        } else {
          for (ptrdiff_t j = 0; j < W; ++j) to[j] = j < columns ? from[j] : T(0);
        }
      }
    }
    for (ptrdiff_t tile = outer.first; tile < outer.last; ++tile) {
      const ptrdiff_t gate = tile / tiles, m = tile % tiles * tile_rows;
      const int height = outer.m - m < tile_rows ? (int)(outer.m - m) : tile_rows;
      T* corner = outer.to[gate] + m * outer.to_stride + column;
      outer_tile_of<T, tile_rows>(height, outer, outer.deltas + gate * outer.block_count, m, work, corner, columns);
    }
  }
}

template <class T> void sum_rows(const T* values, ptrdiff_t rows, ptrdiff_t n, T* sums) {
  constexpr int L = lanes<T>;
  ptrdiff_t j = 0;
  for (; j + L <= n; j += L) {
    Vector<T> sum = load(sums + j);
    for (ptrdiff_t r = 0; r < rows; ++r) sum += load(values + r * n + j);
    store(sums + j, sum);
  }
  for (; j < n; ++j)
    for (ptrdiff_t r = 0; r < rows; ++r) sums[j] += values[r * n + j];
}

}  // namespace
}  // namespace keepgate
