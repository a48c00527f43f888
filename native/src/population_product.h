// Products of small networks: columns are filled up to whole vectors alone, and weights are read in the order in which
// they lie. A sum takes its terms in the order in which `product` takes them.
#pragma once

#include "keepgate/kernels.h"
#include "tile.h"

namespace keepgate {
inline namespace KEEPGATE_SET {
namespace {

// Rows at once for V vectors, so that the sums fill the registers as those of a tile do.
constexpr int population_rows(int vectors) {
  const int rows = 2 * tile_rows / vectors;
  return rows < 1 ? 1 : rows > 4 ? 4 : rows;
}

// M rows, V vectors of columns, of which vector v goes to places[v].
template <class T, int M, int V>
void population_tile(const PopulationProduct<T>& product, const T* lines, ptrdiff_t row, const Panel<T>* places) {
  constexpr int L = lanes<T>;
  Vector<T> sum[M][V];
#pragma GCC unroll 4
  for (int m = 0; m < M; ++m)
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) sum[m][v] = load(lines + v * L);
  for (int s = 0; s < product.segment_count; ++s) {
    const Segment<T>& segment = product.segments[s];
    const T* a = segment.rows + row * segment.stride;
    for (ptrdiff_t k = 0; k < segment.depth; ++k) {
      lines += V * L;
      Vector<T> right[V];
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) right[v] = load(lines + v * L);
#pragma GCC unroll 4
      for (int m = 0; m < M; ++m) {
        const Vector<T> left = splat<T>(a[m * segment.stride + k]);
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) sum[m][v] = fma(left, right[v], sum[m][v]);
      }
    }
  }
#pragma GCC unroll 4
  for (int m = 0; m < M; ++m)
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v)
      store_up_to(places[v].to + (row + m) * places[v].stride, sum[m][v], places[v].columns);
}

template <class T> using PopulationTile = void (*)(const PopulationProduct<T>&, const T*, ptrdiff_t, const Panel<T>*);

// of[V][M]: the tile of V vectors and M rows.
template <class T> struct PopulationTiles {
  PopulationTile<T> of[kGroupVectors + 1][4 + 1] = {};
  constexpr PopulationTiles() { fill<kGroupVectors, population_rows(kGroupVectors)>(); }

 private:
  template <int V, int M> constexpr void fill() {
    of[V][M] = population_tile<T, M, V>;
    if constexpr (M > 1) fill<V, M - 1>();
    else if constexpr (V > 1) fill<V - 1, population_rows(V - 1)>();
  }
};

template <class T> void population_product(const PopulationProduct<T>& product) {
  static constexpr PopulationTiles<T> tiles;
  constexpr int L = lanes<T>;
  ptrdiff_t depth = 1;  // with the line of starts
  for (int s = 0; s < product.segment_count; ++s) depth += product.segments[s].depth;
  Panel<T> places[kGroupVectors];
  int vectors = 0;
  const T* lines = product.lines;
  const auto run_group = [&] {
    const ptrdiff_t most = population_rows(vectors), heights = (product.rows + most - 1) / most;
    for (ptrdiff_t p = 0; p < product.networks; ++p)
      for (ptrdiff_t i = 0, row = 0; i < heights; ++i) {
        const ptrdiff_t rows = (product.rows - row + heights - i - 1) / (heights - i);
        tiles.of[vectors][rows](product, lines + p * product.apart, p * product.rows + row, places);
        row += rows;
      }
    lines += depth * vectors * L;
    vectors = 0;
  };
  for (int t = 0; t < product.target_count; ++t) {
    const Panel<T>& target = product.targets[t];
    for (int32_t unit = 0; unit < target.columns; unit += L) {
      places[vectors++] = {target.to + unit, target.stride, target.columns - unit};
      if (vectors == kGroupVectors) run_group();
    }
  }
  if (vectors) run_group();
}

}  // namespace
}  // namespace KEEPGATE_SET
}  // namespace keepgate
