// Sums of outer products, and of rows: the gradients of weights and biases.
#pragma once

#include "keepgate/kernels.h"
#include "pairs.h"
#include "tile.h"

namespace keepgate {
inline namespace KEEPGATE_SET {
namespace {

// Ways to sum outer products. `each`: how many rows are gathered to one line of depth; `line`: a vector of one, of
// which `left` rows are there; `add`: one number of a line times a vector of another.
template <class T> struct OuterByNumbers {
  using Number = T;
  using Line = Vector<T>;
  static constexpr ptrdiff_t each = 1;
  static Line line(const T* from, ptrdiff_t, ptrdiff_t, ptrdiff_t columns) { return load_up_to(from, columns); }
  static Line read(const T* from) { return load(from); }
  static Vector<T> add(Vector<T> sum, T delta, Line source) { return fma(splat<T>(delta), source, sum); }
};
// Two rows in one line, the last of an odd number beside zeros.
template <class Way> struct OuterByPairs {
  using Number = uint32_t;
  using Line = Words;
  static constexpr ptrdiff_t each = 2;
  static Line line(const float* from, ptrdiff_t stride, ptrdiff_t left, ptrdiff_t columns) {
    return Way::round(load_up_to(from, columns), left > 1 ? load_up_to(from + stride, columns) : Floats{});
  }
  static Line read(const uint32_t* from) { return (Words)load(reinterpret_cast<const int32_t*>(from)); }
  static Floats add(Floats sum, uint32_t delta, Line source) { return Way::add(sum, delta, source); }
};

// One tile of the outer products: M rows of `to`, one panel of columns. `deltas` [depth, tile_rows] and `sources`
// [depth, W] are gathered: rows of a power of two apart would fall on each other in the cache.
template <class T, class Way, int M, int N>
__attribute__((always_inline)) inline void outer_tile(const typename Way::Number* deltas,
                                                      const typename Way::Number* sources, ptrdiff_t depth, T* to,
                                                      ptrdiff_t stride, ptrdiff_t columns, bool add) {
  constexpr int W = panel_width<T>, L = lanes<T>;
  Vector<T> sum[M][N];
#pragma GCC unroll 12
  for (int i = 0; i < M; ++i)
#pragma GCC unroll 2
    for (int n = 0; n < N; ++n)
      sum[i][n] = add ? load_up_to(to + i * stride + n * L, columns - n * L) : Vector<T>{};
  for (ptrdiff_t r = 0; r < depth; ++r, deltas += tile_rows, sources += W) {
    typename Way::Line source[N];
#pragma GCC unroll 2
    for (int n = 0; n < N; ++n) source[n] = Way::read(sources + n * L);
#pragma GCC unroll 12
    for (int i = 0; i < M; ++i)
#pragma GCC unroll 2
      for (int n = 0; n < N; ++n) sum[i][n] = Way::add(sum[i][n], deltas[i], source[n]);
  }
#pragma GCC unroll 12
  for (int i = 0; i < M; ++i)
#pragma GCC unroll 2
    for (int n = 0; n < N; ++n) store_up_to(to + i * stride + n * L, sum[i][n], columns - n * L);
}

// The last tile of a gate may be lower than the others.
template <class T, class Way, int M>
void outer_tile_of(int height, const typename Way::Number* deltas, const typename Way::Number* sources, ptrdiff_t depth,
                   T* to, ptrdiff_t stride, ptrdiff_t columns, bool add) {
  if (height == M)
    return columns > lanes<T> ? outer_tile<T, Way, M, 2>(deltas, sources, depth, to, stride, columns, add)
                              : outer_tile<T, Way, M, 1>(deltas, sources, depth, to, stride, columns, add);
  if constexpr (M > 1) outer_tile_of<T, Way, M - 1>(height, deltas, sources, depth, to, stride, columns, add);
}

// Copy N of each `count` rows to dense lines of N, the columns past `columns` as 0.
template <class T, class Way, int N>
typename Way::Number* gather(const T* from, ptrdiff_t stride, ptrdiff_t count, ptrdiff_t columns,
                             typename Way::Number* to) {
  constexpr int L = lanes<T>;
  for (ptrdiff_t r = 0; r < count; r += Way::each, from += Way::each * stride, to += N)
    for (int j = 0; j < N; j += L) {
      const typename Way::Line line =
          columns > j ? Way::line(from + j, stride, count - r, columns - j) : typename Way::Line{};
      std::memcpy(to + j, &line, (N - j < L ? N - j : L) * sizeof(T));
    }
  return to;
}

template <class T, class Way> void outer_by(const Outer<T>& outer, typename Way::Number* work) {
  constexpr int W = panel_width<T>;
  const ptrdiff_t tiles = (outer.m + tile_rows - 1) / tile_rows;
  ptrdiff_t depth = 0;
  for (ptrdiff_t b = 0; b < outer.block_count; ++b) depth += (outer.blocks[b].count + Way::each - 1) / Way::each;
  if (outer.first == outer.last || (!depth && outer.add)) return;
  auto* sources = work;
  for (ptrdiff_t column = 0; column < outer.n; column += W)
    for (ptrdiff_t b = 0; b < outer.block_count; ++b) {
      const Sources<T>& block = outer.blocks[b];
      sources = gather<T, Way, W>(block.rows + column, block.stride, block.count, outer.n - column, sources);
    }
  auto* const deltas = sources;
  for (ptrdiff_t tile = outer.first; tile < outer.last; ++tile) {
    const ptrdiff_t gate = tile / tiles, m = tile % tiles * tile_rows;
    auto* to = deltas;
    for (ptrdiff_t b = 0; b < outer.block_count; ++b) {
      const T* from = outer.deltas[gate * outer.block_count + b] + m;
      to = gather<T, Way, tile_rows>(from, outer.delta_stride, outer.blocks[b].count, outer.m - m, to);
    }
    const int height = outer.m - m < tile_rows ? (int)(outer.m - m) : tile_rows;
    for (ptrdiff_t column = 0; column < outer.n; column += W)
      outer_tile_of<T, Way, tile_rows>(height, deltas, work + column * depth, depth,
                                       outer.to[gate] + m * outer.to_stride + column, outer.to_stride,
                                       outer.n - column < W ? outer.n - column : W, outer.add);
  }
}

template <class T> void outer(const Outer<T>& outer, T* work) {
  if constexpr (sizeof(T) == 4)
    if (outer.pairs)
      return by_pairs([&](auto way) {
        outer_by<T, OuterByPairs<decltype(way)>>(outer, reinterpret_cast<uint32_t*>(work));
      });
  outer_by<T, OuterByNumbers<T>>(outer, work);
}

template <class T> void sum_rows(const T* values, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t n, T* sums) {
  constexpr int L = lanes<T>;
  ptrdiff_t j = 0;
  for (; j + L <= n; j += L) {
    Vector<T> sum = load(sums + j);
    for (ptrdiff_t r = 0; r < rows; ++r) sum += load(values + r * stride + j);
    store(sums + j, sum);
  }
  for (; j < n; ++j)
    for (ptrdiff_t r = 0; r < rows; ++r) sums[j] += values[r * stride + j];
}

}  // namespace
}  // namespace KEEPGATE_SET
}  // namespace keepgate
