// Matrix products on packed panels. A tile of up to `tile_rows` rows and one panel (or several, for few rows) keeps its
// sums in registers through all segments; each sum takes its terms in order, so tiles of any shape give the same bits.
#pragma once

#include <utility>

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
  for (int group = 0, panel = 0; group < groups; ++group) {
    const int panels = (product.panel_count - panel + groups - group - 1) / (groups - group);
    const bool narrow = panels == 1 && product.panels[panel].columns <= lanes<T>;
    ptrdiff_t row = 0;
    for (ptrdiff_t i = 0; i < heights; ++i) {
      const int rows = (int)((product.rows - row + heights - i - 1) / (heights - i));
      (narrow ? tiles.narrow[rows] : tiles.of[rows][panels])(product, row, panel);
      row += rows;
    }
    panel += panels;
  }
}

template <class Dot> void int8_product(const Product<float>& product) {
  quantize_rows<Dot>(product);
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
    round_rows<decltype(way)>(product);
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

// Lanes of two vectors in turn: of their first halves, or of their second halves.
template <int Half, class V, int... I> inline V interleave(V a, V b, std::integer_sequence<int, I...>) {
  constexpr int L = sizeof...(I);
  return __builtin_shufflevector(a, b, (Half * L / 2 + I / 2 + I % 2 * L)...);
}

// Transpose a square of as many vectors as a vector has lanes: each round takes one bit from a lane's place to its row.
template <class T> inline void transpose(Vector<T> (&rows)[lanes<T>]) {
  constexpr int L = lanes<T>;
  using Places = std::make_integer_sequence<int, L>;
#pragma GCC unroll 4
  for (int round = 1; round < L; round *= 2) {
    Vector<T> next[L];
#pragma GCC unroll 8
    for (int i = 0; i < L / 2; ++i) {
      next[2 * i] = interleave<0>(rows[i], rows[i + L / 2], Places());
      next[2 * i + 1] = interleave<1>(rows[i], rows[i + L / 2], Places());
    }
#pragma GCC unroll 16
    for (int i = 0; i < L; ++i) rows[i] = next[i];
  }
}

// A panel of columns that lie far apart, each dense: square by square, so that every line of memory is read once.
template <class T> void pack_dense(const T* from, ptrdiff_t columns, ptrdiff_t stride, ptrdiff_t depth, T* to) {
  constexpr int W = panel_width<T>, L = lanes<T>;
  for (ptrdiff_t k = 0; k < depth; k += L, to += L * W) {
    const ptrdiff_t here = depth - k < L ? depth - k : L;
    for (ptrdiff_t j = 0; j < W; j += L) {
      Vector<T> rows[L];
#pragma GCC unroll 16
      for (int i = 0; i < L; ++i)
        rows[i] = j + i < columns ? load_up_to(from + (j + i) * stride + k, here) : Vector<T>{};
      transpose<T>(rows);
#pragma GCC unroll 16
      for (int i = 0; i < L; ++i)
        if (i < here) store(to + i * W + j, rows[i]);
    }
  }
}

template <class T>
void pack(const T* from, ptrdiff_t columns, ptrdiff_t column_stride, ptrdiff_t depth, ptrdiff_t depth_stride, T* to) {
  constexpr int W = panel_width<T>;
  for (ptrdiff_t first = 0; first < columns; first += W, to += depth * W) {
    const T* corner = from + first * column_stride;
    const ptrdiff_t here = columns - first < W ? columns - first : W;
    if (column_stride != 1) {
      pack_dense(corner, here, column_stride, depth, to);
      continue;
    }
    if (here < W) std::memset(to, 0, depth * W * sizeof(T));
    for (ptrdiff_t k = 0; k < depth; ++k) std::memcpy(to + k * W, corner + k * depth_stride, here * sizeof(T));
  }
}

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
