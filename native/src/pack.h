// Weights packed into panels, in full.
#pragma once

#include <utility>

#include "keepgate/kernels.h"
#include "storage.h"

namespace keepgate {
inline namespace KEEPGATE_SET {
namespace {

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

}  // namespace
}  // namespace KEEPGATE_SET
}  // namespace keepgate
