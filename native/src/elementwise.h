// The elementwise operations of a stage, on blocks of rows small enough to stay in the caches.
#pragma once

#include <type_traits>

#include "functions.h"
#include "keepgate/kernels.h"

namespace keepgate {
inline namespace KEEPGATE_SET {
namespace {

template <class T, class F> inline void map1(T* to, const T* a, ptrdiff_t n, F f) {
  constexpr int L = lanes<T>;
  ptrdiff_t i = 0;
  for (; i + L <= n; i += L) store(to + i, f(load(a + i)));
  if (i < n) store_partial(to + i, f(load_partial(a + i, n - i)), n - i);
}

template <class T, class F> inline void map2(T* to, const T* a, const T* b, ptrdiff_t n, F f) {
  constexpr int L = lanes<T>;
  ptrdiff_t i = 0;
  for (; i + L <= n; i += L) store(to + i, f(load(a + i), load(b + i)));
  if (i < n) store_partial(to + i, f(load_partial(a + i, n - i), load_partial(b + i, n - i)), n - i);
}

template <class T, class F> inline void map3(T* to, const T* a, const T* b, const T* c, ptrdiff_t n, F f) {
  constexpr int L = lanes<T>;
  ptrdiff_t i = 0;
  for (; i + L <= n; i += L) store(to + i, f(load(a + i), load(b + i), load(c + i)));
  if (i < n)
    store_partial(to + i, f(load_partial(a + i, n - i), load_partial(b + i, n - i), load_partial(c + i, n - i)), n - i);
}

// A sum over a row in 16 lanes whatever the vector size: unit u goes to lane u mod 16; then the lanes by halves.
template <class T> struct RowSum {
  static constexpr int vectors = 16 / lanes<T>;
  Vector<T> sum[vectors] = {};

  T total() const {
    T part[16];
    std::memcpy(part, sum, sizeof part);
    return halves<8>(part);
  }

 private:
  template <int N> static T halves(const T* from) {
    typedef T Half __attribute__((vector_size(N * sizeof(T))));
    Half low, high;
    std::memcpy(&low, from, sizeof low);
    std::memcpy(&high, from + N, sizeof high);
    low += high;
    T part[N];
    std::memcpy(part, &low, sizeof low);
    if constexpr (N == 1) return part[0];
    else return halves<N / 2>(part);
  }
};

// Calls f(v, i, count) for each vector of a row: units i to i + count, which belong to vector v of the lanes.
template <class T, class F> inline void over_row(ptrdiff_t width, F f) {
  constexpr int L = lanes<T>, V = RowSum<T>::vectors;
  ptrdiff_t i = 0;
  for (; i + 16 <= width; i += 16)
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) f(v, i + v * L, L);
#pragma GCC unroll 8
  for (int v = 0; v < V; ++v, i += L)
    if (i < width) f(v, i, width - i < L ? width - i : L);
}

template <class T> inline T total(const T* a, ptrdiff_t n) {
  RowSum<T> of;
  over_row<T>(n, [&](int v, ptrdiff_t i, ptrdiff_t count) { of.sum[v] += load_up_to(a + i, count); });
  return of.total();
}

// The totals of R rows, each in the order of its own: four at once where the lanes fill a vector, for then what each
// step of halving leaves of one row fits beside the others'.
template <class T, int R> inline void totals(const RowSum<T> (&of)[R], T (&to)[R]) {
  if constexpr (R == 4 && lanes<T> == 16) {
    typedef T Eight __attribute__((vector_size(8 * sizeof(T))));
    typedef T Four __attribute__((vector_size(4 * sizeof(T))));
    const Vector<T> a = of[0].sum[0], b = of[1].sum[0], c = of[2].sum[0], d = of[3].sum[0];
    const Vector<T> ab =
        __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) +
        __builtin_shufflevector(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    const Vector<T> cd =
        __builtin_shufflevector(c, d, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) +
        __builtin_shufflevector(c, d, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    const Vector<T> all =
        __builtin_shufflevector(ab, cd, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27) +
        __builtin_shufflevector(ab, cd, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
    const Eight pairs = __builtin_shufflevector(all, all, 0, 1, 4, 5, 8, 9, 12, 13) +
                        __builtin_shufflevector(all, all, 2, 3, 6, 7, 10, 11, 14, 15);
    const Four sums =
        __builtin_shufflevector(pairs, pairs, 0, 2, 4, 6) + __builtin_shufflevector(pairs, pairs, 1, 3, 5, 7);
    std::memcpy(to, &sums, sizeof sums);
  } else {
    for (int r = 0; r < R; ++r) to[r] = of[r].total();
  }
}

// The rows of one argument of an operation.
template <class T> struct Rows {
  T* at;
  ptrdiff_t stride;

  T* row(ptrdiff_t r) const { return at + r * stride; }
  void next() { at += stride; }
};

// Norms of R rows: several at a time hide what each sum over a row waits for.
template <class T, int R> inline void mean_of(const Rows<T>& a, ptrdiff_t width, T (&means)[R]) {
  RowSum<T> sums[R];
  over_row<T>(width, [&](int v, ptrdiff_t i, ptrdiff_t count) {
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) sums[r].sum[v] += load_up_to(a.at + r * a.stride + i, count);
  });
  totals(sums, means);
  for (T& mean : means) mean /= T(width);
}

template <class T, int R> inline void deviation_of(const Rows<T>& a, ptrdiff_t width, const T (&means)[R], T (&to)[R]) {
  RowSum<T> squares[R];
  over_row<T>(width, [&](int v, ptrdiff_t i, ptrdiff_t count) {
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      const Vector<T> x = mask_tail<T>(load_up_to(a.at + r * a.stride + i, count) - splat<T>(means[r]), count);
      squares[r].sum[v] = fma(x, x, squares[r].sum[v]);
    }
  });
  totals(squares, to);
  for (T& deviation : to) deviation = __builtin_sqrt(deviation / T(width) + T(1e-5));
}

template <class T, int R> inline void means(Rows<T> to, Rows<T> a, ptrdiff_t width) {
  T mean[R];
  mean_of(a, width, mean);
  for (int r = 0; r < R; ++r) to.at[r * to.stride] = mean[r];
}

template <class T, int R> inline void deviations(Rows<T> to, Rows<T> a, ptrdiff_t width) {
  T mean[R], deviation[R];
  mean_of(a, width, mean);
  deviation_of(a, width, mean, deviation);
  for (int r = 0; r < R; ++r) to.at[r * to.stride] = deviation[r];
}

template <class T, int R> inline void normalise(Rows<T> to, Rows<T> a, Rows<T> spreads, ptrdiff_t width) {
  T mean[R], deviation[R];
  mean_of(a, width, mean);
  deviation_of(a, width, mean, deviation);
  for (int r = 0; r < R; ++r) {
    spreads.at[r * spreads.stride] = deviation[r];
    const Vector<T> c = splat<T>(mean[r]), s = splat<T>(T(1) / deviation[r]);
    map1(to.at + r * to.stride, a.at + r * a.stride, width, [c, s](Vector<T> x) { return (x - c) * s; });
  }
}

template <class T, int R>
inline void normalise_slope(Rows<T> to, Rows<T> g, Rows<T> y, Rows<T> spreads, ptrdiff_t width) {
  RowSum<T> shift[R], scale[R];
  over_row<T>(width, [&](int v, ptrdiff_t i, ptrdiff_t count) {
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      const Vector<T> x = load_up_to(g.at + r * g.stride + i, count);
      shift[r].sum[v] += x;
      scale[r].sum[v] = fma(x, load_up_to(y.at + r * y.stride + i, count), scale[r].sum[v]);
    }
  });
  T shifts[R], scales[R];
  totals(shift, shifts);
  totals(scale, scales);
  for (int r = 0; r < R; ++r) {
    const Vector<T> m = splat<T>(shifts[r] / T(width)), k = splat<T>(scales[r] / T(width));
    const Vector<T> s = splat<T>(T(1) / spreads.at[r * spreads.stride]);
    map2(to.at + r * to.stride, g.at + r * g.stride, y.at + r * y.stride, width,
         [=](Vector<T> a, Vector<T> b) { return fnma(b, k, a - m) * s; });
  }
}

template <class T> inline void fill(T* to, ptrdiff_t n, T value) {
  for (ptrdiff_t i = 0; i < n; ++i) to[i] = value;
}

// Calls f(R, rows..., width) for R = 4 rows at a time, then for those that are left.
template <class F, class... Arguments>
inline void by_fours(ptrdiff_t rows, ptrdiff_t width, F f, Arguments... of) {
  for (; rows >= 4; rows -= 4, ((of.at += 4 * of.stride), ...)) f(std::integral_constant<int, 4>(), of..., width);
  for (; rows > 0; --rows, (of.next(), ...)) f(std::integral_constant<int, 1>(), of..., width);
}

// Operations for which a row is more than its units.
template <class T>
void run_whole_rows(const Instruction& op, const StridedView<T>* values, ptrdiff_t first, ptrdiff_t rows) {
  const auto rows_of = [=](int32_t value) {
    return Rows<T>{values[value].base + first * values[value].block_stride, values[value].stride};
  };
  Rows<T> to = rows_of(op.target), a = rows_of(op.args[0]);
  const Rows<T> b = rows_of(op.args[1]), c = rows_of(op.args[2]);
  const ptrdiff_t width = op.width;
  switch (op.op) {
    case Op::mean: by_fours(rows, width, [](auto R, auto... of) { means<T, decltype(R)::value>(of...); }, to, a); break;
    case Op::deviation:
      by_fours(rows, width, [](auto R, auto... of) { deviations<T, decltype(R)::value>(of...); }, to, a);
      break;
    case Op::normalise:
      by_fours(rows, width, [](auto R, auto... of) { normalise<T, decltype(R)::value>(of...); }, to, a, b);
      break;
    case Op::normalise_slope:
      by_fours(rows, width, [](auto R, auto... of) { normalise_slope<T, decltype(R)::value>(of...); }, to, a, b, c);
      break;
    default:  // broadcast
      for (; rows > 0; --rows, to.next(), a.next()) fill(to.at, width, *a.at);
  }
}

// Run operations over the block of rows `first` to `first + rows`; `dense`: they lie one behind the other, so that they
// are one long row.
template <class T>
void elementwise(const Instruction* code, size_t count, const StridedView<T>* values, ptrdiff_t first, ptrdiff_t rows,
                 bool dense) {
  using V = Vector<T>;
  const V one = splat<T>(1), zero = splat<T>(0);
  const ptrdiff_t runs = dense ? 1 : rows, each = dense ? rows : 1;
  for (size_t i = 0; i < count; ++i) {
    const Instruction& op = code[i];
    const auto rows_of = [=](int32_t value) {
      return Rows<T>{values[value].base + first * values[value].block_stride, values[value].stride};
    };
    const Rows<T> to = rows_of(op.target), a = rows_of(op.args[0]), b = rows_of(op.args[1]), c = rows_of(op.args[2]);
    const ptrdiff_t n = each * op.width;
    const auto of1 = [=](auto f) {
      for (ptrdiff_t r = 0; r < runs; ++r) map1(to.row(r), a.row(r), n, f);
    };
    const auto of2 = [=](auto f) {
      for (ptrdiff_t r = 0; r < runs; ++r) map2(to.row(r), a.row(r), b.row(r), n, f);
    };
    const auto of3 = [=](auto f) {
      for (ptrdiff_t r = 0; r < runs; ++r) map3(to.row(r), a.row(r), b.row(r), c.row(r), n, f);
    };
    switch (op.op) {
      case Op::add: of2([](V x, V y) { return x + y; }); break;
      case Op::subtract: of2([](V x, V y) { return x - y; }); break;
      case Op::multiply: of2([](V x, V y) { return x * y; }); break;
      case Op::divide: of2([](V x, V y) { return x / y; }); break;
      case Op::negative: of1([](V x) { return -x; }); break;
      case Op::sigmoid: of1([](V x) { return sigmoid<T>(x); }); break;
      case Op::tanh: of1([](V x) { return tanh<T>(x); }); break;
      case Op::exp: of1([](V x) { return exp<T>(x); }); break;
      case Op::log: of1([](V x) { return log<T>(x); }); break;
      case Op::sqrt: of1([](V x) { return sqrt(x); }); break;
      case Op::softplus: of1([](V x) { return softplus<T>(x); }); break;
      case Op::relu: of1([=](V x) { return x < zero ? zero : x; }); break;
      case Op::absolute: of1([](V x) { return absolute<T>(x); }); break;
      case Op::minimum: of2([](V x, V y) { return (y < x) | (y != y) ? y : x; }); break;
      case Op::maximum: of2([](V x, V y) { return (x < y) | (y != y) ? y : x; }); break;
      case Op::less: of2([=](V x, V y) { return x < y ? one : zero; }); break;
      case Op::where: of3([=](V t, V x, V y) { return t != zero ? x : y; }); break;
      case Op::multiply_add: of3([](V x, V y, V z) { return fma(x, y, z); }); break;
      case Op::sigmoid_slope: of2([=](V g, V y) { return g * fma(-y, y, y); }); break;
      case Op::tanh_slope: of2([=](V g, V y) { return g * fma(-y, y, one); }); break;
      default: run_whole_rows(op, values, first, rows); break;
    }
  }
}

template <class T> void add(const T* a, const T* b, T* to, ptrdiff_t n) {
  map2(to, a, b, n, [](Vector<T> x, Vector<T> y) { return x + y; });
}

inline uint32_t mix(uint32_t x) {
  x ^= x >> 16;
  x *= 0x7FEB352Du;
  x ^= x >> 15;
  x *= 0x846CA68Bu;
  return x ^ (x >> 16);
}

template <class T>
void bernoulli(uint32_t key, uint32_t step, const int32_t* rows, ptrdiff_t count, ptrdiff_t units, uint64_t threshold,
               T* to) {
  const uint32_t base = mix(key ^ step);
  for (ptrdiff_t r = 0; r < count; ++r) {
    const uint32_t row = mix(base ^ (uint32_t)rows[r]);
    for (ptrdiff_t u = 0; u < units; ++u)
      to[r * units + u] = mix(row + (uint32_t)u * 0x9E3779B9u) < threshold ? T(1) : T(0);
  }
}

}  // namespace
}  // namespace KEEPGATE_SET
}  // namespace keepgate
