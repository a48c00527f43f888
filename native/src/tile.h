// The sums of one tile of a product: up to `tile_rows` rows, and one panel or several.
#pragma once

#include "keepgate/kernels.h"
#include "storage.h"
#include "tuning.h"

namespace keepgate {
inline namespace KEEPGATE_SET {
namespace {

#if KEEPGATE_BYTES == 64 || defined(__ARM_NEON)
constexpr int tile_rows = tuning::kTileRowsOf32;
#else
constexpr int tile_rows = tuning::kTileRowsOf16;
#endif

// Panels at once for few rows, so that enough independent sums hide the latency of fused multiply-add.
constexpr int panels_for(int rows) {
  int sums = tile_rows * 2;
  int panels = sums / (2 * rows);
  return panels < 1 ? 1 : panels > tuning::kTilePanels ? tuning::kTilePanels : panels;
}

// M rows, P panels, N vectors of a panel that hold columns at all.
template <class T, int M, int P, int N>
__attribute__((always_inline)) inline void begin_sums(const Product<T>& product, ptrdiff_t row, int panel,
                                                      Vector<T> (&sum)[M][P][N]) {
  constexpr int W = panel_width<T>, L = lanes<T>;
#pragma GCC unroll 12
  for (int m = 0; m < M; ++m)
#pragma GCC unroll 6
    for (int p = 0; p < P; ++p) {
      const T* start = product.start;
      if (start) start += (row + m) * product.start_stride + (ptrdiff_t)(panel + p) * W;
#pragma GCC unroll 2
      for (int n = 0; n < N; ++n) sum[m][p][n] = start ? load(start + n * L) : Vector<T>{};
    }
}

template <class T, int M, int P, int N>
__attribute__((always_inline)) inline void end_sums(const Product<T>& product, ptrdiff_t row, int panel,
                                                    const Vector<T> (&sum)[M][P][N]) {
  constexpr int L = lanes<T>;
#pragma GCC unroll 6
  for (int p = 0; p < P; ++p) {
    const Panel<T>& to = product.panels[panel + p];
#pragma GCC unroll 12
    for (int m = 0; m < M; ++m) {
      T* out = to.to + (row + m) * to.stride;
#pragma GCC unroll 2
      for (int n = 0; n < N; ++n) store_up_to(out + n * L, sum[m][p][n], to.columns - n * L);
    }
  }
}

}  // namespace
}  // namespace KEEPGATE_SET
}  // namespace keepgate
